"""Pushes that are killed in a line of the driver, as a machine that dies would."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from types import FrameType
from typing import Any

from custom_store_pipeline.errors import CustomStoreError
from custom_store_pipeline.testing.driver_under_test import DriverUnderTest

_SECONDS = 60
# A process that is forked from one that has imported all of this starts in a tenth of the time.
_IMPORTED = ["pandas", "pyarrow", __name__]


@dataclass(frozen=True)
class Push:
    """A push to be made in another process.

    Attributes:
        entity: the entity.
        mode: the ``write_mode``.
        chunks: the rows of each chunk.
        idempotency_key: of the push.
    """

    entity: str
    mode: str
    chunks: Sequence[Sequence[Mapping[str, Any]]]
    idempotency_key: str


def count_lines(driver: DriverUnderTest, push: Push) -> int:
    """How many lines of the driver's files a push runs.

    Raises:
        AssertionError: the push failed.
    """
    found = _in_a_process(driver, push, stop_at=0)
    if not isinstance(found, int):
        raise AssertionError(f"a push in a process of its own failed: {found}")  # noqa: TRY004  # what a check raises
    return found


def kill_at(driver: DriverUnderTest, push: Push, line: int) -> str:
    """Makes a push and kills its process (SIGKILL) before it runs a line.

    Args:
        driver: the driver.
        push: the push.
        line: which of the lines that it runs, from 1.

    Returns:
        The file and the number of the line; empty if the push ended before.
    """
    found = _in_a_process(driver, push, stop_at=line)
    return found if isinstance(found, str) else ""


def spread(count: int, most: int) -> list[int]:
    """At most so many numbers from 1 to ``count``, evenly spread, with the first and the last one."""
    if count <= most:
        return list(range(1, count + 1))
    return [1 + round(place * (count - 1) / (most - 1)) for place in range(most)]


def _in_a_process(driver: DriverUnderTest, push: Push, stop_at: int) -> int | str:
    if "forkserver" in multiprocessing.get_all_start_methods():
        context: Any = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(_IMPORTED)
    else:
        context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    sent = replace(driver, read_back=None)  # a function of a test file, which cannot be sent
    process = context.Process(target=_push, args=(sent, push, stop_at, sender, dict(os.environ), os.getcwd()))
    with closing(receiver):
        with closing(sender):
            process.start()
        try:
            if not receiver.poll(_SECONDS):
                raise AssertionError(f"a push of {len(push.chunks)} chunks took longer than {_SECONDS} seconds")
            found: int | str = receiver.recv()
        except EOFError:
            found = f"its process ended with {process.exitcode}"
        finally:
            process.join(5)
            process.kill()
            process.join()
            process.close()
    return found


def _push(
    driver: DriverUnderTest, push: Push, stop_at: int, sender: Connection, environment: Mapping[str, str], folder: str
) -> None:
    """What the process does; it sends the number of lines, the line before which it is killed, or an error."""
    os.environ.update(environment)  # the server that it is forked from has the one of its start
    os.chdir(folder)
    own_files = str(driver.source.path.parent)
    lines = 0

    def enter(frame: FrameType, event: str, argument: Any) -> Any:  # noqa: ARG001  # what sys.settrace calls
        return each_line if frame.f_code.co_filename.startswith(own_files) else None

    def each_line(frame: FrameType, event: str, argument: Any) -> Any:  # noqa: ARG001
        nonlocal lines
        if event == "line":
            lines += 1
            if lines == stop_at:
                sender.send(f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}")
                sender.close()
                _die()
        return each_line

    sys.settrace(enter)
    try:
        driver.push(_frames(push), push.entity, mode=push.mode, idempotency_key=push.idempotency_key)
    except CustomStoreError as error:
        sender.send(str(error))
    else:
        sender.send(lines)
    finally:
        sys.settrace(None)


def _frames(push: Push) -> Iterator[Any]:
    import pandas as pd

    for rows in push.chunks:
        yield pd.DataFrame(list(rows))


def _die() -> None:
    if hasattr(signal, "SIGKILL"):
        os.kill(os.getpid(), signal.SIGKILL)
    os._exit(9)

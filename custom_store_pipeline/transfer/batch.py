"""A batch of entities side by side: each in a thread of its own, and none able to stop the others."""

from __future__ import annotations

import math
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from custom_store_pipeline.config.entity import Entity
from custom_store_pipeline.drivers.tracebacks import reason_of, traceback_of
from custom_store_pipeline.errors import CustomStoreError, DriverCallError, DriverImportError
from custom_store_pipeline.transfer.progress import Progress, watcher
from custom_store_pipeline.transfer.timeout import cancel, deadline_of, timeout_error

SECONDS_BETWEEN_PROGRESS = 5.0

Result = TypeVar("Result")


@dataclass(frozen=True)
class TransferFailure:
    """An entity that did not arrive.

    Attributes:
        entity: the entity.
        reason: why, in one line.
        driver_traceback: the driver's own traceback, redacted; empty if the driver did not raise.
        is_orphaned: whether the driver is still at work in its thread.
    """

    entity: Entity
    reason: str
    driver_traceback: str = ""
    is_orphaned: bool = False


@dataclass(frozen=True)
class LogMessage:
    """Something to log while entities are on their way."""

    text: str
    is_warning: bool


def transfer_batch(
    entities: Iterable[Entity],
    transfer: Callable[[Entity, Progress], Result],
    *,
    concurrency: int,
    timeout: float | None,
    redact: Callable[[str], str],
    seconds_between_progress: float = SECONDS_BETWEEN_PROGRESS,
) -> Iterator[tuple[Entity, Result] | TransferFailure | LogMessage]:
    """Transfers entities (or does something else with each), some at a time, and yields each outcome as it comes.

    An entity that fails stops no other. The threads are daemons: one that hangs past its timeout is orphaned, and does
    not keep the process from ending. When the consumer stops (an exception, a terminated run), the same happens to all
    that still run.

    Args:
        entities: the entities.
        transfer: transfers one of them; called in its thread.
        concurrency: how many run at a time.
        timeout: seconds that one entity may take with all its attempts, or None.
        redact: masks the secrets in a text.
        seconds_between_progress: how often the progress of running entities is logged.

    Yields:
        For each entity either the entity with what ``transfer`` returned, or a :class:`TransferFailure`; log messages
        in between.
    """
    waiting = deque(entities)
    running: dict[Entity, Progress] = {}
    messages: queue.SimpleQueue[tuple[Entity, Result] | TransferFailure | LogMessage] = queue.SimpleQueue()
    next_progress = time.monotonic() + seconds_between_progress
    seconds = math.inf if timeout is None else timeout
    try:
        while waiting or running:
            while waiting and len(running) < concurrency:
                entity = waiting.popleft()
                running[entity] = _start(entity, transfer, messages.put, redact)
            wake_at = min([next_progress, *(deadline_of(progress, seconds) for progress in running.values())])
            try:
                message = messages.get(timeout=max(0.0, wake_at - time.monotonic()))
            except queue.Empty:
                yield from _timed_out(running, seconds)
                if (now := time.monotonic()) >= next_progress:
                    next_progress = now + seconds_between_progress
                    if running:
                        yield _progress(running, now)
                continue
            if isinstance(message, LogMessage):
                yield message
                continue
            entity = message.entity if isinstance(message, TransferFailure) else message[0]
            if progress := running.pop(entity, None):  # or it came just after its timeout was reported
                _end(entity, progress, message)
                yield message
    finally:
        for progress in running.values():
            cancel(progress)


def _start(
    entity: Entity,
    transfer: Callable[[Entity, Progress], Result],
    put: Callable[[tuple[Entity, Result] | TransferFailure | LogMessage], None],
    redact: Callable[[str], str],
) -> Progress:
    progress = Progress(warn=lambda text: put(LogMessage(f"{entity.label}: {text}", is_warning=True)))
    watcher.get()(entity, progress)

    def work() -> None:
        try:
            put((entity, transfer(entity, progress)))
        except CustomStoreError as error:
            trace = error.driver_traceback if isinstance(error, DriverCallError | DriverImportError) else ""
            # Not only drivers' errors: those of state name columns and keys, which an API may fill with anything.
            put(TransferFailure(entity, redact(str(error)), trace))
        except BaseException as error:  # a fault of this package, not of a driver: the batch must not wait forever
            put(TransferFailure(entity, f"internal error: {reason_of(error, redact)}", redact(traceback_of(error))))

    threading.Thread(target=work, name=f"transfer {entity.label}", daemon=True).start()
    return progress


def _timed_out(running: dict[Entity, Progress], timeout: float) -> Iterator[TransferFailure]:
    """Cancels the entities that ran out of time."""
    now = time.monotonic()
    for entity in [entity for entity, progress in running.items() if deadline_of(progress, timeout) <= now]:
        progress = running.pop(entity)
        cancel(progress)
        failure = TransferFailure(entity, str(timeout_error(progress, timeout)), is_orphaned=True)
        _end(entity, progress, failure)
        yield failure


def _end(entity: Entity, progress: Progress, outcome: tuple[Entity, Result] | TransferFailure) -> None:
    progress.ended = time.monotonic()
    progress.failure = outcome.reason if isinstance(outcome, TransferFailure) else ""
    watcher.get()(entity, progress)


def _progress(running: Mapping[Entity, Progress], now: float) -> LogMessage:
    texts = (f"{entity.label}: {progress.summary(now)}" for entity, progress in running.items())
    return LogMessage("; ".join(texts), is_warning=False)

"""The next chunk is pulled while the last one is pushed."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import TypeVar

Chunk = TypeVar("Chunk")
Result = TypeVar("Result")


def push_while_pulling(
    chunks: Iterator[Chunk], push: Callable[[Iterator[Chunk]], Result], check: Callable[[], None] = lambda: None
) -> tuple[Result, float]:
    """Pushes chunks in a thread of its own, while this one pulls the next: at most one ahead.

    The source is only ever called from this thread and the target from the other, because what drivers hold may be
    bound to a thread (a connection of ``sqlite3`` is). When the push ends early, nothing more is pulled.

    Args:
        chunks: pulls them; what it raises is raised where the push asks for the next chunk.
        push: is called with an iterator over the chunks.
        check: raises if the push was cancelled; called before each chunk is handed over.

    Returns:
        What ``push`` returned, and how many seconds it waited for chunks.

    Raises:
        BaseException: whatever ``push`` raised.
    """
    pulled: queue.SimpleQueue[Chunk | BaseException | None] = queue.SimpleQueue()
    wanted = threading.Semaphore(1)
    result: Future[Result] = Future()
    waited = 0.0

    def taken() -> Iterator[Chunk]:
        nonlocal waited
        while True:
            begun = time.monotonic()
            chunk = pulled.get()
            waited += time.monotonic() - begun
            wanted.release()
            if isinstance(chunk, BaseException):
                raise chunk
            if chunk is None:
                return
            check()
            yield chunk
            del chunk  # or it would stay in memory while the next one is waited for

    def work() -> None:
        try:
            result.set_result(push(taken()))
        except BaseException as failure:  # raised again in the thread that waits for it
            result.set_exception(failure)
        finally:
            wanted.release()

    threading.Thread(target=work, name=f"{threading.current_thread().name}, push", daemon=True).start()
    _pull(chunks, pulled, lambda: wanted.acquire() and not result.done())
    return result.result(), waited


def _pull(
    chunks: Iterator[Chunk],
    pulled: queue.SimpleQueue[Chunk | BaseException | None],
    is_wanted: Callable[[], bool],
) -> None:
    """Puts chunks, and what ends them, into the queue as long as they are wanted."""
    while is_wanted():
        try:
            chunk = next(chunks, None)
        except BaseException as failure:
            pulled.put(failure)
            return
        pulled.put(chunk)
        if chunk is None:
            return
        del chunk

"""A batch of entities side by side: each in a thread of its own, none able to take the others down."""

from __future__ import annotations

import concurrent.futures.thread
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from custom_store_pipeline.config.mapping import Entity
from custom_store_pipeline.drivers.tracebacks import reason_of, traceback_of
from custom_store_pipeline.errors import CustomStoreError, DriverCallError, DriverImportError, EntityTimeoutError
from custom_store_pipeline.transfer.entity import Progress

SECONDS_BETWEEN_PROGRESS = 5.0


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
    driver_traceback: str
    is_orphaned: bool = False


@dataclass(frozen=True)
class Note:
    """Something to tell the user while entities are on their way."""

    text: str
    is_warning: bool


@dataclass
class _Running:
    entity: Entity
    watch: Progress
    begun: float
    deadline: float


class OfEntity(Protocol):
    """What became of an entity: :class:`~.entity.TransferResult`, say."""

    @property
    def entity(self) -> Entity:
        """The entity."""


Done = TypeVar("Done", bound=OfEntity)


def transfer_batch(
    entities: Iterable[Entity],
    transfer: Callable[[Entity, Progress], Done],
    *,
    concurrency: int,
    timeout: float | None,
    redact: Callable[[str], str],
    seconds_between_progress: float = SECONDS_BETWEEN_PROGRESS,
) -> Iterator[Done | TransferFailure | Note]:
    """Transfers entities (or does something else with each), some at a time, and yields each outcome as it comes.

    An entity that fails stops no other.

    The threads are daemons: one that hangs past its timeout is left behind, and does not keep the process from ending.
    When the consumer stops (an exception, a terminated run), whatever still runs is abandoned the same way.

    Args:
        entities: the entities.
        transfer: transfers one of them; called in its thread.
        concurrency: how many run at a time.
        timeout: seconds that one entity may take with all its attempts, or None.
        redact: takes secrets out of a text.
        seconds_between_progress: how often entities that are still on their way are reported.

    Yields:
        What ``transfer`` returned, or :class:`TransferFailure`, for each entity, and :class:`Note` in between.
    """
    waiting = deque(entities)
    running: dict[Entity, _Running] = {}
    messages: queue.SimpleQueue[Done | TransferFailure | Note] = queue.SimpleQueue()
    next_progress = time.monotonic() + seconds_between_progress
    try:
        while waiting or running:
            while waiting and len(running) < concurrency:
                entity = waiting.popleft()
                running[entity] = _start(entity, transfer, timeout, messages, redact)
            wake_at = min([next_progress, *(task.deadline for task in running.values())])
            try:
                message = messages.get(timeout=max(0.0, wake_at - time.monotonic()))
            except queue.Empty:
                now = time.monotonic()
                for task in [task for task in running.values() if task.deadline <= now]:
                    _leave_behind(task)
                    del running[task.entity]
                    yield _timed_out(task, timeout or 0.0)
                if now >= next_progress:
                    next_progress = now + seconds_between_progress
                    if running:
                        yield _progress(running.values(), now)
                continue
            # An outcome of an entity that is not running came just after its timeout was reported.
            if isinstance(message, Note) or running.pop(message.entity, None) is not None:
                yield message
    finally:
        for task in running.values():
            _leave_behind(task)


def _start(
    entity: Entity,
    transfer: Callable[[Entity, Progress], Done],
    timeout: float | None,
    messages: queue.SimpleQueue[Done | TransferFailure | Note],
    redact: Callable[[str], str],
) -> _Running:
    watch = Progress(note=lambda text: messages.put(Note(f"{entity.label}: {text}", is_warning=True)))

    def work() -> None:
        try:
            messages.put(transfer(entity, watch))
        except CustomStoreError as error:
            trace = error.driver_traceback if isinstance(error, DriverCallError | DriverImportError) else ""
            # Not only drivers' errors: those of state tell of columns and keys, which an API may fill with anything.
            messages.put(TransferFailure(entity, redact(str(error)), trace))
        except BaseException as error:  # a fault of this package, not of a driver: the batch must not wait forever
            messages.put(
                TransferFailure(entity, f"internal error: {reason_of(error, redact)}", redact(traceback_of(error)))
            )

    now = time.monotonic()
    threading.Thread(target=work, name=f"transfer {entity.label}", daemon=True).start()
    return _Running(entity, watch, now, now + timeout if timeout is not None else float("inf"))


def _leave_behind(task: _Running) -> None:
    """Gives an entity up, and keeps the thread pools that its driver made from keeping the process from ending.

    Python joins the threads of every ThreadPoolExecutor at exit, even daemons. Those that a driver made in its thread
    are daemons as that is; others' are not, and are left alone.
    """
    task.watch.abandon()
    pools: MutableMapping[threading.Thread, object] = getattr(concurrent.futures.thread, "_threads_queues", {})
    for thread in list(pools):
        if thread.daemon:
            pools.pop(thread, None)


def _timed_out(task: _Running, timeout: float) -> TransferFailure:
    error = EntityTimeoutError(
        f"timed out after {timeout:g} s while {task.watch.phase} ({task.watch.rows:,} rows pulled); "
        "raise the mapping's timeout, or find out why the driver hangs"
    )
    return TransferFailure(task.entity, str(error), "", is_orphaned=True)


def _progress(running: Iterable[_Running], now: float) -> Note:
    parts = []
    for task in running:
        seconds = now - task.begun
        parts.append(
            f"{task.entity.label}: {task.watch.phase}, {task.watch.rows:,} rows in {seconds:.0f} s "
            f"({task.watch.rows / seconds:,.0f} rows/s)"
        )
    return Note("; ".join(parts), is_warning=False)

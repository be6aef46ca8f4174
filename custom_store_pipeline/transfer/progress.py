"""How far one entity is, and whether it was cancelled."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field

from custom_store_pipeline.config.entity import Entity
from custom_store_pipeline.errors import CustomStoreError

# Who watches entities: is told of each of them when it starts, and again when it has ended. A context variable, because
# Dagster calls the step, and a step has no other way to whoever started the run in this thread.
watcher: ContextVar[Callable[[Entity, Progress], None]] = ContextVar("watcher", default=lambda _entity, _progress: None)


class EntityCancelledError(CustomStoreError):
    """The entity was cancelled (timeout, terminated run) while its thread was still at work; users never see this."""


@dataclass
class Progress:
    """How far an entity is, as its thread reports it to the one that waits, and whether it was cancelled.

    Attributes:
        warn: logs a warning, from the entity's thread.
        phase: ``pulling``, ``pushing`` or ``waiting to retry``.
        rows: rows pulled so far.
        started: when the entity started, as :func:`time.monotonic` counts.
        ended: when it ended, likewise; None before.
        failure: why it failed, in one line; empty if it did not.
    """

    warn: Callable[[str], None]
    phase: str = "pulling"
    rows: int = 0
    started: float = field(default_factory=time.monotonic)
    ended: float | None = None
    failure: str = ""
    _cancelled: threading.Event = field(default_factory=threading.Event)

    def cancel(self) -> None:
        """Makes the entity's thread stop at its next step; above all, it begins no further push."""
        self._cancelled.set()

    def check(self) -> None:
        """Raises EntityCancelledError if the entity was cancelled."""
        if self._cancelled.is_set():
            raise EntityCancelledError

    def wait(self, seconds: float) -> None:
        """Waits before a retry; stops waiting when the entity is cancelled."""
        self.phase = "waiting to retry"
        self._cancelled.wait(seconds)
        self.check()

    def summary(self, now: float) -> str:
        """The phase, the rows, and the rate in rows per second."""
        seconds = now - self.started
        return f"{self.phase}, {self.rows:,} rows in {seconds:.0f} s ({self.rows / seconds:,.0f} rows/s)"

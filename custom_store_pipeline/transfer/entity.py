"""One entity from its source to its target: pulled, pushed, tried again, measured."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from custom_store_pipeline.config.mapping import Entity
from custom_store_pipeline.config.models import Retries
from custom_store_pipeline.data.pulled import PulledData
from custom_store_pipeline.drivers.push_status import PushStatus
from custom_store_pipeline.errors import CustomStoreError, DriverCallError, PullError
from custom_store_pipeline.transfer.read_ahead import push_while_pulling
from custom_store_pipeline.transfer.retries import Attempts

if TYPE_CHECKING:
    import pandas as pd

Pull = Callable[[Entity], AbstractContextManager[PulledData]]
Push = Callable[[Entity, PulledData], PushStatus]


@dataclass(frozen=True)
class TransferResult:
    """An entity that arrived.

    Attributes:
        entity: the entity.
        rows: rows pushed.
        deletes: rows handed over for deletion.
        chunks: pieces that the data came in; 1 for a DataFrame.
        pull_seconds: time spent in the source's driver and in decoding, of the attempt that succeeded.
        push_seconds: time spent in the target's driver, of the attempt that succeeded.
        columns: the columns' names and pandas dtypes, in order.
        metadata: the drivers' own values, those of the push before those of the pull where both use a name.
        warning: something to tell the user, or None.
    """

    entity: Entity
    rows: int
    deletes: int
    chunks: int
    pull_seconds: float
    push_seconds: float
    columns: Mapping[str, str]
    metadata: Mapping[str, Any]
    warning: str | None


class EntityCancelledError(CustomStoreError):
    """The entity was given up (timeout, terminated run) while its thread was still at work; nobody sees this."""


@dataclass
class Progress:
    """How far an entity is, as its thread tells those who wait for it, and whether it has been given up.

    Attributes:
        phase: ``pulling``, ``pushing`` or ``waiting to try again``.
        rows: rows pulled so far.
        note: tells the user something, from the entity's thread.
    """

    note: Callable[[str], None]
    phase: str = "pulling"
    rows: int = 0
    _abandoned: threading.Event = field(default_factory=threading.Event)

    def abandon(self) -> None:
        """Makes the entity's thread stop at its next step; above all, it will not begin to push any more."""
        self._abandoned.set()

    def check(self) -> None:
        """Raises EntityCancelledError if the entity has been given up."""
        if self._abandoned.is_set():
            raise EntityCancelledError

    def wait(self, seconds: float) -> None:
        """Waits, but not on when the entity is given up."""
        self.phase = "waiting to try again"
        self._abandoned.wait(seconds)
        self.check()


def transfer_entity(
    entity: Entity, pull: Pull, push: Push, retries: Retries, watch: Progress, *, read_ahead: bool = False
) -> TransferResult:
    """Pulls an entity and pushes it.

    Data in one piece is pulled once, and its push alone is tried again. Data in chunks is gone once it was consumed, so
    a failed transfer of chunks is tried again as a whole. Pulls and pushes each have ``max_attempts``.

    Args:
        entity: the entity.
        pull: opens the source's data.
        push: writes it to the target.
        retries: the mapping's ``retries``.
        watch: is told how far the entity is.
        read_ahead: whether the next chunk is pulled while the last one is pushed.

    Raises:
        CustomStoreError: why the entity did not arrive, after the last attempt.
    """
    pulls = Attempts(retries, watch.wait, lambda text: watch.note(f"pull: {text}"))
    pushes = Attempts(retries, watch.wait, lambda text: watch.note(f"push: {text}"))
    while True:
        watch.check()
        watch.phase, watch.rows, begun = "pulling", 0, time.monotonic()
        try:
            with pull(entity) as pulled:
                measured = _Measured(pulled, entity.primary_keys, watch, time.monotonic() - begun)
                return _push(entity, measured, push, pushes, watch, read_ahead=read_ahead)
        except DriverCallError as failure:
            (pulls if isinstance(failure, PullError) else pushes).next_or_raise(failure)


def _push(
    entity: Entity, measured: _Measured, push: Push, pushes: Attempts, watch: Progress, *, read_ahead: bool
) -> TransferResult:
    while True:
        watch.check()
        watch.phase, begun = "pushing", time.monotonic()
        try:
            status, waited = _pushed(entity, measured, push, read_ahead=read_ahead)
        except CustomStoreError as failure:
            if measured.failure is not None:  # the driver may have wrapped what its chunks raised
                raise measured.failure from None
            if measured.in_chunks or not isinstance(failure, DriverCallError):
                raise
            pushes.next_or_raise(failure)
            continue
        if measured.failure is not None:  # the driver swallowed what its chunks raised, and half of the data is missing
            raise measured.failure
        return measured.transferred(entity, status, time.monotonic() - begun - waited)


def _pushed(entity: Entity, measured: _Measured, push: Push, *, read_ahead: bool) -> tuple[PushStatus, float]:
    """What the push returned, and for how many seconds it waited for chunks."""
    if read_ahead and measured.data.chunks is not None:
        return push_while_pulling(
            measured.data.chunks,
            lambda ahead: push(entity, replace(measured.data, chunks=measured.until_given_up(ahead))),
        )
    pulled_before = measured.seconds
    return push(entity, measured.data), measured.seconds - pulled_before


class _Measured:
    """Pulled data that counts and times itself while it is consumed."""

    def __init__(self, pulled: PulledData, primary_keys: Sequence[str], watch: Progress, seconds: float) -> None:
        self._watch = watch
        self._pulled = pulled
        self.seconds = seconds
        self.failure: CustomStoreError | None = None
        self._rows = 0
        self._chunks = 0
        self._columns: dict[str, str] = {}
        self._keys = primary_keys
        if pulled.frame is not None:
            self._count(pulled.frame)
        self.data = pulled if pulled.chunks is None else replace(pulled, chunks=self._counted(pulled.chunks))

    @property
    def in_chunks(self) -> bool:
        return self._pulled.chunks is not None

    def _counted(self, chunks: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        while True:
            begun = time.monotonic()
            try:
                self._watch.check()
                chunk = next(chunks, None)
            except CustomStoreError as failure:
                self.failure = failure
                raise
            finally:
                self.seconds += time.monotonic() - begun
            if chunk is None:
                return
            self._count(chunk)
            yield chunk

    def until_given_up(self, ahead: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        """Chunks that were pulled ahead: one that waits when the entity is given up is not handed over any more."""
        for chunk in ahead:
            try:
                self._watch.check()
            except EntityCancelledError as failure:
                self.failure = failure
                raise
            yield chunk
            del chunk  # or it would stay in memory while the next one is waited for

    def _count(self, chunk: pd.DataFrame) -> None:
        absent = [key for key in self._keys if key not in chunk.columns]
        if absent and not self._chunks and len(chunk.columns):
            has = ", ".join(map(str, chunk.columns))
            self._watch.note(f"primary_keys has {', '.join(absent)}, which was not pulled; the columns are {has}")
        self._rows += len(chunk)
        self._chunks += 1
        self._watch.rows = self._rows
        for name, dtype in chunk.dtypes.items():
            self._columns.setdefault(str(name), str(dtype))

    def transferred(self, entity: Entity, status: PushStatus, push_seconds: float) -> TransferResult:
        deletes = self._pulled.deletes
        return TransferResult(
            entity=entity,
            rows=self._rows,
            deletes=0 if deletes is None else len(deletes),
            chunks=self._chunks,
            pull_seconds=self.seconds,
            push_seconds=push_seconds,
            columns=self._columns,
            metadata={**self._pulled.metadata, **status.metadata},
            warning=status.warning,
        )

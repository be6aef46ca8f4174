"""One entity from its source to its target: pulled, pushed, retried, measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from custom_store_pipeline.config.entity import Entity
from custom_store_pipeline.config.models import Retries
from custom_store_pipeline.data.pieces import ColumnType, column_types, is_arrow, names_of
from custom_store_pipeline.data.stream import DataStream, PulledData
from custom_store_pipeline.drivers.push_status import PushStatus
from custom_store_pipeline.errors import CustomStoreError, DriverCallError, PullError, PushError
from custom_store_pipeline.transfer.progress import Progress
from custom_store_pipeline.transfer.read_ahead import push_while_pulling
from custom_store_pipeline.transfer.retries import Attempts

if TYPE_CHECKING:
    from custom_store_pipeline.data.pieces import Piece

Pull = Callable[[], AbstractContextManager[PulledData]]
Push = Callable[[PulledData], PushStatus]


@dataclass(frozen=True)
class TransferResult:
    """What arrived of an entity.

    Attributes:
        rows: rows pushed.
        deletes: rows handed over for deletion.
        chunks: pieces that the data came in; 1 for a DataFrame.
        pull_seconds: time spent in the source's driver and in decoding, of the attempt that succeeded.
        push_seconds: time spent in the target's driver, of the attempt that succeeded.
        columns: the columns' types by name, in order.
        metadata: the drivers' own values, those of the push before those of the pull where both use a name.
        warning: something to tell the user, or None.
    """

    rows: int
    deletes: int
    chunks: int
    pull_seconds: float
    push_seconds: float
    columns: Mapping[str, ColumnType]
    metadata: Mapping[str, Any]
    warning: str | None


def transfer_entity(
    entity: Entity, pull: Pull, push: Push, retries: Retries, progress: Progress, *, read_ahead: bool = False
) -> TransferResult:
    """Pulls an entity and pushes it.

    Data in one piece is pulled once, and its push alone is retried. Data in several pieces is gone once it was read, so
    its transfer is retried as a whole. Pulls and pushes each have ``max_attempts``.

    Args:
        entity: the entity.
        pull: opens the source's data.
        push: writes it to the target.
        retries: the mapping's ``retries``.
        progress: gets how far the entity is.
        read_ahead: whether the next piece is pulled while the last one is pushed.

    Raises:
        CustomStoreError: why the entity did not arrive, after the last attempt.
    """
    pulls = Attempts(retries, progress.wait, lambda text: progress.warn(f"pull: {text}"))
    pushes = Attempts(retries, progress.wait, lambda text: progress.warn(f"push: {text}"))
    while True:
        progress.check()
        progress.phase, progress.rows, started = "pulling", 0, time.monotonic()
        try:
            with pull() as pulled:
                opened_in = time.monotonic() - started
                retried = pushes if pulled.stream.is_repeatable else None
                result = _push(entity, pulled, push, retried, progress, read_ahead=read_ahead)
                return replace(result, pull_seconds=result.pull_seconds + opened_in)
        except DriverCallError as failure:
            (pulls if isinstance(failure, PullError) else pushes).next_or_raise(failure)


def _push(
    entity: Entity,
    pulled: PulledData,
    push: Push,
    retried: Attempts | None,
    progress: Progress,
    *,
    read_ahead: bool,
) -> TransferResult:
    """Pushes what was pulled, again and again if the push alone is retried."""
    while True:
        counted = _CountedPieces(iter(pulled.stream), entity.primary_keys, progress)
        try:
            return _push_once(pulled, counted, push, progress, read_ahead=read_ahead)
        except PushError as failure:
            if retried is None:
                raise
            retried.next_or_raise(failure)


def _push_once(
    pulled: PulledData, counted: _CountedPieces, push: Push, progress: Progress, *, read_ahead: bool
) -> TransferResult:
    progress.check()
    progress.phase, started = "pushing", time.monotonic()
    try:
        if read_ahead and not pulled.stream.is_repeatable:
            status, waited = push_while_pulling(
                counted,
                lambda ahead: push(replace(pulled, stream=DataStream.once(ahead, pulled.stream.schema))),
                progress.check,
            )
            progress.check()
        else:
            status = push(replace(pulled, stream=replace(pulled.stream, start=lambda: counted)))
            waited = counted.seconds
    except CustomStoreError:
        if counted.failure is not None:  # the driver may have wrapped what its data raised
            raise counted.failure from None
        raise
    if counted.failure is not None:  # the driver swallowed what its data raised, and half of the data is missing
        raise counted.failure
    return TransferResult(
        rows=counted.rows,
        deletes=0 if pulled.deletes is None else len(pulled.deletes),
        chunks=counted.pieces,
        pull_seconds=counted.seconds,
        push_seconds=time.monotonic() - started - waited,
        columns=counted.columns,
        metadata={**pulled.metadata, **status.metadata},
        warning=status.warning,
    )


class _CountedPieces:
    """The pieces of one attempt, counted and timed as they pass.

    Attributes:
        seconds: time spent waiting for pieces.
        failure: what a piece raised instead of coming, or None.
        rows: rows so far.
        pieces: pieces so far.
        columns: the columns' types by name so far.
    """

    def __init__(self, stream: Iterator[Piece], primary_keys: Sequence[str], progress: Progress) -> None:
        self.seconds = 0.0
        self.failure: CustomStoreError | None = None
        self.rows = 0
        self.pieces = 0
        self.columns: dict[str, ColumnType] = {}
        self._stream = stream
        self._keys = primary_keys
        self._progress = progress

    def __iter__(self) -> Iterator[Piece]:
        return self

    def __next__(self) -> Piece:
        started = time.monotonic()
        try:
            self._progress.check()
            piece = next(self._stream)
        except CustomStoreError as failure:
            self.failure = failure
            raise
        finally:
            self.seconds += time.monotonic() - started
        self._count(piece)
        return piece

    def _count(self, piece: Piece) -> None:
        names = names_of(piece)
        absent = [key for key in self._keys if key not in names]
        if absent and not self.pieces and names:
            has = ", ".join(map(str, names))
            self._progress.warn(f"primary_keys has {', '.join(absent)}, which was not pulled; the columns are {has}")
        self.rows += len(piece)
        self.pieces += 1
        self._progress.rows = self.rows
        if is_arrow(piece) and self.columns:  # all record batches of a stream have one schema
            return
        for name, found in column_types(piece).items():
            self.columns.setdefault(name, found)

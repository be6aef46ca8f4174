"""An entity's data between its source and its target: one form, whatever the source's driver returned."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from custom_store_pipeline.data.frames import join_chunks
from custom_store_pipeline.data.pieces import as_frame, first_rows

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from custom_store_pipeline.data.pieces import Piece


@dataclass(frozen=True)
class DataStream:
    """An entity's data on its way from the source to the target: a stream of pieces.

    A piece is a DataFrame or an Arrow record batch, as the source gave it.

    Attributes:
        start: starts the stream.
        is_repeatable: it can be started again, for another attempt to push it; any other is gone once it was read.
        schema: what all pieces have, which are record batches then; None if that is not known before they are read.
    """

    start: Callable[[], Iterator[Piece]]
    is_repeatable: bool = False
    schema: pa.Schema | None = None

    @classmethod
    def of(cls, frame: pd.DataFrame) -> DataStream:
        """The data in one piece. Nothing that is done to a piece reaches the next attempt."""
        return cls(lambda: iter((frame.copy(deep=False),)), is_repeatable=True)  # copy-on-write: this copies no data

    @classmethod
    def once(cls, pieces: Iterator[Piece], schema: pa.Schema | None = None) -> DataStream:
        """Pieces that can be read once."""
        return cls(lambda: pieces, schema=schema)

    def __iter__(self) -> Iterator[Piece]:
        """The pieces, at least one, in their order."""
        return self.start()

    def through(self, stage: Callable[[Iterator[Piece]], Iterator[Piece]]) -> DataStream:
        """The same pieces, which pass a stage on their way that looks at them."""
        return replace(self, start=lambda: stage(self.start()))

    def first(self, rows: int) -> DataStream:
        """At most so many rows of it; what comes after them is not read."""

        def cut(pieces: Iterator[Piece]) -> Iterator[Piece]:
            left = rows
            for piece in pieces:
                yield first_rows(piece, left)
                left -= len(piece)
                if left <= 0:
                    return
                del piece  # or it would stay in memory while the next one is waited for

        return self.through(cut)

    def joined(self) -> pd.DataFrame:
        """All pieces as one DataFrame."""
        return join_chunks([as_frame(piece) for piece in self])


@dataclass(frozen=True)
class PulledData:
    """What was pulled, whatever the driver returned.

    Attributes:
        stream: the data.
        deletes: the rows to delete, or None when there are none.
        metadata: the driver's own values for the materialization.
        state: what the driver wants to know next time; complete when the last piece has been read.
    """

    stream: DataStream
    deletes: pd.DataFrame | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    state: Any = None

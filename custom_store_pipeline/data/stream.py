"""An entity's data between its source and its target: one form, whatever the source's driver returned."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from custom_store_pipeline.data.frames import join_chunks

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class DataStream:
    """An entity's data on its way from the source to the target: a stream of pieces, each a DataFrame.

    Attributes:
        start: starts the stream.
        is_whole: the data is in one piece. Such a stream can be started again, for another attempt to push it; any
            other is gone once it was read.
    """

    start: Callable[[], Iterator[pd.DataFrame]]
    is_whole: bool = False

    @classmethod
    def of(cls, frame: pd.DataFrame) -> DataStream:
        """The data in one piece. Nothing that is done to a piece reaches the next attempt."""
        return cls(lambda: iter((frame.copy(deep=False),)), is_whole=True)  # copy-on-write: this copies no data

    @classmethod
    def once(cls, pieces: Iterator[pd.DataFrame]) -> DataStream:
        """Pieces that can be read once."""
        return cls(lambda: pieces)

    def __iter__(self) -> Iterator[pd.DataFrame]:
        """The pieces, at least one, in their order."""
        return self.start()

    def through(self, stage: Callable[[Iterator[pd.DataFrame]], Iterator[pd.DataFrame]]) -> DataStream:
        """The same pieces, which pass a stage on their way."""
        return DataStream(lambda: stage(self.start()), self.is_whole)

    def joined(self) -> pd.DataFrame:
        """All pieces as one DataFrame."""
        return join_chunks(list(self))


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

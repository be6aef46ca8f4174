"""Whatever ``pull_data`` returns, turned into one type: a stream of data, deletions, metadata, state."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from custom_store_pipeline.data.arrow_to_pandas import has_index
from custom_store_pipeline.data.formats import DATAFRAME, check_kinds, decode, has_schema
from custom_store_pipeline.data.frames import (
    check_names,
    has_row_numbers,
    index_as_columns,
    join_chunks,
    records_to_pandas,
)
from custom_store_pipeline.data.pieces import as_frame, is_arrow, names_of
from custom_store_pipeline.data.stream import DataStream, PulledData
from custom_store_pipeline.errors import UnusableDataError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from custom_store_pipeline.data.pieces import Piece

ACCEPTED = (
    "a pandas DataFrame, anything with __arrow_c_stream__ (pyarrow, polars, DuckDB), a list of dicts, bytes, str or a "
    "Path (decoded as data_format says), an iterable of any of these, a tuple (data, deletes), or Pulled(…)"
)


@dataclass(frozen=True)
class Pulled:
    """What ``pull_data`` may return when data alone does not say it all.

    Attributes:
        data: anything that ``pull_data`` may return as data.
        deletes: the rows to delete in the target, as a DataFrame, an Arrow table or a list of dicts; None for none.
        metadata: values to show on the materialization in Dagster.
        state: whatever the driver wants to know next time (dicts, lists, texts, numbers, dates, times); with
            ``load_type: incremental`` it comes back as ``config["state"]``. None keeps the stored state as it is.
    """

    data: Any
    deletes: Any = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    state: Any = None


@dataclass(frozen=True)
class DataFormat:
    """How raw values are decoded: the name of a format and its reader's options."""

    name: str = DATAFRAME
    options: Mapping[str, Any] = field(default_factory=dict)


def read_pulled(returned: Any, data_format: DataFormat, warn: Callable[[str], None] | None = None) -> PulledData:
    """Turns whatever ``pull_data`` returned into :class:`PulledData`, without reading an iterator.

    Args:
        returned: what the driver returned.
        data_format: how bytes, strings and paths in it are decoded.
        warn: gets what was left out, "returned …", once.

    Raises:
        UnusableDataError: it is not data; the message, "returned …", names its type and the types that are accepted.
        MissingExtraError: the format's extra is not installed.
    """
    pulled = _as_pulled(returned)
    warn_once = _Once(warn)
    deletes = None if pulled.deletes is None else _table(pulled.deletes, "deletes", warn_once)
    if deletes is not None and deletes.empty:
        deletes = None
    stream = _stream(pulled.data, data_format, warn_once)
    return PulledData(stream, deletes, dict(pulled.metadata or {}), pulled.state)


def _stream(data: Any, data_format: DataFormat, warn: Callable[[str], None]) -> DataStream:
    frame = _whole(data, warn)
    if frame is not None:
        return DataStream.of(frame)
    if _is_arrow_stream(data):
        reader = _reader(data)
        if not has_index(reader.schema):
            return DataStream.once(_read(iter((data,)), lambda _: _batches(reader), is_csv=False), reader.schema)
        data = reader
    pieces = _pieces(data, data_format, warn)
    if not (_is_decodable(data) and has_schema(data_format.name)):
        return DataStream.once(pieces)
    first = next(pieces)
    return DataStream.once(_after(first, pieces), first.schema if is_arrow(first) else None)


def _after(first: Piece, rest: Iterator[Piece]) -> Iterator[Piece]:
    """Pieces of one document, the first of which was read to learn its schema."""
    yield first
    del first  # or it would stay in memory until the last one
    yield from rest


def _as_pulled(returned: Any) -> Pulled:
    if isinstance(returned, Pulled):
        return returned
    if isinstance(returned, tuple):
        if len(returned) != 2:
            raise UnusableDataError(
                f"returned a tuple of {len(returned)}; a tuple must be (data, deletes), "
                "and chunks come as a list or a generator"
            )
        return Pulled(*returned)
    return Pulled(returned)


class _Once:
    """Warns the first time only: each piece of a pull may have the same to say."""

    def __init__(self, warn: Callable[[str], None] | None) -> None:
        self._warn = warn

    def __call__(self, text: str) -> None:
        if self._warn is not None:
            self._warn(text)
            self._warn = None


def _whole(data: Any, warn: Callable[[str], None]) -> pd.DataFrame | None:
    """The data if it is a table in one piece; None if it must be decoded, or read piece by piece."""
    import pandas as pd

    if isinstance(data, pd.DataFrame):
        if has_row_numbers(data):
            warn(
                "returned a DataFrame whose index holds integers and has no name; they are taken for row numbers and "
                "dropped; name the index if it is data (df.index.name = 'id'), or drop it: df.reset_index(drop=True)"
            )
        return index_as_columns(data)
    if isinstance(data, list) and all(isinstance(row, Mapping) for row in data):
        return records_to_pandas(data)
    return None


def _table(data: Any, what: str, warn: Callable[[str], None]) -> pd.DataFrame:
    """A small table (deletes) in one piece."""
    frame = _whole(data, warn)
    if frame is not None:
        return frame
    if hasattr(data, "__arrow_c_stream__"):
        return join_chunks([as_frame(batch) for batch in _arrow(data)])
    raise UnusableDataError(
        f"returned {what} of the type {type(data).__name__}; "
        "accepted are a DataFrame, an Arrow table, a list of dicts, and None"
    )


def _pieces(data: Any, data_format: DataFormat, warn: Callable[[str], None]) -> Iterator[Piece]:
    """Data that is not in one piece, as a generator; refuses at once what is not data."""
    if _is_decodable(data):
        found = _pieces_of(data, data_format, warn)
        return _read(iter((data,)), lambda _: found, is_csv=False)
    if isinstance(data, Mapping) or _is_column(data) or not isinstance(data, Iterable):
        raise UnusableDataError(_not_data("returned", data))

    def pieces_of(item: Any) -> Iterator[Piece] | None:
        is_blank = isinstance(item, bytes | str) and not item.strip()  # an empty last piece, for example
        return None if is_blank else _pieces_of(item, data_format, warn)

    return _read(iter(data), pieces_of, is_csv=data_format.name == "csv")


def _read(items: Iterator[Any], pieces_of: Callable[[Any], Iterator[Piece] | None], *, is_csv: bool) -> Iterator[Piece]:
    """The one generator over what a driver yields: decodes each item, and checks what only several pieces can show."""
    import pandas as pd

    together = _Pieces()
    try:
        while True:
            try:
                item = next(items)
            except StopIteration as end:
                _check_nothing_returned(end.value)
                break
            try:
                for piece in pieces_of(item) or ():
                    together.check(piece, is_csv=is_csv and isinstance(item, bytes | str))
                    yield piece
            finally:
                if hasattr(item, "read"):  # an open file that a driver returned is ours to close
                    item.close()
        if not together.exist:
            yield pd.DataFrame()  # so that a driver that overwrites sees an empty pull, too
    finally:
        # The driver's generator may hold a connection: its own clean-up must not wait for the garbage collector.
        close = getattr(items, "close", None)
        if close is not None:
            close()


def _pieces_of(item: Any, data_format: DataFormat, warn: Callable[[str], None]) -> Iterator[Piece]:
    """The pieces in one thing that a driver returned or yielded, decoded while they are read."""
    frame = _whole(item, warn)
    if frame is not None:
        return iter((frame,))
    if not _is_decodable(item):
        raise UnusableDataError(_not_data("yielded", item))
    if hasattr(item, "__arrow_c_stream__"):
        return _arrow(item)
    return decode(item, data_format.name, data_format.options)


def _is_decodable(data: Any) -> bool:
    """Whether this is a table or the encoded form of one (also an open file), as opposed to an iterable of such."""
    return not _is_column(data) and (
        hasattr(data, "__arrow_c_stream__") or hasattr(data, "read") or isinstance(data, bytes | str | os.PathLike)
    )


class _Pieces:
    """What must be the same in all pieces of a pull."""

    def __init__(self) -> None:
        self.exist = False
        self._names: dict[Any, None] = {}
        self._header: list[Any] | None = None
        self._kinds: dict[str, str] = {}

    def check(self, piece: Piece, *, is_csv: bool) -> None:
        """Refuses a column name of another type than before (``1`` after ``"1"``), and pieces of one csv document."""
        self.exist = True
        names = names_of(piece)
        if is_csv:
            self._check_header(names)
            check_kinds(piece, self._kinds)
        new = [name for name in names if name not in self._names]
        if new:
            self._names.update(dict.fromkeys(new))
            check_names(self._names)

    def _check_header(self, header: list[Any]) -> None:
        """Each piece is read as a document of its own: a row of a continued document would become its header."""
        if self._header is not None and self._header != header:
            found, before = (", ".join(map(str, names)) for names in (header, self._header))
            raise UnusableDataError(
                f"yielded csv with the columns {found} after {before}; each piece must be a csv of its own with the "
                "same header, so join pieces of one file before, or return an open file"
            )
        self._header = header


def _check_nothing_returned(value: Any) -> None:
    """Python drops what a generator returns."""
    if value is not None:
        raise UnusableDataError(
            f"has a yield, which makes it a generator, so the {type(value).__name__} that it returned is lost; "
            "yield it instead"
        )


def _not_data(where: str, data: Any) -> str:
    hint = ""
    if isinstance(data, Mapping):
        hint = " (put a dict into a list: a list of dicts is a table)"
    return f"{where} {'None' if data is None else type(data).__name__}{hint}; accepted are {ACCEPTED}"


def _is_column(data: Any) -> bool:
    """A Series or an Index is iterable and an Arrow stream, but it is a column, not a table."""
    import pandas as pd

    # A polars Series is an Arrow stream too; only a table has columns or a schema.
    return isinstance(data, pd.Series | pd.Index) or type(data).__name__ == "Series"


def _is_arrow_stream(data: Any) -> bool:
    return hasattr(data, "__arrow_c_stream__") and not _is_column(data)


def _reader(stream: Any) -> pa.RecordBatchReader:
    import pyarrow as pa

    return pa.RecordBatchReader.from_stream(stream)


def _arrow(stream: Any) -> Iterator[Piece]:
    """The batches of an Arrow stream; as DataFrames if pandas wrote an index into it, which only pandas understands."""
    reader = _reader(stream)
    return map(as_frame, _batches(reader)) if has_index(reader.schema) else _batches(reader)


def _batches(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    found = False
    for batch in reader:
        if batch.num_rows:
            found = True
            yield batch
    if not found:  # no rows, but the columns are known
        yield pa.RecordBatch.from_pylist([], schema=reader.schema)

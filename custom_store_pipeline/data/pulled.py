"""Whatever ``pull_data`` returns, turned into one type: data in one piece or in chunks, deletions, metadata."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from custom_store_pipeline.data.formats import DATAFRAME, check_kinds, decode
from custom_store_pipeline.data.frames import (
    arrow_to_pandas,
    check_names,
    has_row_numbers,
    index_as_columns,
    join_chunks,
    records_to_pandas,
)
from custom_store_pipeline.errors import UnusableDataError

if TYPE_CHECKING:
    import pandas as pd

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
        metadata: values to show on the materialisation in Dagster.
        state: whatever the driver wants to know next time (dicts, lists, texts, numbers, dates, times); with
            ``load_type: incremental`` it comes back as ``config["state"]``. None leaves what is remembered as it is.
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


@dataclass(frozen=True)
class PulledData:
    """What was pulled, whatever the driver returned.

    Attributes:
        frame: the data in one piece, or None when it comes in chunks.
        chunks: the data chunk by chunk, to be consumed once; None when it is in one piece.
        deletes: the rows to delete, or None when there are none.
        metadata: the driver's own values for the materialisation.
        state: what the driver wants to know next time; complete when the last chunk has been taken.
    """

    frame: pd.DataFrame | None
    chunks: Iterator[pd.DataFrame] | None
    deletes: pd.DataFrame | None
    metadata: Mapping[str, Any]
    state: Any = None


def read_pulled(returned: Any, data_format: DataFormat, note: Callable[[str], None] | None = None) -> PulledData:
    """Turns whatever ``pull_data`` returned into :class:`PulledData`, without consuming an iterator.

    Args:
        returned: what the driver returned.
        data_format: how bytes, text and paths in it are decoded.
        note: tells the user what was left out, "returned …", once.

    Raises:
        UnusableDataError: it is no data; the message, "returned …", names its type and the types that are accepted.
        MissingExtraError: the format's extra is not installed.
    """
    pulled = _as_pulled(returned)
    told = _Once(note)
    deletes = None if pulled.deletes is None else _table(pulled.deletes, "deletes", told)
    if deletes is not None and deletes.empty:
        deletes = None
    frame = _whole(pulled.data, told)
    chunks = None if frame is not None else _at_least_one(_same_names(_chunks(pulled.data, data_format, told)))
    return PulledData(frame, chunks, deletes, dict(pulled.metadata or {}), pulled.state)


def in_one_piece(pulled: PulledData) -> pd.DataFrame:
    """The data as one DataFrame; consumes the chunks. What is done to the frame does not reach a second attempt."""
    if pulled.frame is not None:
        return pulled.frame.copy(deep=False)  # with pandas' copy-on-write this copies no data
    return join_chunks(list(pulled.chunks or ()))


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


@dataclass
class _Once:
    """Tells the user something the first time only: each chunk of a pull may have the same to say."""

    note: Callable[[str], None] | None

    def __call__(self, text: str) -> None:
        if self.note is not None:
            self.note(text)
            self.note = None


def _whole(data: Any, note: Callable[[str], None]) -> pd.DataFrame | None:
    """The data if it is a table in one piece, None if it is to be read in chunks."""
    import pandas as pd

    if isinstance(data, pd.DataFrame):
        if has_row_numbers(data):
            note(
                "returned a DataFrame whose index holds integers and has no name; they are taken for numbers of rows "
                "and left out; name the index if it is data (df.index.name = 'id'), or else leave it out: "
                "df.reset_index(drop=True)"
            )
        return index_as_columns(data)
    if isinstance(data, list) and all(isinstance(row, Mapping) for row in data):
        return records_to_pandas(data)
    return None


def _table(data: Any, what: str, note: Callable[[str], None]) -> pd.DataFrame:
    """A small table (deletes) in one piece."""
    frame = _whole(data, note)
    if frame is not None:
        return frame
    if hasattr(data, "__arrow_c_stream__"):
        return join_chunks(list(_arrow(data)))
    raise UnusableDataError(
        f"returned {what} of the type {type(data).__name__}; "
        "accepted are a DataFrame, an Arrow table, a list of dicts, and None"
    )


def _chunks(data: Any, data_format: DataFormat, note: Callable[[str], None]) -> Iterator[pd.DataFrame]:
    if _is_decodable(data):
        return _decoded(data, data_format)
    if isinstance(data, Mapping) or _is_column(data) or not isinstance(data, Iterable):
        raise UnusableDataError(_not_data("returned", data))
    return _each(iter(data), data_format, note)


def _is_decodable(data: Any) -> bool:
    """Whether this is a table or the encoded form of one (also an open file), as opposed to an iterable of such."""
    return not _is_column(data) and (
        hasattr(data, "__arrow_c_stream__") or hasattr(data, "read") or isinstance(data, bytes | str | os.PathLike)
    )


def _decoded(data: Any, data_format: DataFormat) -> Iterator[pd.DataFrame]:
    if hasattr(data, "__arrow_c_stream__"):
        return _arrow(data)
    return _closing(data, decode(data, data_format.name, data_format.options))


def _closing(data: Any, chunks: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """An open file that a driver returned is ours to close."""
    try:
        yield from chunks
    finally:
        if hasattr(data, "read"):
            data.close()


def _each(items: Iterator[Any], data_format: DataFormat, note: Callable[[str], None]) -> Iterator[pd.DataFrame]:
    header: list[Any] | None = None
    kinds: dict[str, str] = {}
    try:
        for item in _all_of(items):
            frame = _whole(item, note)
            if frame is not None:
                yield frame
            elif isinstance(item, bytes | str) and not item.strip():
                continue  # an empty last piece, say
            elif _is_decodable(item):
                for chunk in _decoded(item, data_format):
                    if data_format.name == "csv" and isinstance(item, bytes | str):
                        header = _same_header(header, list(chunk.columns))
                        check_kinds(chunk, kinds)
                    yield chunk
            else:
                raise UnusableDataError(_not_data("yielded", item))
    finally:
        # The driver's generator may hold a connection: its own clean-up must not wait for the garbage collector.
        close = getattr(items, "close", None)
        if close is not None:
            close()


def _all_of(items: Any) -> Iterator[Any]:
    """The items; refuses a generator that also returns something, which Python would throw away."""
    returned = yield from items
    if returned is not None:
        raise UnusableDataError(
            f"has a yield, which makes it a generator, so the {type(returned).__name__} that it returned is lost; "
            "yield it instead"
        )


def _same_header(first: list[Any] | None, header: list[Any]) -> list[Any]:
    """Refuses pieces of one csv document: each would be read as a document of its own, a row of it as its header."""
    if first is not None and first != header:
        found, before = (", ".join(map(str, names)) for names in (header, first))
        raise UnusableDataError(
            f"yielded csv with the columns {found} after {before}; each piece must be a csv of its own with the same "
            "header, so join pieces of one file before, or return an open file"
        )
    return header


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


def _same_names(chunks: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Refuses a name that is of another type than in an earlier chunk, such as ``1`` after ``"1"``."""
    names: dict[Any, None] = {}
    for chunk in chunks:
        new = [name for name in chunk.columns if name not in names]
        if new:
            names.update(dict.fromkeys(new))
            check_names(names)
        yield chunk


def _at_least_one(chunks: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """So that a driver that overwrites sees an empty pull too."""
    import pandas as pd

    found = False
    for chunk in chunks:
        found = True
        yield chunk
    if not found:
        yield pd.DataFrame()


def _arrow(stream: Any) -> Iterator[pd.DataFrame]:
    import pyarrow as pa

    reader = pa.RecordBatchReader.from_stream(stream)
    found = False
    for batch in reader:
        if batch.num_rows:
            found = True
            yield arrow_to_pandas(batch)
    if not found:  # no rows, but the columns are known
        yield arrow_to_pandas(reader.schema.empty_table())

"""What drivers return, turned into one type: data, deletions and metadata of a pull; the status of a push."""

from __future__ import annotations

import inspect
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from custom_store_pipeline.errors import PushReportedFailureError, UnusableDataError
from custom_store_pipeline.formats import DATAFRAME, arrow_to_pandas, decode, index_as_columns, records_to_pandas

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
        state: reserved for incremental loads; not supported yet.
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
    """

    frame: pd.DataFrame | None
    chunks: Iterator[pd.DataFrame] | None
    deletes: pd.DataFrame | None
    metadata: Mapping[str, Any]


def read_pulled(returned: Any, data_format: DataFormat) -> PulledData:
    """Turns whatever ``pull_data`` returned into :class:`PulledData`, without consuming an iterator.

    Args:
        returned: what the driver returned.
        data_format: how bytes, text and paths in it are decoded.

    Raises:
        UnusableDataError: it is no data; the message, "returned …", names its type and the types that are accepted.
        MissingExtraError: the format's extra is not installed.
    """
    pulled = _as_pulled(returned)
    if pulled.state is not None:
        raise UnusableDataError("returned Pulled(state=…), and state is not supported yet; leave it out")
    deletes = None if pulled.deletes is None else _table(pulled.deletes, "deletes")
    if deletes is not None and deletes.empty:
        deletes = None
    frame = _whole(pulled.data)
    chunks = None if frame is not None else _at_least_one(_chunks(pulled.data, data_format))
    return PulledData(frame, chunks, deletes, dict(pulled.metadata or {}))


def in_one_piece(pulled: PulledData) -> pd.DataFrame:
    """The data as one DataFrame; consumes the chunks. What is done to the frame does not reach a second attempt."""
    import pandas as pd

    if pulled.frame is not None:
        return pulled.frame.copy(deep=False)  # with pandas' copy-on-write this copies no data
    chunks = list(pulled.chunks or ())
    # Chunks without rows often have other dtypes, which would spoil those of the others.
    with_rows = [chunk for chunk in chunks if len(chunk)]
    if len(with_rows) < 2:
        return (with_rows or chunks)[0]
    columns = list(dict.fromkeys(name for chunk in chunks for name in chunk.columns))
    joined = pd.concat(_with_integers_that_may_have_gaps(with_rows), ignore_index=True)
    return joined if list(joined.columns) == columns else joined.reindex(columns=columns)


def _with_integers_that_may_have_gaps(chunks: list[pd.DataFrame]) -> list[pd.DataFrame]:
    """Joining integers with a chunk that has none in that column would turn them into floats, losing digits."""

    def is_integer(chunk: pd.DataFrame, name: Any) -> bool:
        return name in chunk.columns and chunk[name].dtype.kind in "iu"

    def is_gap(chunk: pd.DataFrame, name: Any) -> bool:
        return name not in chunk.columns or (not is_integer(chunk, name) and bool(chunk[name].isna().all()))

    integers = {name for chunk in chunks for name in chunk.columns if is_integer(chunk, name)}
    with_gaps = [name for name in integers if any(is_gap(chunk, name) for chunk in chunks)]

    def nullable(chunk: pd.DataFrame, name: Any) -> str:
        unsigned = is_integer(chunk, name) and chunk[name].dtype.kind == "u"
        return "UInt64" if unsigned else "Int64"

    return [
        chunk.astype(
            {
                name: nullable(chunk, name)
                for name in with_gaps
                if name in chunk.columns and (is_integer(chunk, name) or is_gap(chunk, name))
            }
        )
        for chunk in chunks
    ]


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


def _whole(data: Any) -> pd.DataFrame | None:
    """The data if it is a table in one piece, None if it is to be read in chunks."""
    import pandas as pd

    if isinstance(data, pd.DataFrame):
        return index_as_columns(data)
    if isinstance(data, list) and all(isinstance(row, Mapping) for row in data):
        return records_to_pandas(data)
    return None


def _table(data: Any, what: str) -> pd.DataFrame:
    """A small table (deletes) in one piece."""
    import pandas as pd

    frame = _whole(data)
    if frame is not None:
        return frame
    if hasattr(data, "__arrow_c_stream__"):
        return pd.concat(list(_arrow(data)), ignore_index=True)
    raise UnusableDataError(
        f"returned {what} of the type {type(data).__name__}; "
        "accepted are a DataFrame, an Arrow table, a list of dicts, and None"
    )


def _chunks(data: Any, data_format: DataFormat) -> Iterator[pd.DataFrame]:
    if _is_decodable(data):
        return _decoded(data, data_format)
    if isinstance(data, Mapping) or _is_column(data) or not isinstance(data, Iterable):
        raise UnusableDataError(_not_data("returned", data))
    return _each(iter(data), data_format)


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


def _each(items: Iterator[Any], data_format: DataFormat) -> Iterator[pd.DataFrame]:
    header: list[Any] | None = None
    try:
        for item in _all_of(items):
            frame = _whole(item)
            if frame is not None:
                yield frame
            elif _is_decodable(item):
                for chunk in _decoded(item, data_format):
                    if data_format.name == "csv" and isinstance(item, bytes | str):
                        header = _same_header(header, list(chunk.columns))
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


@dataclass(frozen=True)
class PushStatus:
    """What a successful push said: values for the materialisation, and a warning if the status is none."""

    metadata: Mapping[str, Any]
    warning: str | None = None


_FAILED_STATUSES = {"failed", "error"}


def read_status(returned: Any) -> PushStatus:
    """Turns what ``push_data`` returned into metadata.

    Source: custom_store_driver.md, "Notes": a status or result, even if it is just a success flag.

    Raises:
        PushReportedFailureError: ``False``, a dict with ``success: False`` or ``status: "failed" | "error"``, or a
            generator or coroutine, whose body never ran; the message begins with "returned".
    """
    if inspect.isgenerator(returned) or inspect.isawaitable(returned):
        raise PushReportedFailureError(
            f"returned a {type(returned).__name__}, so its body never ran; take out the yield, async or await"
        )
    plain = plain_value(returned)
    if plain is False:
        raise PushReportedFailureError(
            "returned False: the driver says that the push failed; raise an exception instead, so that it can say why"
        )
    if plain is True:
        return PushStatus({})
    if returned is None:
        return PushStatus({}, "the push returned None, which is taken as success; return True to say so")
    if isinstance(returned, Mapping):
        values = {str(key): plain_value(value) for key, value in returned.items()}
        if not values.get("success", True) or str(values.get("status")).lower() in _FAILED_STATUSES:
            said = ", ".join(f"{key}: {value}" for key, value in values.items())
            raise PushReportedFailureError(f"returned a failed status ({said})")
        return PushStatus({key: value for key, value in values.items() if key != "success"})
    if isinstance(plain, int | float) or isinstance(returned, str):
        return PushStatus({"status": plain})
    return PushStatus(
        {},
        f"the push returned {type(returned).__name__}, which is no status and is taken as success; "
        "return True, False, a number, a text or a dict",
    )


def plain_value(value: Any) -> Any:
    """The value in plain Python, as Dagster stores it: numpy and pandas scalars, dates and NaN included.

    Dagster refuses foreign scalars in metadata, and does so only after the push. What has no plain form becomes text.
    """
    if isinstance(value, Mapping):
        return {str(key): plain_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain_value(item) for item in value]
    if hasattr(value, "item") and hasattr(value, "dtype") and getattr(value, "ndim", 1) == 0:
        value = value.item()
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(value)
    return str(value)

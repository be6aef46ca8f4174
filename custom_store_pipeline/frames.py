"""Tables of other kinds as pandas DataFrames, without losing columns, or digits of integers beside nulls."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def arrow_to_pandas(table: Any) -> pd.DataFrame:
    """A pyarrow Table or RecordBatch as pandas, without turning integers with nulls into floats.

    pyarrow's own default loses the digits of integers beyond 2**53 as soon as one row of the column is null.
    """
    import pandas as pd
    import pyarrow as pa

    nullable = {
        pa.int8(): pd.Int8Dtype(), pa.int16(): pd.Int16Dtype(), pa.int32(): pd.Int32Dtype(),
        pa.int64(): pd.Int64Dtype(), pa.uint8(): pd.UInt8Dtype(), pa.uint16(): pd.UInt16Dtype(),
        pa.uint32(): pd.UInt32Dtype(), pa.uint64(): pd.UInt64Dtype(),
    }  # fmt: skip
    has_nulls = {column.type for column in table.columns if column.null_count}
    frame: pd.DataFrame = table.to_pandas(types_mapper=lambda kind: nullable.get(kind) if kind in has_nulls else None)
    for column in table.schema:
        if pa.types.is_nested(column.type) and table.schema.names.count(column.name) == 1:
            # pandas would make arrays of floats of lists of integers with nulls
            values: Any = pd.Series(table.column(column.name).to_pylist(), index=frame.index, dtype=object)
            frame[column.name] = values
    return index_as_columns(frame)


def index_as_columns(frame: pd.DataFrame) -> pd.DataFrame:
    """Named levels of the index as columns: an index is data too, and stores have no such thing."""
    names = list(frame.index.names)
    named = [name for name in names if name is not None and name not in frame.columns and names.count(name) == 1]
    return frame.reset_index(level=named) if named else frame


def records_to_pandas(rows: list[Mapping[str, Any]]) -> pd.DataFrame:
    """A list of dicts as a table; integers with missing values stay integers (``Int64``) instead of becoming floats."""
    import pandas as pd

    frame = pd.DataFrame(rows)
    for name in frame.columns[frame.dtypes == "float64"]:
        values = [row.get(name) for row in rows]
        if all(value is None or _is_integer(value) for value in values):
            frame[name] = _with_gaps(values)
    return frame


def _is_integer(value: Any) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _with_gaps(values: list[Any]) -> Any:
    import pandas as pd

    for kind in ("Int64", "UInt64"):
        try:
            return pd.array(values, dtype=kind)
        except (OverflowError, TypeError, ValueError):
            continue
    return pd.Series(values, dtype=object)  # beyond 64 bits


def join_chunks(chunks: list[pd.DataFrame]) -> pd.DataFrame:
    """Chunks (at least one) as one DataFrame, with all columns in the order in which they turned up."""
    import pandas as pd

    # Chunks without rows often have other dtypes, which would spoil those of the others.
    with_rows = [chunk for chunk in chunks if len(chunk)]
    if len(with_rows) < 2:
        return (with_rows or chunks)[0]
    if not all(chunk.columns.is_unique for chunk in chunks):
        return pd.concat(with_rows, ignore_index=True)  # which of two columns is meant by a name cannot be known
    columns = list(dict.fromkeys(name for chunk in chunks for name in chunk.columns))
    joined = pd.concat(_with_integers_that_may_have_gaps(with_rows), ignore_index=True)
    return joined if list(joined.columns) == columns else joined.reindex(columns=columns)


def _with_integers_that_may_have_gaps(chunks: list[pd.DataFrame]) -> list[pd.DataFrame]:
    """Joining integers with a chunk that has none in that column would turn them into floats, losing digits."""
    import pandas as pd

    def is_integer(chunk: pd.DataFrame, name: Any) -> bool:
        return name in chunk.columns and chunk[name].dtype.kind in "iu"

    def is_gap(chunk: pd.DataFrame, name: Any) -> bool:
        return name not in chunk.columns or (not is_integer(chunk, name) and bool(chunk[name].isna().all()))

    integers = {name for chunk in chunks for name in chunk.columns if is_integer(chunk, name)}
    with_gaps = [name for name in integers if any(is_gap(chunk, name) for chunk in chunks)]

    def filled(chunk: pd.DataFrame) -> pd.DataFrame:
        chunk = chunk.copy(deep=False)
        for name in with_gaps:
            if is_integer(chunk, name):
                chunk[name] = chunk[name].astype("UInt64" if chunk[name].dtype.kind == "u" else "Int64")
            elif name in chunk.columns and is_gap(chunk, name):
                chunk[name] = pd.array([pd.NA] * len(chunk), dtype="Int64")
        return chunk

    return [filled(chunk) for chunk in chunks]

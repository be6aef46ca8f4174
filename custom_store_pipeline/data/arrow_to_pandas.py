"""Arrow as pandas, with every value as it was, or an error that names the column."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from custom_store_pipeline.data.frames import index_as_columns
from custom_store_pipeline.errors import UnusableDataError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

# Arrow's own errors are of these kinds too.
_NOT_CONVERTIBLE = (NotImplementedError, OverflowError, ValueError)
_REMEDIES = {
    "time64[ns]": "cast it to time64('us'), or to text",
    "date32[day]": "cast it to timestamp('s'), or to text",
    "date64[ms]": "cast it to timestamp('ms'), or to text",
}


def arrow_to_pandas(table: Any) -> pd.DataFrame:
    """A pyarrow Table or RecordBatch as pandas, with each value as it was; docs/types.md has the types that come out.

    pyarrow's own default loses digits of integers beyond 2**53 as soon as one row of the column is null, takes nulls
    for NaN, and makes numbers of booleans that are kept in 8 bits.

    Raises:
        UnusableDataError: a column holds a value that Python does not know, such as a date before the year 1; or see
            :func:`index_as_columns`.
    """
    import pyarrow as pa

    nullable = _nullable_integers()
    columns = [_plain(column) for column in table.columns]
    has_nulls = {column.type for column in columns if column.null_count}
    objects = {place: column for place, column in enumerate(columns) if _is_of_objects(column)}
    others = [pa.nulls(len(column)) if place in objects else column for place, column in enumerate(columns)]
    fields = [table.schema.field(place).with_type(column.type) for place, column in enumerate(others)]
    try:
        frame: pd.DataFrame = pa.Table.from_arrays(others, schema=pa.schema(fields, table.schema.metadata)).to_pandas(
            types_mapper=lambda kind: nullable.get(kind) if kind in has_nulls else None
        )
        _set_objects(frame, objects, table.schema.names)
    except _NOT_CONVERTIBLE:
        raise UnusableDataError(_unconvertible(table)) from None
    return index_as_columns(frame)


def _nullable_integers() -> dict[Any, Any]:
    import pandas as pd
    import pyarrow as pa

    return {
        pa.int8(): pd.Int8Dtype(), pa.int16(): pd.Int16Dtype(), pa.int32(): pd.Int32Dtype(),
        pa.int64(): pd.Int64Dtype(), pa.uint8(): pd.UInt8Dtype(), pa.uint16(): pd.UInt16Dtype(),
        pa.uint32(): pd.UInt32Dtype(), pa.uint64(): pd.UInt64Dtype(),
    }  # fmt: skip


def _plain(column: Any) -> Any:
    """A column without what only says how its values are kept, or what they mean elsewhere."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if isinstance(column.type, pa.Bool8Type):
        return column.cast(pa.bool_())
    if isinstance(column.type, pa.OpaqueType | pa.JsonType):
        return column.cast(column.type.storage_type)
    if pa.types.is_run_end_encoded(column.type):
        return pc.run_end_decode(column)
    return column


def _is_of_objects(column: Any) -> bool:
    """Whether pandas would change values, or has no type for them, so that they become objects of Python."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_floating(column.type):  # pandas has one missing value, NaN, and not null beside it
        return bool(column.null_count and pc.any(pc.is_nan(column)).as_py())
    # Of lists of integers with nulls pandas would make arrays of floats.
    return pa.types.is_nested(column.type) or isinstance(column.type, pa.BaseExtensionType)


def _set_objects(frame: pd.DataFrame, objects: Mapping[int, Any], names: Sequence[str]) -> None:
    """Sets columns of objects, by their place in the Arrow data, which may have columns that are pandas' index."""
    import numpy as np
    import pandas as pd

    for place, column in objects.items():
        values: Any = pd.Series(column.to_pylist(), index=frame.index, dtype=object)
        position = np.flatnonzero(frame.columns == names[place])[names[:place].count(names[place])]
        frame.isetitem(int(position), values)


def _unconvertible(table: Any) -> str:
    """Which column of an Arrow table pandas cannot hold, with an example and the remedy."""
    for field, column in zip(table.schema, table.columns, strict=True):
        if _is_convertible(column):
            continue
        what = f"returned the column '{field.name}' of Arrow's type {field.type}"
        if _is_convertible(column[:0]):
            row = _first_unconvertible(column)
            what += f" with {_shown(column[row])} (row {row})"
        return f"{what}, which Python cannot hold; {_REMEDIES.get(str(field.type), 'cast it to another, such as text')}"
    columns = ", ".join(table.schema.names)
    return f"returned Arrow data that pandas cannot hold; the columns are {columns}; cast them to text, say"


def _first_unconvertible(column: Any) -> int:
    first, after = 0, len(column)
    while after - first > 1:
        middle = (first + after) // 2
        if _is_convertible(column[first:middle]):
            first = middle
        else:
            after = middle
    return first


def _is_convertible(column: Any) -> bool:
    try:
        column.to_pandas()
        column.to_pylist()
    except _NOT_CONVERTIBLE:
        return False
    return True


def _shown(value: Any) -> str:
    import pyarrow as pa

    try:
        return str(value.cast(pa.string()).as_py())
    except (NotImplementedError, ValueError):  # nested values have no text
        return "a value"


def has_index(schema: pa.Schema) -> bool:
    """Whether pandas wrote an index into columns of the data: numbers of rows, or data without a name."""
    described = json.loads((schema.metadata or {}).get(b"pandas", b"{}"))
    return any(isinstance(level, str) for level in described.get("index_columns", ()))

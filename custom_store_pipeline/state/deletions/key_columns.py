"""The columns of a primary key: any type that pandas may bring, as DuckDB can compare it, and back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from custom_store_pipeline.data.pieces import as_frame, is_arrow, names_of
from custom_store_pipeline.errors import UnusableKeysError
from custom_store_pipeline.state.serialization import UnknownTypeError, from_text, to_text, zone_name

if TYPE_CHECKING:
    import pandas as pd

    from custom_store_pipeline.data.pieces import Piece

# How the values of a key column are kept, chosen so that equal keys are equal in DuckDB and nothing is rounded:
# integer (int64), float, text, bytes, date; timestamp, instant (one with a time zone) and duration (microseconds, and
# nanoseconds beside them, for as nanoseconds alone the year 9999 does not fit into 64 bits);
# and typed: a text that says the value's type, for everything else and for columns of several types. Columns that hold
# nothing but one of these types are called by its name, because they are not compared with columns of another.
TYPED = "typed"
_TYPED_ALONE = ("bool", "decimal", "time", "uuid")
# What a column of an older snapshot becomes when newer values of it are of several types.
AS_TYPED = {
    "integer": "'int:' || CAST({} AS VARCHAR)",
    "text": "'str:' || {}",
    "date": "'date:' || CAST({} AS VARCHAR)",
    **dict.fromkeys(_TYPED_ALONE, "{}"),
}


@dataclass(frozen=True)
class KeyColumn:
    """One column of a key.

    Attributes:
        name: the column's name in the data.
        kind: how its values are kept.
        unit: of timestamps and durations, as pandas has it.
        zone: of timestamps with a time zone.
    """

    name: str
    kind: str
    unit: str = ""
    zone: str = ""


def kept(piece: Piece, name: str, method: str) -> tuple[Any, KeyColumn]:
    """A key column of some rows that a driver's method returned, as an Arrow array, and how it is kept.

    Raises:
        UnusableKeysError: it is missing, holds nulls, or values of no known type.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    names = names_of(piece)
    if name not in names:
        has = ", ".join(map(str, names))
        raise UnusableKeysError(
            f"the primary key '{name}' is not in what {method} returned; the columns are {has}; pull it, or fix "
            "primary_keys"
        )
    if names.count(name) > 1:
        raise UnusableKeysError(
            f"the primary key '{name}' is twice in what {method} returned; give one of the columns another name"
        )
    values = _column(piece, name)
    of_arrow = isinstance(values, pa.Array)
    missing = pc.is_null(values, nan_is_null=True).true_count if of_arrow else values.isna().sum()
    if missing:
        raise UnusableKeysError(
            f"the primary key '{name}' is null in {missing:,} of {len(piece):,} rows, so deletions are not known; "
            f"let {method} leave these rows out, or choose other primary_keys"
        )
    if of_arrow:
        return _normal(values, name, method)
    if values.dtype == object:
        values = _with_times(values)
    if values.dtype == object and not _is_of_one_type(values):
        return _typed(values, name, method)
    try:
        array = pa.array(values, from_pandas=True)
        return _normal(array, name, method)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        return _typed(values, name, method)  # values that Arrow has no common type for, such as integers beyond 64 bits


def _column(piece: Piece, name: str) -> Any:
    """The column as an Arrow array if that is how its values are kept, and else as a Series."""
    import pyarrow as pa

    if not is_arrow(piece):
        return piece[name]
    kind = piece.schema.field(name).type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return piece.column(name) if _normal_type(kind) is not None else as_frame(piece.select([name]))[name]


def _is_of_one_type(values: pd.Series[Any]) -> bool:
    """Whether Arrow has all values as they are."""
    import pandas as pd

    inferred = pd.api.types.infer_dtype(values, skipna=False)
    if inferred == "date":  # to which Arrow would cut datetimes off
        return not any(isinstance(value, dt.datetime) for value in values)
    return inferred in ("string", "integer", "floating", "bytes")


def _with_times(values: pd.Series[Any]) -> pd.Series[Any]:
    """Objects that are all times, or all durations, as pandas' own types; others as they are.

    pyarrow would cut nanoseconds off, and take times without a zone for UTC where others have one.
    """
    import pandas as pd

    inferred = pd.api.types.infer_dtype(values, skipna=False)
    if inferred not in ("datetime", "datetime64", "timedelta", "timedelta64"):
        return values
    converted = values.infer_objects()
    zones = [getattr(value, "tzinfo", None) for value in values]
    if converted.dtype != object or not all(zones):
        return converted
    try:  # several zones, such as a database's offsets in summer and in winter
        return pd.to_datetime(values, utc=True).dt.tz_convert(zones[0])
    except (pd.errors.OutOfBoundsDatetime, OverflowError):
        return values


def _normal(array: Any, name: str, method: str) -> tuple[Any, KeyColumn]:
    """The values as the widest type of their kind; raises pyarrow's own errors where they do not fit."""
    import pyarrow as pa

    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    kind = array.type
    match _normal_type(kind):
        case None:
            return _typed(array.to_pandas(), name, method)
        case "instant" | "timestamp" | "duration" as split:
            return _split(array), KeyColumn(name, split, kind.unit, _zone(kind))
        case normal:
            return array.cast(_cast_to(normal)), KeyColumn(name, normal)


def _normal_type(kind: Any) -> str | None:
    """How values of a type of Arrow are kept; None if as text that says their type."""
    import pyarrow as pa

    of = pa.types
    if of.is_integer(kind) and not of.is_uint64(kind):  # one chunk of which may fit and another not
        return "integer"
    if of.is_timestamp(kind):
        return "instant" if kind.tz else "timestamp"
    found = {
        "float": (of.is_floating,),
        "text": (of.is_string, of.is_large_string, of.is_string_view),
        "bytes": (of.is_binary, of.is_large_binary, of.is_binary_view),
        "date": (of.is_date,),
        "duration": (of.is_duration,),
    }
    return next((name for name, checks in found.items() if any(check(kind) for check in checks)), None)


def _cast_to(normal: str) -> Any:
    import pyarrow as pa

    return {
        "integer": pa.int64(), "float": pa.float64(), "text": pa.large_string(), "bytes": pa.large_binary(),
        "date": pa.date32(),
    }[normal]  # fmt: skip


def _zone(kind: Any) -> str:
    import pandas as pd

    tz = getattr(kind, "tz", None)
    return zone_name(pd.Timestamp(0, tz=tz)) if tz else ""


_WHOLE, _REST = "microseconds", "nanoseconds"


def _split(array: Any) -> Any:
    """Timestamps or durations of any unit, as microseconds and the nanoseconds that remain; equal ones are equal."""
    import numpy as np
    import pyarrow as pa

    if array.type.unit != "ns":
        whole = array.cast(pa.duration("us") if pa.types.is_duration(array.type) else pa.timestamp("us", array.type.tz))
        parts = [whole.cast(pa.int64()), pa.array(np.zeros(len(array), "int64"))]
    else:
        ticks = array.cast(pa.int64()).to_numpy()
        rest = np.fmod(ticks, 1000)  # towards zero, so that the whole never exceeds what it is a part of
        parts = [pa.array((ticks - rest) // 1000), pa.array(rest)]
    return pa.StructArray.from_arrays(parts, names=[_WHOLE, _REST])


def _typed(values: pd.Series[Any], name: str, method: str) -> tuple[Any, KeyColumn]:
    import pyarrow as pa

    try:
        texts = [to_text(value) for value in values]
    except UnknownTypeError as error:
        raise UnusableKeysError(
            f"the primary key '{name}' holds values of the type {error}, which cannot be compared between runs; "
            f"let {method} turn them into strings or numbers"
        ) from None
    types = {text.partition(":")[0] for text in texts}
    kind = types.pop() if len(types) == 1 and types <= {*_TYPED_ALONE} else TYPED
    return pa.array(texts, pa.large_string()), KeyColumn(name, kind)


def restored(array: Any, column: KeyColumn) -> Any:
    """The values as they were pulled: a pandas Series of their type, unit and time zone."""
    import pandas as pd

    if column.kind in (TYPED, *_TYPED_ALONE):
        values = [from_text(text) for text in array.to_pylist()]
        # Several types stay as they are: pandas would turn integers beside floats into floats.
        return pd.Series(values, dtype=object if len(set(map(type, values))) > 1 else None)
    if column.kind not in ("timestamp", "instant", "duration"):
        return array.to_pandas()
    return _joined(array, column)


def _joined(array: Any, column: KeyColumn) -> Any:
    """What was split, in the column's unit, or in a finer one that all of them fit into."""
    import pandas as pd

    out_of_range = (pd.errors.OutOfBoundsDatetime, pd.errors.OutOfBoundsTimedelta)
    whole, rest = (field.to_numpy() for field in array.combine_chunks().flatten())
    times: Any = pd.Series(whole.view("timedelta64[us]" if column.kind == "duration" else "datetime64[us]"))
    if column.kind == "instant":
        times = times.dt.tz_localize("UTC").dt.tz_convert(column.zone)
    try:
        exact = times.dt.as_unit("ns") + pd.Series(rest.view("timedelta64[ns]")) if rest.any() else times
    except out_of_range:  # no unit has both the nanoseconds of some and the years of others
        parts = zip(times, rest.tolist(), strict=True)
        return pd.Series([time + pd.Timedelta(more, unit="ns") if more else time for time, more in parts], dtype=object)
    try:
        in_unit = exact.dt.as_unit(column.unit)
    except out_of_range:
        return exact
    return in_unit if (in_unit == exact).all() else exact


def integers_in(path: str, array: Any) -> Iterator[str]:
    """The paths of an array's integer columns in a Parquet file."""
    import pyarrow as pa

    if pa.types.is_int64(array.type):
        yield path
    elif pa.types.is_struct(array.type):
        yield from (f"{path}.{part}" for part in (_WHOLE, _REST))

"""pandas as Arrow: columns of Python objects get a type where one holds all their values, and are refused elsewhere."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from custom_store_pipeline.errors import UnusableDataError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_MIN, _MAX = -(2**63), 2**63 - 1
# What pyarrow raises for values that it has no type for.
_REFUSED = (TypeError, ValueError, OverflowError, NotImplementedError)


def frame_to_batch(frame: pd.DataFrame) -> pa.RecordBatch:
    """A DataFrame as a record batch; missing values (also NaN, which pandas takes for one) are nulls.

    What becomes of Python objects: ``Decimal``, ``date``, ``datetime`` (with several time zones: the same instants in
    UTC), ``time``, ``timedelta``, ``bytes``, strings, numbers, booleans and lists of these get Arrow's type for them.
    A ``UUID`` becomes text. Dicts, and lists with dicts in them, become JSON text, because the keys of one piece need
    not be those of the next; who wants a struct gives Arrow. Categories become their values, periods and
    intervals text, integers beyond 64 bits decimals.

    Raises:
        UnusableDataError: a column holds values that no type of Arrow holds, or values of several types.
    """
    import pyarrow as pa

    columns = [_column(name, frame.iloc[:, place]) for place, name in enumerate(frame.columns)]
    return pa.RecordBatch.from_arrays(columns, names=[str(name) for name in frame.columns])


def _column(name: Any, values: pd.Series) -> pa.Array:
    import pyarrow as pa

    try:
        values = _of_plain_type(values)
        found = pa.array(_of_one_type(values) if values.dtype == object else values, from_pandas=True)
        return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found
    except _REFUSED as error:
        reason = " ".join(str(error).split())[:200]
        raise UnusableDataError(
            f"returned the column '{name}' ({values.dtype}) with values that Arrow has no type for: {reason}; "
            "make them all of one type, such as text"
        ) from None


def _of_plain_type(values: pd.Series) -> pd.Series:
    """Values of those types of pandas that only pandas has, as others."""
    import pandas as pd

    match values.dtype:
        case pd.SparseDtype() as sparse:
            return values.astype(sparse.subtype)
        case pd.CategoricalDtype() as categories:
            return values.astype(categories.categories.dtype)
        case pd.PeriodDtype() | pd.IntervalDtype():
            return values.astype(str).where(values.notna())
    return values


def _of_one_type(values: pd.Series) -> Any:
    """Objects as what pyarrow infers the right type from; a TypeError if they are of several types."""
    import pandas as pd

    inferred = pd.api.types.infer_dtype(values)
    if inferred in ("string", "floating", "mixed-integer-float", "boolean", "empty"):
        return values
    if inferred == "integer" and all(_MIN <= value <= _MAX for value in values.dropna()):
        return values
    objects = [None if _is_missing(value) else value for value in values]
    kinds = {_kind(value) for value in objects if value is not None}
    if kinds in ({"datetime"}, {"timedelta"}):
        return values.infer_objects()  # pyarrow would cut nanoseconds off
    if kinds == {"datetime with a time zone"}:
        return pd.Series(pd.to_datetime(values, utc=True))
    if kinds <= {"dict", "list"} and ("dict" in kinds or any(map(_has_dicts, objects))):
        return _each(objects, _json)
    if kinds == {"integer"}:  # beyond 64 bits
        return _each(objects, Decimal)
    if kinds <= {"integer", "decimal"} or len(kinds) <= 1:
        return _each(objects, _CONVERTED.get(next(iter(kinds), "")))
    raise TypeError(f"{' and '.join(sorted(kinds))} in one column")


def _each(objects: list[Any], convert: Callable[[Any], Any] | None) -> list[Any]:
    return objects if convert is None else [None if value is None else convert(value) for value in objects]


def _is_missing(value: Any) -> bool:
    import pandas as pd

    return value is None or (pd.api.types.is_scalar(value) and bool(pd.isna(value)))


_KINDS: tuple[tuple[str, tuple[type, ...]], ...] = (
    ("boolean", (bool,)),
    ("integer", (int,)),
    ("float", (float,)),
    ("decimal", (Decimal,)),
    ("text", (str,)),
    ("bytes", (bytes, bytearray, memoryview)),
    ("datetime", (dt.datetime,)),
    ("date", (dt.date,)),
    ("time", (dt.time,)),
    ("timedelta", (dt.timedelta,)),
    ("uuid", (uuid.UUID,)),
    ("dict", (dict,)),
    ("list", (list, tuple)),
)


def _kind(value: Any) -> str:
    if hasattr(value, "dtype"):  # of numpy, whose times with nanoseconds would become integers
        if value.dtype.kind in "mM":
            return "datetime" if value.dtype.kind == "M" else "timedelta"
        value = value.tolist()
    found = next((kind for kind, types in _KINDS if isinstance(value, types)), type(value).__name__)
    return f"{found} with a time zone" if getattr(value, "tzinfo", None) else found


def _has_dicts(value: Any) -> bool:
    if isinstance(value, dict):
        return True
    return isinstance(value, list | tuple) and any(map(_has_dicts, value))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, default=_in_json)


def _in_json(value: Any) -> Any:
    if hasattr(value, "dtype"):
        return value.tolist()
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, Decimal | uuid.UUID):
        return str(value)
    raise TypeError(f"a {type(value).__name__} in a dict, which JSON does not have")


def _finite(value: Decimal | int) -> Decimal | int:
    if isinstance(value, Decimal) and not value.is_finite():
        raise ValueError(f"{value!r}")
    return value


# What a kind of objects becomes before pyarrow infers its type.
_CONVERTED: dict[str, Callable[[Any], Any]] = {
    "bytes": bytes,
    "decimal": _finite,
    "uuid": str,
    "time with a time zone": dt.time.isoformat,  # Arrow's times have none
}

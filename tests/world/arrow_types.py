"""Arrow's types, each with values that are easily lost, and whether values are still what they were."""

from __future__ import annotations

import datetime as dt
import numbers
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

NAN = float("nan")
BIG = 2**53 + 1
NOON = dt.datetime(2024, 7, 1, 12, 30, 15)
TEXTS = ["ü\0", None, ""]
BYTES = [b"\0\xff", None, b""]
NESTED = [[1, None, BIG], None, []]


def _integers(kind: pa.DataType) -> pa.Array:
    signed = pa.types.is_signed_integer(kind)
    least, most = (-(2 ** (kind.bit_width - 1)) if signed else 0), 2 ** (kind.bit_width - signed) - 1
    return pa.array([least, None, most], kind)


def _extension(kind: pa.DataType, values: list[Any]) -> pa.Array:
    return pa.ExtensionArray.from_storage(kind, pa.array(values, kind.storage_type))


def _union(make: Callable[..., pa.Array], *more: pa.Array) -> pa.Array:
    return make(pa.array([0, 1], pa.int8()), *more, [pa.array([BIG, 0]), pa.array(["x", "y"])])


# By the words of the table; those in brackets say what is special about the values.
ARROW_TYPES: dict[str, pa.Array] = {
    "null": pa.nulls(2),
    "bool": pa.array([True, None, False]),
    **{
        str(kind): _integers(kind)
        for kind in (
            pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64(),
        )
    },
    "float16": pa.array([1.5, None], pa.float32()).cast(pa.float16()),
    "float32": pa.array([0.1, None], pa.float32()),
    "float64": pa.array([0.1, None, float("inf")]),
    "float64 (NaN, no null)": pa.array([0.1, NAN]),
    "float64 (NaN and null)": pa.array([0.1, NAN, None]),
    "decimal32(9, 2)": pa.array([Decimal("1.50"), None], pa.decimal32(9, 2)),
    "decimal64(18, 2)": pa.array([Decimal("1.50"), None], pa.decimal64(18, 2)),
    "decimal128(38, 9)": pa.array([Decimal("12345678901234567890.123456789"), None], pa.decimal128(38, 9)),
    "decimal256(76, 9)": pa.array([Decimal("1e60"), None], pa.decimal256(76, 9)),
    "string": pa.array(TEXTS),
    "large_string": pa.array(TEXTS, pa.large_string()),
    "string_view": pa.array(TEXTS, pa.string_view()),
    "binary": pa.array(BYTES),
    "large_binary": pa.array(BYTES, pa.large_binary()),
    "binary_view": pa.array(BYTES, pa.binary_view()),
    "fixed_size_binary[2]": pa.array([b"\0\xff", None], pa.binary(2)),
    "date32": pa.array([dt.date(1, 1, 1), None, dt.date(9999, 12, 31)]),
    "date32 (before the year 1)": pa.array([-(10**6), None], pa.int32()).cast(pa.date32()),
    "date64": pa.array([dt.date(1, 1, 1), None, dt.date(9999, 12, 31)], pa.date64()),
    "time32[s]": pa.array([dt.time(23, 59, 59), None], pa.time32("s")),
    "time32[ms]": pa.array([dt.time(23, 59, 59, 999000), None], pa.time32("ms")),
    "time64[us]": pa.array([dt.time(23, 59, 59, 999999), None]),
    "time64[ns]": pa.array([dt.time(23, 59, 59, 999999), None], pa.time64("ns")),
    "time64[ns] (nanoseconds)": pa.array([1, None], pa.time64("ns")),
    "timestamp[s]": pa.array([NOON, None], pa.timestamp("s")),
    "timestamp[ms]": pa.array([dt.datetime(1, 1, 1), None], pa.timestamp("ms")),
    "timestamp[us]": pa.array([dt.datetime(9999, 12, 31), None], pa.timestamp("us")),
    "timestamp[ns]": pa.array([1, None], pa.timestamp("ns")),
    "timestamp[us, tz=UTC]": pa.array([NOON, None], pa.timestamp("us", "UTC")),
    "timestamp[us, tz=Europe/Berlin]": pa.array([NOON, None], pa.timestamp("us", "Europe/Berlin")),
    "timestamp[us, tz=+02:00]": pa.array([NOON, None], pa.timestamp("us", "+02:00")),
    "duration[s]": pa.array([90, None], pa.duration("s")),
    "duration[ms]": pa.array([90, None], pa.duration("ms")),
    "duration[us]": pa.array([90, None], pa.duration("us")),
    "duration[ns]": pa.array([1, None], pa.duration("ns")),
    "month_day_nano_interval": pa.array([pa.MonthDayNano([1, 2, 3]), None]),
    "list": pa.array(NESTED),
    "large_list": pa.array(NESTED, pa.large_list(pa.int64())),
    "fixed_size_list": pa.array([[BIG, None], None], pa.list_(pa.int64(), 2)),
    "list_view": pa.array(NESTED, pa.list_view(pa.int64())),
    "large_list_view": pa.array(NESTED, pa.large_list_view(pa.int64())),
    "list (of floats with NaN and null)": pa.array([[0.1, NAN, None], None]),
    "struct": pa.array([{"a": BIG, "b": Decimal("1.50")}, {"a": None, "b": None}, None]),
    "map": pa.array([[("a", BIG), ("b", None)], None], pa.map_(pa.string(), pa.int64())),
    "dictionary (of strings)": pa.array(["a", None, "a"]).dictionary_encode(),
    "dictionary (of integers)": pa.array([BIG, None]).dictionary_encode(),
    "run_end_encoded": pa.RunEndEncodedArray.from_arrays([2, 3], [BIG, None]),
    "sparse_union": _union(pa.UnionArray.from_sparse),
    "dense_union": _union(pa.UnionArray.from_dense, pa.array([0, 1], pa.int32())),
    "uuid (extension)": _extension(pa.uuid(), [uuid.UUID(int=1).bytes, None]),
    "json (extension)": _extension(pa.json_(pa.string()), ['{"a": 1}', None]),
    "bool8 (extension)": _extension(pa.bool8(), [1, None, 0]),
    "opaque (extension)": _extension(pa.opaque(pa.int64(), "serial", "a store"), [BIG, None]),
    "fixed_shape_tensor (extension)": _extension(pa.fixed_shape_tensor(pa.int32(), [2]), [[1, 2], [3, 4]]),
}  # fmt: skip


def values_of(array: pa.Array | pa.ChunkedArray) -> list[Any]:
    """The values as Python's, or as texts where Python has no such values."""
    try:
        return array.to_pylist()
    except (ValueError, OverflowError):
        return array.cast(pa.string()).to_pylist()


def are_same(arrived: list[Any], sent: list[Any]) -> bool:
    """Whether all values are what they were; pandas' several kinds of null are one, but NaN beside a null is not."""
    has_nan = any(map(_is_nan, sent))
    return len(arrived) == len(sent) and all(
        _is_null(one, nan_is_null=not has_nan) if other is None else _is_same(one, other)
        for one, other in zip(arrived, sent, strict=True)
    )


def _is_same(one: Any, other: Any) -> bool:
    if isinstance(other, list | tuple):
        return isinstance(one, list | tuple) and len(one) == len(other) and all(map(_is_same, one, other))
    if isinstance(other, memoryview):  # of psycopg2, whose elements are characters
        return isinstance(one, bytes | memoryview) and bytes(one) == bytes(other)
    if isinstance(other, dict):
        return (
            isinstance(one, dict)
            and one.keys() == other.keys()
            and all(_is_same(one[key], other[key]) for key in other)
        )
    if _is_nan(other) or other is None:
        return _is_nan(one) if _is_nan(other) else one is None
    return _kind(one) == _kind(other) and bool(one == other)


def _kind(value: Any) -> type:
    kinds = (bool | np.bool, numbers.Integral, numbers.Real, str, bytes, dt.datetime, dt.date, dt.timedelta)
    return next((kind for kind in kinds if isinstance(value, kind)), type(value))


def _is_nan(value: Any) -> bool:
    return isinstance(value, float | np.floating) and bool(np.isnan(value))


def _is_null(value: Any, *, nan_is_null: bool) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (nan_is_null and _is_nan(value))

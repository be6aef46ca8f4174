"""One type for a column that comes in pieces of several types, in which every value is what it was.

pandas' own common types are not exact: of ``int64`` and ``float64``, and of ``uint64`` and ``int64``, it makes floats,
which hold not every integer beyond 2**53; of booleans and integers it makes integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

LARGEST_EXACT = 2**53  # floats hold each integer up to here
_OBJECTS = np.dtype(object)
_UNITS = ("ns", "us", "ms", "s")


def with_common_type(pieces: Sequence[pd.Series]) -> list[pd.Series]:
    """The pieces of one column, all of one type, with every value as it was.

    Pieces without a value take the type of the others. What the others become:

    - Integers: the smallest integers that hold all types; of ``uint64`` and signed ones, ``int64`` or else ``uint64``,
      whichever holds all values, or else objects.
    - Integers and floats: floats if no integer is beyond 2**53, or else integers if all floats are whole, or else
      objects.
    - Times of one zone (or of none), and durations: the finest unit that holds all values, or else objects.
    - Categories of several kinds: what their values become.
    - Anything else of several kinds, such as booleans and numbers: objects.

    Integers and booleans with gaps get pandas' nullable types.
    """
    pieces = [_as_values(piece) for piece in pieces]
    filled = [piece for piece in pieces if not piece.isna().all()]
    if not filled:
        return pieces
    dtype = _common_type(filled, gaps=len(filled) < len(pieces))
    return [_converted(piece, dtype) for piece in pieces]


def integer_type(least: int, greatest: int, *, nullable: bool) -> Any:
    """The type of integers between two: ``int64``, or else ``uint64``, or else objects."""
    if least >= -(2**63) and greatest < 2**63:
        return pd.Int64Dtype() if nullable else np.dtype("int64")
    if least >= 0 and greatest < 2**64:
        return pd.UInt64Dtype() if nullable else np.dtype("uint64")
    return _OBJECTS


def _as_values(piece: pd.Series) -> pd.Series:
    """Without what only says how values are stored: categories, sparse arrays, Arrow's times."""
    dtype: Any = piece.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        values: Any = dtype.categories.dtype
        if values.kind in "iub" and isinstance(values, np.dtype):
            values = _nullable(values)
        return pd.Series(
            pd.array(dtype.categories, values).take(piece.cat.codes.to_numpy(), allow_fill=True), piece.index
        )
    if isinstance(dtype, pd.SparseDtype):
        dense: Any = piece.array
        return pd.Series(dense.to_dense(), piece.index)
    if isinstance(dtype, pd.ArrowDtype) and dtype.kind in "mM":
        stored = dtype.pyarrow_dtype
        if pa.types.is_timestamp(stored) or pa.types.is_duration(stored):
            return piece.astype(_time_type(dtype.kind, stored.unit, getattr(stored, "tz", None)))
        return piece.astype(object)  # dates
    return piece


def _converted(piece: pd.Series, dtype: Any) -> pd.Series:
    if piece.isna().all():
        return pd.Series([None] * len(piece), index=piece.index, dtype=dtype)
    if dtype != _OBJECTS or piece.dtype == _OBJECTS:
        return piece.astype(dtype)
    return piece.astype(object).where(piece.notna(), None)


def _common_type(filled: Sequence[pd.Series], *, gaps: bool) -> Any:
    kinds = {"f" if piece.dtype.kind in "iuf" else piece.dtype.kind for piece in filled}
    dtypes = {piece.dtype for piece in filled}
    nullable = gaps or any(map(_is_extension, filled))
    if kinds == {"f"}:
        return _numbers(filled, nullable=nullable)
    if kinds == {"b"}:
        return pd.BooleanDtype() if nullable else np.dtype(bool)
    if len(dtypes) == 1:
        return dtypes.pop()
    if kinds in ({"M"}, {"m"}):
        return _times(filled)
    if all(pd.api.types.is_string_dtype(dtype) and dtype != _OBJECTS for dtype in dtypes):
        return pd.StringDtype(na_value=np.nan)
    return _OBJECTS


def _is_extension(piece: pd.Series) -> bool:
    return not isinstance(piece.dtype, np.dtype)


def _numbers(filled: Sequence[pd.Series], *, nullable: bool) -> Any:
    integers = [piece for piece in filled if piece.dtype.kind in "iu"]
    floats = [piece for piece in filled if piece.dtype.kind == "f"]
    if not integers:
        return _floats(floats)
    least, greatest = _range(integers)
    if not floats:
        dtype = np.result_type(*map(_numpy_type, integers))
        if dtype.kind == "f":  # numpy's answer to uint64 beside a signed type
            return integer_type(least, greatest, nullable=nullable)
        return _nullable(dtype) if nullable else dtype
    if max(-least, greatest) <= LARGEST_EXACT:
        return pd.Float64Dtype() if any(map(_is_extension, filled)) else np.dtype("float64")
    if all(map(_is_whole, floats)):
        lowest, highest = _range(floats)
        return integer_type(min(least, lowest), max(greatest, highest), nullable=True)
    return _OBJECTS


def _nullable(dtype: np.dtype[Any]) -> Any:
    if dtype.kind == "b":
        return pd.BooleanDtype()
    return pd.api.types.pandas_dtype(f"{'UInt' if dtype.kind == 'u' else 'Int'}{8 * dtype.itemsize}")


def _floats(floats: Sequence[pd.Series]) -> Any:
    widest = np.result_type(*map(_numpy_type, floats))
    if not any(map(_is_extension, floats)):
        return widest
    return pd.Float64Dtype() if widest.itemsize == 8 else pd.Float32Dtype()


def _numpy_type(piece: pd.Series) -> np.dtype[Any]:
    dtype: Any = piece.dtype
    found: np.dtype[Any] = getattr(dtype, "numpy_dtype", dtype)
    return found


def _range(pieces: Sequence[pd.Series]) -> tuple[int, int]:
    return min(int(piece.min()) for piece in pieces), max(int(piece.max()) for piece in pieces)


def _is_whole(floats: pd.Series) -> bool:
    values = floats.to_numpy(dtype="float64", na_value=np.nan)
    values = values[~np.isnan(values)]
    return bool((np.isfinite(values) & (values == np.trunc(values))).all())


def _time_type(kind: str, unit: Any, zone: Any) -> Any:
    return pd.DatetimeTZDtype(unit, zone) if zone else np.dtype(f"{kind}8[{unit}]")


def _times(filled: Sequence[pd.Series]) -> Any:
    zones = {str(zone): zone for zone in (getattr(piece.dtype, "tz", None) for piece in filled)}
    if len(zones) > 1:
        return _OBJECTS
    (zone,) = zones.values()
    finest = min(_UNITS.index(piece.dt.unit) for piece in filled)
    for unit in _UNITS[finest:]:
        if all(_fit_into(piece, unit) for piece in filled):
            return _time_type(filled[0].dtype.kind, unit, zone)
    return _OBJECTS


def _fit_into(times: pd.Series, unit: str) -> bool:
    try:
        changed: Any = times.dt.as_unit(unit)
    except (pd.errors.OutOfBoundsDatetime, pd.errors.OutOfBoundsTimedelta):
        return False
    return bool((changed == times)[times.notna()].all())

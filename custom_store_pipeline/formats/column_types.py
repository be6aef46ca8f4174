"""Which type a column gets, so that every value arrives as it was: text read as numbers must come back from them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

_LARGEST_EXACT = 2**53  # floats hold each integer up to here
_SAFE_DIGITS = 15  # and each decimal of so few digits
_MAYBE_A_NUMBER = re.compile(r"[-+.\d]|inf")
_USUAL_TRUTHS = (("True", "False"), ("true", "false"), ("TRUE", "FALSE"))
_NULLABLE = {
    pa.int64(): pd.Int64Dtype(),
    pa.float64(): pd.Float64Dtype(),
    pa.bool_(): pd.BooleanDtype(),
    pa.large_string(): pd.StringDtype(),
}


def from_text(column: pd.Series, options: Mapping[str, Any]) -> pd.Series:
    """A column of texts as integers, floats or booleans if each text comes back from its value, or else as it is.

    Texts come back if they are written as Python writes the value, or all with the same number of decimals (``9.90``).
    So ``01234``, ``+49``, ``1E5`` and integers beyond 64 bits keep a column text.

    Args:
        column: texts and nulls.
        options: ``decimal``, ``thousands``, ``true_values``, ``false_values`` and ``dtype_backend`` of ``read_csv``.
    """
    texts = pa.array(column, type=pa.large_string(), from_pandas=True)
    backend = options.get("dtype_backend")
    found = None if texts.null_count == len(texts) else _values(texts, options)
    if found is None and backend is None:
        return column
    return _as_series(texts if found is None else found, backend).set_axis(column.index)


def _values(texts: Any, options: Mapping[str, Any]) -> Any:
    """The values that the texts come back from, or None; the first text settles it for most columns."""
    first = texts[pc.index(pc.is_valid(texts), True).as_py()].as_py()
    found = _booleans(texts, first, options)
    if found is not None or not (_MAYBE_A_NUMBER.match(first) or options.get("decimal") not in (None, ".")):
        return found
    numbers = _with_plain_points(texts, options)
    if numbers is None:
        return None
    found = _integers(numbers)
    return _floats(numbers) if found is None else found


def _as_series(values: Any, backend: str | None) -> pd.Series:
    if backend == "pyarrow":
        return pd.Series(values.to_pandas(types_mapper=pd.ArrowDtype))
    if backend == "numpy_nullable" or (values.null_count and not pa.types.is_floating(values.type)):
        return pd.Series(values.to_pandas(types_mapper=_NULLABLE.get))
    return pd.Series(values.to_pandas())


def _booleans(texts: Any, first: str, options: Mapping[str, Any]) -> Any:
    own = (options.get("true_values") or (), options.get("false_values") or ())
    for true, false in (*(((true,), (false,)) for true, false in _USUAL_TRUTHS), own):
        if first not in (*true, *false):
            continue
        known = pa.array([*true, *false], pa.large_string())
        if pc.all(pc.or_kleene(pc.is_in(texts, known), pc.is_null(texts))).as_py():
            truths = pc.is_in(texts, pa.array(list(true), pa.large_string()))
            return pc.if_else(pc.is_null(texts), pa.scalar(None, pa.bool_()), truths)
    return None


def _with_plain_points(texts: Any, options: Mapping[str, Any]) -> Any:
    """Numbers as the mapping says they are written, as Python writes them; None if they cannot be such."""
    decimal, thousands = options.get("decimal") or ".", options.get("thousands")
    if thousands:
        texts = pc.replace_substring(texts, thousands, "")
    if decimal != ".":
        if pc.any(pc.match_substring(texts, ".")).as_py():
            return None
        texts = pc.replace_substring(texts, decimal, ".")
    return texts


def _integers(texts: Any) -> Any:
    try:
        values = pc.cast(texts, pa.int64())
    except pa.ArrowInvalid:
        return None
    return values if _all_equal(pc.cast(values, pa.large_string()), texts) else None


def _floats(texts: Any) -> Any:
    try:
        values = pc.cast(texts, pa.float64())
    except pa.ArrowInvalid:
        return None
    if pc.any(pc.is_nan(values)).as_py():
        return None  # the text "nan"
    if _short_decimals(texts):
        return values
    written = _without_point_zero(pc.cast(values, pa.large_string()))
    if _all_equal(written, _without_point_zero(texts)):
        return values
    if _same_decimals(texts) and _all_equal(written, _without_zeros(texts)):
        return values
    other = texts.filter(pc.not_equal(written, _without_point_zero(texts)))  # few: Arrow writes 1e-07 as 0.0000001
    return values if all(repr(float(text)) == text for text in other.to_pylist()) else None


def _short_decimals(texts: Any) -> bool:
    """Whether all are written as Python writes them, with so few digits (15) that a float holds them; the fast way."""
    if pc.max(pc.binary_length(texts)).as_py() > _SAFE_DIGITS:
        return False
    plain = r"^-?(0|[1-9]\d*)" + (r"(\.\d+)$" if _same_decimals(texts) else r"(\.\d*[1-9]|\.0)?$")
    return bool(pc.all(pc.match_substring_regex(texts, plain)).as_py())


def _without_point_zero(texts: Any) -> Any:
    """``1.0`` is how Python, and ``1`` how Arrow writes the same float."""
    return pc.replace_substring_regex(texts, r"\.0$", "")


def _same_decimals(texts: Any) -> bool:
    decimals = pc.min_max(pc.subtract(pc.utf8_length(texts), pc.find_substring(texts, ".")))
    return bool(decimals["min"] == decimals["max"]) and bool(pc.all(pc.match_substring(texts, ".")).as_py())


def _without_zeros(texts: Any) -> Any:
    return pc.replace_substring_regex(texts, r"\.?0*$", "")


def _all_equal(left: Any, right: Any) -> bool:
    return bool(pc.all(pc.equal(left, right)).as_py())  # nulls are left out


def from_records(rows: list[Mapping[str, Any]], nullable: bool = False) -> pd.DataFrame:
    """Rows as a table in which each value is what it was.

    Args:
        rows: dicts; a key that a row lacks is a null there.
        nullable: whether integers and booleans get the types that may have gaps even where there are none, so that
            all chunks of a file have the same types.
    """
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: from_values([row.get(name) for row in rows], nullable) for name in names}
    return pd.DataFrame(columns, index=pd.RangeIndex(len(rows)), columns=list(names))


def from_values(values: list[Any], nullable: bool = False) -> pd.Series:
    """Python values as a column in which each is what it was; objects where no type of pandas holds them all."""
    kinds = set(map(type, values))
    gaps = type(None) in kinds
    kinds.discard(type(None))
    if kinds == {int} and all(-(2**63) <= value < 2**63 for value in values if value is not None):
        return pd.Series(values, dtype="Int64" if gaps or nullable else "int64")
    if kinds == {bool}:
        return pd.Series(values, dtype="boolean" if gaps or nullable else "bool")
    if float in kinds and kinds <= {int, float} and _fit_into_floats(values):
        return pd.Series(values, dtype="float64")
    if kinds == {str}:
        return pd.Series(values, dtype="str")
    return pd.Series(values, dtype="object")


def _fit_into_floats(values: Iterable[Any]) -> bool:
    return all(abs(value) <= _LARGEST_EXACT for value in values if isinstance(value, int))

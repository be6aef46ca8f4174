"""Which type a column gets, so that every value arrives as it was: text read as numbers must come back from them."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from custom_store_pipeline.errors import UnusableDataError

_LARGEST_EXACT = 2**53  # floats hold each integer up to here
TEXT = pd.ArrowDtype(pa.large_string())  # what pandas reads texts into fastest
_STR = pd.StringDtype(na_value=float("nan"))
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

    A text comes back if Python, R or JavaScript write the value so. So ``01234``, ``+49``, ``1E5``, ``1.10`` and
    integers beyond 64 bits keep a column text.

    Args:
        column: texts and nulls.
        options: ``decimal``, ``thousands``, ``true_values``, ``false_values`` and ``dtype_backend`` of ``read_csv``.
    """
    texts = pa.array(column, type=pa.large_string(), from_pandas=True)
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.combine_chunks()
    found = None if texts.null_count == len(texts) else _values(texts, options)
    return _as_series(texts if found is None else found, options.get("dtype_backend")).set_axis(column.index)


def only_text(column: pd.Series, options: Mapping[str, Any]) -> pd.Series:
    """A column of texts as such, in the type that :func:`from_text` gives to texts."""
    texts = pa.array(column, type=pa.large_string(), from_pandas=True)
    return _as_series(texts, options.get("dtype_backend")).set_axis(column.index)


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
    if backend is None and pa.types.is_large_string(values.type):
        return pd.Series(values.to_pandas(types_mapper={pa.large_string(): _STR}.get))
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
    return values if pc.all(pc.equal(pc.cast(values, pa.large_string()), texts)).as_py() else None


def _floats(texts: Any) -> Any:
    try:
        values = pc.cast(texts, pa.float64())
    except pa.ArrowInvalid:
        return None
    written = pc.cast(values, pa.large_string())
    short = pc.equal(written, texts)
    if pc.any(pc.is_nan(values)).as_py():
        return None
    if pc.all(short).as_py():
        return values
    with_a_zero = pc.equal(pc.binary_join_element_wise(written, *_large(".0", "")), texts)
    # What is written as "1.0" beside "1" would come back from neither way of writing.
    if pc.any(with_a_zero).as_py() and pc.any(pc.match_substring_regex(texts.filter(short), r"^-?\d+$")).as_py():
        return None
    others = texts.filter(pc.invert(pc.or_(short, with_a_zero)))
    return values if all(repr(float(text)) == text for text in others.drop_null().to_pylist()) else None


def _large(*texts: str) -> list[Any]:
    return [pa.scalar(text, pa.large_string()) for text in texts]


def round_trips(text: str) -> bool:
    """Whether a text alone in its column would become a value."""
    return _values(pa.array([text], pa.large_string()), {}) is not None


def from_records(rows: list[Mapping[str, Any]], *, nullable: bool = False) -> pd.DataFrame:
    """Rows as a table in which each value is what it was.

    Args:
        rows: dicts; a key that a row lacks is a null there.
        nullable: whether integers and booleans get the types that may have gaps even where there are none, so that
            all chunks of a file have the same types.

    Raises:
        UnusableDataError: a string is not Unicode; names the column.
    """
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: from_values(name, [row.get(name) for row in rows], nullable=nullable) for name in names}
    return pd.DataFrame(columns, index=pd.RangeIndex(len(rows)), columns=list(names))


def from_values(name: Any, values: list[Any], *, nullable: bool = False) -> pd.Series:
    """Python values as a column in which each is what it was; objects where no type of pandas holds them all."""
    kinds = set(map(type, values))
    gaps = nullable or type(None) in kinds
    kinds.discard(type(None))
    if kinds == {int}:
        return _integers_of(values, gaps=gaps, nullable=nullable)
    if kinds == {bool}:
        return pd.Series(values, dtype="boolean" if gaps else "bool")
    if float in kinds and kinds <= {int, float} and _fit_into_floats(values):
        return pd.Series(values, dtype="float64")
    if kinds == {str}:
        with contextlib.suppress(UnicodeEncodeError):
            return pd.Series(values, dtype="str")
        raise UnusableDataError(not_unicode(name, values))
    return pd.Series(values, dtype="object")


def _integers_of(values: list[Any], *, gaps: bool, nullable: bool) -> pd.Series:
    known = [value for value in values if value is not None]
    low, high = min(known), max(known)
    if low >= -(2**63) and high < 2**63:
        return pd.Series(values, dtype="Int64" if gaps else "int64")
    if low >= 0 and high < 2**64 and not nullable:  # in another chunk there may be negative ones
        return pd.Series(values, dtype="UInt64" if gaps else "uint64")
    return pd.Series(values, dtype="object")


def _fit_into_floats(values: Iterable[Any]) -> bool:
    return all(abs(value) <= _LARGEST_EXACT for value in values if isinstance(value, int))


def not_unicode(name: Any, values: Iterable[Any]) -> str:
    """What to say of a column with a string that has half of a surrogate pair."""
    found = next((value for value in values if isinstance(value, str) and not is_unicode(value)), "")
    return (
        f"returned a string that is not valid Unicode in the column '{ascii(name)[1:-1]}': {ascii(found)[:80]} "
        "has half of a surrogate pair; correct it in the driver"
    )


def is_unicode(text: str) -> bool:
    """Whether a string has no half of a surrogate pair, which no store accepts."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True

"""Which type a column gets, so that every value arrives as it was: text read as numbers must come back from them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd
import pyarrow as pa

from custom_store_pipeline.data.common_types import LARGEST_EXACT
from custom_store_pipeline.data.formats.typed_text import typed
from custom_store_pipeline.errors import UnusableDataError

TEXT = pd.ArrowDtype(pa.large_string())  # what pandas reads texts into fastest
_STR = pd.StringDtype(na_value=float("nan"))
_NULLABLE = {
    pa.int64(): pd.Int64Dtype(),
    pa.float64(): pd.Float64Dtype(),
    pa.bool_(): pd.BooleanDtype(),
    pa.large_string(): pd.StringDtype(),
}


def from_text(column: pd.Series, options: Mapping[str, Any]) -> pd.Series:
    """A column of texts as :func:`~custom_store_pipeline.data.formats.typed_text.typed` types them.

    Args:
        column: texts and nulls.
        options: ``decimal``, ``thousands``, ``true_values``, ``false_values`` and ``dtype_backend`` of ``read_csv``.
    """
    return _as_series(typed(_texts(column), options), options.get("dtype_backend")).set_axis(column.index)


def only_text(column: pd.Series, options: Mapping[str, Any]) -> pd.Series:
    """A column of texts as such, in the type that :func:`from_text` gives to texts."""
    return _as_series(_texts(column), options.get("dtype_backend")).set_axis(column.index)


def _texts(column: pd.Series) -> pa.LargeStringArray:
    texts = pa.array(column, type=pa.large_string(), from_pandas=True)
    return texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts


def _as_series(values: Any, backend: str | None) -> pd.Series:
    if backend == "pyarrow":
        return pd.Series(values.to_pandas(types_mapper=pd.ArrowDtype))
    if backend is None and pa.types.is_large_string(values.type):
        return pd.Series(values.to_pandas(types_mapper={pa.large_string(): _STR}.get))
    if backend == "numpy_nullable" or (values.null_count and not pa.types.is_floating(values.type)):
        return pd.Series(values.to_pandas(types_mapper=_NULLABLE.get))
    return pd.Series(values.to_pandas())


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
    return all(abs(value) <= LARGEST_EXACT for value in values if isinstance(value, int))


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

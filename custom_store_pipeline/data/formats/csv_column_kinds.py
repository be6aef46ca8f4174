"""What a column is across the chunks of a csv."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from custom_store_pipeline.errors import UnusableDataError

if TYPE_CHECKING:
    import pandas as pd

_INTEGERS, _LARGE_INTEGERS, _FRACTIONS = "integers", "integers beyond 2**53", "fractions"
_NUMBERS = (_INTEGERS, _LARGE_INTEGERS, _FRACTIONS)


def check_kinds(frame: pd.DataFrame, kinds: dict[str, str]) -> None:
    """Refuses a csv column that is of one kind in one chunk and of another later: "7" would already have become 7.

    Args:
        frame: the chunk.
        kinds: the kinds of columns so far; the chunk's are added.

    Raises:
        UnusableDataError: names the column, a value, and the option that says what it is.
    """
    for position, name in enumerate(frame.columns):
        column = frame.iloc[:, position]
        if not column.notna().any():
            continue
        kind = _kind(column)
        before = kinds.setdefault(str(name), kind)
        both = {before, kind}
        if both <= set(_NUMBERS) and both != {_LARGE_INTEGERS, _FRACTIONS}:
            kinds[str(name)] = kind if before == _INTEGERS else before
        elif before != kind:
            if not both <= set(_NUMBERS):
                before, kind = ("numbers" if word in _NUMBERS else word for word in (before, kind))
            raise UnusableDataError(
                f"returned a csv in which the column '{name}' is {before} at first and {kind} later "
                f"(such as '{_example(column, kind)}'); say what it is: data_format.dtype: {{{name}: str}}"
            )


def _kind(column: pd.Series) -> str:
    from pandas.api.types import is_bool_dtype, is_integer_dtype, is_numeric_dtype

    if is_bool_dtype(column.dtype):
        return "booleans"
    if is_integer_dtype(column.dtype):
        return _LARGE_INTEGERS if max(abs(int(column.min())), abs(int(column.max()))) > 2**53 else _INTEGERS
    return _FRACTIONS if is_numeric_dtype(column.dtype) else "text"


def _example(column: pd.Series, kind: str) -> Any:
    """A value that shows that the column is of this kind."""
    from custom_store_pipeline.data.formats.typed_text import round_trips

    values = column.dropna()
    if kind == "text":
        return next((text for text in values if isinstance(text, str) and not round_trips(text)), values.iloc[0])
    if kind == _LARGE_INTEGERS:
        return next(int(value) for value in values if abs(int(value)) > 2**53)
    value = values.iloc[0]
    return value.item() if hasattr(value, "item") else value

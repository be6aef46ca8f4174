"""Whether a csv column is of one kind in all chunks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from custom_store_pipeline.errors import UnusableDataError

if TYPE_CHECKING:
    import pandas as pd


def check_kinds(frame: pd.DataFrame, kinds: dict[str, str]) -> None:
    """Refuses a csv column that is of one kind in one chunk and of another later: "7.0" would already have become 7.

    Args:
        frame: the chunk.
        kinds: the kinds of columns so far; the chunk's are added.

    Raises:
        UnusableDataError: names the column, a value and the option that says what it is.
    """
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    for name in frame.columns:
        known = frame[name].dropna()
        if len(known):
            dtype = known.dtype
            kind = "booleans" if is_bool_dtype(dtype) else "numbers" if is_numeric_dtype(dtype) else "text"
            if kinds.setdefault(str(name), kind) != kind:
                raise UnusableDataError(
                    f"returned a csv in which the column '{name}' is {kinds[str(name)]} at first and {kind} later "
                    f"(such as '{_telling(known)}'); say what it is: data_format.dtype: {{{name}: str}}"
                )


def _telling(known: pd.Series) -> Any:
    """The value that shows best why a column is of its kind: in text, one that is no plain number."""
    plain = known.astype("str").str.fullmatch(r"-?(0|[1-9]\d*)(\.\d*[1-9])?")
    return known[~plain].iloc[0] if (~plain).any() else known.iloc[0]

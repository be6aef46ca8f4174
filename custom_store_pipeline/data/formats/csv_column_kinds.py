"""What a column is across the chunks of a csv."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from custom_store_pipeline.data.pieces import is_arrow
from custom_store_pipeline.errors import UnusableDataError

if TYPE_CHECKING:
    import pandas as pd

    from custom_store_pipeline.data.pieces import Piece

_INTEGERS, _LARGE_INTEGERS, _FRACTIONS = "integers", "integers beyond 2**53", "fractions"
_NUMBERS = (_INTEGERS, _LARGE_INTEGERS, _FRACTIONS)


def check_kinds(piece: Piece, kinds: dict[str, str]) -> None:
    """Refuses a csv column that is of one kind in one chunk and of another later: "7" would already have become 7.

    Args:
        piece: the chunk.
        kinds: the kinds of columns so far; the chunk's are added.

    Raises:
        UnusableDataError: names the column, a value, and the option that says what it is.
    """
    for name, column in _columns(piece):
        if column.null_count == len(column):
            continue
        kind = _kind(column)
        before = kinds.setdefault(name, kind)
        both = {before, kind}
        if both <= set(_NUMBERS) and both != {_LARGE_INTEGERS, _FRACTIONS}:
            kinds[name] = kind if before == _INTEGERS else before
        elif before != kind:
            if not both <= set(_NUMBERS):
                before, kind = ("numbers" if word in _NUMBERS else word for word in (before, kind))
            raise UnusableDataError(
                f"returned a csv in which the column '{name}' is {before} at first and {kind} later "
                f"(such as '{_example(column, kind)}'); say what it is: data_format.dtype: {{{name}: str}}"
            )


def _columns(piece: Piece) -> Iterator[tuple[str, Any]]:
    """The columns as Arrow arrays."""
    if is_arrow(piece):
        yield from zip(piece.schema.names, piece.columns, strict=True)
        return
    for position, name in enumerate(piece.columns):
        yield str(name), _array(piece.iloc[:, position])


def _array(column: pd.Series) -> Any:
    """The column in Arrow; objects of Python, which a converter made, and complex numbers count as texts."""
    import pyarrow as pa

    if column.dtype == "object" or column.dtype.kind == "c":
        return pa.array([None if missing else str(value) for value, missing in zip(column, column.isna(), strict=True)])
    return pa.array(column, from_pandas=True)


def _kind(column: Any) -> str:
    import pyarrow as pa
    import pyarrow.compute as pc

    from custom_store_pipeline.data.common_types import LARGEST_EXACT

    if pa.types.is_boolean(column.type):
        return "booleans"
    if pa.types.is_integer(column.type):
        return _LARGE_INTEGERS if max(map(abs, pc.min_max(column).as_py().values())) > LARGEST_EXACT else _INTEGERS
    return _FRACTIONS if pa.types.is_floating(column.type) else "text"


def _example(column: Any, kind: str) -> Any:
    """A value that shows that the column is of this kind."""
    from custom_store_pipeline.data.common_types import LARGEST_EXACT
    from custom_store_pipeline.data.formats.typed_text import round_trips

    values = column.drop_null().to_pylist()
    if kind == "text":
        return next((text for text in values if isinstance(text, str) and not round_trips(text)), values[0])
    if kind == _LARGE_INTEGERS:
        return next(value for value in values if abs(value) > LARGEST_EXACT)
    return values[0]

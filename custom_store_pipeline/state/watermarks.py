"""Watermarks: the greatest value of each offset column, of everything that was pushed so far."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from custom_store_pipeline.data.pieces import as_frame, is_arrow, names_of
from custom_store_pipeline.errors import WatermarkError
from custom_store_pipeline.state.serialization import UnknownTypeError, encode, plain, shown
from custom_store_pipeline.state.text_order import misordered

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from custom_store_pipeline.data.pieces import Piece


class Watermarks:
    """The greatest values of some columns, as rows pass by."""

    def __init__(
        self, columns: Sequence[str], before: Mapping[str, Any], warn: Callable[[str], None], *, restart: bool = False
    ) -> None:
        """Starts from what is known.

        Args:
            columns: the offset columns.
            before: the watermarks that were reached so far, by column; those of other columns are left alone.
            warn: logs what the user should know.
            restart: everything is loaded again, so a watermark may also fall.
        """
        self._columns = columns
        self._before = before
        self._warn = warn
        self._restart = restart
        self._greatest: dict[str, Any] = {}
        self._doubted: set[str] = set()

    def see(self, piece: Piece) -> None:
        """Takes the rows into account, before they are pushed.

        Raises:
            WatermarkError: a column is missing, or its values have no order, cannot be stored or are infinite.
        """
        if not len(piece):
            return
        names = names_of(piece)
        for column in self._columns:
            if column not in names:
                has = ", ".join(map(str, names))
                raise WatermarkError(
                    f"the offset column '{column}' is not in what was pulled; the columns are {has}; "
                    "pull it too, or name another in offset_columns"
                )
            if names.count(column) > 1:
                raise WatermarkError(f"the offset column '{column}' was pulled twice; give one of them another name")
            values = _candidates(piece, column) if is_arrow(piece) else _values(piece[column])
            found = _greatest(column, values)
            self._doubt(column, _doubt(values, found))
            self._greatest[column] = self._greater(column, self._greatest.get(column), found)

    def after(self) -> dict[str, Any]:
        """The watermarks that are reached once everything seen has been pushed.

        Without ``restart`` none is lower than before, unless that was infinite. A column in which nothing was seen
        keeps what it had; one that has never held anything but nulls has the watermark None.
        """
        reached = {column: self._usable(column) for column in self._columns}
        for column, value in self._greatest.items():
            before = reached[column]
            try:
                reached[column] = self._greater(column, None if self._restart and value is not None else before, value)
            except WatermarkError:
                self._warn(
                    f"the offset column '{column}' was {type(before).__name__} ({shown(before)}) and is "
                    f"{type(value).__name__} ({shown(value)}) now; the watermark starts again"
                )
                reached[column] = value
        return reached

    def _greater(self, column: str, one: Any, other: Any) -> Any:
        if one is None or other is None:
            return other if one is None else one
        if isinstance(one, str) and isinstance(other, str):
            self._doubt(column, misordered(one, [one, other]))
        try:
            return other if other > one else one
        except TypeError:
            raise WatermarkError(_no_order(column, [one, other])) from None

    def _usable(self, column: str) -> Any:
        """The watermark before, unless it is one that would stay for ever; no new one can become such."""
        before = self._before.get(column)
        if not _is_infinite(before):
            return before
        self._warn(
            f"the watermark of the offset column '{column}' was {before}, after which nothing is newer; it starts again"
        )
        return None

    def _doubt(self, column: str, doubt: str | None) -> None:
        """Tells the user once that the greatest value of a column may not be what it should."""
        if doubt is not None and column not in self._doubted:
            self._doubted.add(column)
            self._warn(f"the offset column '{column}' holds {doubt}, or the next run may miss rows")


def _candidates(batch: pa.RecordBatch, column: str) -> pd.Series:
    """Those values of a column that the greatest is among: one, where Arrow knows which it is."""
    import pyarrow as pa
    import pyarrow.compute as pc

    values = batch.column(column)
    if any(has_type(values.type) for has_type in _with_max()):
        values = pa.array([pc.max(values)])  # of floats, NaN is not the greatest
    return _values(as_frame(pa.record_batch([values], [column]))[column])


def _with_max() -> Sequence[Callable[[Any], bool]]:
    """The types of which Arrow knows the greatest value; pandas does of others."""
    import pyarrow as pa

    of = pa.types
    return of.is_integer, of.is_float32, of.is_float64, of.is_timestamp, of.is_date, of.is_time


def _values(values: pd.Series) -> pd.Series:
    """The values without nulls."""
    import pandas as pd

    values = values.dropna()
    if isinstance(values.dtype, pd.CategoricalDtype) and len(values):
        values = values.astype(values.cat.categories.dtype)
    return values


def _greatest(column: str, values: pd.Series) -> Any:
    """The column's greatest value in plain Python or pandas' own types; None if it has none."""
    if values.empty:
        return None
    try:
        found = plain(values.max())
    except (TypeError, ValueError):  # arrays raise the latter
        raise WatermarkError(_no_order(column, values)) from None
    try:
        encode(found)
    except UnknownTypeError as error:
        raise WatermarkError(
            f"the offset column '{column}' holds values of the type {error}, which cannot be stored; "
            "use a column of numbers, times or strings"
        ) from None
    if _is_infinite(found):
        raise WatermarkError(
            f"the offset column '{column}' holds {found}, after which nothing would ever be newer; let pull_data make "
            "nulls of such values, or leave these rows out"
        )
    return found


def _is_infinite(value: Any) -> bool:
    return isinstance(value, float | Decimal) and math.isinf(value) and value > 0


def _doubt(values: pd.Series, greatest: Any) -> str | None:
    """What makes it doubtful that a value is the greatest, with the remedy."""
    if isinstance(greatest, str):
        return misordered(greatest, values)
    if isinstance(greatest, float) and _largest_exact(values.dtype) <= abs(greatest) < math.inf:
        return (
            f"{greatest!r} as a float, and floats do not hold each integer of that size; let pull_data return integers "
            "(of type Int64 beside nulls)"
        )
    return None


def _largest_exact(dtype: Any) -> int:
    """Up to which number a type of floats holds each integer; objects are Python's floats."""
    import numpy as np

    of_numpy = getattr(dtype, "numpy_dtype", dtype)
    digits: int = np.finfo(of_numpy if getattr(of_numpy, "kind", "") == "f" else "float64").nmant
    return int(2 ** (digits + 1))


def _no_order(column: str, values: Iterable[Any]) -> str:
    kinds = {type(value).__name__ + (" with a time zone" if getattr(value, "tzinfo", None) else "") for value in values}
    return (
        f"the offset column '{column}' holds {' and '.join(sorted(kinds))}; none of these is the greatest; "
        "let pull_data return values of one type"
    )

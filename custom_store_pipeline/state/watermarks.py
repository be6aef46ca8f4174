"""Watermarks: the greatest value of each offset column, of everything that was pushed so far."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from custom_store_pipeline.errors import WatermarkError
from custom_store_pipeline.state.values import UnknownTypeError, encode, plain, shown

if TYPE_CHECKING:
    import pandas as pd


class Watermarks:
    """The greatest values of some columns, as rows pass by."""

    def __init__(
        self, columns: Sequence[str], before: Mapping[str, Any], note: Callable[[str], None], *, restart: bool = False
    ) -> None:
        """Starts from what is known.

        Args:
            columns: the offset columns.
            before: the watermarks that were reached so far, by column; those of other columns are left alone.
            note: tells the user what should not pass in silence.
            restart: everything is loaded again, so a watermark may also fall.
        """
        self._columns = columns
        self._before = before
        self._note = note
        self._restart = restart
        self._greatest: dict[str, Any] = {}

    def see(self, frame: pd.DataFrame) -> None:
        """Takes the rows into account, before they are pushed.

        Raises:
            WatermarkError: a column is missing, or its values have no order or cannot be remembered.
        """
        if frame.empty:
            return
        for column in self._columns:
            if column not in frame.columns:
                has = ", ".join(map(str, frame.columns))
                raise WatermarkError(
                    f"the offset column '{column}' is not in what was pulled; the columns are {has}; "
                    "pull it too, or name another in offset_columns"
                )
            self._greatest[column] = self._greater(column, self._greatest.get(column), _greatest(frame, column))

    def after(self) -> dict[str, Any]:
        """The watermarks that are reached once everything seen has been pushed.

        Without ``restart`` none is lower than before. A column in which nothing was seen keeps what it had; one that
        has never held anything but nulls has the watermark None.
        """
        reached = {column: self._before.get(column) for column in self._columns}
        for column, value in self._greatest.items():
            before = reached[column]
            try:
                reached[column] = self._greater(column, None if self._restart and value is not None else before, value)
            except WatermarkError:
                self._note(
                    f"the offset column '{column}' was {type(before).__name__} ({shown(before)}) and is "
                    f"{type(value).__name__} ({shown(value)}) now; the watermark starts anew"
                )
                reached[column] = value
        return reached

    def _greater(self, column: str, one: Any, other: Any) -> Any:
        if one is None or other is None:
            return other if one is None else one
        try:
            return other if other > one else one
        except TypeError:
            raise WatermarkError(_no_order(column, [one, other])) from None


def _greatest(frame: pd.DataFrame, column: str) -> Any:
    """The column's greatest value in plain Python or pandas' own types; None if it has none."""
    import pandas as pd

    values = frame[column]
    if isinstance(values, pd.DataFrame):
        raise WatermarkError(f"the offset column '{column}' was pulled twice; give one of them another name")
    values = values.dropna()
    if values.empty:
        return None
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(values.cat.categories.dtype)
    try:
        found = plain(values.max())
    except (TypeError, ValueError):  # arrays raise the latter
        raise WatermarkError(_no_order(column, values)) from None
    try:
        encode(found)
    except UnknownTypeError as error:
        raise WatermarkError(
            f"the offset column '{column}' holds values of the type {error}, which cannot be remembered; "
            "use a column of numbers, times or texts"
        ) from None
    return found


def _no_order(column: str, values: Iterable[Any]) -> str:
    kinds = {type(value).__name__ + (" with a time zone" if getattr(value, "tzinfo", None) else "") for value in values}
    return (
        f"the offset column '{column}' holds {' and '.join(sorted(kinds))}, of which none is the greatest; "
        "let pull_data return values of one type"
    )

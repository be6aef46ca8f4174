"""excel: cells as Excel says that they are, text as text and numbers as numbers."""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from custom_store_pipeline.data.formats.column_types import from_text, from_values
from custom_store_pipeline.data.formats.csv_text import only_empty_is_null
from custom_store_pipeline.data.formats.raw import Raw, source
from custom_store_pipeline.data.frames import index_as_columns
from custom_store_pipeline.errors import UnusableDataError

_OF_TEXTS = ("decimal", "thousands", "true_values", "false_values")


def decode(raw: Raw, options: Mapping[str, Any]) -> Iterator[pd.DataFrame]:
    """One sheet, with the options of ``pandas.read_excel`` and ``exact``; ``exact: false`` leaves types to pandas."""
    exact = options.get("exact", True)
    options = {name: value for name, value in options.items() if name != "exact"}
    dtype = options.get("dtype")
    exact = exact and (dtype is None or isinstance(dtype, Mapping))
    reading = {**options, **only_empty_is_null(options)}
    if exact:
        reading["dtype"] = defaultdict(lambda: object, dtype or {})
        reading.pop("dtype_backend", None)
    sheets: Any = pd.read_excel(source(raw), **reading)
    if isinstance(sheets, dict):
        raise UnusableDataError(
            f"returned a workbook in which data_format.sheet_name selects {len(sheets)} sheets; "
            "an entity is one table, so name one sheet"
        )
    yield _typed(index_as_columns(sheets), options) if exact else sheets


def _typed(frame: pd.DataFrame, options: Mapping[str, Any]) -> pd.DataFrame:
    """The columns whose type the user did not name, each of the type that holds its cells."""
    texts_are_numbers = any(options.get(name) for name in _OF_TEXTS)
    columns = []
    for position, name in enumerate(frame.columns):
        column = frame.iloc[:, position]
        if column.dtype in ("object", "str") and name not in (options.get("dtype") or {}):
            cells = column.astype(object).where(column.notna(), None).tolist()
            column = _of_cells(name, cells).set_axis(frame.index)
            if texts_are_numbers and column.dtype == "str":
                # pandas has written the numbers with plain points by now
                column = from_text(column, {name: options.get(name) for name in ("true_values", "false_values")})
        columns.append(column.rename(position))
    typed_frame = (pd.concat(columns, axis=1) if columns else frame).set_axis(frame.columns, axis=1)
    backend = options.get("dtype_backend")
    return typed_frame if backend is None else typed_frame.convert_dtypes(dtype_backend=backend)


def _of_cells(name: Any, cells: list[Any]) -> pd.Series:
    times = (datetime.datetime, datetime.timedelta)
    if {type(cell) for cell in cells if cell is not None} in ({times[0]}, {times[1]}):
        return pd.Series(cells)
    return from_values(name, cells)

"""excel: cells as Excel says that they are, text as text and numbers as numbers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from custom_store_pipeline.errors import UnusableDataError
from custom_store_pipeline.formats.column_types import from_values
from custom_store_pipeline.formats.csv_text import only_empty_is_null
from custom_store_pipeline.formats.raw import Raw, source


def decode(raw: Raw, options: Mapping[str, Any]) -> Iterator[pd.DataFrame]:
    """One sheet, with the options of ``pandas.read_excel`` and ``exact``; ``exact: false`` leaves types to pandas."""
    given = {name: value for name, value in options.items() if name != "exact"}
    asked = given.get("dtype")
    exact = options.get("exact", True) and (asked is None or isinstance(asked, Mapping))
    reading = {**given, **only_empty_is_null(given)}
    if exact:
        reading["dtype"] = defaultdict(lambda: object, asked or {}) if asked else object
    sheet = pd.read_excel(source(raw), **reading)
    if isinstance(sheet, dict):
        raise UnusableDataError(
            f"returned a workbook of which data_format.sheet_name selects {len(sheet)} sheets; "
            "an entity is one table, so name one sheet"
        )
    if exact:
        sheet = _typed(sheet, set(asked or ()))
    if given.get("dtype_backend"):
        sheet = sheet.convert_dtypes(convert_floating=False, dtype_backend=given["dtype_backend"])
    yield sheet


def _typed(sheet: pd.DataFrame, asked: set[Any]) -> pd.DataFrame:
    typed = {}
    for name in sheet.columns:
        column = sheet[name]
        if name not in asked and column.dtype == object:
            values = [None if missing else value for value, missing in zip(column, column.isna(), strict=True)]
            column = from_values(values).set_axis(sheet.index)
            column = column.infer_objects() if column.dtype == object else column  # dates
        typed[name] = column
    return pd.DataFrame(typed, index=sheet.index, columns=sheet.columns)

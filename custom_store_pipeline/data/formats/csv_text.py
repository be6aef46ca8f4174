"""csv: every column is read as text, and becomes numbers or booleans only where each text would come back from them."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from custom_store_pipeline.data.formats.column_types import TEXT, from_text, only_text
from custom_store_pipeline.data.formats.csv_column_kinds import check_kinds
from custom_store_pipeline.data.formats.raw import Raw, compression_of, source
from custom_store_pipeline.data.frames import index_as_columns
from custom_store_pipeline.errors import UnusableDataError

ROWS_PER_CHUNK = 100_000


def decode(raw: Raw, options: Mapping[str, Any]) -> Iterator[pd.DataFrame]:
    """The csv chunk by chunk, with the options of ``pandas.read_csv`` and ``exact``.

    ``exact: false`` leaves types to pandas, and so do ``converters``: pandas has no way to give text beside them.
    """
    given = {name: value for name, value in options.items() if name != "exact"}
    asked = given.get("dtype")
    exact = options.get("exact", True) and not given.get("converters") and (asked is None or isinstance(asked, Mapping))
    reading = {**_defaults(given), **given, **only_empty_is_null(given), "compression": compression_of(raw, given)}
    if exact:
        reading["dtype"] = defaultdict(lambda: TEXT, asked or {})
        reading.pop("dtype_backend", None)
    elif asked is None:
        reading.setdefault("dtype_backend", "numpy_nullable")  # for integers with gaps; with a dtype it spoils that
    read: Any = pd.read_csv(source(raw), **reading)
    kinds: dict[str, str] = {}
    types: dict[Any, Any] = {}
    with contextlib.nullcontext([read]) if isinstance(read, pd.DataFrame) else read as chunks:
        for chunk in chunks:
            if given.get("index_col") is None and not isinstance(chunk.index, pd.RangeIndex):
                raise UnusableDataError(
                    "returned a csv whose rows have more values than its header has names; "
                    "if each line ends with a separator, set data_format.index_col: false"
                )
            frame = index_as_columns(chunk)
            if exact:
                frame = _typed(frame, given, kinds)
            elif given.get("dtype_backend") is None:
                frame = _with_usual_types(frame)
            check_kinds(frame, kinds)
            yield _with_known_types(frame, types)


def _defaults(options: Mapping[str, Any]) -> dict[str, Any]:
    defaults: dict[str, Any] = {"chunksize": ROWS_PER_CHUNK}
    separator = options["sep"] if "sep" in options else options.get("delimiter", ",")
    if separator is None or len(separator) > 1 or options.get("skipfooter"):
        defaults["engine"] = "python"  # pandas would take it anyway, with a warning
    elif "engine" not in options:
        defaults["low_memory"] = False  # looks at all rows of a chunk before it decides on a column's type
    if "skipfooter" in options:
        del defaults["chunksize"]  # pandas reads such a file in one piece only
    return defaults


def only_empty_is_null(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options by which only the empty field, and what the user names, is null; ``NA`` may be Namibia."""
    if options.get("keep_default_na") is not None or options.get("na_filter") is False:
        return {}
    named = options.get("na_values")
    if isinstance(named, Mapping):
        return {
            "keep_default_na": False,
            "na_values": {name: ["", *_listed(values)] for name, values in named.items()},
        }
    return {"keep_default_na": False, "na_values": ["", *_listed(named)]}


def _listed(values: Any) -> list[Any]:
    if values is None:
        return []
    return [values] if isinstance(values, str) or not hasattr(values, "__iter__") else list(values)


def _typed(frame: pd.DataFrame, options: Mapping[str, Any], kinds: Mapping[str, str]) -> pd.DataFrame:
    """Texts as what they are; a column that was text in an earlier chunk stays text."""
    columns = []
    for position, name in enumerate(frame.columns):
        column = frame.iloc[:, position]
        if column.dtype == TEXT and name not in (options.get("dtype") or {}):
            if isinstance(options.get("na_values"), Mapping) and name not in options["na_values"]:
                column = _without_empty(column, options)  # pandas sees no nulls in the columns that are not named there
            column = only_text(column, options) if kinds.get(str(name)) == "text" else from_text(column, options)
        columns.append(column.rename(position))
    return pd.concat(columns, axis=1).set_axis(frame.columns, axis=1) if columns else frame


def _without_empty(column: pd.Series, options: Mapping[str, Any]) -> pd.Series:
    if not only_empty_is_null(options):
        return column
    return column.mask(column == "")


def _with_known_types(frame: pd.DataFrame, types: dict[Any, Any]) -> pd.DataFrame:
    """Gives a column that is empty in this chunk the type that it had in those before."""
    if not len(frame) or not frame.columns.is_unique:
        return frame
    for name in frame.columns:
        if frame[name].notna().any():
            types[name] = frame[name].dtype
        elif name in types and types[name] != frame[name].dtype:
            dtype = {"int64": "Int64", "bool": "boolean"}.get(str(types[name]), types[name])
            frame[name] = pd.Series([None] * len(frame), index=frame.index, dtype=dtype)
    return frame


def _with_usual_types(frame: pd.DataFrame) -> pd.DataFrame:
    """The types that pandas users know, wherever they hold the values; only integers with gaps stay ``Int64``."""
    usual = {}
    for name, dtype in frame.dtypes.items():
        if dtype == "string":
            usual[name] = "str"
        elif dtype == "Float64" or (dtype in ("Int64", "boolean") and not frame[name].hasnans):
            usual[name] = {"Float64": "float64", "Int64": "int64", "boolean": "bool"}[str(dtype)]
    return frame.astype(usual)

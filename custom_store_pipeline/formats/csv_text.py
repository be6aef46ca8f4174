"""csv: every column is read as text, and becomes numbers or booleans only where each text would come back from them."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from custom_store_pipeline.errors import UnusableDataError
from custom_store_pipeline.formats.column_types import from_text
from custom_store_pipeline.formats.kinds import check_kinds
from custom_store_pipeline.formats.raw import Raw, compression_of, source
from custom_store_pipeline.frames import index_as_columns

ROWS_PER_CHUNK = 100_000


def decode(raw: Raw, options: Mapping[str, Any]) -> Iterator[pd.DataFrame]:
    """The csv chunk by chunk, with the options of ``pandas.read_csv`` and ``exact``.

    ``exact: false`` leaves types to pandas, and so do ``engine: pyarrow`` and ``converters``: pandas has no way to give
    text beside them.
    """
    given = {name: value for name, value in options.items() if name != "exact"}
    exact = options.get("exact", True) and options.get("engine") != "pyarrow" and not options.get("converters")
    reading = {**_defaults(raw, given), **given, **only_empty_is_null(given)}
    asked = reading.get("dtype")
    if exact and asked is None:
        reading["dtype"] = "str"
    elif exact and isinstance(asked, Mapping):
        reading["dtype"] = defaultdict(lambda: "str", asked)
    elif asked is None:
        reading.setdefault("dtype_backend", "numpy_nullable")  # for integers with gaps; with a dtype it spoils that
    guessed = exact and (asked is None or isinstance(asked, Mapping))
    read: Any = pd.read_csv(source(raw), **reading)
    kinds: dict[str, str] = {}
    with contextlib.nullcontext([read]) if isinstance(read, pd.DataFrame) else read as chunks:
        for chunk in chunks:
            if "index_col" not in given and not isinstance(chunk.index, pd.RangeIndex):
                raise UnusableDataError(
                    "returned a csv whose rows have more values than its header has names; "
                    "if each line ends with a separator, set data_format.index_col: false"
                )
            frame = index_as_columns(chunk)
            if guessed:
                frame = _typed(frame, given, set(asked or ()), kinds)
            elif "dtype_backend" not in given:
                frame = _with_usual_types(frame)
            check_kinds(frame, kinds)
            yield frame


def _defaults(raw: Raw, options: Mapping[str, Any]) -> dict[str, Any]:
    defaults: dict[str, Any] = {
        "chunksize": ROWS_PER_CHUNK,
        "compression": compression_of(raw, options),
    }
    separator = options.get("sep", options.get("delimiter", ","))
    if len(str(separator)) == 1 and not options.keys() & {"engine", "skipfooter"}:
        defaults["low_memory"] = False  # looks at all rows of a chunk before it decides on a column's type
    if options.get("engine") == "pyarrow" or "skipfooter" in options:
        del defaults["chunksize"]  # pandas reads these in one piece only
    return defaults


def only_empty_is_null(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options by which only the empty field, and what the user names, is null; ``NA`` may be Namibia."""
    if options.get("keep_default_na") or options.get("na_filter") is False:
        return {}
    named = options.get("na_values")
    if isinstance(named, Mapping):
        every = defaultdict(lambda: [""], {name: ["", *_listed(values)] for name, values in named.items()})
        return {"keep_default_na": False, "na_values": every}
    return {"keep_default_na": False, "na_values": ["", *_listed(named)]}


def _listed(values: Any) -> list[Any]:
    if values is None:
        return []
    return [values] if isinstance(values, str) or not hasattr(values, "__iter__") else list(values)


def _typed(
    frame: pd.DataFrame, options: Mapping[str, Any], as_they_are: set[Any], kinds: Mapping[str, str]
) -> pd.DataFrame:
    """Texts as what they are; a column that was text in an earlier chunk stays text."""
    typed = {}
    for position, name in enumerate(frame.columns):
        column = frame.iloc[:, position]
        if column.dtype not in ("string", "str"):
            typed[name] = column
        elif {name, position} & as_they_are or kinds.get(str(name)) == "text":
            typed[name] = column.astype("str") if "dtype_backend" not in options else column
        else:
            typed[name] = from_text(column.astype("str"), options)
    return pd.DataFrame(typed, index=frame.index, columns=frame.columns)


def _with_usual_types(frame: pd.DataFrame) -> pd.DataFrame:
    """The types that pandas users know, wherever they hold the values; only integers with gaps stay ``Int64``."""
    usual = {}
    for name, dtype in frame.dtypes.items():
        if dtype == "string":
            usual[name] = "str"
        elif dtype == "Float64" or (dtype in ("Int64", "boolean") and not frame[name].hasnans):
            usual[name] = {"Float64": "float64", "Int64": "int64", "boolean": "bool"}[str(dtype)]
    return frame.astype(usual)

"""json and jsonl, by Python's own parser: pandas' makes floats of integers beside nulls and rounds."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pandas as pd

from custom_store_pipeline.errors import UnusableDataError
from custom_store_pipeline.formats.column_types import from_records
from custom_store_pipeline.formats.raw import Raw, as_text, opened, read_text, source

_ROWS_PER_CHUNK = 100_000
_READING = frozenset({"encoding", "encoding_errors", "compression", "storage_options"})
_INDEXED = {"index", "columns"}


def decode(raw: Raw, options: Mapping[str, Any]) -> Iterator[pd.DataFrame]:
    """A list of objects as a table; ``records`` names the path of the list, ``orient`` another layout.

    Raises:
        UnusableDataError: the document is no table; the message says what to set.
    """
    given = {name: value for name, value in options.items() if name != "records"}
    text = read_text(raw, given)
    parsed = _parsed(text, "json")
    if options.get("records") is not None:
        parsed = _at(parsed, options["records"])
    frame = _as_table(_rows(parsed, given.get("orient")))
    yield _with_options(frame, given, lambda: _pandas_own(text, parsed, options))


def decode_lines(raw: Raw, options: Mapping[str, Any]) -> Iterator[pd.DataFrame]:
    """One object a line, chunk by chunk.

    Raises:
        UnusableDataError: a line is no object; the message names the line and says what to set.
    """
    per_chunk = options.get("chunksize") or _ROWS_PER_CHUNK
    with opened(raw, options) as lines:
        rows = itertools.islice(_numbered_rows(lines, options), options.get("nrows"))
        chunk = list(itertools.islice(rows, per_chunk))
        several = False
        while chunk:
            following = list(itertools.islice(rows, per_chunk))
            several = several or bool(following)
            frame = _as_table([row for row, _ in chunk], nullable=several)
            text = "\n".join(line for _, line in chunk)
            yield _with_options(frame, options, lambda text=text: _pandas_lines(text, options))  # type: ignore[misc]
            chunk = following


def _numbered_rows(lines: Any, options: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    for number, line in enumerate(lines, 1):
        text = as_text(line, options).strip()
        if not text:
            continue
        row = _parsed(text, "jsonl", f"line {number}")
        if not isinstance(row, dict):
            remedy = "set data_format.type: json" if isinstance(row, list) else "each line must be an object"
            raise UnusableDataError(f"returned jsonl of which line {number} is {_named(row)}, not an object; {remedy}")
        yield row, text


def _parsed(text: str, kind: str, where: str = "it") -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        raise
    except ValueError:
        raise UnusableDataError(
            f"returned {kind} in which {where} has an integer of more digits than Python reads (4300); "
            "send such a value as text, in quotes"
        ) from None


def _at(parsed: Any, path: Any) -> Any:
    found = parsed
    for key in str(path).split("."):
        if not isinstance(found, dict) or key not in found:
            keys = f"there are {', '.join(map(str, found))}" if isinstance(found, dict) else f"there is {_named(found)}"
            raise UnusableDataError(
                f"returned json without '{key}' of the path data_format.records: {path}; {keys}; correct the path"
            )
        found = found[key]
    return found


def _rows(parsed: Any, orient: str | None) -> list[Any]:
    if orient == "split" and isinstance(parsed, dict):
        return [dict(zip(parsed["columns"], row, strict=True)) for row in parsed["data"]]
    if orient == "table" and isinstance(parsed, dict):
        return list(parsed["data"])
    if orient == "values" and isinstance(parsed, list):
        return [dict(enumerate(row)) for row in parsed]
    if orient == "index" and isinstance(parsed, dict):
        return list(parsed.values())
    if orient == "columns" and isinstance(parsed, dict):
        labels = dict.fromkeys(label for column in parsed.values() for label in column)
        return [{name: column.get(label) for name, column in parsed.items()} for label in labels]
    if not isinstance(parsed, list):
        raise UnusableDataError(f"returned json that is {_named(parsed)}, not a list of objects; {_remedy(parsed)}")
    for number, row in enumerate(parsed, 1):
        if not isinstance(row, dict):
            remedy = (
                "for a list of lists, set data_format.orient: values"
                if isinstance(row, list)
                else ("each item must be an object with the names of columns")
            )
            raise UnusableDataError(f"returned json of which item {number} is {_named(row)}, not an object; {remedy}")
    return parsed


def _remedy(parsed: Any) -> str:
    if not isinstance(parsed, dict):
        return "put the rows into a list of objects"
    if {"columns", "data"} <= parsed.keys():
        return "set data_format.orient: split"
    if {"schema", "data"} <= parsed.keys():
        return "set data_format.orient: table"
    if paths := list(_paths_of_lists(parsed)):
        return f"if the rows are in a list inside it, name its path: data_format.records: {' or '.join(paths[:3])}"
    if parsed and all(isinstance(value, dict) for value in parsed.values()):
        return "set data_format.orient: columns or data_format.orient: index"
    return "put it into a list, or, for one object a line, set data_format.type: jsonl"


def _paths_of_lists(parsed: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in parsed.items():
        if isinstance(value, list):
            yield prefix + key
        elif isinstance(value, dict):
            yield from _paths_of_lists(value, f"{prefix}{key}.")


def _named(value: Any) -> str:
    names = {dict: "one object", list: "a list", str: "a text", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def _as_table(rows: list[Any], nullable: bool = False) -> pd.DataFrame:
    try:
        return from_records(rows, nullable)
    except UnicodeEncodeError as error:
        where = next(
            (f"the column '{name}' of row {number}" for number, row in enumerate(rows, 1)
             for name, value in row.items() if isinstance(value, str) and _is_broken(value)),
            "a name of a column",
        )  # fmt: skip
        raise UnusableDataError(
            f"returned json in which {where} has half of a character ({error.object[error.start]!a}), which no "
            "text may have; correct it where the json is written"
        ) from None


def _is_broken(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def _with_options(frame: pd.DataFrame, options: Mapping[str, Any], read: Callable[[], pd.DataFrame]) -> pd.DataFrame:
    """The columns that the user asked pandas to convert as pandas reads them; the others as they are."""
    dtype = options.get("dtype")
    if not (dtype or options.get("convert_dates") or options.get("dtype_backend")):
        return frame
    if dtype and not isinstance(dtype, Mapping):
        return read()  # pandas is to guess all types, or to give all the same
    if dtype or options.get("convert_dates"):
        own = read()
        asked = {name for name in own.columns if name in (dtype or ()) or own[name].dtype.kind == "M"}
        for name in asked & set(frame.columns):
            frame[name] = own[name].set_axis(frame.index)
    if options.get("dtype_backend"):
        frame = frame.convert_dtypes(convert_floating=False, dtype_backend=options["dtype_backend"])
    return frame


def _pandas_own(text: str, parsed: Any, options: Mapping[str, Any]) -> pd.DataFrame:
    content = json.dumps(parsed) if options.get("records") is not None else text
    given = {name: value for name, value in options.items() if name not in _READING | {"records"}}
    read: pd.DataFrame = pd.read_json(source(content), **{"dtype": False, "precise_float": True, **given})
    return read


def _pandas_lines(text: str, options: Mapping[str, Any]) -> pd.DataFrame:
    given = {name: value for name, value in options.items() if name not in _READING | {"chunksize", "nrows"}}
    read: pd.DataFrame = pd.read_json(source(text), lines=True, **{"dtype": False, "precise_float": True, **given})
    return read

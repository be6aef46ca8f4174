"""Where the rows of a JSON document are, and in which of pandas' layouts (``orient``)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from custom_store_pipeline.data.formats.column_types import from_records, from_values
from custom_store_pipeline.data.frames import index_as_columns
from custom_store_pipeline.errors import UnusableDataError


def at(parsed: Any, path: Any) -> Any:
    """What is at a path such as ``data.items``.

    Raises:
        UnusableDataError: nothing is there; names what is.
    """
    found = parsed
    for key in str(path).split("."):
        if not isinstance(found, dict) or key not in found:
            keys = f"there are {', '.join(map(str, found))}" if isinstance(found, dict) else f"there is {named(found)}"
            raise UnusableDataError(
                f"returned json without '{key}' of the path data_format.records: {path}; {keys}; correct the path"
            )
        found = found[key]
    return found


def rows_of(parsed: Any) -> list[dict[str, Any]]:
    """A list of objects as it is.

    Raises:
        UnusableDataError: the document is something else; says what to set so that it becomes a table.
    """
    if not isinstance(parsed, list):
        raise UnusableDataError(f"returned json that is {named(parsed)}, not a list of objects; {_remedy(parsed)}")
    for number, row in enumerate(parsed, 1):
        if not isinstance(row, dict):
            remedy = (
                "for a list of lists, set data_format.orient: values"
                if isinstance(row, list)
                else "each item must be an object with the names of columns"
            )
            raise UnusableDataError(f"returned json whose item {number} is {named(row)}, not an object; {remedy}")
    return parsed


def oriented(parsed: Any, orient: str) -> pd.DataFrame:
    """A document in another of pandas' layouts than a list of objects, without loss of digits.

    Raises:
        UnusableDataError: the document is not in this layout.
    """
    layouts = {"split": _split, "table": _table, "values": _values, "index": _index, "columns": _columns}
    if orient not in layouts:
        raise UnusableDataError(f"data_format.orient is '{orient}'; use one of records, {', '.join(layouts)}")
    try:
        return index_as_columns(layouts[orient](parsed))
    except (KeyError, TypeError, AttributeError, ValueError):
        raise UnusableDataError(
            f"returned json that is {named(parsed)}, not in the layout of data_format.orient: {orient}; "
            f"{_remedy(parsed) if isinstance(parsed, dict) else 'for a list of objects, leave orient out'}"
        ) from None


def _split(parsed: Any) -> pd.DataFrame:
    return _of_lists(parsed["data"], parsed["columns"], parsed.get("index"))


def _table(parsed: Any) -> pd.DataFrame:
    schema = parsed["schema"]
    frame = from_records(parsed["data"]).reindex(columns=[field["name"] for field in schema["fields"]])
    for field in schema["fields"]:
        if field["type"] == "datetime":
            frame[field["name"]] = pd.to_datetime(frame[field["name"]])
    # "index" is what pandas calls an index without a name
    return _labelled(frame, frame.pop("index").tolist()) if schema.get("primaryKey") == ["index"] else frame


def _values(parsed: Any) -> pd.DataFrame:
    return _of_lists(parsed, range(len(parsed[0]) if parsed else 0), None)


def _index(parsed: Any) -> pd.DataFrame:
    return _labelled(from_records(list(parsed.values())), list(parsed))


def _columns(parsed: Any) -> pd.DataFrame:
    labels = list(dict.fromkeys(label for column in parsed.values() for label in column))
    return _labelled(from_records([{name: parsed[name].get(label) for name in parsed} for label in labels]), labels)


def _of_lists(rows: list[list[Any]], names: Any, labels: list[Any] | None) -> pd.DataFrame:
    names = list(names)
    if any(len(row) != len(names) for row in rows):
        raise ValueError
    columns = [from_values(name, [row[position] for row in rows]) for position, name in enumerate(names)]
    frame = pd.concat(columns, axis=1) if columns else pd.DataFrame()
    return _labelled(frame.set_axis(names, axis=1), labels)


def _labelled(frame: pd.DataFrame, labels: list[Any] | None) -> pd.DataFrame:
    """Labels that only count the rows say nothing; others are the index, as in pandas."""
    if labels is None or [str(label) for label in labels] == [str(number) for number in range(len(frame))]:
        return frame
    return frame.set_axis(pd.Index(labels), axis=0)


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
        if isinstance(value, list) and (not value or isinstance(value[0], dict)):
            yield prefix + key
        elif isinstance(value, dict):
            yield from _paths_of_lists(value, f"{prefix}{key}.")


def named(value: Any) -> str:
    """What kind of JSON value this is, in words."""
    names = {dict: "one object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")

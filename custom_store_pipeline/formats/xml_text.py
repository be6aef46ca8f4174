"""xml: each row's attributes and the texts of its elements; what would be lost is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from custom_store_pipeline.errors import UnusableDataError
from custom_store_pipeline.formats.column_types import from_text
from custom_store_pipeline.formats.raw import Raw, opened, source

_DECLARED = re.compile(rb"""^\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z][\w.-]*)["']""")
_OWN_OPTIONS = frozenset({"xpath", "namespaces", "elems_only", "attrs_only", "names", "dtype", "encoding",
                          "compression", "storage_options", "parser", "dtype_backend", "exact"})  # fmt: skip


def decode(raw: Raw, options: Mapping[str, Any]) -> Iterator[pd.DataFrame]:
    """The rows that ``xpath`` selects, with the options of ``pandas.read_xml`` and ``exact``.

    ``exact: false`` and options that only pandas has (``stylesheet``, ``iterparse`` …) leave it to pandas.

    Raises:
        UnusableDataError: an element is nested, repeated or has attributes of its own, which a table has no place for.
    """
    given = {name: value for name, value in options.items() if name != "exact"}
    if given.get("iterparse"):  # pandas reads only files on a disk so
        yield pd.read_xml(source(raw), **given)
        return
    with opened(raw, given) as file:
        content = file.read()
    content = content.encode() if isinstance(content, str) else content
    encoding = given.get("encoding") or _encoding_of(content, raw)
    if options.get("exact", True) is False or options.keys() - _OWN_OPTIONS:
        reading = {key: value for key, value in given.items() if key not in ("compression", "storage_options")}
        yield pd.read_xml(source(content), **{**reading, "encoding": encoding})
        return
    rows = list(_rows(content, encoding, given))
    columns = list(dict.fromkeys(name for row in rows for name in row))
    frame = pd.DataFrame(rows, columns=columns, dtype="str")
    if given.get("names"):
        frame.columns = given["names"]
    yield _typed(frame, given)


def _encoding_of(content: bytes, raw: Raw) -> str | None:
    if isinstance(raw, str):
        return "utf-8"  # whatever it declares, it has been decoded
    declared = _DECLARED.match(content)
    return declared[1].decode() if declared else None


def _typed(frame: pd.DataFrame, options: Mapping[str, Any]) -> pd.DataFrame:
    asked = options.get("dtype")
    if asked is not None and not isinstance(asked, Mapping):
        return frame.astype(asked)
    types = dict(asked or {})
    kept = {name: frame[name] if name in types else from_text(frame[name], options) for name in frame.columns}
    return pd.DataFrame(kept, columns=frame.columns).astype(
        {name: kind for name, kind in types.items() if name in kept}
    )


def _rows(content: bytes, encoding: str | None, options: Mapping[str, Any]) -> Iterator[dict[str, str | None]]:
    from lxml import etree  # type: ignore[import-untyped]  # it ships no types

    parser = etree.XMLParser(encoding=encoding, resolve_entities=False, no_network=True, huge_tree=True)
    root = etree.fromstring(content, parser)
    xpath = options.get("xpath") or "./*"
    found = root.xpath(xpath, namespaces=options.get("namespaces"))
    rows = [row for row in found if isinstance(getattr(row, "tag", None), str)]
    if not rows:
        raise ValueError(f"xpath '{xpath}' selects no elements")
    for number, row in enumerate(rows, 1):
        yield _row(row, number, options)


def _row(element: Any, number: int, options: Mapping[str, Any]) -> dict[str, str | None]:
    row: dict[str, str | None] = {}
    if not options.get("elems_only"):
        row.update({_local(name): value for name, value in element.attrib.items()})
    if options.get("attrs_only"):
        return row
    for child in element:
        if not isinstance(child.tag, str):
            continue  # a comment
        name = _local(child.tag)
        problem = (
            "has elements of its own" if len(child) and any(isinstance(inner.tag, str) for inner in child)
            else "is there more than once" if name in row
            else "has attributes of its own" if not options.get("elems_only") and _has_attributes(child)
            else ""
        )  # fmt: skip
        if problem:
            raise UnusableDataError(
                f"returned xml in which '{name}' of row {number} {problem}, which a column cannot hold; name deeper "
                f"rows in data_format.xpath, or flatten it with data_format.stylesheet"
            )
        text = (child.text or "") + "".join(inner.tail or "" for inner in child)
        row[name] = text.strip() or None
    return row


def _has_attributes(element: Any) -> bool:
    return any(not name.startswith("{http://www.w3.org/2001/XMLSchema-instance}") for name in element.attrib)


def _local(name: str) -> str:
    return name.rpartition("}")[2]

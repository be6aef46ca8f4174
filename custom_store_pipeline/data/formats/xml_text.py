"""xml: each row's attributes and the text of its elements; what would be lost is refused."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
from lxml import etree  # type: ignore[import-untyped]  # it ships no types

from custom_store_pipeline.data.formats.column_types import from_text
from custom_store_pipeline.data.formats.raw import Raw, read, source
from custom_store_pipeline.errors import UnusableDataError

_DECLARED = re.compile(rb"""^\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z][\w.-]*)["']""")
_REMEDY = (
    "name deeper rows in data_format.xpath, flatten it with data_format.stylesheet, "
    "or name what to take in data_format.iterparse: {row: [names]}"
)


def decode(raw: Raw, options: Mapping[str, Any]) -> Iterator[pd.DataFrame]:
    """The rows that ``xpath`` or ``iterparse`` selects, with the options of ``pandas.read_xml`` and ``exact``.

    ``exact: false`` and ``converters`` leave it to pandas.

    Raises:
        UnusableDataError: an element is nested, repeated or has attributes of its own, which a table has no place for.
    """
    given = {name: value for name, value in options.items() if name != "exact"}
    content = read(raw, given)
    content = content.encode() if isinstance(content, str) else content
    encoding = given.get("encoding") or _encoding_of(content, raw)
    if options.get("exact", True) is False or given.get("converters"):
        if given.get("iterparse"):  # pandas reads only files on a disk so
            yield pd.read_xml(source(raw), **given)
            return
        reading = {key: value for key, value in given.items() if key not in ("compression", "storage_options")}
        yield pd.read_xml(source(content), **{**reading, "encoding": encoding})
        return
    if given.get("iterparse"):
        rows = list(_picked(content, encoding, given["iterparse"]))
    else:
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
    types = dict(asked) if isinstance(asked, Mapping) else dict.fromkeys(frame.columns, asked) if asked else {}
    dates = options["parse_dates"] if isinstance(options.get("parse_dates"), list) else []
    kept = {}
    for position, name in enumerate(frame.columns):
        if name in dates or position in dates:
            kept[name] = pd.to_datetime(frame[name])
        else:
            kept[name] = frame[name].astype(types[name]) if name in types else from_text(frame[name], options)
    return pd.DataFrame(kept, columns=frame.columns)


def _rows(content: bytes, encoding: str | None, options: Mapping[str, Any]) -> Iterator[dict[str, str | None]]:
    parser = etree.XMLParser(encoding=encoding, resolve_entities=False, no_network=True, huge_tree=True)
    root = etree.fromstring(content, parser)
    if options.get("stylesheet"):
        root = etree.XSLT(_stylesheet(options["stylesheet"]))(root).getroot()
    xpath = options.get("xpath") or "./*"
    found = root.xpath(xpath, namespaces=options.get("namespaces"))
    rows = [row for row in found if isinstance(getattr(row, "tag", None), str)]
    if not rows:
        raise ValueError(f"xpath '{xpath}' selects no elements")
    for number, row in enumerate(rows, 1):
        yield _row(row, number, options)


def _stylesheet(written: Any) -> Any:
    if isinstance(written, str) and not written.lstrip().startswith("<"):
        return etree.parse(written)
    return etree.fromstring(written.encode() if isinstance(written, str) else written)


def _row(element: Any, number: int, options: Mapping[str, Any]) -> dict[str, str | None]:
    row: dict[str, str | None] = {}
    if not options.get("elems_only"):
        row.update({_local(name): value for name, value in element.attrib.items()})
    if options.get("attrs_only"):
        return row
    if own := (_text(element, number) or "").strip():
        name = _local(element.tag)
        if len(element) or name in row:
            raise _refused(name, number, "has text beside its elements or attributes")
        row[name] = own
    for child in element:
        if not isinstance(child.tag, str):
            continue  # a comment
        name = _local(child.tag)
        if any(isinstance(inner.tag, str) for inner in child):
            raise _refused(name, number, "has elements of its own")
        if name in row:
            raise _refused(name, number, "is there more than once")
        if not options.get("elems_only") and _has_attributes(child):
            raise _refused(name, number, "has attributes of its own")
        row[name] = (_text(child, number) or "").strip() or None
    return row


def _picked(content: bytes, encoding: str | None, wanted: Mapping[str, list[str]]) -> Iterator[dict[str, str | None]]:
    """The attributes and elements named, at any depth of each element that is a row."""
    ((tag, names),) = wanted.items()
    elements = etree.iterparse(
        io.BytesIO(content), tag=f"{{*}}{tag}", encoding=encoding, resolve_entities=False, no_network=True
    )
    for number, (_, element) in enumerate(elements, 1):
        row: dict[str, str | None] = {}
        for inside in element.iter(etree.Element):
            found = [(_local(name), value) for name, value in inside.attrib.items()]
            if inside is not element:
                found.append((_local(inside.tag), (_text(inside, number) or "").strip() or None))
            for name, value in found:
                if name in names and name in row:
                    raise _refused(name, number, "is there more than once")
                if name in names:
                    row[name] = value
        yield {name: row.get(name) for name in names}
        element.clear()


def _text(element: Any, number: int) -> str:
    """The text of an element, without its comments and elements."""
    if any(inner.tag is etree.Entity for inner in element):
        raise _refused(_local(element.tag), number, "refers to an entity of the document's own")
    return (element.text or "") + "".join(inner.tail or "" for inner in element)


def _refused(name: str, number: int, problem: str) -> UnusableDataError:
    return UnusableDataError(
        f"returned xml in which '{name}' of row {number} {problem}, which a column cannot hold; {_REMEDY}"
    )


def _has_attributes(element: Any) -> bool:
    return any(not name.startswith("{http://www.w3.org/2001/XMLSchema-instance}") for name in element.attrib)


def _local(name: str) -> str:
    return name.rpartition("}")[2]

"""json and jsonl, by Python's own parser: pandas' makes floats of integers beside nulls and rounds."""

from __future__ import annotations

import io
import itertools
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from custom_store_pipeline.data.formats.column_types import from_records, is_unicode
from custom_store_pipeline.data.formats.json_shapes import at, named, oriented, rows_of
from custom_store_pipeline.data.formats.raw import Raw, lines_of, opened, read_text
from custom_store_pipeline.errors import UnusableDataError

_ROWS_PER_CHUNK = 100_000
_MOST_DIGITS = 4300  # of an integer that Python reads
_HALF_OF_A_PAIR = re.compile(r"\\u[dD][89a-fA-F]")


def decode(raw: Raw, options: Mapping[str, Any]) -> Iterator[pd.DataFrame]:
    """A list of objects as a table; ``records`` names the path of the list, ``orient`` another layout.

    Raises:
        UnusableDataError: the document is not a table; the message says what to set.
    """
    text = read_text(raw, options)
    parsed = _parsed(text, "json")
    if options.get("records") is not None:
        parsed = at(parsed, options["records"])
    if options.get("dtype") is True:  # pandas is to guess
        yield _guessed(parsed, options)
        return
    if options.get("orient") in (None, "records"):
        rows = rows_of(parsed)
        frame = _as_table(rows[: options.get("nrows")], text)
    else:
        frame = oriented(parsed, options["orient"])
    yield _with_options(frame, options)


def decode_lines(raw: Raw, options: Mapping[str, Any]) -> Iterator[pd.DataFrame]:
    """One object a line, chunk by chunk.

    Raises:
        UnusableDataError: a line is not an object; the message names the line and says what to set.
    """
    if options.get("orient") not in (None, "records"):
        raise UnusableDataError(
            f"returned jsonl, which has one object a line, but data_format.orient is '{options['orient']}'; "
            "leave it out"
        )
    per_chunk = options.get("chunksize") or _ROWS_PER_CHUNK
    with opened(raw, options) as file:
        rows = itertools.islice(_numbered_rows(lines_of(file, options)), options.get("nrows"))
        chunk = list(itertools.islice(rows, per_chunk))
        following = list(itertools.islice(rows, per_chunk))
        several = bool(following)
        types: dict[Any, Any] = {}
        while chunk:
            found = [row for row, _ in chunk]
            if options.get("dtype") is True:
                yield _guessed(found, options)
            else:
                frame = _as_table(found, "".join(text for _, text in chunk), nullable=several)
                yield _with_options(_with_known_types(frame, types) if several else frame, options)
            chunk, following = following, list(itertools.islice(rows, per_chunk))


def _numbered_rows(lines: Iterator[str]) -> Iterator[tuple[dict[str, Any], str]]:
    for number, text in enumerate(lines, 1):
        if not text.strip():
            continue
        try:
            row = _parsed(text, "jsonl", f" of line {number}")
        except json.JSONDecodeError as error:
            raise ValueError(f"line {number}: {error.msg} at column {error.colno}") from error
        if not isinstance(row, dict):
            remedy = "set data_format.type: json" if isinstance(row, list) else "each line must be an object"
            raise UnusableDataError(f"returned jsonl whose line {number} is {named(row)}, not an object; {remedy}")
        yield row, text


def _parsed(text: str, kind: str, where: str = "") -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        raise
    except ValueError:
        column, digits = _too_long(text)
        raise UnusableDataError(
            f"returned {kind} in which the column '{column}'{where} has an integer of {len(digits):,} digits "
            f"({digits[:10]}…), more than Python reads ({_MOST_DIGITS:,}); send such a value as text, in quotes"
        ) from None


def _too_long(text: str) -> tuple[str, str]:
    """The name nearest to the first integer that Python does not read, and its digits."""

    class TooLong(str):
        __slots__ = ()

    def find(value: Any, name: str) -> Iterator[tuple[str, str]]:
        if isinstance(value, TooLong):
            yield name, value.lstrip("-")
        inner = value.items() if isinstance(value, dict) else ((name, item) for item in value)
        if isinstance(value, dict | list):
            for inner_name, item in inner:
                yield from find(item, inner_name)

    parsed = json.loads(text, parse_int=lambda digits: TooLong(digits) if len(digits) > _MOST_DIGITS else 0)
    return next(find(parsed, ""))


def _as_table(rows: list[Any], text: str, *, nullable: bool = False) -> pd.DataFrame:
    # Nearly always a whole pair; to look for "\\u" first is many times faster.
    if "\\u" in text and _HALF_OF_A_PAIR.search(text):
        for number, row in enumerate(rows, 1):
            for name, value in row.items():
                if not is_unicode(json.dumps({name: value}, ensure_ascii=False)):
                    raise UnusableDataError(
                        f"returned json in which the column {name!a} of row {number} has half of a character "
                        f"({ascii(value)[:60]}), which no string may have; correct it where the json is written"
                    )
    return from_records(rows, nullable=nullable)


def _with_known_types(frame: pd.DataFrame, types: dict[Any, Any]) -> pd.DataFrame:
    """A column has one type in all chunks if it can, and is of objects if else digits would be lost in joining."""
    for name in frame.columns:
        column = frame[name]
        if not column.notna().any():
            if name in types:
                frame[name] = pd.Series([None] * len(frame), dtype=types[name])
            continue
        before, now = str(types.setdefault(name, column.dtype)), str(column.dtype)
        if before != now and (before == "object" or {before, now} == {"Int64", "float64"}):
            values = [None if value is pd.NA else value for value in column.tolist()]
            frame[name] = pd.Series(values, dtype="object")
            types[name] = frame[name].dtype
    return frame


def _guessed(parsed: Any, options: Mapping[str, Any]) -> pd.DataFrame:
    """What pandas makes of it; the user asked for that by ``dtype: true``."""
    names = ("orient", "convert_axes", "convert_dates", "keep_default_dates", "date_unit", "dtype_backend")
    given = {name: options[name] for name in names if name in options}
    read: pd.DataFrame = pd.read_json(
        io.StringIO(json.dumps(parsed)), **{"dtype": True, "precise_float": True, **given}
    )
    return read.iloc[: options.get("nrows")]


def _with_options(frame: pd.DataFrame, options: Mapping[str, Any]) -> pd.DataFrame:
    """The columns that the user asked to convert as pandas converts them; the others as they are."""
    dates, dtype, backend = (options.get(name) for name in ("convert_dates", "dtype", "dtype_backend"))
    if dates:
        given = {name: options[name] for name in ("date_unit", "keep_default_dates") if name in options}
        for name in frame.columns if dates is True else [name for name in dates if name in frame.columns]:
            # pandas alone knows what it takes for a date
            text = json.dumps([{name: None if value is pd.NA else value} for value in frame[name].tolist()])
            read = pd.read_json(io.StringIO(text), orient="records", convert_dates=dates, **given)
            if name in read and read[name].dtype.kind == "M":
                frame[name] = read[name]
    if isinstance(dtype, Mapping):
        frame = frame.astype({name: kind for name, kind in dtype.items() if name in frame.columns})
    elif dtype:
        frame = frame.astype(dtype)
    return frame.convert_dtypes(dtype_backend=backend) if backend else frame

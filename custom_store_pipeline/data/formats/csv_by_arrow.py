"""csv read by pyarrow into record batches (``engine: pyarrow``): the values that pandas' reader gives, or an error."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Annotated, Any, Literal
from uuid import uuid4

import pyarrow as pa
from pyarrow import csv
from pydantic import Field, NonNegativeInt, StringConstraints

from custom_store_pipeline.data.formats.csv_column_kinds import check_kinds
from custom_store_pipeline.data.formats.file_options import FileOptions
from custom_store_pipeline.data.formats.raw import Raw, as_bytes, joined, opened
from custom_store_pipeline.data.formats.typed_text import typed
from custom_store_pipeline.errors import UndecodableDataError, UnusableDataError

_BYTES_PER_BATCH = 8 << 20
_BYTES_WITH_THE_HEADER = 1 << 20
_Character = Annotated[str, StringConstraints(min_length=1, max_length=1)]


class Options(FileOptions):
    """The options of ``pandas.read_csv``, and their values, for which pyarrow reads the same."""

    sep: _Character = ","
    delimiter: _Character | None = None
    quotechar: _Character = '"'
    encoding: str | None = None
    names: list[str] | None = None
    usecols: Annotated[list[str], Field(min_length=1)] | None = None
    skiprows: NonNegativeInt | None = None
    na_values: str | list[str] | None = None
    dtype: dict[str, Literal["str", "string"]] | None = None
    decimal: _Character = "."
    thousands: _Character | None = None
    true_values: list[str] | None = None
    false_values: list[str] | None = None
    exact: Literal[True] = True


def decode(raw: Raw, options: Options) -> Iterator[pa.RecordBatch]:
    """The csv batch by batch. pyarrow reads each column as text, which is typed like that of pandas.

    Raises:
        UnusableDataError: two columns have the same name, or one has none; a column of ``usecols`` is missing; a column
            is of one kind at first and of another later.
    """
    reading = csv.ReadOptions(block_size=_BYTES_PER_BATCH, column_names=options.names, skip_rows=options.skiprows or 0)
    with opened(raw, options.model_dump()) as file:
        content = as_bytes(file, options.encoding)
        head = content.read(_BYTES_WITH_THE_HEADER)
        names = _names(head, reading, options)
        converting = csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.large_string()),
            include_columns=[name for name in names if options.usecols is None or name in options.usecols],
            null_values=["", *_listed(options.na_values)],
            strings_can_be_null=True,
        )
        # pyarrow takes a value that was cut off as if its closing quote were there: then this row is part of the value.
        last_row = uuid4().hex
        end = "\n" + _separator(options).join([last_row] * len(names))
        whole = joined(io.BytesIO(head), content, io.StringIO(end))
        with csv.open_csv(whole, reading, _parsing(options), converting) as reader:
            yield from _typed(_without_last_row(reader, last_row), reader.schema.names, options)


def _without_last_row(batches: Iterator[pa.RecordBatch], row: str) -> Iterator[pa.RecordBatch]:
    found = False
    for batch in batches:
        found = batch.num_rows > 0 and batch.column(0)[-1].as_py() == row
        yield batch.slice(0, batch.num_rows - found)
    if not found:
        raise UndecodableDataError(
            "returned a csv that ends in a quoted value: it was cut off, or the closing quote of a value is missing; "
            "pull it again, or correct it"
        )


def _separator(options: Options) -> str:
    return options.delimiter or options.sep


def _parsing(options: Options, **more: Any) -> csv.ParseOptions:
    return csv.ParseOptions(
        delimiter=_separator(options),
        quote_char=options.quotechar,
        newlines_in_values=True,
        **more,
    )


def _names(head: bytes, reading: csv.ReadOptions, options: Options) -> list[str]:
    """The columns of the file: only by their names can pyarrow be told to read them as text."""
    # The head may end in the middle of a row.
    parsing = _parsing(options, invalid_row_handler=lambda _: "skip")
    # Its newline makes a header alone one that pyarrow sees.
    names: list[str] = csv.open_csv(io.BytesIO(head + b"\n"), reading, parsing).schema.names
    if "" in names or len(set(names)) < len(names):
        what = "without a name" if "" in names else f"named '{next(n for n in names if names.count(n) > 1)}' twice"
        raise UnusableDataError(
            f"returned a csv with a column {what}, which engine: pyarrow cannot tell apart; set data_format.names and "
            "skiprows: 1, or engine: pandas, which makes up names"
        )
    if missing := [name for name in options.usecols or () if name not in names]:
        raise UnusableDataError(
            f"returned a csv without the column '{missing[0]}', which data_format.usecols names; "
            f"it has {', '.join(names)}"
        )
    return names


def _typed(batches: Iterator[pa.RecordBatch], names: list[str], options: Options) -> Iterator[pa.RecordBatch]:
    kinds: dict[str, str] = {}
    text = set(options.dtype or ())
    given = options.model_dump(include={"decimal", "thousands", "true_values", "false_values"})
    is_first = True
    for batch in batches:
        if not (batch.num_rows or is_first):
            continue  # a first one without rows says which columns there are
        is_first = False
        columns = [
            _column(column, as_text=name in text or kinds.get(name) == "text", options=given)
            for name, column in zip(names, batch.columns, strict=True)
        ]
        piece = pa.RecordBatch.from_arrays(columns, names)
        check_kinds(piece, kinds)
        yield piece


def _column(texts: Any, *, as_text: bool, options: dict[str, Any]) -> Any:
    if texts.null_count == len(texts):
        return pa.nulls(len(texts))  # another batch may know its type
    found = texts if as_text else typed(texts, options)
    return found.cast(pa.string()) if found.type == pa.large_string() else found


def _listed(values: str | list[str] | None) -> list[str]:
    return [values] if isinstance(values, str) else values or []

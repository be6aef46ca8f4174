"""jsonl read by pyarrow into record batches (``engine: pyarrow``): the values that Python's parser gives."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import json

from custom_store_pipeline.data.common_types import LARGEST_EXACT
from custom_store_pipeline.data.formats.file_options import FileOptions
from custom_store_pipeline.data.formats.raw import Raw, as_bytes, opened
from custom_store_pipeline.errors import UnusableDataError

_BYTES_PER_BATCH = 4 << 20


class Options(FileOptions):
    """Only how the file is opened: what changes values needs ``engine: pandas``."""


def decode(raw: Raw, options: Options) -> Iterator[pa.RecordBatch]:
    """One object a line, batch by batch. Each batch has the types that its own lines need.

    Raises:
        UnusableDataError: a column has numbers that may have lost digits.
    """
    texts = pa.schema([])
    with opened(raw, options.model_dump()) as file:
        for lines in _whole_lines(as_bytes(file)):
            table = _parsed(lines, texts)
            if guessed := [field.with_type(kind) for field in table.schema if (kind := _texts_for_times(field.type))]:
                # pyarrow takes texts that look like times for times, but the text is the value.
                texts = pa.unify_schemas([texts, pa.schema(guessed)], promote_options="permissive")
                table = _parsed(lines, texts).select(table.schema.names)
            for batch in table.combine_chunks().to_batches():
                batch.validate(full=True)  # pyarrow's parser lets bytes pass that are not UTF-8, and breaks some lists
                for field, column in zip(batch.schema, batch.columns, strict=True):
                    _check_digits(field.name, column)
                yield batch


def _whole_lines(file: IO[bytes]) -> Iterator[bytes]:
    """The content in parts that end where a line ends."""
    rest = b""
    while part := file.read(_BYTES_PER_BATCH):
        lines, newline, rest_of_line = part.rpartition(b"\n")
        if newline:
            yield rest + lines + newline
            rest = rest_of_line
        else:
            rest += part
    if rest:
        yield rest


def _parsed(lines: bytes, texts: pa.Schema) -> pa.Table:
    """The lines as a table, in which the columns of a schema, and their fields, have the types that it says."""
    reading = json.ReadOptions(block_size=len(lines) + 1)
    return json.read_json(io.BytesIO(lines), reading, json.ParseOptions(explicit_schema=texts))


def _texts_for_times(kind: pa.DataType) -> pa.DataType | None:
    """A type with text for each time, and nothing else in it; None if it has no times."""
    if pa.types.is_timestamp(kind):
        return pa.string()
    if pa.types.is_list(kind):
        item = _texts_for_times(kind.value_type)
        return None if item is None else pa.list_(item)
    if pa.types.is_struct(kind):
        fields = [field.with_type(found) for field in kind if (found := _texts_for_times(field.type))]
        return pa.struct(fields) if fields else None
    return None


def _check_digits(name: str, column: Any) -> None:
    if pa.types.is_list(column.type):
        _check_digits(name, column.flatten())
    elif pa.types.is_struct(column.type):
        for field, inner in zip(column.type, column.flatten(), strict=True):
            _check_digits(f"{name}.{field.name}", inner)
    elif pa.types.is_floating(column.type):
        largest = pc.max(pc.abs(column)).as_py()
        # What was written as an integer is not known any more; Infinity is none.
        if largest is not None and LARGEST_EXACT <= largest < float("inf"):
            raise UnusableDataError(
                f"returned jsonl in which the column '{name}' has the number {largest!r}; such a number may have lost "
                "digits in engine: pyarrow; set engine: pandas, or send such numbers as text, in quotes"
            )

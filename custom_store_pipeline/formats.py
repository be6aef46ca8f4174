"""How raw bytes, text and files become DataFrames: one dict, one entry a format.

A new format is one entry of :data:`FORMATS`. The readers are those of pandas and pyarrow, and their options are taken
from ``data_format`` by the readers' own names. pandas and pyarrow are imported when something is decoded, not before.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import inspect
import io
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from custom_store_pipeline.errors import MissingExtraError, UnusableDataError

if TYPE_CHECKING:
    import pandas as pd

Raw = bytes | str | os.PathLike[str]

_ROWS_PER_CHUNK = 100_000


@dataclass(frozen=True)
class Format:
    """One data format.

    Attributes:
        readers: the functions whose parameters are the format's options, as ``module:name``.
        decode: (raw, options) → DataFrames; lazily where the reader can.
        text: whether the format can be given as ``str``.
        package: the package that the reader needs beyond the required ones, or None.
        extra: the extra of this project that brings the package.
    """

    readers: tuple[str, ...]
    decode: Callable[[Raw, Mapping[str, Any]], Iterator[pd.DataFrame]]
    text: bool = True
    package: str | None = None
    extra: str | None = None


def _csv(raw: Raw, options: Mapping[str, Any]) -> Iterator[pd.DataFrame]:
    import pandas as pd

    with pd.read_csv(_source(raw), **{"chunksize": _ROWS_PER_CHUNK, **options}) as chunks:
        yield from chunks


def _json(raw: Raw, options: Mapping[str, Any]) -> Iterator[pd.DataFrame]:
    import pandas as pd

    # JSON says itself what is a number and what is text: pandas' guessing would turn the text "007" into the number 7.
    yield pd.read_json(_source(raw), **{"dtype": False, **options})


def _jsonl(raw: Raw, options: Mapping[str, Any]) -> Iterator[pd.DataFrame]:
    import pandas as pd

    defaults = {"dtype": False, "chunksize": _ROWS_PER_CHUNK}
    with pd.read_json(_source(raw), lines=True, **{**defaults, **options}) as chunks:
        yield from chunks


def _parquet(raw: Raw, options: Mapping[str, Any]) -> Iterator[pd.DataFrame]:
    import pyarrow.parquet as pq

    opening = {key: value for key, value in options.items() if key in _parameters("pyarrow.parquet:ParquetFile")}
    reading = {key: value for key, value in options.items() if key not in opening}
    with pq.ParquetFile(_source(raw), **opening) as file:
        rows = 0
        for batch in file.iter_batches(**{"batch_size": _ROWS_PER_CHUNK, **reading}):
            rows += batch.num_rows
            yield arrow_to_pandas(batch)
        if not rows:  # a file without rows has no batches, but its columns are worth keeping
            empty = file.schema_arrow.empty_table()
            yield arrow_to_pandas(empty.select(reading["columns"]) if reading.get("columns") else empty)


def _excel(raw: Raw, options: Mapping[str, Any]) -> Iterator[pd.DataFrame]:
    import pandas as pd

    sheets = pd.read_excel(_source(raw), **options)
    if isinstance(sheets, dict):
        raise UnusableDataError(
            f"returned a workbook of which data_format.sheet_name selects {len(sheets)} sheets; "
            "an entity is one table, so name one sheet"
        )
    yield sheets


def _xml(raw: Raw, options: Mapping[str, Any]) -> Iterator[pd.DataFrame]:
    import pandas as pd

    yield pd.read_xml(_source(raw), **options)


FORMATS: dict[str, Format] = {
    "csv": Format(("pandas:read_csv",), _csv),
    "json": Format(("pandas:read_json",), _json),
    "jsonl": Format(("pandas:read_json",), _jsonl),
    "parquet": Format(
        ("pyarrow.parquet:ParquetFile", "pyarrow.parquet:ParquetFile.iter_batches"), _parquet, text=False
    ),
    "excel": Format(("pandas:read_excel",), _excel, text=False, package="openpyxl", extra="excel"),
    "xml": Format(("pandas:read_xml",), _xml, package="lxml", extra="xml"),
}

DATAFRAME = "dataframe"
FORMAT_NAMES: tuple[str, ...] = (*FORMATS, DATAFRAME)

# What the decoders say themselves: where the data is, and that jsonl is lines.
_NOT_OPTIONS = {
    "self", "filepath_or_buffer", "path_or_buf", "source", "io", "path_or_buffer", "iterator",
}  # fmt: skip


def unknown_options(format_name: str, options: Mapping[str, Any]) -> dict[str, str]:
    """The options that the format's reader does not have, each with a text that lists near ones.

    Imports the reader's package. ``dataframe`` has no options at all.
    """
    known: set[str] = set()
    if format_name in FORMATS:
        known = {name for reader in FORMATS[format_name].readers for name in _parameters(reader)} - _NOT_OPTIONS
    if format_name == "jsonl":
        known -= {"lines"}
    readers = " or ".join(reader.replace(":", ".") for reader in FORMATS[format_name].readers) if known else ""
    problems = {}
    for name in options:
        if name not in known:
            where = f"an option of {readers}" if known else f"an option: '{format_name}' has none"
            problems[name] = f"'{name}' is not {where}{_near(name, known)}"
    return problems


def _near(name: str, known: set[str]) -> str:
    similar = sorted(option for option in known if name.startswith(option) or option.startswith(name))
    near = similar or difflib.get_close_matches(name, known, n=3, cutoff=0.7)
    return f"; near are {', '.join(near)}" if near else ""


def decode(raw: Raw, format_name: str, options: Mapping[str, Any]) -> Iterator[pd.DataFrame]:
    """Decodes what a driver pulled, lazily where the reader can.

    Args:
        raw: the content as bytes or text, or the path of a file with it.
        format_name: a key of :data:`FORMATS`, or ``dataframe``, which decodes nothing.
        options: the reader's options, by the reader's own names.

    Returns:
        An iterator of at least one DataFrame.

    Raises:
        UnusableDataError: the format cannot be read from this kind of value, or an option is unknown.
        MissingExtraError: the format's extra is not installed.
        Exception: whatever the reader raises on content that is not in the format.
    """
    if format_name == DATAFRAME:
        raise UnusableDataError(
            f"returned raw {type(raw).__name__}, but the mapping does not say how to decode it; "
            f"set data_format.type to one of {', '.join(FORMATS)}"
        )
    wanted = FORMATS[format_name]
    if isinstance(raw, str) and not wanted.text:
        raise UnusableDataError(f"returned text, but {format_name} is binary; return bytes or a Path")
    if wanted.package and importlib.util.find_spec(wanted.package) is None:
        raise MissingExtraError(
            f"data_format {format_name} needs the package '{wanted.package}'; "
            f"install it with: pip install 'custom-store-pipeline[{wanted.extra}]'"
        )
    if problems := unknown_options(format_name, options):
        raise UnusableDataError("returned data that cannot be decoded: data_format: " + "; ".join(problems.values()))
    return wanted.decode(raw, options)


def arrow_to_pandas(table: Any) -> pd.DataFrame:
    """A pyarrow Table or RecordBatch as pandas, without turning integers with nulls into floats.

    pyarrow's own default loses the digits of integers beyond 2**53 as soon as one row of the column is null.
    """
    import pandas as pd
    import pyarrow as pa

    nullable = {
        pa.int8(): pd.Int8Dtype(), pa.int16(): pd.Int16Dtype(), pa.int32(): pd.Int32Dtype(),
        pa.int64(): pd.Int64Dtype(), pa.uint8(): pd.UInt8Dtype(), pa.uint16(): pd.UInt16Dtype(),
        pa.uint32(): pd.UInt32Dtype(), pa.uint64(): pd.UInt64Dtype(),
    }  # fmt: skip
    has_nulls = {column.type for column in table.columns if column.null_count}
    frame: pd.DataFrame = table.to_pandas(types_mapper=lambda kind: nullable.get(kind) if kind in has_nulls else None)
    return frame


def _parameters(reader: str) -> set[str]:
    module, _, path = reader.partition(":")
    found: Any = importlib.import_module(module)
    for name in path.split("."):
        found = getattr(found, name)
    return set(inspect.signature(found).parameters)


def _source(raw: Raw) -> Any:
    if isinstance(raw, bytes):
        return io.BytesIO(raw)
    if isinstance(raw, str):
        return io.StringIO(raw)
    return os.fspath(raw)

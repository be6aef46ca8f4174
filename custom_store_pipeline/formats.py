"""How raw bytes, text and files become DataFrames: one dict, one entry a format.

A new format is one entry of :data:`FORMATS`. The readers are those of pandas and pyarrow, and their options are taken
from ``data_format`` by the readers' own names. pandas and pyarrow are imported when something is decoded, not before.
"""

from __future__ import annotations

import contextlib
import difflib
import importlib
import importlib.util
import inspect
import io
import itertools
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from custom_store_pipeline.errors import MissingExtraError, UndecodableDataError, UnusableDataError
from custom_store_pipeline.frames import arrow_to_pandas, index_as_columns, records_to_pandas

if TYPE_CHECKING:
    import pandas as pd

Raw = bytes | str | os.PathLike[str] | IO[Any]

_ROWS_PER_CHUNK = 100_000
_LONGEST_PATH = 4096


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

    separator = options.get("sep", options.get("delimiter", ","))
    defaults: dict[str, Any] = {"chunksize": _ROWS_PER_CHUNK, "dtype_backend": "numpy_nullable"}
    if len(str(separator)) == 1 and not options.keys() & {"engine", "skipfooter"}:
        defaults["low_memory"] = False  # looks at all rows of a chunk before it decides on a column's type
    if options.get("engine") == "pyarrow" or "skipfooter" in options:
        del defaults["chunksize"]  # pandas reads these in one piece only
    read: Any = pd.read_csv(_source(raw), **{**defaults, **options})
    with contextlib.nullcontext([read]) if isinstance(read, pd.DataFrame) else read as chunks:
        kinds: dict[str, str] = {}
        for chunk in chunks:
            if "index_col" not in options and not isinstance(chunk.index, pd.RangeIndex):
                raise UnusableDataError(
                    "returned a csv whose rows have more values than its header has names; "
                    "if each line ends with a separator, set data_format.index_col: false"
                )
            frame = index_as_columns(chunk)
            if "dtype_backend" not in options:
                frame = _with_usual_types(frame)
            check_kinds(frame, kinds)
            yield frame


def _with_usual_types(frame: pd.DataFrame) -> pd.DataFrame:
    """The types that pandas users know, wherever they hold the values; only integers with gaps stay ``Int64``."""
    usual = {}
    for name, dtype in frame.dtypes.items():
        if dtype == "string":
            usual[name] = "str"
        elif dtype == "Float64" or (dtype in ("Int64", "boolean") and not frame[name].hasnans):
            usual[name] = {"Float64": "float64", "Int64": "int64", "boolean": "bool"}[str(dtype)]
    return frame.astype(usual)


def check_kinds(frame: pd.DataFrame, kinds: dict[str, str]) -> None:
    """Refuses a csv column that is of one kind in one chunk and of another later: "007" would already have become 7.

    Args:
        frame: the chunk.
        kinds: the kinds of columns so far; the chunk's are added.

    Raises:
        UnusableDataError: names the column and the option that says what it is.
    """
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    for name in frame.columns:
        if frame[name].notna().any():
            dtype = frame[name].dtype
            kind = "booleans" if is_bool_dtype(dtype) else "numbers" if is_numeric_dtype(dtype) else "text"
            if kinds.setdefault(str(name), kind) != kind:
                raise UnusableDataError(
                    f"returned a csv in which the column '{name}' is {kinds[str(name)]} at first and {kind} later; "
                    f"say what it is: data_format.dtype: {{{name}: str}}"
                )


def _json(raw: Raw, options: Mapping[str, Any]) -> Iterator[pd.DataFrame]:
    import pandas as pd

    if not options:
        # pandas reads integers beside a null as floats and loses their digits, so the usual case does without it.
        content = _read(raw)
        parsed = json.loads(content)
        if isinstance(parsed, list) and all(isinstance(row, dict) for row in parsed):
            yield records_to_pandas(parsed)
            return
        raw = content
    # JSON says itself what is a number and what is text: pandas' guessing would turn the text "007" into the number 7.
    yield pd.read_json(_source(raw), **{"dtype": False, **options})


def _jsonl(raw: Raw, options: Mapping[str, Any]) -> Iterator[pd.DataFrame]:
    import pandas as pd

    if not options.keys() - {"chunksize"}:  # as for json
        with _opened(raw) as lines:
            rows = (json.loads(line) for line in lines if line.strip())
            while chunk := list(itertools.islice(rows, options.get("chunksize", _ROWS_PER_CHUNK))):
                yield records_to_pandas(chunk)
        return
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

# What the decoders say themselves: where the data is, and whether it comes in chunks.
_NOT_OPTIONS: dict[str, set[str]] = {
    "csv": {"filepath_or_buffer", "iterator"},
    "json": {"path_or_buf", "lines", "chunksize", "typ"},
    "jsonl": {"path_or_buf", "lines", "typ"},
    "parquet": {"self", "source"},
    "excel": {"io"},
    "xml": {"path_or_buffer"},
}


def unknown_options(format_name: str, options: Mapping[str, Any]) -> dict[str, str]:
    """The options that the format's reader does not have, each with a text that lists near ones.

    Imports the reader's package. ``dataframe`` has no options at all.
    """
    known: set[str] = set()
    if format_name in FORMATS:
        known = {name for reader in FORMATS[format_name].readers for name in _parameters(reader)}
        known -= _NOT_OPTIONS[format_name]
    readers = " or ".join(reader.replace(":", ".") for reader in FORMATS[format_name].readers) if known else ""
    problems = {}
    for name in options:
        if name not in known:
            where = f"an option of {readers}" if known else f"an option: '{format_name}' has none"
            problems[name] = f"'{name}' is not {where}{_near(name, known)}"
    return problems


def missing_extra(format_name: str) -> str:
    """What to install so that a format can be read; empty if nothing is missing."""
    wanted = FORMATS.get(format_name)
    if wanted is None or wanted.package is None or importlib.util.find_spec(wanted.package) is not None:
        return ""
    return (
        f"data_format {format_name} needs the package '{wanted.package}'; "
        f"install it with: {sys.executable} -m pip install 'custom-store-pipeline[{wanted.extra}]'"
    )


def _near(name: str, known: set[str]) -> str:
    similar = sorted(option for option in known if name.startswith(option) or option.startswith(name))
    near = similar or difflib.get_close_matches(name, known, n=3, cutoff=0.7)
    return f"; near are {', '.join(near)}" if near else ""


def decode(raw: Raw, format_name: str, options: Mapping[str, Any]) -> Iterator[pd.DataFrame]:
    """Decodes what a driver pulled, lazily where the reader can.

    Args:
        raw: the content as bytes or text, or the path of a file with it, or an open file.
        format_name: a key of :data:`FORMATS`, or ``dataframe``, which decodes nothing.
        options: the reader's options, by the reader's own names.

    Returns:
        An iterator of at least one DataFrame.

    Raises:
        UnusableDataError: the format cannot be read from this kind of value, or an option is unknown.
        MissingExtraError: the format's extra is not installed.
        UndecodableDataError: the reader raised, with its traceback.
    """
    if format_name == DATAFRAME:
        raise UnusableDataError(
            f"returned raw {type(raw).__name__}, but the mapping does not say how to decode it; "
            f"set data_format.type to one of {', '.join(FORMATS)}"
        )
    wanted = FORMATS[format_name]
    if isinstance(raw, str) and len(raw) < _LONGEST_PATH and "\n" not in raw and os.path.isfile(raw):
        raise UnusableDataError(
            "returned a text that is the path of a file, and text is taken as content; return Path(…)"
        )
    if isinstance(raw, str) and not wanted.text:
        raise UnusableDataError(f"returned text, but {format_name} is binary; return bytes or a Path")
    if missing := missing_extra(format_name):
        raise MissingExtraError(missing)
    if problems := unknown_options(format_name, options):
        raise UnusableDataError("returned data that cannot be decoded: data_format: " + "; ".join(problems.values()))
    if options.get("chunksize", 1) is None or options.get("batch_size", 1) is None:
        options = {key: value for key, value in options.items() if value is not None}
    return map(index_as_columns, _explained(wanted.decode(raw, options), raw, format_name))


def _explained(chunks: Iterator[pd.DataFrame], raw: Raw, format_name: str) -> Iterator[pd.DataFrame]:
    """Names the data and the format where a reader fails: its own message knows neither."""
    try:
        yield from chunks
    except UnusableDataError:
        raise
    except Exception as error:
        what = f"the path {os.fspath(raw)}, which" if isinstance(raw, os.PathLike) else f"{type(raw).__name__} that"
        reason = next(iter(str(error).strip().splitlines()), "")
        remedy = "return the path of a file" if isinstance(error, OSError) else "check from.data_format in the mapping"
        raise UndecodableDataError(
            f"returned {what} cannot be read as {format_name}: {type(error).__name__}: {reason}; {remedy}",
            "".join(traceback.format_exception(error)),
        ) from None


def _parameters(reader: str) -> set[str]:
    module, _, path = reader.partition(":")
    found: Any = importlib.import_module(module)
    for name in path.split("."):
        found = getattr(found, name)
    return set(inspect.signature(found).parameters)


def _source(raw: Raw) -> Any:
    """What pandas and pyarrow take: a path, from whose ending pandas sees a compression, or a file."""
    if isinstance(raw, bytes):
        return io.BytesIO(raw)
    if isinstance(raw, str):
        return io.StringIO(raw)
    return os.fspath(raw) if isinstance(raw, os.PathLike) else raw


def _opened(raw: Raw) -> contextlib.AbstractContextManager[IO[Any]]:
    """The content as a file; a path is opened as pandas opens it, decompressed if its ending says so."""
    if not isinstance(raw, os.PathLike):
        return contextlib.nullcontext(_source(raw))
    import fsspec

    opened: contextlib.AbstractContextManager[IO[Any]] = fsspec.open(os.fspath(raw), "rb", compression="infer")
    return opened


def _read(raw: Raw) -> Any:
    with _opened(raw) as file:
        return file.read()

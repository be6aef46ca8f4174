"""How raw bytes, text and files become DataFrames or record batches: one dict, one entry a format.

A new format is one entry of :data:`FORMATS`, with a module of this package beside it. The readers are those of pandas
and pyarrow, and their options are taken from ``data_format`` by the readers' own names. pandas and pyarrow are imported
when something is decoded, not before.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from custom_store_pipeline.data.formats.csv_column_kinds import check_kinds
from custom_store_pipeline.data.formats.raw import Raw
from custom_store_pipeline.data.frames import index_as_columns
from custom_store_pipeline.data.pieces import is_arrow
from custom_store_pipeline.errors import MissingExtraError, UndecodableDataError, UnusableDataError, near

if TYPE_CHECKING:
    from custom_store_pipeline.data.pieces import Piece

__all__ = [
    "DATAFRAME", "FORMATS", "FORMAT_NAMES", "Format", "Raw", "check_kinds", "decode", "has_schema", "missing_extra",
    "option_problems",
]  # fmt: skip

_LONGEST_PATH = 4096


@dataclass(frozen=True)
class Format:
    """One data format.

    Attributes:
        readers: the functions whose parameters are the format's options, as ``module:name``.
        decode: (raw, options) → pieces, lazily where the reader can; as ``module:name`` of this package.
        own: options of our own beside the reader's.
        engines: the values of ``engine``, if there are several; those beside pandas and pyarrow are pandas' own.
        by_arrow: the module of this package that decodes it with ``engine: pyarrow``, by its ``Options``; or None.
        text: whether the format can be given as ``str``.
        has_schema: a document says the types of its columns, so all its pieces have the same.
        package: the package that the reader needs beyond the required ones, or None.
        extra: the extra of this project that brings the package.
    """

    readers: tuple[str, ...]
    decode: str
    own: frozenset[str] = frozenset()
    engines: tuple[str, ...] = ()
    by_arrow: str | None = None
    text: bool = True
    has_schema: bool = False
    package: str | None = None
    extra: str | None = None


FORMATS: dict[str, Format] = {
    "csv": Format(
        ("pandas:read_csv",),
        "csv_text:decode",
        own=frozenset({"exact"}),
        engines=("pandas", "c", "python", "pyarrow"),
        by_arrow="csv_by_arrow",
    ),
    "json": Format(("pandas:read_json",), "json_text:decode", own=frozenset({"records"})),
    "jsonl": Format(
        ("pandas:read_json",), "json_text:decode_lines", engines=("pandas", "pyarrow"), by_arrow="jsonl_by_arrow"
    ),
    "parquet": Format(
        ("pyarrow.parquet:ParquetFile", "pyarrow.parquet:ParquetFile.iter_batches"),
        "parquet_files:decode",
        text=False,
        has_schema=True,
    ),
    "excel": Format(
        ("pandas:read_excel",),
        "workbooks:decode",
        own=frozenset({"exact"}),
        text=False,
        package="openpyxl",
        extra="excel",
    ),
    "xml": Format(("pandas:read_xml",), "xml_text:decode", own=frozenset({"exact"}), package="lxml", extra="xml"),
}

DATAFRAME = "dataframe"
FORMAT_NAMES: tuple[str, ...] = (*FORMATS, DATAFRAME)

# What the decoders say themselves: where the data is, and whether it comes in chunks.
_NOT_OPTIONS: dict[str, set[str]] = {
    "csv": {"filepath_or_buffer", "iterator"},
    "json": {"path_or_buf", "lines", "chunksize", "typ", "engine"},
    "jsonl": {"path_or_buf", "lines", "typ"},
    "parquet": {"self", "source"},
    "excel": {"io"},
    "xml": {"path_or_buffer"},
}


def option_problems(format_name: str, options: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with options, by their names: the reader has no such option, or pyarrow does not take its value.

    Imports the reader's package. ``dataframe`` has no options at all.
    """
    wanted = FORMATS.get(format_name)
    engines = () if wanted is None else wanted.engines
    if engines and options.get("engine") not in (None, *engines):
        return {
            "engine": f"'{options['engine']}' is not an engine of {format_name}: choose one of {', '.join(engines)}"
        }
    if wanted is not None and _is_by_arrow(wanted, options):
        return _not_for_arrow(wanted, options)
    known: set[str] = set()
    if wanted is not None:
        known = {name for reader in wanted.readers for name in _parameters(reader)}
        known = (known - _NOT_OPTIONS[format_name]) | wanted.own
    readers = " or ".join(reader.replace(":", ".") for reader in FORMATS[format_name].readers) if known else ""
    problems = {}
    for name in options:
        if name not in known:
            where = f"an option of {readers}" if known else f"an option: '{format_name}' has none"
            problems[name] = f"'{name}' is not {where}{_near(name, known)}"
    return problems


def _is_by_arrow(wanted: Format, options: Mapping[str, Any]) -> bool:
    return wanted.by_arrow is not None and options.get("engine") == "pyarrow"


def _not_for_arrow(wanted: Format, options: Mapping[str, Any]) -> dict[str, str]:
    model = _named(f"{__name__}.{wanted.by_arrow}:Options")
    try:
        model(**{name: value for name, value in options.items() if name != "engine"})
    except ValidationError as error:
        problems = {str(each["loc"][0]): each for each in error.errors()}
    else:
        problems = {}
    known = set(model.model_fields)
    return {
        name: f"'{name}' is not an option of engine: pyarrow{_near(name, known)}; leave it out, or set engine: pandas"
        if each["type"] == "extra_forbidden"
        else f"engine: pyarrow does not take {name}: {options[name]!r}; correct it, or set engine: pandas"
        for name, each in problems.items()
    }


def has_schema(format_name: str) -> bool:
    """Whether a document in the format says the types of its columns."""
    return format_name in FORMATS and FORMATS[format_name].has_schema


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
    found = similar or near(name, known, most=3)
    return f"; near are {', '.join(found)}" if found else ""


def decode(raw: Raw, format_name: str, options: Mapping[str, Any]) -> Iterator[Piece]:
    """Decodes what a driver pulled, lazily where the reader can.

    Args:
        raw: the content as bytes or text, or the path of a file with it, or an open file.
        format_name: a key of :data:`FORMATS`, or ``dataframe``, which decodes nothing.
        options: the reader's options, by the reader's own names.

    Returns:
        An iterator of at least one piece: DataFrames, or record batches where the format is Arrow's own.

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
            "returned a string that is the path of a file, and strings are read as content; return Path(…)"
        )
    if isinstance(raw, str) and not wanted.text:
        raise UnusableDataError(f"returned text, but {format_name} is binary; return bytes or a Path")
    if missing := missing_extra(format_name):
        raise MissingExtraError(missing)
    if problems := option_problems(format_name, options):
        raise UnusableDataError("returned data that cannot be decoded: data_format: " + "; ".join(problems.values()))
    # These two null mean "no chunks"; any other null is a value of the reader, such as "there is no header".
    options = {
        key: value for key, value in options.items() if value is not None or key not in ("chunksize", "batch_size")
    }
    pieces = _explained(_read(wanted, raw, options), raw, format_name, options.get("engine"))
    return (piece if is_arrow(piece) else index_as_columns(piece) for piece in pieces)


def _read(wanted: Format, raw: Raw, options: Mapping[str, Any]) -> Iterator[Piece]:
    ours = (None, "pandas", "pyarrow")  # other engines are pandas' own, which takes them
    given = {name: value for name, value in options.items() if name != "engine" or value not in ours}
    read: Callable[[Raw, Any], Iterator[Piece]]
    if _is_by_arrow(wanted, options):
        module = f"{__name__}.{wanted.by_arrow}"
        read, given = _named(f"{module}:decode"), _named(f"{module}:Options")(**given)
    else:
        read = _named(f"{__name__}.{wanted.decode}")
    return read(raw, given)


def _explained(chunks: Iterator[Piece], raw: Raw, format_name: str, engine: str | None) -> Iterator[Piece]:
    """Names the data and the format where a reader fails: its own message knows neither."""
    try:
        yield from chunks
    except (UnusableDataError, UndecodableDataError):
        raise
    except Exception as error:
        what = f"the path {os.fspath(raw)}, which" if isinstance(raw, os.PathLike) else f"{type(raw).__name__} that"
        reason = next(iter(str(error).strip().splitlines()), "")
        other = ", or set engine: pandas, which reads more" if engine == "pyarrow" else ""
        in_mapping = f"check from.data_format in the mapping{other}"
        remedy = "return the path of a file" if isinstance(error, OSError) else in_mapping
        raise UndecodableDataError(
            f"returned {what} cannot be read as {format_name}: {type(error).__name__}: {reason}; {remedy}",
            "".join(traceback.format_exception(error)),
        ) from None


def _parameters(reader: str) -> set[str]:
    return set(inspect.signature(_named(reader)).parameters)


def _named(path: str) -> Any:
    """What ``module:name`` names."""
    module, _, names = path.partition(":")
    found: Any = importlib.import_module(module)
    for name in names.split("."):
        found = getattr(found, name)
    return found

"""Raw content as what the readers take: bytes, text, paths and open files, compressed or not."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Mapping
from typing import IO, Any

Raw = bytes | str | os.PathLike[str] | IO[Any]

_MAGIC = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
_FSSPEC_NAMES = {"zstd": "zstd", "gzip": "gzip", "bz2": "bz2", "xz": "xz", "zip": "zip"}
_BOM = "\ufeff"


def source(raw: Raw) -> Any:
    """What pandas and pyarrow take: a path, from whose ending pandas sees a compression, or a file."""
    if isinstance(raw, bytes):
        return io.BytesIO(raw)
    if isinstance(raw, str):
        return io.StringIO(raw.removeprefix(_BOM))
    return os.fspath(raw) if isinstance(raw, os.PathLike) else raw


def compression_of(raw: Raw, options: Mapping[str, Any]) -> Any:
    """The compression: what the user wrote, or what the first bytes show, or ``infer`` (from a path's ending)."""
    if "compression" in options:
        return options["compression"]
    if isinstance(raw, bytes):
        return next((name for magic, name in _MAGIC.items() if raw.startswith(magic)), None)
    return "infer" if isinstance(raw, os.PathLike) else None


def read_text(raw: Raw, options: Mapping[str, Any]) -> str:
    """The whole content as text, decompressed, decoded as ``encoding`` says (UTF-8 by default), without its BOM."""
    with opened(raw, options) as file:
        return as_text(file.read(), options)


def as_text(content: bytes | str, options: Mapping[str, Any]) -> str:
    """Content as text, decoded as ``encoding`` says (UTF-8 by default), without its byte order mark."""
    if isinstance(content, bytes):
        content = content.decode(options.get("encoding") or "utf-8", options.get("encoding_errors") or "strict")
    return content.removeprefix(_BOM)


def opened(raw: Raw, options: Mapping[str, Any]) -> contextlib.AbstractContextManager[IO[Any]]:
    """The content as a file, decompressed as pandas decompresses it."""
    compression = compression_of(raw, options)
    if isinstance(raw, os.PathLike):
        import fsspec

        found: contextlib.AbstractContextManager[IO[Any]] = fsspec.open(
            os.fspath(raw), "rb", compression=_method(compression), **(options.get("storage_options") or {})
        )
        return found
    file: Any = source(raw)
    if compression in (None, "infer") or isinstance(raw, str):
        return contextlib.nullcontext(file)
    from fsspec.compression import compr

    decompressed: contextlib.AbstractContextManager[IO[Any]] = compr[_method(compression)](file, mode="rb")
    return decompressed


def _method(compression: Any) -> Any:
    name: Any = compression.get("method") if isinstance(compression, Mapping) else compression
    return _FSSPEC_NAMES.get(name, name)

"""Raw content as what the readers take: bytes, text, paths and open files, compressed or not."""

from __future__ import annotations

import contextlib
import io
import json
import os
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Any

from custom_store_pipeline.errors import UnusableDataError

Raw = bytes | str | os.PathLike[str] | IO[Any]

_MAGIC = {
    b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "zstd", b"PK\x03\x04": "zip",
}  # fmt: skip
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
    written = options.get("compression", "infer")
    if written != "infer":
        return written
    first = _first_bytes(raw)
    seen = next((name for magic, name in _MAGIC.items() if first.startswith(magic)), None)
    return seen or ("infer" if isinstance(raw, os.PathLike) else None)


def _first_bytes(raw: Raw) -> bytes:
    if isinstance(raw, bytes):
        return raw[:6]
    if isinstance(raw, os.PathLike):
        if not os.path.isfile(raw):
            return b""
        with open(raw, "rb") as file:
            return file.read(6)
    if isinstance(raw, str) or not (hasattr(raw, "seekable") and raw.seekable()):
        return b""
    start = raw.tell()
    first = raw.read(6)
    raw.seek(start)
    return first if isinstance(first, bytes) else b""


def read_text(raw: Raw, options: Mapping[str, Any]) -> str:
    """The whole content as :func:`as_text` gives it, decompressed."""
    return as_text(read(raw, options), options)


def read(raw: Raw, options: Mapping[str, Any]) -> bytes | str:
    """The whole content, decompressed; text if it was given as text."""
    with opened(raw, options) as file:
        content: bytes | str = file.read()
    return content


def as_text(content: bytes | str, options: Mapping[str, Any]) -> str:
    """Content as text, decoded as ``encoding`` says, without its byte order mark.

    Without ``encoding`` it is UTF-8, -16 or -32, which JSON's first bytes tell apart.
    """
    if isinstance(content, bytes):
        encoding = options.get("encoding") or json.detect_encoding(content)
        content = content.decode(encoding, options.get("encoding_errors") or "strict")
    return content.removeprefix(_BOM)


def lines_of(file: Any, options: Mapping[str, Any]) -> Iterator[str]:
    """The lines of a file of bytes or texts, decoded as :func:`as_text` does, one at a time."""
    if isinstance(file.read(0), str):
        yield next(iter(file), "").removeprefix(_BOM)
        yield from file
        return
    start = file.read(4)
    encoding = options.get("encoding") or json.detect_encoding(start)
    whole = joined(io.BytesIO(start), file)
    with io.TextIOWrapper(whole, encoding=encoding, errors=options.get("encoding_errors") or "strict") as text:
        for number, line in enumerate(text):
            yield line.removeprefix(_BOM) if number == 0 else line


def as_bytes(file: Any, encoding: str | None = None) -> io.BufferedReader:
    """A file of bytes in UTF-8, of which a read gives as much as is asked for until the file ends.

    Args:
        file: a file of bytes, or of texts.
        encoding: that of the bytes; None if they are UTF-8 already.
    """
    if encoding is not None and isinstance(file.read(0), bytes):
        file = io.TextIOWrapper(joined(file), encoding, newline="")
    return joined(file)


def joined(*files: Any) -> io.BufferedReader:
    """Files of bytes, or of texts, one after the other, as one file of bytes; texts in UTF-8."""
    return io.BufferedReader(_Joined(files))


class _Joined(io.RawIOBase):
    def __init__(self, files: Iterable[Any]) -> None:
        self._files = list(files)
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while self._files and not self._rest:
            content = self._files[0].read(len(buffer))
            self._rest = content if isinstance(content, bytes) else content.encode()
            if not content:
                del self._files[0]
        found, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(found)] = found
        return len(found)


@contextlib.contextmanager
def opened(raw: Raw, options: Mapping[str, Any]) -> Any:
    """The content as a file, decompressed; a file of texts if it was given as text."""
    compression = compression_of(raw, options)
    name = compression.get("method") if isinstance(compression, Mapping) else compression
    if not isinstance(raw, os.PathLike):
        yield _decompressed(source(raw), None if name == "infer" else name)
        return
    import fsspec

    storage_options = options.get("storage_options") or {}
    own = "infer" if name == "infer" else None
    with fsspec.open(os.fspath(raw), "rb", compression=own, **storage_options) as file:
        yield _decompressed(file, None if name == "infer" else name)


def _decompressed(file: Any, method: str | None) -> Any:
    if method is None:
        return file
    if method == "zip":
        archive = zipfile.ZipFile(file)
        if len(names := archive.namelist()) != 1:
            raise UnusableDataError(
                f"returned a zip archive with {len(names)} files; an entity is one table, so return one file's content"
            )
        return archive.open(names[0])
    from fsspec.compression import compr

    return compr[method](file, mode="rb")

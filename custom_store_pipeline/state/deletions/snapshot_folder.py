"""What pushes leave of one entity in a folder of any file system that fsspec knows.

::

    20260101T060000.000000Z_<run id>.parquet      a key snapshot: the keys that the target has if the push succeeds
    20260101T060000.000000Z_<run id>.push.json    what the push began from (:mod:`.pushes`)
    20260101T060000.000000Z_<run id>.orphan.json  an orphaned push that may come late: its process
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from custom_store_pipeline.errors import StateStorageError
from custom_store_pipeline.redaction import Redactor, passwords_in_urls

Result = TypeVar("Result")

SNAPSHOT, PUSH, ORPHAN = ".parquet", ".push.json", ".orphan.json"
_UNFINISHED = ".part"


def file_name(run_id: str, suffix: str = SNAPSHOT, now: datetime | None = None) -> str:
    """The name of a new file: sorts by time, and says whose it is."""
    return f"{now or datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}_{run_id}{suffix}"


def run_of(name: str) -> str:
    """The id of the run that wrote a file."""
    for suffix in (SNAPSHOT, PUSH, ORPHAN):
        name = name.removesuffix(suffix)
    return name.partition("_")[2]


class SnapshotFolder:
    """The files of one entity, or of one partition of it."""

    def __init__(self, state_url: str, parts: Sequence[str]) -> None:
        """Opens nothing yet.

        Args:
            state_url: where all state is kept: a folder, or a URL such as ``s3://bucket/state``.
            parts: the entity's asset key, and its partition if it has any.
        """
        self._state_url = state_url
        self._parts = parts
        self._redactor = Redactor(passwords_in_urls(state_url))

    def url(self, name: str = "") -> str:
        """Where a snapshot, or the folder, is, as people read it: without passwords."""
        path = "/".join([self._state_url.rstrip("/"), *map(_folder_name, self._parts), name])
        return self._redactor.text(path.rstrip("/"))

    def names(self, suffix: str = SNAPSHOT) -> list[str]:
        """The names of all files of a kind, oldest first; without snapshots that were not written completely.

        Raises:
            StateStorageError: the folder cannot be read.
        """

        def listed() -> list[str]:
            self._files.invalidate_cache()
            try:
                found = self._files.ls(self._folder, detail=False)
            except FileNotFoundError:
                return []
            return sorted(name for path in found if (name := path.rsplit("/", 1)[-1]).endswith(suffix))

        return self._asked(listed, "list")

    def fetch(self, name: str, folder: Path) -> Path:
        """A local file with the snapshot: itself if it is local, or else a copy in a folder.

        Raises:
            StateStorageError: it is gone, or cannot be read.
        """

        def fetched() -> Path:
            if self._is_local:
                path = Path(self._folder, name)
                path.stat()
                return path
            self._files.get_file(f"{self._folder}/{name}", str(folder / name))
            return folder / name

        return self._asked(fetched, "read", name)

    def put(self, local: Path, name: str) -> None:
        """Writes a snapshot; it is listed when all of it is there.

        Raises:
            StateStorageError: it cannot be written.
        """

        def written() -> None:
            self._files.makedirs(self._folder, exist_ok=True)
            self._files.put_file(str(local), f"{self._folder}/{name}{_UNFINISHED}")
            self._sync(f"{name}{_UNFINISHED}")
            self._files.mv(f"{self._folder}/{name}{_UNFINISHED}", f"{self._folder}/{name}")
            self._sync("")

        self._asked(written, "write", name)

    def write(self, name: str, content: bytes) -> None:
        """Writes a small file; one that is cut off is seen by its reader.

        Raises:
            StateStorageError: it cannot be written.
        """

        def written() -> None:
            self._files.makedirs(self._folder, exist_ok=True)
            self._files.pipe_file(f"{self._folder}/{name}", content)
            self._sync(name)
            self._sync("")

        self._asked(written, "write", name)

    def read(self, name: str) -> bytes | None:
        """The content of a small file; None if it is gone.

        Raises:
            StateStorageError: it cannot be read.
        """

        def found() -> bytes | None:
            try:
                return bytes(self._files.cat_file(f"{self._folder}/{name}"))
            except FileNotFoundError:
                return None

        return self._asked(found, "read", name)

    def remove(self, names: Iterable[str]) -> None:
        """Removes snapshots; those that are already gone are not an error.

        Raises:
            StateStorageError: one cannot be removed.
        """

        def removed() -> None:
            for name in names:
                path = f"{self._folder}/{name}"
                try:
                    self._files.rm_file(path)
                except FileNotFoundError:
                    continue
                except (IsADirectoryError, PermissionError):  # which a system may call a folder of that name
                    if not self._files.isdir(path):
                        raise
                    self._files.rm(path, recursive=True)

        self._asked(removed, "remove")

    @cached_property
    def _opened(self) -> tuple[Any, str]:
        import fsspec

        files, root = fsspec.url_to_fs(self._state_url)
        return files, "/".join([root.rstrip("/"), *map(_folder_name, self._parts)])

    @property
    def _files(self) -> Any:
        return self._opened[0]

    @property
    def _folder(self) -> str:
        return self._opened[1]

    @property
    def _is_local(self) -> bool:
        protocol = self._files.protocol
        return protocol == "file" or "file" in protocol

    def _sync(self, name: str) -> None:
        """Makes sure that a file, or that what the folder holds, is on the disk before the push begins."""
        if not self._is_local or os.name == "nt":  # Windows syncs only what is open for writing
            return
        descriptor = os.open(Path(self._folder, name), os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _asked(self, ask: Callable[[], Result], verb: str, name: str = "") -> Result:
        """Calls into the file system, whose errors are of any type, and may contain passwords."""
        try:
            return ask()
        except Exception as error:
            is_gone = isinstance(error, FileNotFoundError)
            reason = "it is not there" if is_gone else self._redactor.text(f"{type(error).__name__}: {error}")
            raise StateStorageError(
                f"cannot {verb} the key snapshots at {self.url(name)}: {reason}; make sure that CUSTOM_STORE_STATE_URL "
                "is the same as before, and that it can be read and written"
                + ("; or reset the state: custom-store state reset" if verb == "read" else "")
            ) from None


def _folder_name(part: str) -> str:
    """A name that every file system takes, and keeps apart from all others, whatever it thinks of upper case."""
    if re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,79}", part):
        return part
    digest = hashlib.sha256(part.encode()).hexdigest()[:12]
    return f"{re.sub('[^A-Za-z0-9_-]', '_', part)[:60]}.{digest}"

"""Key snapshots of one entity, in a folder of any file system that fsspec knows."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from custom_store_pipeline.errors import StateStorageError
from custom_store_pipeline.redaction import Redactor, passwords_in_urls

Result = TypeVar("Result")

_SUFFIX = ".parquet"
_UNFINISHED = ".part"


def snapshot_name(run_id: str, now: datetime | None = None) -> str:
    """The name of a new snapshot: sorts by time, and says whose it is."""
    return f"{now or datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}_{run_id}{_SUFFIX}"


def run_of(name: str) -> str:
    """The id of the run that wrote a snapshot."""
    return name.removesuffix(_SUFFIX).partition("_")[2]


class SnapshotFolder:
    """The snapshots of one entity, or of one partition of it."""

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

    def names(self) -> list[str]:
        """The names of all snapshots that were written completely, oldest first.

        Raises:
            StateStorageError: the folder cannot be read.
        """

        def listed() -> list[str]:
            self._files.invalidate_cache()
            try:
                found = self._files.ls(self._folder, detail=False)
            except FileNotFoundError:
                return []
            return sorted(name for path in found if (name := path.rsplit("/", 1)[-1]).endswith(_SUFFIX))

        return self._asked(listed, "list")

    def fetch(self, name: str, folder: Path) -> Path:
        """A local file with the snapshot: itself if it is local, or else a copy in a folder.

        Raises:
            StateStorageError: it is gone, or cannot be read.
        """

        def fetched() -> Path:
            if "file" in (protocol := self._files.protocol) or protocol == "file":
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
            self._files.mv(f"{self._folder}/{name}{_UNFINISHED}", f"{self._folder}/{name}")

        self._asked(written, "write", name)

    def remove(self, names: Iterable[str]) -> None:
        """Removes snapshots; those that are gone already are no error.

        Raises:
            StateStorageError: one cannot be removed.
        """

        def removed() -> None:
            for name in names:
                try:
                    self._files.rm_file(f"{self._folder}/{name}")
                except FileNotFoundError:
                    continue

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

    def _asked(self, ask: Callable[[], Result], verb: str, name: str = "") -> Result:
        """Calls into the file system, whose errors are of any type, and may hold what is no one's business."""
        try:
            return ask()
        except FileNotFoundError:
            reason = "it is not there"
        except Exception as error:
            reason = self._redactor.text(f"{type(error).__name__}: {error}")
        raise StateStorageError(
            f"cannot {verb} the key snapshots at {self.url(name)}: {reason}; see that CUSTOM_STORE_STATE_URL "
            "leads where it did before, and that it can be read and written"
            + ("; or forget what is remembered: custom-store state reset" if verb == "read" else "")
        )


def _folder_name(part: str) -> str:
    """A name that every file system takes, and keeps apart from all others, whatever it thinks of upper case."""
    if re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,79}", part):
        return part
    digest = hashlib.sha256(part.encode()).hexdigest()[:12]
    return f"{re.sub('[^A-Za-z0-9_-]', '_', part)[:60]}.{digest}"

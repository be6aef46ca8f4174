"""The files that definitions are made of, and whether they are still the same: content decides."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from custom_store_pipeline.config.loading import mapping_files, shown_path
from custom_store_pipeline.drivers.static_check import DRIVER_FOLDER

# A file that was written twice within the clock's grain has one stamp for both contents, so the stamp of a file that
# was young when it was read says nothing. File systems count in nanoseconds to two seconds; git has the same rule.
_GRAIN = 2.0


@dataclass(frozen=True)
class FileState:
    """A file as it was read.

    Attributes:
        digest: a hash of its content; empty if it could not be read.
        stamp: modified, changed, size and inode: as long as they are the same, the file need not be read again.
        is_settled: whether the stamp can be trusted.
    """

    digest: bytes
    stamp: tuple[int, ...]
    is_settled: bool


Files = Mapping[Path, FileState]


@dataclass(frozen=True)
class Scope:
    """What part of a projects folder matters.

    Attributes:
        project: the project whose mappings are meant, or None for all projects.
        borrowed: other projects whose drivers these mappings use.
    """

    project: str | None = None
    borrowed: frozenset[str] = frozenset()

    def holds(self, path: Path) -> bool:
        """Whether a file, or a folder of mappings or drivers, matters; its path counts from the projects folder."""
        project, kind = path.parts[:2]
        return self.project in (None, project) or (kind == DRIVER_FOLDER and project in self.borrowed)


ALL_PROJECTS = Scope()


def scan(projects_dir: Path, before: Files | None = None, scope: Scope = ALL_PROJECTS) -> dict[Path, FileState]:
    """The state of every mapping file, driver and helper module of a projects folder.

    Args:
        projects_dir: the projects folder.
        before: what was seen last time; spares reading the files whose stamp is the same.
        scope: what part of it.
    """
    found: dict[Path, FileState] = {}
    for path in _files(projects_dir, scope):
        try:
            found[path] = _state(path, (before or {}).get(path))
        except FileNotFoundError:
            continue  # removed since the folder was listed
    return found


def in_scope(files: Files, projects_dir: Path, scope: Scope) -> dict[Path, FileState]:
    """Those of the files that :func:`scan` would look at within a scope."""
    return {path: state for path, state in files.items() if scope.holds(path.relative_to(projects_dir))}


def differences(before: Files, after: Files) -> list[str]:
    """What changed between two looks, as people read it, sorted by path; empty if nothing did."""
    changed = []
    for path in sorted({*before, *after}):
        if path not in after:
            changed.append(f"{shown_path(path)} removed")
        elif path not in before:
            changed.append(f"{shown_path(path)} added")
        elif before[path].digest != after[path].digest:
            changed.append(f"{shown_path(path)} changed")
    return changed


def digest_of(files: Files) -> str:
    """A hash of all files, of their names and contents."""
    digest = hashlib.sha256()
    for path, state in sorted(files.items()):
        digest.update(str(path).encode() + b"\0" + state.digest)
    return digest.hexdigest()[:16]


def has_mappings(files: Files) -> bool:
    """Whether there is a mapping file among them."""
    return any(path.suffix != ".py" for path in files)


def _files(projects_dir: Path, scope: Scope) -> Iterator[Path]:
    for _, path in mapping_files(projects_dir, scope.project):
        yield path
    for folder in sorted(projects_dir.glob(f"*/{DRIVER_FOLDER}")):
        if scope.holds(folder.relative_to(projects_dir)):
            yield from sorted(path for path in folder.rglob("*.py") if path.is_file())


def _state(path: Path, before: FileState | None) -> FileState:
    now = time.time()
    try:
        status = path.stat()
        stamp = (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)
        if before is not None and before.is_settled and before.stamp == stamp:
            return before
        digest = hashlib.sha256(path.read_bytes()).digest()
    except FileNotFoundError:
        raise
    except OSError:  # a problem that loading it will name
        return FileState(b"", (), is_settled=False)
    return FileState(digest, stamp, is_settled=now - max(status.st_mtime, status.st_ctime) > _GRAIN)

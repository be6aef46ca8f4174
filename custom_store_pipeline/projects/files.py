"""The files that definitions are made of, and whether they have changed: their content decides."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from custom_store_pipeline.config.entities_lock import lock_path
from custom_store_pipeline.config.loading import mapping_files, shown_path
from custom_store_pipeline.drivers.driver_files import DRIVER_FOLDER

# Each file with a hash of its content; empty if it cannot be read. Comparing times and sizes first was hardly faster:
# 2,000 files took 36 ms instead of 59 ms. And it is not reliable where a clock counts in seconds.
Files = Mapping[Path, bytes]


@dataclass(frozen=True)
class Scope:
    """The part of a projects folder that matters.

    Attributes:
        project: the project whose mappings are meant, or None for all projects.
        borrowed: other projects whose drivers these mappings use.
    """

    project: str | None = None
    borrowed: frozenset[str] = frozenset()

    def holds(self, path: Path) -> bool:
        """Whether a file, or a folder of mappings or drivers, matters; its path starts from the projects folder."""
        project, kind = path.parts[:2]
        return self.project in (None, project) or (kind == DRIVER_FOLDER and project in self.borrowed)


ALL_PROJECTS = Scope()


def scan(projects_dir: Path, scope: Scope = ALL_PROJECTS) -> dict[Path, bytes]:
    """Reads every mapping file, lock file, driver and helper of a projects folder, or of the part that is in scope."""
    found: dict[Path, bytes] = {}
    for path in _files(projects_dir, scope):
        try:
            found[path] = hashlib.sha256(path.read_bytes()).digest()
        except FileNotFoundError:
            continue  # removed since the folder was listed
        except OSError:  # a problem that loading it will report
            found[path] = b""
    return found


def in_scope(files: Files, projects_dir: Path, scope: Scope) -> dict[Path, bytes]:
    """Those of the files that :func:`scan` would find within a scope."""
    return {path: digest for path, digest in files.items() if scope.holds(path.relative_to(projects_dir))}


def differences(before: Files, after: Files) -> list[str]:
    """What changed between two scans, as people read it, sorted by path; empty if nothing did."""
    changed = []
    for path in sorted({*before, *after}):
        if path not in after:
            changed.append(f"{shown_path(path)} removed")
        elif path not in before:
            changed.append(f"{shown_path(path)} added")
        elif before[path] != after[path]:
            changed.append(f"{shown_path(path)} changed")
    return changed


def digest_of(files: Files) -> str:
    """A hash of all files, of their names and contents."""
    digest = hashlib.sha256()
    for path, content in sorted(files.items()):
        digest.update(str(path).encode() + b"\0" + content)
    return digest.hexdigest()[:16]


def has_mappings(files: Files) -> bool:
    """Whether there is a mapping file among them."""
    return any(path.suffix != ".py" for path in files)


def _files(projects_dir: Path, scope: Scope) -> Iterator[Path]:
    for _, path in mapping_files(projects_dir, scope.project):
        yield path
        if lock_path(path).is_file():
            yield lock_path(path)
    for folder in sorted(projects_dir.glob(f"*/{DRIVER_FOLDER}")):
        if scope.holds(folder.relative_to(projects_dir)):
            yield from sorted(path for path in folder.rglob("*.py") if path.is_file())

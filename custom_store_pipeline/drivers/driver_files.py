"""A driver's files: found, kept within the projects folder, read with the helper modules that they import."""

from __future__ import annotations

import ast
import functools
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from custom_store_pipeline.errors import DriverNotFoundError, did_you_mean
from custom_store_pipeline.identifiers import pascal_case

DRIVER_FOLDER = "custom_store_driver"


@dataclass(frozen=True)
class DriverSource:
    """A driver's file.

    Attributes:
        project: the project it belongs to.
        file_name: the module's name, without ``.py``.
        path: the file.
    """

    project: str
    file_name: str
    path: Path

    @property
    def shown(self) -> str:
        """The path as messages show it: ``projects/blog/custom_store_driver/api_store_driver.py``."""
        return self.shown_path(self.path)

    def shown_path(self, path: Path) -> str:
        """The path of the driver's file, or of a module that it imports, as messages show it."""
        return str(path.relative_to(self.path.parents[3]))

    @property
    def class_name(self) -> str:
        """The class that the file must define."""
        return pascal_case(self.file_name)


def find_driver(projects_dir: Path, project: str, file_name: str) -> DriverSource:
    """The driver's file, which is in the projects folder for sure.

    Args:
        projects_dir: the projects folder.
        project: a plain name, the driver's project.
        file_name: a plain name, the driver's module.

    Raises:
        DriverNotFoundError: no such project, no such file, or a link that leads out of the projects folder.
    """
    folder = projects_dir / project / DRIVER_FOLDER
    path = folder / f"{file_name}.py"
    if not (projects_dir / project).is_dir():
        projects = sorted(found.name for found in projects_dir.iterdir() if (found / DRIVER_FOLDER).is_dir())
        there = f"there are: {', '.join(projects)}" if projects else "there are none"
        raise DriverNotFoundError(
            f"no project '{project}' in {projects_dir.name}/; {there}{did_you_mean(project, projects)}"
        )
    if not path.is_file():
        files = sorted(found.stem for found in folder.glob("*.py") if not found.name.startswith("_"))
        there = f"there are: {', '.join(files)}" if files else "it holds no driver"
        where = folder.relative_to(projects_dir.parent)
        raise DriverNotFoundError(f"no file '{file_name}.py' in {where}/; {there}{did_you_mean(file_name, files)}")
    for part in _with_helpers(path):
        if not part.resolve().is_relative_to(projects_dir.resolve()):
            where = part.relative_to(projects_dir.parent)
            raise DriverNotFoundError(f"{where} is a link out of the projects folder; copy the file there instead")
    return DriverSource(project, file_name, path)


def read_sources(driver: DriverSource) -> dict[Path, bytes]:
    """The driver's file and the modules of its folder that it imports (``from .helpers import …``), as they are now.

    Raises:
        DriverNotFoundError: one of them cannot be read.
    """
    try:
        return {path: path.read_bytes() for path in sorted(_with_helpers(driver.path))}
    except OSError as error:
        raise DriverNotFoundError(
            f"{driver.shown} cannot be read: {type(error).__name__}; fix the driver's file"
        ) from None


def digest_of(sources: Mapping[Path, bytes]) -> str:
    """A hash of a driver's sources, in whichever folder they are."""
    digest = hashlib.sha256()
    for path, content in sorted(sources.items()):
        digest.update(path.name.encode() + b"\0" + content + b"\0")
    return digest.hexdigest()


@functools.lru_cache(maxsize=256)
def parse(source: bytes) -> ast.Module:
    """The syntax tree, which is only read: each mapping and each call of a driver asks for the same few files."""
    return ast.parse(source)


def _with_helpers(path: Path) -> set[Path]:
    found: set[Path] = set()
    waiting = [path]
    while waiting:
        current = waiting.pop()
        if current in found:
            continue
        found.add(current)
        try:
            tree = parse(current.read_bytes())
        except (SyntaxError, ValueError, RecursionError, MemoryError, OSError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.level:
                waiting += _imported_files(node, current, path.parent)
    return found


def _imported_files(node: ast.ImportFrom, importing: Path, folder: Path) -> Iterator[Path]:
    """The files of a driver folder that ``from .a.b import c`` may run: modules, and packages on the way to them."""
    package = importing.parents[node.level - 1]
    if not package.is_relative_to(folder):
        return
    base = package.joinpath(*(node.module or "").split("."))
    modules = [base, *(base / alias.name for alias in node.names)]
    packages = {parent for module in modules for parent in (module, *module.parents) if parent.is_relative_to(folder)}
    for file in [*(module.with_suffix(".py") for module in modules), *(parent / "__init__.py" for parent in packages)]:
        if file.is_file():
            yield file

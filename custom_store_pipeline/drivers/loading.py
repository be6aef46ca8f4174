"""Importing a driver's class: each project is a package of its own, and nothing is put on ``sys.path``."""

from __future__ import annotations

import hashlib
import importlib
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

from custom_store_pipeline.drivers.driver_files import DRIVER_FOLDER, DriverSource, digest_of, find_driver, read_sources
from custom_store_pipeline.drivers.static_check import check_driver
from custom_store_pipeline.drivers.tracebacks import reason_of, traceback_of
from custom_store_pipeline.errors import DriverChangedError, DriverImportError, DriverNotFoundError
from custom_store_pipeline.redaction import Redactor


@dataclass(frozen=True)
class DriverVersion:
    """A driver as definitions were built with it.

    Attributes:
        projects_dir: the projects folder.
        project: the driver's project.
        file_name: the driver's module.
        digest: of its source and its helper modules, see :func:`~.driver_files.digest_of`; empty if it was not there.
    """

    projects_dir: Path
    project: str
    file_name: str
    digest: str

    @property
    def shown(self) -> str:
        """What messages call it: ``blog/api_store_driver``."""
        return f"{self.project}/{self.file_name}"


def load_driver_class(version: DriverVersion, method: str, redactor: Redactor) -> type[Any]:
    """The driver's class, imported on first use.

    The module is imported as part of a package that exists for this project only, so that ``from .helpers import x``
    works and drivers of the same name in two projects stay apart. It is made of the very bytes whose digest the
    definitions have; what becomes of the files later makes no difference to those who ask for the same version.

    Args:
        version: the driver.
        method: the method that it is loaded for, ``pull_data`` or ``push_data``.
        redactor: takes the secrets out of the driver's own import error.

    Raises:
        DriverNotFoundError: no such project, file or class.
        DriverChangedError: the file, or a helper module, is not the one that the definitions were built with.
        DriverSignatureError: the source shows that the method is missing or takes other arguments.
        DriverImportError: the module raised; with its own traceback.
    """
    package = _package(version.projects_dir.resolve(), version.project)
    name = f"{package}.{version.file_name}"
    driver = _prepared(package, name, version, method)
    try:
        module = importlib.import_module(name)
    except BaseException as error:  # also sys.exit() at the top of a module
        reason, trace = reason_of(error, redactor.text), redactor.text(traceback_of(error))
        raise DriverImportError(f"{driver.shown} cannot be imported: {reason}", trace) from None
    found = getattr(module, driver.class_name, None)
    if not isinstance(found, type):
        raise DriverNotFoundError(
            f"'{driver.class_name}' in {driver.shown} is not a class; define it with a class statement"
        )
    return found


@dataclass(frozen=True)
class _Prepared:
    version: DriverVersion
    driver: DriverSource
    sources: Mapping[Path, bytes]
    checked: set[str] = field(default_factory=set)  # the methods that were found to be right


# By the module's name.
_prepared_drivers: dict[str, _Prepared] = {}

# What modules are made of, by file, whenever they are imported; and the finders that do it, by folder.
_served: dict[str, bytes] = {}
_finders: dict[str, FileFinder] = {}

# Python's import lock is per module; this one is for what is shared. No driver's code runs while it is held.
_preparing = threading.RLock()


def _prepared(package: str, name: str, version: DriverVersion, method: str) -> DriverSource:
    """Sees to it that importing the module makes it of the sources of the version, and checks these."""
    with _preparing:
        before = _prepared_drivers.get(name)
        if before is not None and before.version == version:
            if method not in before.checked:  # every call of a driver comes here
                check_driver(before.driver, method, before.sources)
                before.checked.add(method)
            return before.driver
        driver = find_driver(version.projects_dir, version.project, version.file_name)
        sources = read_sources(driver)
        check_driver(driver, method, sources)
        if digest_of(sources) != version.digest:
            raise DriverChangedError(
                f"{driver.shown} has changed since this run loaded its definitions, so nothing was pushed; materialize "
                "the entity again"
            )
        if before is not None:
            _unload(package)  # definitions were reloaded in this process
        _serve(sources)
        _prepared_drivers[name] = _Prepared(version, driver, sources, {method})
        return driver


class _ServedLoader(SourceFileLoader):
    """Makes modules of the sources that were hashed, also of a helper that is imported later, inside of a method.

    Python's own loader would read the file again; and it would take bytecode for that of the file if the second of its
    last change and its size are the same.
    """

    def get_data(self, path: str) -> bytes:
        return _served[path] if path in _served else super().get_data(path)

    def path_stats(self, path: str) -> Mapping[str, Any]:
        raise OSError(f"no bytecode is kept of {path}")


def _serve(sources: Mapping[Path, bytes]) -> None:
    """Has Python's finder of the sources' folders make modules of these sources."""
    for path, source in sources.items():
        _served[str(path)] = source
        folder = str(path.parent)
        if folder not in _finders:
            _finders[folder] = FileFinder(folder, (_ServedLoader, SOURCE_SUFFIXES))
        sys.path_importer_cache[folder] = _finders[folder]
        _finders[folder].invalidate_caches()


def _unload(package: str) -> None:
    """Makes the next import create the project's modules again."""
    for name in [name for name in sys.modules if name.startswith(f"{package}.")]:
        sys.modules.pop(name, None)
        _prepared_drivers.pop(name, None)


def _package(projects_dir: Path, project: str) -> str:
    """The name of the project's synthetic package, which is made if it is not there."""
    root = f"custom_store_drivers_{hashlib.sha256(str(projects_dir).encode()).hexdigest()[:8]}"
    name = f"{root}.{project}"
    with _preparing:
        for package, folders in ((root, []), (name, [str(projects_dir / project / DRIVER_FOLDER)])):
            if package not in sys.modules:
                module = ModuleType(package)
                module.__path__ = folders
                sys.modules[package] = module
    return name

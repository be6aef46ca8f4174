"""Importing a driver's class: each project is a package of its own, and nothing is put on ``sys.path``."""

from __future__ import annotations

import hashlib
import importlib
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from custom_store_pipeline.drivers.failures import reason_of, traceback_of
from custom_store_pipeline.drivers.source import DRIVER_FOLDER, DriverSource, check_driver, find_driver, source_digest
from custom_store_pipeline.errors import DriverChangedError, DriverImportError, DriverNotFoundError
from custom_store_pipeline.redaction import Redactor


@dataclass(frozen=True)
class DriverVersion:
    """A driver as definitions were built with it.

    Attributes:
        projects_dir: the projects folder.
        project: the driver's project.
        file_name: the driver's module.
        digest: of its source and its helper modules, see :func:`~.source.source_digest`; empty if it was not there.
    """

    projects_dir: Path
    project: str
    file_name: str
    digest: str


@dataclass(frozen=True)
class _Imported:
    version: DriverVersion
    driver: DriverSource
    source: bytes
    found: type[Any]


_imported: dict[str, _Imported] = {}

# Python's import lock is per module; this one is for the packages that are made by hand.
_making_packages = threading.Lock()


def load_driver_class(version: DriverVersion, method: str, redactor: Redactor) -> type[Any]:
    """The driver's class, imported on first use.

    The module is imported as part of a package that exists for this project only, so that ``from .helpers import x``
    works and drivers of the same name in two projects stay apart. Once it is imported, what becomes of the file makes
    no difference to those who ask for the same version.

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
    imported = _imported.get(name)
    if imported is not None and imported.version == version:
        check_driver(imported.driver, method, imported.source)
        return imported.found
    driver = find_driver(version.projects_dir, version.project, version.file_name)
    check_driver(driver, method)
    if imported is not None:
        _forget(package)  # definitions were loaded anew in this process
    try:
        module = importlib.import_module(name)
    except BaseException as error:  # also sys.exit() at the top of a module
        reason, trace = reason_of(error, redactor.text), redactor.text(traceback_of(error))
    else:
        found = getattr(module, driver.class_name, None)
        if not isinstance(found, type):
            raise DriverNotFoundError(
                f"'{driver.class_name}' in {driver.shown} is not a class; define it with a class statement"
            )
        if source_digest(driver) != version.digest:
            _forget(package)
            raise DriverChangedError(
                f"{driver.shown} has changed since this run loaded its definitions, so nothing was pushed; materialise "
                "the entity again"
            )
        _imported[name] = _Imported(version, driver, driver.path.read_bytes(), found)
        return found
    # Raised outside of the handler, so that the driver's exception, with what it may hold, is not its context.
    raise DriverImportError(f"{driver.shown} cannot be imported: {reason}", trace)


def _forget(package: str) -> None:
    """Makes the next import read the project's drivers, and what lies beside them, anew."""
    for name in [name for name in sys.modules if name.startswith(f"{package}.")]:
        sys.modules.pop(name, None)
        _imported.pop(name, None)
    importlib.invalidate_caches()


def _package(projects_dir: Path, project: str) -> str:
    """The name of the project's synthetic package, which is made if it is not there."""
    root = f"custom_store_drivers_{hashlib.sha256(str(projects_dir).encode()).hexdigest()[:8]}"
    name = f"{root}.{project}"
    with _making_packages:
        for package, folders in ((root, []), (name, [str(projects_dir / project / DRIVER_FOLDER)])):
            if package not in sys.modules:
                module = ModuleType(package)
                module.__path__ = folders
                sys.modules[package] = module
    return name

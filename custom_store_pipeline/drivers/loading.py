"""Importing a driver's class: each project is a package of its own, and nothing is put on ``sys.path``."""

from __future__ import annotations

import hashlib
import importlib
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

from custom_store_pipeline.drivers.failures import reason_of, traceback_of
from custom_store_pipeline.drivers.source import DRIVER_FOLDER, check_driver, find_driver
from custom_store_pipeline.errors import DriverImportError, DriverNotFoundError
from custom_store_pipeline.redaction import Redactor

# Python's import lock is per module; this one is for the packages that are made by hand.
_making_packages = threading.Lock()


def load_driver_class(projects_dir: Path, project: str, file_name: str, method: str, redactor: Redactor) -> type[Any]:
    """The driver's class, imported on first use.

    The module is imported as part of a package that exists for this project only, so that ``from .helpers import x``
    works and drivers of the same name in two projects stay apart.

    Args:
        projects_dir: the projects folder.
        project: the driver's project.
        file_name: the driver's module.
        method: the method that it is loaded for, ``pull_data`` or ``push_data``.
        redactor: takes the secrets out of the driver's own import error.

    Raises:
        DriverNotFoundError: no such project, file or class.
        DriverSignatureError: the source shows that the method is missing or takes other arguments.
        DriverImportError: the module raised; with its own traceback.
    """
    driver = find_driver(projects_dir, project, file_name)
    check_driver(driver, method)
    package = _package(projects_dir.resolve(), project)
    try:
        module = importlib.import_module(f"{package}.{file_name}")
    except BaseException as error:  # also sys.exit() at the top of a module
        reason, trace = reason_of(error, redactor.text), redactor.text(traceback_of(error))
    else:
        found = getattr(module, driver.class_name, None)
        if not isinstance(found, type):
            raise DriverNotFoundError(
                f"'{driver.class_name}' in {driver.shown} is not a class; define it with a class statement"
            )
        return found
    # Raised outside of the handler, so that the driver's exception, with what it may hold, is not its context.
    raise DriverImportError(f"{driver.shown} cannot be imported: {reason}", trace)


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

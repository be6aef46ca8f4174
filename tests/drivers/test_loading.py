"""Importing drivers."""

from __future__ import annotations

import sys

import pytest

from custom_store_pipeline.drivers.loading import load_driver_class
from custom_store_pipeline.errors import DriverImportError, DriverNotFoundError
from custom_store_pipeline.redaction import Redactor
from tests.conftest import ProjectsFolder


def load(projects: ProjectsFolder, file_name: str, project: str = "shop", redactor: Redactor | None = None) -> type:
    return load_driver_class(projects.driver_version(file_name, project), "pull_data", redactor or Redactor())


DRIVER = "class AStoreDriver:\n    project = {!r}\n    def pull_data(self, c, e): ..."


def test_drivers_of_the_same_name_in_two_projects_stay_apart(projects: ProjectsFolder) -> None:
    projects.driver("a_store_driver", DRIVER.format("one"), project="one")
    projects.driver("a_store_driver", DRIVER.format("two"), project="two")
    path = list(sys.path)

    assert load(projects, "a_store_driver", "one").project == "one"
    assert load(projects, "a_store_driver", "two").project == "two"
    assert sys.path == path


def test_a_driver_imports_what_lies_beside_it(projects: ProjectsFolder) -> None:
    projects.driver("helpers", "NAME = 'helped'")
    projects.driver("a_store_driver", "from .helpers import NAME\n" + DRIVER.format("x") + "\n    name = NAME")

    assert load(projects, "a_store_driver").name == "helped"


def test_a_driver_is_imported_once(projects: ProjectsFolder) -> None:
    projects.driver("a_store_driver", DRIVER.format("x"))

    assert load(projects, "a_store_driver") is load(projects, "a_store_driver")


def test_the_drivers_own_import_error_is_kept_and_redacted(projects: ProjectsFolder) -> None:
    projects.driver(
        "a_store_driver", "def connect():\n    raise OSError('no s3cret')\nconnect()\n" + DRIVER.format("x")
    )

    with pytest.raises(DriverImportError) as raised:
        load(projects, "a_store_driver", redactor=Redactor(["s3cret"]))

    message = (
        "projects/shop/custom_store_driver/a_store_driver.py cannot be imported: OSError: no *** (a_store_driver.py:2)"
    )
    assert str(raised.value) == message
    assert "in connect" in raised.value.driver_traceback
    assert "importlib" not in raised.value.driver_traceback
    assert raised.value.__context__ is None


def test_a_driver_that_was_mended_is_imported_again(projects: ProjectsFolder) -> None:
    path = projects.driver("a_store_driver", "import no_such_module\n" + DRIVER.format("x"))
    with pytest.raises(DriverImportError):
        load(projects, "a_store_driver")

    path.write_text(DRIVER.format("mended"))

    assert load(projects, "a_store_driver").project == "mended"


def test_what_the_source_could_not_tell_is_seen_when_it_is_loaded(projects: ProjectsFolder) -> None:
    projects.driver("a_store_driver", "AStoreDriver = 3")

    with pytest.raises(DriverNotFoundError, match="'AStoreDriver' in .*/a_store_driver.py is not a class"):
        load(projects, "a_store_driver")

"""Importing drivers."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from custom_store_pipeline.drivers.loading import DriverVersion, load_driver_class
from custom_store_pipeline.errors import DriverChangedError, DriverError, DriverImportError, DriverNotFoundError
from custom_store_pipeline.redaction import Redactor
from tests.world.projects_folder import ProjectsFolder


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


def test_a_driver_that_changed_since_the_definitions_is_refused(projects: ProjectsFolder) -> None:
    path = projects.driver("a_store_driver", DRIVER.format("old"))
    version = projects.driver_version("a_store_driver")
    path.write_text(DRIVER.format("new"))

    with pytest.raises(DriverChangedError, match="a_store_driver.py has changed since this run loaded its definitions"):
        load_driver_class(version, "pull_data", Redactor())


def test_a_driver_that_is_loaded_stays_as_it_is_whatever_becomes_of_its_file(projects: ProjectsFolder) -> None:
    path = projects.driver("a_store_driver", DRIVER.format("old"))
    version = projects.driver_version("a_store_driver")
    before = load_driver_class(version, "pull_data", Redactor())
    path.write_text("class")

    assert load_driver_class(version, "pull_data", Redactor()) is before


def test_definitions_that_are_reloaded_get_the_new_driver(projects: ProjectsFolder) -> None:
    """Also where time and size of the file are the same, by which Python would take the old bytecode."""
    path = projects.driver("a_store_driver", DRIVER.format("old"))
    os.utime(path, (1_700_000_000, 1_700_000_000))
    assert load(projects, "a_store_driver").project == "old"
    path.write_text(DRIVER.format("new"))
    os.utime(path, (1_700_000_000, 1_700_000_000))

    assert load(projects, "a_store_driver").project == "new"


def test_a_helper_that_is_imported_later_is_the_one_that_was_hashed(projects: ProjectsFolder) -> None:
    helper = projects.driver("helpers", "NAME = 'old'")
    late = "\n    def name(self):\n        from .helpers import NAME\n        return NAME"
    projects.driver("a_store_driver", DRIVER.format("x") + late)
    found = load(projects, "a_store_driver")
    helper.write_text("NAME = 'new'")

    assert found().name() == "old"


def test_threads_may_load_drivers_while_others_change(projects: ProjectsFolder) -> None:
    projects.driver("a_store_driver", "from .helpers import NAME\n" + DRIVER.format("x"))
    projects.driver("helpers", "NAME = 1")
    stale = [projects.driver_version("a_store_driver")] * 8
    projects.driver("other_store_driver", DRIVER.replace("AStore", "OtherStore").format("x"))
    projects.driver("a_store_driver", "from .helpers import NAME\n" + DRIVER.format("y"))
    fresh = [projects.driver_version("other_store_driver")] * 8

    def try_to_load(version: DriverVersion) -> str:
        try:
            return load_driver_class(version, "pull_data", Redactor()).__name__
        except DriverError as error:
            return type(error).__name__

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(try_to_load, stale + fresh))

    assert found == ["DriverChangedError"] * 8 + ["OtherStoreDriver"] * 8


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
    assert raised.value.__suppress_context__


def test_a_driver_that_was_fixed_is_imported_again(projects: ProjectsFolder) -> None:
    path = projects.driver("a_store_driver", "import no_such_module\n" + DRIVER.format("x"))
    with pytest.raises(DriverImportError):
        load(projects, "a_store_driver")

    path.write_text(DRIVER.format("mended"))

    assert load(projects, "a_store_driver").project == "mended"


def test_what_the_source_does_not_show_is_seen_when_it_is_loaded(projects: ProjectsFolder) -> None:
    projects.driver("a_store_driver", "AStoreDriver = 3")

    with pytest.raises(DriverNotFoundError, match="'AStoreDriver' in .*/a_store_driver.py is not a class"):
        load(projects, "a_store_driver")

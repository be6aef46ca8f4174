"""The contract kit on a good driver, and on drivers that are broken in one place: each by the check meant for it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from custom_store_pipeline.drivers.capabilities import CAPABILITIES
from custom_store_pipeline.testing import DriverContract
from custom_store_pipeline.testing.check import Outcome
from custom_store_pipeline.testing.checks import CHECKS
from tests.world.projects_folder import ProjectsFolder

_ZOO = Path(__file__).parent / "zoo"
GOOD = (_ZOO / "good_store_driver.py").read_text()
_BROKEN = (_ZOO / "broken_drivers.py").read_text()
BROKEN = {node.name: node for node in ast.parse(_BROKEN).body if isinstance(node, ast.ClassDef)}
_IMPORTS = _BROKEN[: _BROKEN.index("from tests.")].partition('"""\n\n')[2]

# What is wrong with these cannot but show elsewhere too.
FUNDAMENTAL = {
    "the_constructor_takes_no_arguments",  # no object, so no other check passes
    "pull_returns_data",  # nothing can be read back
    "pull_returns_the_same_rows_again",
    "overwrite_replaces_all_rows",
    "append_adds_the_rows",
    "upsert_replaces_rows_of_the_same_key",
}
# These start processes, two seconds in all; nothing but a failed push shows in them.
KILLS = ("a_failed_overwrite_keeps_the_old_rows", "a_killed_push_can_be_run_again")


def outcomes(projects: ProjectsFolder, file_name: str, source: str, names: tuple[str, ...] = ()) -> list[Outcome]:
    class Contract(DriverContract):
        driver = f"shop/{file_name}"
        projects_dir = projects.path

        def store(self, folder: Path) -> dict[str, object]:
            return {"args": {"path": f"{folder}/store.db"}}

    projects.driver(file_name, source)
    return list(Contract().outcomes(names))


def test_a_good_driver_passes_all_checks(projects: ProjectsFolder) -> None:
    found = outcomes(projects, "good_store_driver", GOOD)

    assert {outcome.check.name: outcome.message for outcome in found if outcome.result != "passed"} == {
        "a_mode_that_it_has_not_is_refused": "it has all of overwrite, append and upsert, or no capabilities that say "
        "otherwise"
    }
    assert len(found) == len(CHECKS) >= 32
    assert {check.needs for check in CHECKS.values()} - {""} == set(CAPABILITIES)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_driver_is_caught_by_the_check_meant_for_it(projects: ProjectsFolder, name: str) -> None:
    node = BROKEN[name]
    file_name = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).strip("_")
    source = f"{GOOD}\n\n{_IMPORTS}\n\n{ast.get_source_segment(_BROKEN, node)}\n"

    meant = (ast.get_docstring(node) or "").partition(":")[0]
    names = tuple(name for name in CHECKS if name == meant or name not in KILLS)

    failed = [outcome for outcome in outcomes(projects, file_name, source, names) if outcome.result == "failed"]

    caught = {outcome.check.name: outcome.message for outcome in failed}
    if meant in FUNDAMENTAL:
        assert meant in caught
        assert len(caught) > 1
    else:
        assert list(caught) == [meant], caught


def test_each_check_catches_a_driver() -> None:
    """A check that no driver fails may be one that cannot fail."""
    assert sorted(CHECKS) == sorted((ast.get_docstring(node) or "").partition(":")[0] for node in BROKEN.values())

"""What is private in Dagster is imported in one place, and is missed there with a message that says what to do."""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import importlib.util
import tomllib
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from packaging.requirements import Requirement

from custom_store_pipeline.engines.dagster_internals import ReconstructableJob
from tests.world.projects_folder import CHECKOUT

PACKAGE = CHECKOUT / "custom_store_pipeline"
INTERNALS = [
    PACKAGE / "orchestration/dagster_internals.py",
    PACKAGE / "engines/dagster_internals.py",
    PACKAGE / "engines/dask/dagster_internals.py",
]


def imported(path: Path) -> Iterator[tuple[str, str]]:
    """Each module and name that a file imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)


def private(path: Path) -> list[tuple[str, str]]:
    return [
        (module, name)
        for module, name in imported(path)
        if module.split(".")[0].startswith("dagster")
        and (module.startswith("dagster_shared") or any(part.startswith("_") for part in [*module.split("."), name]))
    ]


@pytest.mark.parametrize(
    "line",
    ["import dagster._core", "from dagster import _check", "def f():\n    from dagster_celery._x import y",
     "from dagster_shared.serdes import x"],
)  # fmt: skip
def test_private_imports_are_noticed(line: str, tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(f"import dagster as dg\nfrom dagster_graphql import x\n{line}\n")

    assert len(private(tmp_path / "module.py")) == 1


def test_one_module_of_a_room_holds_all_private_imports() -> None:
    found = {path for path in PACKAGE.rglob("*.py") if private(path)}

    assert found == set(INTERNALS), "import it in dagster_internals.py, with why"


@pytest.mark.parametrize(
    ("module", "name"), [imported for path in INTERNALS for imported in private(path)], ids=".".join
)
def test_dagster_still_has_it(module: str, name: str) -> None:
    assert hasattr(importlib.import_module(module), name), (
        f"Dagster {dg.__version__} has {module}.{name} no longer; find what took its place, and change "
        "dagster_internals.py and the bounds of dagster in pyproject.toml"
    )


@pytest.mark.parametrize(
    ("owner", "names"),
    [
        (ReconstructableJob.get_definition, ["cache_clear"]),
        (ReconstructableJob.get_repository_definition, ["cache_clear"]),
        (dg.DagsterInstance, ["report_engine_event", "get_records_for_run", "get_run_step_stats"]),
        (dg.SensorEvaluationContext, ["code_location_origin"]),
    ],
)
def test_dagster_still_has_what_has_a_public_class_but_no_documentation(owner: object, names: list[str]) -> None:
    missing = [name for name in names if not hasattr(owner, name)]

    assert not missing, f"Dagster {dg.__version__} has no longer {missing} of {owner}"


def test_a_name_that_is_gone_is_an_error_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("dagster._core.events.EngineEventData")
    # On a copy: reloading the module itself would leave two of each class.
    spec = importlib.util.spec_from_file_location("copy_of_internals", INTERNALS[0])
    assert spec is not None
    assert spec.loader is not None

    with pytest.raises(ImportError) as raised:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))

    message = str(raised.value)
    assert f"Dagster {dg.__version__} lacks" in message
    assert "EngineEventData" in message
    assert "pip install --upgrade custom-store-pipeline dagster" in message


def test_no_minor_version_of_dagster_is_let_in_untested() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    listed = [
        *project["dependencies"],
        *(line for extra in project["optional-dependencies"].values() for line in extra),
    ]
    dagsters = [found for line in listed if (found := Requirement(line)).name.startswith("dagster")]

    assert len(dagsters) == 5
    for requirement in dagsters:
        major, minor, *_ = importlib.metadata.version(requirement.name).split(".")
        assert f"{major}.{minor}.0" in requirement.specifier, requirement
        assert f"{major}.{int(minor) + 1}.0" not in requirement.specifier, requirement

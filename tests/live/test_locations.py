"""Two teams with packages that clash, each with a code location and a Python of its own, and one that cannot load."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.world.processes import ask, dagster_dev, launch, wait_until
from tests.world.projects_folder import ProjectsFolder

DRIVER = """
    import clashing

    class VersionStoreDriver:
        def pull_data(self, mapping_config, entity):
            return [{"id": 1, "version": clashing.VERSION}]
"""

MAPPING = """
    mappings:
      - mapping:
          from:
            store: {{file_name: version_store_driver}}
            entity: {{include: [{entity}]}}
          to: {{file_name: sqlite_store_driver, args: {{path: {root}/{entity}.db}}}}
"""

REPORT = """
    mappings:
      - mapping:
          from:
            store: {{file_name: sqlite_store_driver, project_name: shop, args: {{path: {root}/items.db}}}}
            entity: {{include: [items]}}
          to: {{file_name: sqlite_store_driver, name: reports, args: {{path: {root}/reports.db}}}}
"""

LOCATION = """
  - python_module:
      module_name: custom_store_pipeline.locations
      attribute: {project}
      location_name: {project}
      executable_path: {python}
"""

LOCATIONS = """{ workspaceOrError { ... on Workspace { locationEntries {
    name updatedTimestamp locationOrLoadError { __typename ... on PythonError { message } } } } } }"""
ASSETS = (
    "{ assetNodes { assetKey { path } isMaterializable dependencyKeys { path } repository { location { name } } } }"
)


def python_with(folder: Path, version: str) -> Path:
    """A Python that has all that this one has, and the package `clashing` in one version."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (packages,) = folder.glob("lib/*/site-packages")
    (packages / "clashing.py").write_text(f"VERSION = {version!r}\n")
    (packages / "shared.pth").write_text(sysconfig.get_path("purelib") + "\n")
    for link in Path(sysconfig.get_path("purelib")).glob("*.pth"):
        (packages / link.name).write_text(link.read_text())
    for finder in Path(sysconfig.get_path("purelib")).glob("__editable__*.py"):
        (packages / finder.name).write_text(finder.read_text())
    return folder / "bin/python"


@pytest.fixture
def address(projects: ProjectsFolder) -> Iterator[str]:
    root = projects.root
    pythons = {"shop": python_with(root / "one", "1"), "reports": python_with(root / "two", "2")}
    pythons["nowhere"] = pythons["shop"]  # there is no such project
    for project in ("shop", "reports"):
        projects.driver("version_store_driver", DRIVER, project)
        projects.sqlite(project)
    projects.mapping(MAPPING.format(entity="items", root=root), project="shop")
    projects.mapping(MAPPING.format(entity="numbers", root=root), name="numbers", project="reports")
    projects.mapping(REPORT.format(root=root), name="report", project="reports")
    workspace = root / "workspace.yaml"
    locations = [LOCATION.format(project=name, python=python) for name, python in pythons.items()]
    workspace.write_text("load_from:" + "".join(locations))
    with dagster_dev(
        projects.home, projects.path, root / "dev.log", root, workspace, CUSTOM_STORE_SENSOR_INTERVAL="2"
    ) as address:
        yield address


@pytest.mark.live
def test_teams_do_not_get_in_each_others_way(address: str, projects: ProjectsFolder) -> None:
    def entries() -> dict[str, dict[str, str]]:
        found = ask(address, LOCATIONS)["workspaceOrError"]["locationEntries"]
        return {entry["name"]: entry for entry in found}

    def answers() -> bool:
        try:
            return len(entries()) == 3
        except OSError:
            return False

    wait_until(answers, 90)
    kinds = {name: entry["locationOrLoadError"]["__typename"] for name, entry in entries().items()}
    assert kinds == {"shop": "RepositoryLocation", "reports": "RepositoryLocation", "nowhere": "PythonError"}

    nodes = ask(address, ASSETS)["assetNodes"]
    made = {"/".join(node["assetKey"]["path"]): node for node in nodes if node["isMaterializable"]}
    assert {key: node["repository"]["location"]["name"] for key, node in made.items()} == {
        "shop/sqlite_store_driver/items": "shop",
        "reports/sqlite_store_driver/numbers": "reports",
        "reports/reports/items": "reports",
    }
    upstream = made["reports/reports/items"]["dependencyKeys"]
    assert upstream == [{"path": ["shop", "sqlite_store_driver", "items"]}]

    launch(address, "shop/sqlite_store_driver/items", location="shop")
    launch(address, "reports/sqlite_store_driver/numbers", location="reports")
    wait_until(lambda: version_in(projects.root / "items.db", "items") == "1")
    wait_until(lambda: version_in(projects.root / "numbers.db", "numbers") == "2")

    before = entries()
    wait_until(lambda: "recorded the current state of 1 entities" in (projects.root / "dev.log").read_text(), 60)
    projects.mapping(MAPPING.format(entity="items, more", root=projects.root).replace("items, more.db", "items.db"))
    wait_until(lambda: entries()["shop"]["updatedTimestamp"] > before["shop"]["updatedTimestamp"], 60)
    assert entries()["reports"]["updatedTimestamp"] == before["reports"]["updatedTimestamp"]


def version_in(path: Path, table: str) -> str | None:
    try:
        with sqlite3.connect(path) as connection:
            return connection.execute(f"SELECT version FROM {table}").fetchone()[0]
    except sqlite3.Error:
        return None

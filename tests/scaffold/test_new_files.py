"""What is written is right as it is: the templates are used, not looked at."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from custom_store_pipeline.errors import ExistingFileError
from custom_store_pipeline.projects.loading import load_projects
from custom_store_pipeline.scaffold.new_files import (
    NewFile,
    driver_file,
    driver_templates,
    files_of_a_folder,
    mapping_file,
    write,
)
from tests.world.projects_folder import ProjectsFolder

BOTH = """
    class {name}:
        def pull_data(self, mapping_config, entity): ...
        def push_data(self, config, entity, df, deletes_df=None): ...
"""


def test_a_new_folder_loads_its_files(projects: ProjectsFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    write(files_of_a_folder("lake"), projects.root)
    monkeypatch.setenv("DAGSTER_HOME", str(projects.home))

    def tables() -> list[list[tuple[object, ...]]]:
        with duckdb.connect("data/lake.duckdb") as connection:
            return [connection.execute(f"FROM {name} ORDER BY id").fetchall() for name in ("orders", "customers")]

    with projects.instance() as instance:
        assert projects.materialize(instance=instance).success
        orders, customers = tables()
        assert [row[:3] for row in orders] == [(1, 7, 19.5), (2, 8, 4.25), (3, 7, 120.0)]
        assert customers == [(7, "Ann", "01234"), (8, "Bo", "98765")]

        Path("inbox/customers.csv").write_text("id,name,zip\n8,Bob,98765\n9,Cy,\n")
        assert projects.materialize(instance=instance).success
        assert tables() == [orders, [(8, "Bob", "98765"), (9, "Cy", None)]]


def test_a_file_that_is_missing_is_named_with_those_that_are_there(projects: ProjectsFolder) -> None:
    write(files_of_a_folder("lake"), projects.root)
    Path("inbox/orders.csv").unlink()

    run = projects.materialize()

    assert "inbox/orders.csv does not exist; entities with a file in inbox: customers" in run.summary


def test_the_projects_name_stands_wherever_it_belongs() -> None:
    files = {str(file.path): file.content for file in files_of_a_folder("lake")}

    assert "projects/lake/mappings/inbox.yaml" in files
    assert "projects/lake/custom_store_driver/files_store_driver.py" in files
    assert not [path for path, content in files.items() if "shop" in path + content]


def test_secrets_and_data_are_not_committed() -> None:
    (ignored,) = [file.content.splitlines() for file in files_of_a_folder("lake") if file.path == Path(".gitignore")]

    assert {".env", "data/", ".dagster_home/*", "!.dagster_home/dagster.yaml"} <= set(ignored)


@pytest.mark.parametrize("template", driver_templates())
def test_each_template_is_a_driver_that_validates(projects: ProjectsFolder, template: str) -> None:
    (written,) = write([driver_file("shop", "my_api", template)], projects.path)
    projects.driver("source", BOTH.format(name="Source"))
    projects.driver("target", BOTH.format(name="Target"))
    content = written.read_text()
    pulls, pushes = "def pull_data" in content, "def push_data" in content
    if pulls:
        write([mapping_file("shop", "pull", "my_api", "target", ["items"])], projects.path)
    if pushes:
        write([mapping_file("shop", "push", "source", "my_api", ["items"])], projects.path)

    assert "class MyApi:" in content
    assert pulls or pushes
    assert load_projects(projects.path).problems == []


def test_a_mapping_names_its_entities_whatever_yaml_makes_of_them(projects: ProjectsFolder) -> None:
    projects.driver("source", BOTH.format(name="Source"))
    projects.driver("target", BOTH.format(name="Target"))
    names = ["orders", "größe", "on", "null", "7", 'a "b", c', "#"]

    write([mapping_file("shop", "items", "source", "target", names)], projects.path)

    (mapping,) = load_projects(projects.path).mappings
    assert [entity.name for entity in mapping.entities] == names


def test_a_driver_may_be_called_as_a_placeholder_is() -> None:
    content = mapping_file("shop", "items", "TARGET", "SOURCE", ["ENTITIES"]).content

    assert "file_name: TARGET\n" in content.partition("  to:")[0]
    assert "file_name: SOURCE\n" in content.partition("  to:")[2]


def test_all_files_are_written_or_none(tmp_path: Path) -> None:
    (tmp_path / "b").write_text("mine")

    with pytest.raises(ExistingFileError, match=r"^b in .* would be overwritten; remove it, or use another name"):
        write([NewFile(Path("a"), "new"), NewFile(Path("b"), "new")], tmp_path)

    assert not (tmp_path / "a").exists()
    assert (tmp_path / "b").read_text() == "mine"

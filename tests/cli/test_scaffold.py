"""``custom-store init`` and ``custom-store new``."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from custom_store_pipeline.cli.main import main
from tests.world.projects_folder import ProjectsFolder


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, catch_exceptions=False)


@pytest.fixture
def lake(projects: ProjectsFolder, monkeypatch: pytest.MonkeyPatch) -> ProjectsFolder:
    """A folder after `custom-store init lake`."""
    assert run("init", "lake").exit_code == 0
    monkeypatch.setenv("CUSTOM_STORE_PROJECTS_DIR", str(projects.path))
    return projects


def test_init_says_what_it_wrote_and_what_is_next(projects: ProjectsFolder) -> None:
    result = run("init", "lake")

    assert "wrote projects/lake/custom_store_driver/duckdb_store_driver.py\n" in result.output
    assert "wrote .dagster_home/dagster.yaml\n" in result.output
    assert "--select 'group:lake'" in result.output


def test_what_init_wrote_is_valid(lake: ProjectsFolder) -> None:
    result = run("validate")

    assert result.exit_code == 0
    assert "No problems. Mappings: 1, entities: 2." in result.output


def test_init_overwrites_nothing(lake: ProjectsFolder) -> None:
    Path("README.md").write_text("mine")

    result = run("init", "lake")

    assert result.exit_code == 1
    assert "README.md" in result.output
    assert "would be overwritten; remove it, or use another name" in result.output
    assert Path("README.md").read_text() == "mine"


def test_a_new_driver_and_a_mapping_for_it(lake: ProjectsFolder) -> None:
    result = run("new", "driver", "lake/orders_api", "--pull")
    assert result.output == (
        "wrote projects/lake/custom_store_driver/orders_api.py\nwrote projects/lake/tests/test_orders_api.py\n"
    )

    result = run("new", "mapping", "lake/api", "--from", "orders_api.py", "--entity", "orders", "--entity", "lines")

    assert result.output == "wrote projects/lake/mappings/api.yaml\n"
    mapping = Path("projects/lake/mappings/api.yaml").read_text()
    assert "file_name: orders_api\n" in mapping
    assert "file_name: duckdb_store_driver\n" in mapping
    assert "include: [orders, lines]\n" in mapping
    assert run("validate").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["init", "my lake"], "the project: 'my lake' is not a plain name; use letters, digits and _ only (no "),
        (["new", "driver", "orders"], "'orders' is not PROJECT/NAME; write it as shop/orders"),
        (["new", "driver"], "Missing argument 'PROJECT/NAME'"),
        (["new", "driver", "lake/a.b"], "the file: 'a.b' is not a plain name; use letters, digits and _ only ("),
        (["new", "driver", "lake/x", "--from", "duckdbb"], "no template 'duckdbb'; did you mean 'duckdb'?"),
        (["new", "mapping", "lake/x", "--from", "files"], "--from: no file 'files.py' in projects/lake/"),
        (["new", "mapping", "other/x"], "which driver of 'other' pulls? say so with --from: there is none, "),
    ],
)  # fmt: skip
def test_what_cannot_be_written_says_what_to_do(lake: ProjectsFolder, arguments: list[str], message: str) -> None:
    result = run(*arguments)

    assert result.exit_code != 0
    assert message in result.output


def test_a_mapping_needs_to_know_which_of_several_drivers(lake: ProjectsFolder) -> None:
    run("new", "driver", "lake/orders_api", "--pull")

    result = run("new", "mapping", "lake/api")

    assert result.exit_code == 1
    assert (
        "which driver of 'lake' pulls? say so with --from: one of duckdb_store_driver, files_store_driver, orders_api"
        in result.output
    )


def test_only_what_a_mapping_can_use_is_taken_for_its_driver(lake: ProjectsFolder) -> None:
    lake.driver("helpers", "WIDTH = 3", project="lake")
    lake.driver("half", "class Half:\n    def push_chunks(self, config, entity, chunks, deletes_df=None): ...", "lake")

    assert run("new", "mapping", "lake/api").output == "wrote projects/lake/mappings/api.yaml\n"
    assert "file_name: duckdb_store_driver\n" in Path("projects/lake/mappings/api.yaml").read_text()


def test_the_templates_are_listed() -> None:
    lines = run("new", "driver", "--list").output.splitlines()

    assert [line.split()[0] for line in lines] == ["both", "duckdb", "files", "pull", "push"]
    assert "A DuckDB file as a source and a target." in lines[1]

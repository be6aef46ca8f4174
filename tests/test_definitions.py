"""The code location as Dagster's commands load it."""

from __future__ import annotations

import os
import subprocess
import sys

import dagster as dg
import pytest

from custom_store_pipeline.errors import ConfigurationError
from tests.world.projects_folder import SOURCE, ProjectsFolder

PAGE = """
mappings:
  - mapping:
      from:
        store:
          type: custom
          file_name: items_store_driver
          project_name: shop
          args:
          {setting}
        data_format :
          type : csv  
      to :
        file_name: sqlite_store_driver
        project_name: shop     
"""  # noqa: W291 - the trailing spaces are those of the page


@pytest.mark.parametrize("setting", ["text:id;name", "text: id;name"])
def test_the_yaml_of_custom_store_driver_md_runs_as_it_is(projects: ProjectsFolder, setting: str) -> None:
    projects.driver(
        "items_store_driver",
        """
        class ItemsStoreDriver:
            def pull_data(self, mapping_config, entity):
                assert mapping_config["text"] == mapping_config["args"]["text"]
                return mapping_config["text"].replace(";", ",") + "\\n1,a\\n"
        """,
    )
    projects.driver(
        "sqlite_store_driver",
        """
        import sqlite3

        class SqliteStoreDriver:
            def push_data(self, config, entity, df, deletes_df=None):
                with sqlite3.connect("target.db") as connection:
                    df.to_sql(entity, connection, index=False)
                return True
        """,
    )
    projects.mapping(PAGE.format(setting=setting))

    run = projects.materialize()

    assert run.success, run.summary
    metadata = run.metadata["shop/sqlite_store_driver/items"]
    assert metadata["dagster/row_count"] == 1
    assert [column.name for column in metadata["dagster/column_schema"].columns] == ["id", "name"]


def test_a_projects_folder_anywhere_on_disk_runs(shop: ProjectsFolder) -> None:
    done = shop.materialize_by_cli()

    assert done.returncode == 0, done.stderr
    assert (shop.root / "target.db").exists()
    # Dagster says this of its own command before our module is loaded; everything later is filtered.
    noise = done.stderr.replace("SupersessionWarning: Function `asset_materialize_command`", "")
    assert "Warning" not in noise


def test_dagster_definitions_validate_works(shop: ProjectsFolder) -> None:
    done = shop.dagster("definitions", "validate", "-m", "custom_store_pipeline.definitions")

    assert done.returncode == 0, done.stderr
    assert "All code locations passed validation." in done.stdout + done.stderr


def test_steps_may_run_in_processes_of_their_own(shop: ProjectsFolder) -> None:
    done = shop.materialize_by_cli(CUSTOM_STORE_EXECUTOR="multiprocess")

    assert done.returncode == 0, done.stderr
    assert "Launching subprocess" in done.stderr


def test_loading_definitions_imports_no_driver_and_none_of_the_heavy_packages(shop: ProjectsFolder) -> None:
    shop.driver("items_store_driver", "raise SystemExit('imported')\n" + SOURCE.replace("\n    ", "\n"))
    code = (
        "import sys; from custom_store_pipeline.definitions import defs; defs().resolve_asset_graph(); "
        "print(sorted({'pandas', 'pyarrow', 'duckdb', 'numpy'} & set(sys.modules)))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "CUSTOM_STORE_PROJECTS_DIR": str(shop.path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.stdout == "[]\n", done.stderr


def test_a_projects_folder_that_is_not_there_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUSTOM_STORE_PROJECTS_DIR", "/no/such/folder")

    with pytest.raises(ConfigurationError, match="CUSTOM_STORE_PROJECTS_DIR: '/no/such/folder' is not a folder; name"):
        dg.Definitions.merge(__import__("custom_store_pipeline.definitions").definitions.build_definitions())


def test_an_empty_projects_folder_says_what_belongs_in_it(
    projects: ProjectsFolder, caplog: pytest.LogCaptureFixture
) -> None:
    projects.definitions()

    assert caplog.messages == [
        "projects: no mapping file, so there is nothing to materialize; mapping files are "
        "<project_name>/mappings/<name>.yaml in this folder"
    ]


def test_a_project_of_an_empty_folder_is_not_there(projects: ProjectsFolder) -> None:
    with pytest.raises(ConfigurationError, match="there is no project 'shop', for the folder holds none yet"):
        projects.definitions(project="shop")


def test_materializing_an_empty_projects_folder_says_so(projects: ProjectsFolder) -> None:
    done = projects.materialize_by_cli()

    assert "no mapping file, so there is nothing to materialize; mapping files are" in done.stderr

"""The command ``custom-store``."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner, Result

from custom_store_pipeline.cli.main import main
from tests.world.projects_folder import SOURCE, ProjectsFolder, environment_of, mapping, run_cli


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, catch_exceptions=False)


@pytest.fixture
def shop(projects: ProjectsFolder, monkeypatch: pytest.MonkeyPatch) -> ProjectsFolder:
    projects.driver("items_store_driver", SOURCE)
    projects.sqlite()
    projects.mapping(mapping(include="[posts, users]"))
    monkeypatch.setenv("CUSTOM_STORE_PROJECTS_DIR", str(projects.path))
    return projects


def test_what_is_right_is_shown_as_a_table(shop: ProjectsFolder) -> None:
    result = run("validate")

    assert result.exit_code == 0
    row = next(line for line in result.output.splitlines() if "posts" in line)
    cells = [cell.strip() for cell in row.strip("│").split("│")]
    assert cells == ["shop", "items", "shop/items_store_driver", "shop/sqlite_store_driver", "posts, users"]
    assert "No problems. Mappings: 1, entities: 2." in result.output


def test_what_is_wrong_is_shown_by_file_line_and_column(shop: ProjectsFolder) -> None:
    shop.mapping(mapping(more="concurency: 3"), name="typo")
    shop.mapping("[", name="broken")

    result = run("validate")

    assert result.exit_code == 1
    assert result.stdout.splitlines()[1] == (
        "projects/shop/mappings/typo.yaml:8:7: concurency: unknown key 'concurency'; did you mean 'concurrency'?"
    )
    assert result.stderr.strip() == "2 problems found."


@pytest.mark.parametrize("path", ["projects/shop/mappings/typo.yaml", "projects/shop", "projects"])
def test_paths_say_what_to_validate(shop: ProjectsFolder, path: str) -> None:
    shop.mapping(mapping(more="concurency: 3"), name="typo")
    shop.mapping("[", name="broken", project="other")

    result = run("validate", path)

    assert result.exit_code == 1
    assert ("broken.yaml" in result.stdout) == (path == "projects")
    assert "typo.yaml" in result.stdout


def test_json_is_for_programs(shop: ProjectsFolder) -> None:
    shop.mapping(mapping(more="concurency: 3"), name="typo")

    result = run("validate", "--json")

    content = json.loads(result.stdout)
    assert result.exit_code == 1
    assert content["problems"] == [
        {
            "file": "projects/shop/mappings/typo.yaml",
            "line": 8,
            "column": 7,
            "key": "concurency",
            "message": "unknown key 'concurency'; did you mean 'concurrency'?",
        }
    ]
    assert content["mappings"][0]["entities"][0] == {
        "entity": "posts",
        "source": ["shop", "items_store_driver", "posts"],
        "target": ["shop", "sqlite_store_driver", "posts"],
    }


def test_status_shows_rows_and_where_they_are(shop: ProjectsFolder) -> None:
    shop.materialize_by_cli("key:shop/sqlite_store_driver/posts")

    done = run_cli("custom-store", "status", "shop", home=shop.home, projects=shop.path, cwd=shop.root)

    assert done.returncode == 0, done.stderr
    posts = next(line for line in done.stdout.splitlines() if "posts" in line)
    cells = [cell.strip() for cell in posts.strip("│").split("│")]
    assert (cells[0], cells[1], cells[4]) == ("posts", "2", "target.db, table posts")
    assert "not yet in shop/sqlite_store_driver/users" in done.stdout


def test_status_needs_a_home_that_stays(shop: ProjectsFolder) -> None:
    result = run("status")

    assert result.exit_code == 1
    assert (
        "DAGSTER_HOME is not set, so no state is stored; run: export DAGSTER_HOME=$PWD/.dagster_home" in result.stderr
    )


def test_status_of_an_unknown_project(shop: ProjectsFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(shop.home))

    assert "no project 'shopp' with valid mappings; there are: shop" in run("status", "shopp").stderr


@pytest.mark.parametrize("path", ["projects/shop/mappings", "projects/shop/mappings/typo.yaml"])
def test_the_mappings_folder_and_a_file_are_scanned(shop: ProjectsFolder, path: str) -> None:
    shop.mapping("[", name="typo")

    assert run("validate", path).exit_code == 1


def test_a_file_outside_of_any_projects_folder_is_not_called_valid(shop: ProjectsFolder) -> None:
    (shop.root / "far/from/any/projects").mkdir(parents=True)  # a test beside this one may have made some
    (shop.root / "far/from/any/projects/bad.yaml").write_text("[")

    result = run("validate", "far/from/any/projects/bad.yaml")

    assert result.exit_code == 1
    assert "belongs to no projects folder; mapping files are <projects folder>/<project_name>/mappings" in result.stderr


def test_an_entity_called_like_markup_is_shown_as_it_is(shop: ProjectsFolder) -> None:
    shop.mapping(mapping(include="['[/b]', '[red]x', ':smile:']"))

    assert "[/b], [red]x, :smile:" in run("validate").stdout


def test_a_folder_without_mapping_files_is_not_called_valid(projects: ProjectsFolder) -> None:
    projects.driver("items_store_driver", SOURCE)

    result = run("validate", "projects")

    assert result.exit_code == 1
    assert "no mapping file in projects; mapping files are <project_name>/mappings/<name>.yaml" in result.stderr


def test_status_knows_that_the_last_run_failed(shop: ProjectsFolder) -> None:
    shop.materialize_by_cli("key:shop/sqlite_store_driver/posts")
    shop.driver("items_store_driver", "class ItemsStoreDriver:\n    def pull_data(self, c, e): raise ValueError('x')")
    shop.materialize_by_cli()

    done = run_cli("custom-store", "status", home=shop.home, projects=shop.path, cwd=shop.root)

    posts, users = (next(line for line in done.stdout.splitlines() if name in line) for name in ("posts", "users"))
    assert ", last run failed" in posts
    assert "2" in posts
    assert "never, last run failed" in users


def test_validate_warns_of_keys_without_effect(projects: ProjectsFolder) -> None:
    projects.driver("items_store_driver", SOURCE)
    projects.sqlite()
    projects.mapping(mapping(more="max_delete_fraction: 0.5"))

    result = CliRunner().invoke(main, ["validate", str(projects.path)], catch_exceptions=False)

    assert result.exit_code == 0
    assert "warning: " in result.stderr
    assert "max_delete_fraction: only deletions that are found by comparing keys are limited" in result.stderr


def test_the_file_dotenv_is_read_as_dagster_reads_it(shop: ProjectsFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUSTOM_STORE_PROJECTS_DIR", "/no/such/folder")
    (shop.root / ".env").write_text(
        f"DAGSTER_HOME={shop.home}\nexport CUSTOM_STORE_PROJECTS_DIR='{shop.path}'\nDECLARED\n"
    )

    result = run("status")

    assert (result.exit_code, result.stderr) == (0, "")
    assert "not yet in shop/sqlite_store_driver/posts" in result.stdout
    assert "DAGSTER_HOME" not in os.environ, "what was read lasts as long as the command"
    assert os.environ["CUSTOM_STORE_PROJECTS_DIR"] == "/no/such/folder"


@pytest.mark.parametrize("arguments", [[], ["projects"]])
def test_an_empty_projects_folder_is_one(
    projects: ProjectsFolder, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.setenv("CUSTOM_STORE_PROJECTS_DIR", str(projects.path))

    result = run("validate", *arguments)

    assert result.exit_code == 1
    assert "; mapping files are <project_name>/mappings/<name>.yaml in the projects folder" in result.stderr
    assert "no mapping file in " in result.stderr


def test_a_project_that_is_still_empty_has_no_mapping_file(projects: ProjectsFolder) -> None:
    (projects.path / "shop").mkdir()

    assert "no mapping file in projects/shop; mapping files are" in run("validate", "projects/shop").stderr


def test_validate_imports_nothing_that_it_does_not_need(shop: ProjectsFolder) -> None:
    code = (
        "import sys; from custom_store_pipeline.cli.main import main; main(['validate'], standalone_mode=False); "
        "unused = {'croniter', 'dagster', 'dotenv', 'duckdb', 'numpy', 'pandas', 'pyarrow', 'rich'}; "
        "print(sorted(unused & set(sys.modules)))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=shop.root,
        env=environment_of(shop.home, shop.path),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.stdout.splitlines()[-1] == "[]", done.stderr


@pytest.mark.parametrize("before", [None, "some_plugin"])
def test_what_keeps_pydantic_from_its_plugins_lasts_as_long_as_the_command(
    shop: ProjectsFolder, monkeypatch: pytest.MonkeyPatch, before: str | None
) -> None:
    name = "PYDANTIC_DISABLE_PLUGINS"
    monkeypatch.delenv(name, raising=False)
    if before:
        monkeypatch.setenv(name, before)

    assert run("validate").exit_code == 0

    assert os.environ.get(name) == before

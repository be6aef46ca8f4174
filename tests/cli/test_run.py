"""``custom-store run``: what is run, what it prints, and how it ends."""

from __future__ import annotations

import json
import os
import pty
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from custom_store_pipeline.cli.main import main
from tests.world.projects_folder import ProjectsFolder, environment_of, mapping

PARTITIONED = "partitions: {type: static, keys: [eu, us]}"

SOURCE = """
    class ItemsStoreDriver:
        def pull_data(self, config, entity):
            if entity == "users":
                raise RuntimeError("the API is down")
            yield [{"id": number} for number in range(1, 4)]
            yield [{"id": number} for number in range(4, 7)]
"""


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["run", *arguments], catch_exceptions=False)


@pytest.fixture
def shop(projects: ProjectsFolder, monkeypatch: pytest.MonkeyPatch) -> ProjectsFolder:
    projects.driver("items_store_driver", SOURCE)
    projects.sqlite()
    projects.mapping(mapping(include="[posts, tags, users]"))
    monkeypatch.setenv("CUSTOM_STORE_PROJECTS_DIR", str(projects.path))
    monkeypatch.setenv("DAGSTER_HOME", str(projects.home))
    return projects


def tables(shop: ProjectsFolder) -> dict[str, int]:
    with sqlite3.connect(shop.root / "target.db") as database:
        names = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: database.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("posts", {"posts"}),
        ("shop/sqlite_store_driver/tags", {"tags"}),
        ("shop/*/t*", {"tags"}),
        ("[pt]*s", {"posts", "tags"}),
    ],
)
def test_entities_are_selected_by_name_key_and_pattern(shop: ProjectsFolder, pattern: str, expected: set[str]) -> None:
    result = run(pattern)

    assert (result.exit_code, set(tables(shop))) == (0, expected), result.output


@pytest.mark.parametrize("selection", [["shop"], ["shop/sqlite_store_driver"], []])
def test_what_fails_is_named_with_its_reason_and_stops_no_other(shop: ProjectsFolder, selection: list[str]) -> None:
    result = run(*selection)

    assert (result.exit_code, tables(shop)) == (1, {"posts": 6, "tags": 6})
    assert "Entities arrived: 2 of 3; run " in result.stdout
    [failure] = [line for line in result.stdout.splitlines() if "/users" in line]
    assert [cell.strip() for cell in failure.strip("│").split("│")][1] == "failed"
    assert "shop/sqlite_store_driver/posts: 6 rows in " in result.stderr
    reasons = [line for line in result.stderr.splitlines() if "the API is down" in line]
    assert len(reasons) == 1
    assert reasons[0].startswith("shop/sqlite_store_driver/users: pull_data of 'shop/items_store_driver'")


def test_nothing_is_run_if_a_pattern_selects_nothing(shop: ProjectsFolder) -> None:
    result = run("posts", "tgas")

    assert (result.exit_code, (shop.root / "target.db").exists()) == (2, False)
    assert "'tgas' selects no entity; did you mean 'tags'?" in result.stderr


def test_nothing_is_run_if_there_is_no_mapping(projects: ProjectsFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(projects.home))
    monkeypatch.setenv("CUSTOM_STORE_PROJECTS_DIR", str(projects.path))

    result = run()

    assert result.exit_code == 1
    assert "no mapping can be used; see: custom-store validate" in result.stderr


def test_json_is_for_programs(shop: ProjectsFolder) -> None:
    result = run("--json")

    content = json.loads(result.stdout)
    assert (result.exit_code, content["success"], result.stderr) == (1, False, "")
    found = {entity["entity"].rpartition("/")[2]: entity for entity in content["entities"]}
    assert (found["posts"]["outcome"], found["posts"]["rows"]) == ("arrived", 6)
    assert (found["users"]["outcome"], found["users"]["rows"]) == ("failed", None)
    assert "the API is down" in found["users"]["reason"]
    with shop.instance() as instance:
        run_stored = instance.get_run_by_id(content["run_id"])
    assert run_stored is not None, "the run is in Dagster's instance"


def test_a_sample_pushes_some_rows_and_says_so(shop: ProjectsFolder) -> None:
    result = run("posts", "--limit", "4")

    assert tables(shop) == {"posts": 4}
    assert "A sample of at most 4 rows an entity: no state is stored, nothing is deleted." in result.stdout


def test_a_partition_is_named(shop: ProjectsFolder) -> None:
    shop.mapping(mapping(include="[posts]", more=PARTITIONED + "\n          write_mode: append"))

    missing = run()
    wrong = run("--partition", "asia")
    result = run("--partition", "eu")

    assert missing.exit_code == wrong.exit_code == 2
    assert "shop/sqlite_store_driver/posts has partitions; say which one with --partition" in missing.stderr
    assert "shop/sqlite_store_driver/posts has no partition 'asia'; there are: eu to us" in wrong.stderr
    assert (result.exit_code, tables(shop)) == (0, {"posts": 6})


def test_a_partition_of_what_has_none_is_refused(shop: ProjectsFolder) -> None:
    result = run("posts", "--partition", "eu")

    assert result.exit_code == 2
    assert "shop/sqlite_store_driver/posts has no partitions; leave out --partition" in result.stderr


def test_in_a_terminal_the_progress_stays_in_its_place(shop: ProjectsFolder, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    environment = environment_of(home=shop.home, projects=shop.path) | {"TERM": "xterm", "COLUMNS": "100"}
    command = [sys.executable, "-c", "from custom_store_pipeline.cli.main import main; main()", "run", "posts"]
    process = subprocess.run(command, env=environment, stderr=theirs, stdout=subprocess.PIPE, timeout=60, check=False)
    os.close(theirs)
    shown = os.read(ours, 100_000).decode()
    os.close(ours)

    assert process.returncode == 0
    assert "rows/s" in shown
    assert "1 arrived" in shown

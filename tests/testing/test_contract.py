"""What the author of a driver meets: the class, pytest, the fixture, and `custom-store test`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from custom_store_pipeline.cli.main import main
from custom_store_pipeline.drivers.capabilities import CAPABILITIES
from custom_store_pipeline.scaffold.new_files import files_of_a_folder, write
from custom_store_pipeline.testing import DriverContract
from tests.testing.test_zoo import GOOD
from tests.world.projects_folder import ProjectsFolder

# It replaces all rows, whatever the mode, and says nothing of its capabilities.
PLAIN = """
    import sqlite3
    import pandas as pd

    class PlainStoreDriver:
        def pull_data(self, mapping_config, entity):
            with sqlite3.connect(mapping_config["args"]["path"]) as connection:
                return pd.read_sql(f'SELECT * FROM "{entity}"', connection)

        def push_data(self, config, entity, df, deletes_df=None):
            with sqlite3.connect(config["args"]["path"]) as connection:
                df.to_sql(entity, connection, if_exists="replace", index=False)
            return True
"""


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["test", *arguments], catch_exceptions=False)


@pytest.fixture(autouse=True)
def _settings(projects: ProjectsFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUSTOM_STORE_PROJECTS_DIR", str(projects.path))


@pytest.fixture
def lake(projects: ProjectsFolder) -> ProjectsFolder:
    write(files_of_a_folder("lake"), projects.root)
    return projects


@pytest.mark.parametrize("driver", ["duckdb_store_driver", "files_store_driver"])
def test_the_drivers_of_a_new_folder_pass(lake: ProjectsFolder, driver: str) -> None:
    result = run(f"lake/{driver}")

    assert ", 0 failed, " in result.output, result.output
    assert result.exit_code == 0
    assert "It can do more than its capabilities say" not in result.output


def test_what_fails_is_shown_with_the_reason_and_why_it_matters(projects: ProjectsFolder) -> None:
    projects.driver("plain_store_driver", PLAIN)

    result = run("shop/plain_store_driver", "--arg", "path={folder}/x.db", "--check", "append_adds_the_rows")

    assert result.exit_code == 1
    assert "FAILED append_adds_the_rows" in result.output
    assert "the store has the rows [4, 5, 6] (by id) and should have [1, 2, 3, 4, 5, 6]" in result.output
    assert "An append that replaces what is there loses the history." in result.output
    assert "capabilities = {…} without 'append'" in result.output


def test_what_holds_and_is_not_claimed_is_named(projects: ProjectsFolder) -> None:
    claims = GOOD.replace('        "soft_deletes",\n', "").replace('        "new_columns",\n', "")
    projects.driver("good_store_driver", claims)

    result = run("shop/good_store_driver", "--arg", "path={folder}/x.db", "--json")

    assert json.loads(result.output)["holds_but_is_not_claimed"] == ["soft_deletes", "new_columns"]
    assert result.exit_code == 0


def test_a_source_is_tested_on_the_store_of_its_mapping(shop: ProjectsFolder) -> None:
    result = run("shop/items_store_driver")

    assert "FAILED pull_of_an_unknown_entity_fails" in result.output  # it makes up a row for each name
    assert "ok     pull_returns_data" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lake"], "'lake' is not PROJECT/DRIVER, such as shop/orders_store_driver"),
        (["lake/duckdb"], "no file 'duckdb.py' in projects/lake/custom_store_driver/"),
        (["lake/duckdb_store_driver", "--arg", "x"], "--arg x: write NAME=VALUE"),
        (
            ["lake/duckdb_store_driver", "--check", "nulls_stay"],
            "no check 'nulls_stay'; did you mean 'nulls_stay_nulls'?",
        ),
        ([], "Missing argument 'PROJECT/DRIVER'."),
    ],
)
def test_what_it_cannot_test_it_says(lake: ProjectsFolder, arguments: list[str], message: str) -> None:
    result = run(*arguments)

    assert result.exit_code != 0
    assert message in result.output


def test_a_target_without_a_store_to_write_into_is_not_touched(projects: ProjectsFolder) -> None:
    projects.driver("plain_store_driver", PLAIN)

    result = run("shop/plain_store_driver")

    assert result.exit_code == 1
    assert (
        "which store may the checks write into? Say so with --arg, such as --arg path={folder}/test.db" in result.output
    )


def test_the_checks_are_listed_with_their_reasons() -> None:
    output = run("--list").output

    assert "a_killed_push_can_be_run_again\n    Machines die: " in output
    assert all(f"[{name}]" in output for name in CAPABILITIES)


def test_pytest_runs_each_check_as_a_test(lake: ProjectsFolder) -> None:
    """With a test of its own beside the contract, which uses the fixture."""
    tests = lake.path / "lake/tests"
    (tests / "test_orders.py").write_text(
        "def test_orders(call_driver, tmp_path):\n"
        "    driver = call_driver('lake/duckdb_store_driver', {'args': {'path': f'{tmp_path}/x.duckdb'}})\n"
        "    import pandas as pd\n"
        "    driver.push(pd.DataFrame({'id': [1]}), 'orders', mode='upsert')\n"
        "    assert driver.pull('orders')['id'].tolist() == [1]\n"
    )
    kept = "nulls or orders or unknown_entity or new_column_is_added"
    command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", "-k", kept]

    done = subprocess.run(command, cwd=lake.root, capture_output=True, text=True, timeout=120, check=False)

    assert "test_contract[nulls_stay_nulls] PASSED" in done.stdout, done.stdout + done.stderr
    assert "test_contract[a_new_column_is_added] SKIPPED" in done.stdout
    assert "test_orders PASSED" in done.stdout
    assert done.returncode == 0


def test_an_exception_needs_a_reason_and_must_be_true(projects: ProjectsFolder) -> None:
    class Contract(DriverContract):
        driver = "shop/plain_store_driver"
        projects_dir = projects.path
        exceptions = {"append_adds_the_rows": "the partner's store has no history", "plain_rows_come_back": "no"}

        def store(self, folder: Path) -> dict[str, object]:
            return {"args": {"path": f"{folder}/x.db"}}

    projects.driver("plain_store_driver", PLAIN)

    found = {outcome.check.name: outcome for outcome in Contract().outcomes(tuple(Contract.exceptions))}

    assert found["append_adds_the_rows"].result == "not for this driver"
    assert "the partner's store has no history" in found["append_adds_the_rows"].message
    assert found["plain_rows_come_back"].message == "it is among `exceptions` and passes; remove it there"

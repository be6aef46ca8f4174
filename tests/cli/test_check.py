"""``custom-store check``: what the drivers of stores say of them."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

from custom_store_pipeline.cli.main import main
from tests.world.projects_folder import SOURCE, ProjectsFolder, mapping

API = """
    import time

    class ApiStoreDriver:
        def check(self, config):
            url = config["args"]["url"]
            if url == "slow":
                time.sleep(20)
            if url == "down":
                raise ConnectionError("refused, token " + config["args"]["token"])
            if url == "wrong":
                return False
            return {"version": 3}

        def pull_data(self, config, entity):
            return []
"""

MAPPING = """
    mappings:
      - mapping:
          from: {{store: {{file_name: api_store_driver, name: {name}, args: {{url: {name}, token: "${{TOKEN}}"}}}}}}
          to: {{file_name: sqlite_store_driver, args: {{path: target.db}}}}
"""


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["check", *arguments], catch_exceptions=False)


@pytest.fixture
def shop(projects: ProjectsFolder, monkeypatch: pytest.MonkeyPatch) -> ProjectsFolder:
    projects.driver("api_store_driver", API)
    projects.sqlite()
    for name in ("up", "down", "wrong"):
        projects.mapping(MAPPING.format(name=name), name=name)
    monkeypatch.setenv("TOKEN", "sesame123")
    monkeypatch.setenv("CUSTOM_STORE_PROJECTS_DIR", str(projects.path))
    return projects


def found(result: Result) -> dict[str, dict[str, str]]:
    return {check["store"]: check for check in json.loads(result.stdout)}


def test_each_store_is_checked_once_and_says_what_its_driver_says(shop: ProjectsFolder) -> None:
    result = run("--json")

    checks = found(result)
    assert result.exit_code == 1
    assert {store: check["outcome"] for store, check in checks.items()} == {
        "shop/up": "ok",
        "shop/down": "failed",
        "shop/wrong": "failed",
        "shop/sqlite_store_driver": "no check",
    }
    assert checks["shop/up"]["details"] == "version: 3"
    assert checks["shop/up"]["place"] == "projects/shop/mappings/up.yaml:4"
    assert checks["shop/down"]["details"] == (
        "check of 'shop/api_store_driver' raised ConnectionError: refused, token *** (api_store_driver.py:10)"
    )
    assert "check of 'shop/api_store_driver' returned False" in checks["shop/wrong"]["details"]


@pytest.mark.parametrize("pattern", ["up", "shop/up", "s*/u*"])
def test_stores_are_selected(shop: ProjectsFolder, pattern: str) -> None:
    result = run(pattern)

    assert result.exit_code == 0
    assert "shop/up" in result.stdout
    assert "shop/down" not in result.stdout


def test_a_store_that_is_not_there_is_an_error(shop: ProjectsFolder) -> None:
    result = run("shop/upp")

    assert result.exit_code == 2
    assert "no store 'shop/upp'; did you mean 'shop/up'?" in result.stderr


def test_a_driver_without_check_is_named_and_is_no_failure(shop: ProjectsFolder) -> None:
    shop.driver("items_store_driver", SOURCE)
    shop.mapping(mapping(), name="items")

    result = run("items_store_driver")

    assert result.exit_code == 0
    assert "no check: the driver has no method check(self, config)" in result.stdout


def test_a_store_that_hangs_is_given_up(shop: ProjectsFolder) -> None:
    shop.mapping(MAPPING.format(name="slow"), name="slow")

    checks = found(run("slow", "up", "--json", "--timeout", "0.5"))

    assert checks["shop/up"]["outcome"] == "ok"
    assert "0.5" in checks["shop/slow"]["details"]


def test_a_store_whose_variable_is_not_set_fails_with_the_place(
    shop: ProjectsFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TOKEN")

    details = found(run("up", "--json"))["shop/up"]["details"]

    assert details.startswith("projects/shop/mappings/up.yaml:4:")
    assert "the environment variable TOKEN is not set" in details

"""A driver's `Args`: checked by `validate` in another process, and before each call."""

from __future__ import annotations

import sys

import pytest
from click.testing import CliRunner, Result
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from custom_store_pipeline.cli.main import main
from custom_store_pipeline.drivers.driver_args import secrets_of, wrong_args
from custom_store_pipeline.projects.loading import load_projects
from custom_store_pipeline.projects.typed_args import args_schemas
from tests.world.projects_folder import ProjectsFolder

DRIVER = """
    from pydantic import BaseModel, SecretStr

    print("imported")

    class ApiStoreDriver:
        class Args(BaseModel):
            url: str
            page_size: int = 100
            token: SecretStr = SecretStr("")

        def pull_data(self, config, entity):
            args = self.Args(**config["args"])
            print("the token is", config["args"].get("token"))
            if args.url == "broken":
                raise RuntimeError(f"token {args.token.get_secret_value()} was refused")
            return [{"id": args.page_size, "kind": type(config["args"]).__name__}]
"""

MAPPING = """
    mappings:
      - mapping:
          from:
            store:
              file_name: api_store_driver
              {args}
            entity: {{include: [items]}}
          to: {{file_name: sqlite_store_driver, args: {{path: target.db}}}}
"""


def validate() -> Result:
    return CliRunner().invoke(main, ["validate"], catch_exceptions=False)


@pytest.fixture
def shop(projects: ProjectsFolder, monkeypatch: pytest.MonkeyPatch) -> ProjectsFolder:
    projects.driver("api_store_driver", DRIVER)
    projects.sqlite()
    monkeypatch.setenv("CUSTOM_STORE_PROJECTS_DIR", str(projects.path))
    monkeypatch.setenv("PAGE_SIZE", "many")
    return projects


WRONG = {
    "args: {urll: x}": [
        "projects/shop/mappings/items.yaml:7:17: from.store.args.url: the key 'url' is missing; you wrote 'urll'",
        "projects/shop/mappings/items.yaml:7:18: from.store.args.urll: the driver's Args have no 'urll'; "
        "did you mean 'url'?",
    ],
    "args: {url: x, page_size: ten}": [
        "projects/shop/mappings/items.yaml:7:37: from.store.args.page_size: must be a valid integer, unable to parse "
        "string as an integer, not the string 'ten'"
    ],
    "args: {url: x, page_size: '${PAGE_SIZE}'}": [
        "projects/shop/mappings/items.yaml:7:37: from.store.args.page_size: must be a valid integer, unable to parse "
        "string as an integer, not the string '***'"
    ],
    "args: {url: x, token: 5}": [
        "projects/shop/mappings/items.yaml:7:33: from.store.args.token: must be a valid string"
    ],
    "url: [x]": ["projects/shop/mappings/items.yaml:7:16: from.store.url: must be a valid string, not a list"],
}


@pytest.mark.parametrize("args", WRONG)
def test_validate_names_the_place(shop: ProjectsFolder, args: str) -> None:
    shop.mapping(MAPPING.format(args=args))

    result = validate()

    assert result.exit_code == 1
    assert [line for line in result.stdout.splitlines() if line.startswith("projects/")] == WRONG[args]


@pytest.mark.parametrize("args", WRONG)
def test_a_run_fails_with_the_same_before_the_driver_is_called(shop: ProjectsFolder, args: str) -> None:
    shop.mapping(MAPPING.format(args=args))

    run = shop.materialize()

    assert not run.success
    assert all(line in run.summary for line in WRONG[args]), run.summary


def test_validate_imports_no_driver_in_its_own_process(shop: ProjectsFolder) -> None:
    shop.mapping(MAPPING.format(args="args: {url: x}"))
    before = set(sys.modules)

    result = validate()

    assert result.exit_code == 0, result.output
    assert not [name for name in set(sys.modules) - before if "api_store_driver" in name]
    assert "imported" not in result.output


def test_a_variable_that_is_not_set_here_is_not_wrong(shop: ProjectsFolder) -> None:
    shop.mapping(MAPPING.format(args="args: {url: x, page_size: '${NOT_SET}'}"))

    assert validate().exit_code == 0


def test_a_driver_that_cannot_be_imported_here_is_a_warning(shop: ProjectsFolder) -> None:
    shop.driver("api_store_driver", "import not_there\n" + DRIVER.replace("\n    ", "\n"))
    shop.mapping(MAPPING.format(args="args: {url: x}"))

    result = validate()

    assert result.exit_code == 0
    assert "items.yaml:6:22: from.store.file_name: the args were not checked, because " in result.stderr
    assert "No module named 'not_there'" in result.stderr


def test_args_that_are_no_model_are_named(shop: ProjectsFolder) -> None:
    shop.driver("api_store_driver", DRIVER.replace("class Args(BaseModel)", "class Args"))
    shop.mapping(MAPPING.format(args="args: {url: x}"))

    assert "ApiStoreDriver.Args is not a pydantic model; inherit from pydantic.BaseModel" in shop.materialize().summary


def test_the_driver_gets_a_plain_dict(shop: ProjectsFolder) -> None:
    shop.mapping(MAPPING.format(args="args: {url: x, page_size: '7'}"))

    run = shop.materialize()

    assert run.success, run.summary
    assert run.metadata["shop/sqlite_store_driver/items"]["dagster/row_count"] == 1


def test_a_secret_is_masked_also_when_it_is_written_in_clear(
    shop: ProjectsFolder, capfd: pytest.CaptureFixture[str]
) -> None:
    shop.mapping(MAPPING.format(args="args: {url: broken, token: sesame123}"))

    run = shop.materialize()

    printed = "".join(capfd.readouterr())
    assert "token *** was refused" in run.summary
    assert "the token is ***" in printed
    assert "sesame123" not in run.summary + printed


def test_the_schema_of_each_driver_can_be_had(shop: ProjectsFolder) -> None:
    shop.mapping(MAPPING.format(args="args: {url: x}"))

    schemas = args_schemas(load_projects(shop.path))

    assert list(schemas) == [("shop", "api_store_driver")]
    assert list(schemas["shop", "api_store_driver"]["properties"]) == ["url", "page_size", "token"]


class Nested(BaseModel):
    model_config = ConfigDict(extra="allow")

    base: str = Field(alias="base-url")
    keys: list[SecretStr] = []


def test_aliases_and_extra_keys_are_the_models_business() -> None:
    assert wrong_args(Nested, {"base-url": "x", "more": 1}) == []
    assert wrong_args(Nested, {"base": "x"})[0].message == ("the key 'base-url' is missing; you wrote 'base'")


def test_secrets_are_found_wherever_the_model_has_them() -> None:
    assert secrets_of(Nested, {"base-url": "x", "keys": ["a1b2c3", "d4e5f6"]}) == {"a1b2c3", "d4e5f6"}

"""``custom-store preview``: what the next run would push, with nothing pushed and nothing stored."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from custom_store_pipeline.cli.main import main
from tests.world.projects_folder import ProjectsFolder, mapping

SOURCE = """
    import pathlib
    from custom_store_pipeline import Pulled

    def note(text):
        with pathlib.Path("calls.txt").open("a") as file:
            print(text, file=file)

    class ItemsStoreDriver:
        def pull_data(self, config, entity):
            note(config["offset"]["values"])
            if entity == "broken":
                raise RuntimeError("wrong token " + config["args"]["token"])
            return Pulled(self.pages(config), deletes=[{"id": 9}], state={"page": 2})

        def pages(self, config):
            after = config["offset"]["values"].get("id", 0)
            for start in range(after, 9, 3):
                note(f"page from {start}")
                yield [{"id": start + n + 1, "text": f"a long text {start + n + 1}" * 9} for n in range(3)]
"""

ARROW = """
    class ArrowStoreDriver:
        def push_arrow(self, config, entity, reader, deletes=None):
            return {"rows": sum(len(batch) for batch in reader)}
"""


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, catch_exceptions=False)


@pytest.fixture
def shop(projects: ProjectsFolder, monkeypatch: pytest.MonkeyPatch) -> ProjectsFolder:
    projects.driver("items_store_driver", SOURCE)
    projects.driver("arrow_store_driver", ARROW)
    projects.sqlite()
    text = mapping(include="[posts, broken]").replace(
        "file_name: items_store_driver", "file_name: items_store_driver, args: {token: '${TOKEN}'}"
    )
    projects.mapping(text)
    monkeypatch.setenv("TOKEN", "sesame123")
    monkeypatch.setenv("CUSTOM_STORE_PROJECTS_DIR", str(projects.path))
    return projects


def calls(shop: ProjectsFolder) -> list[str]:
    return (shop.root / "calls.txt").read_text().splitlines()


def cells(output: str) -> list[list[str]]:
    lines = [line for line in output.splitlines() if line.startswith(("┃", "│"))]
    return [[cell.strip() for cell in line.strip("┃│").replace("┃", "│").split("│")] for line in lines]


def test_the_first_rows_are_shown_with_their_types(shop: ProjectsFolder) -> None:
    result = run("preview", "posts", "--limit", "2")

    names, types, first, second = cells(result.stdout)
    assert (names, types) == (["id", "text"], ["int64", "str"])
    assert first == ["1", ("a long text 1" * 9)[:59] + "…"]
    assert second[0] == "2"
    assert "rows: 2, pages read: 1, seconds: " in result.stdout
    assert "there are more (--limit 2); 1 rows to delete" in result.stdout
    assert calls(shop) == ["{}", "page from 0"], "no page is pulled that is not shown"
    assert not (shop.root / "target.db").exists()


def test_all_rows_are_said_to_be_all(shop: ProjectsFolder) -> None:
    result = run("preview", "posts", "--limit", "9")

    assert "rows: 9, pages read: 3" in result.stdout
    assert "that is all" in result.stdout


def test_types_are_those_that_the_target_gets(shop: ProjectsFolder) -> None:
    path = shop.path / "shop/mappings/items.yaml"
    path.write_text(path.read_text().replace("sqlite_store_driver", "arrow_store_driver"))

    assert cells(run("preview", "posts").stdout)[1] == ["int64", "large_string"]


def test_the_next_load_is_shown_and_no_state_is_stored(shop: ProjectsFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(shop.home))
    text = (shop.path / "shop/mappings/items.yaml").read_text().replace("[posts, broken]", "[posts]")
    text = text.replace("entity: {include", "offset: {offset_columns: [id]}\n        entity: {include")
    shop.mapping(text + "      load_type: incremental\n      write_mode: upsert\n", name="items")
    assert run("run", "posts", "--limit", "3").exit_code == 0
    before_any_load = run("preview", "posts")
    assert run("run", "posts").exit_code == 0
    stored = run("state", "show", "--json").stdout

    result = run("preview", "posts")

    assert "starts after" not in before_any_load.stdout
    assert "starts after id = 9" in result.stdout
    assert "starts from the driver's state {'page': 2}" in result.stdout
    assert "no rows, and no columns" in result.stdout
    assert run("state", "show", "--json").stdout == stored


def test_raw_shows_what_the_driver_returned(shop: ProjectsFolder) -> None:
    result = run("preview", "posts", "--raw", "--limit", "1")

    lines = result.stdout.splitlines()
    assert lines[1] == "pull_data returned custom_store_pipeline.data.pulled.Pulled:"
    assert "data: generator:" in lines
    assert "its first item: list:" in lines
    assert "3 items, the first of them:" in lines
    assert "deletes: [{'id': 9}]" in lines
    assert "state: {'page': 2}" in lines


@pytest.mark.parametrize("option", [[], ["--raw"]])
def test_what_the_driver_raises_is_shown_without_secrets(shop: ProjectsFolder, option: list[str]) -> None:
    result = run("preview", "broken", *option)

    assert result.exit_code == 1
    assert "pull_data of 'shop/items_store_driver' for 'broken' raised RuntimeError: wrong token" in result.stderr
    assert "sesame123" not in result.output


def test_one_entity_is_named(shop: ProjectsFolder, tmp_path: Path) -> None:
    result = run("preview", "shop")

    assert result.exit_code == 2
    assert "'shop' selects 2 entities; name one of them: shop/sqlite_store_driver/posts, " in result.stderr

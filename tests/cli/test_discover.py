"""``custom-store discover``: what patterns stand for, as the store says, and the lock file that keeps it."""

from __future__ import annotations

import pytest
from click.testing import CliRunner, Result

from custom_store_pipeline.cli.main import main
from custom_store_pipeline.projects.files import scan
from custom_store_pipeline.projects.loading import load_projects
from tests.world.projects_folder import ProjectsFolder, mapping

API = """
    import pathlib

    class ItemsStoreDriver:
        def list_entities(self, config):
            return pathlib.Path("entities.txt").read_text().splitlines()

        def pull_data(self, config, entity):
            return [{"id": 1}]
"""


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["discover", *arguments], catch_exceptions=False)


@pytest.fixture
def shop(projects: ProjectsFolder, monkeypatch: pytest.MonkeyPatch) -> ProjectsFolder:
    projects.driver("items_store_driver", API)
    projects.sqlite()
    projects.mapping(mapping(include="['order_*', 're:[a-c]+', extra]"))
    monkeypatch.setenv("CUSTOM_STORE_PROJECTS_DIR", str(projects.path))
    has(projects, "order_new", "abc", "order_old", "xyz")
    return projects


def has(shop: ProjectsFolder, *names: str) -> None:
    (shop.root / "entities.txt").write_text("\n".join(names))


def entities(shop: ProjectsFolder) -> list[str]:
    projects = load_projects(shop.path)
    assert projects.problems == []
    return [entity.name for mapping in projects.mappings for entity in mapping.entities]


def problems(shop: ProjectsFolder) -> list[str]:
    return list(map(str, load_projects(shop.path).problems))


PLACE = "projects/shop/mappings/items.yaml:6:28: from.entity.include"


def test_patterns_become_entities(shop: ProjectsFolder) -> None:
    [before] = problems(shop)

    result = run()

    assert before.startswith(f"{PLACE}[0]: 'order_*' is a pattern, and items.entities.lock does not say what")
    assert before.endswith("; run: custom-store discover shop")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "shop/items: 3 entities match; 3 appeared, 0 vanished",
        "  + order_new",
        "  + abc",
        "  + order_old",
        "wrote projects/shop/mappings/items.entities.lock",
    ]
    assert entities(shop) == ["order_new", "order_old", "abc", "extra"], "in the order of include"
    assert shop.materialize().materialized == set(entities(shop))


def test_the_lock_file_is_a_change_of_the_project(shop: ProjectsFolder) -> None:
    before = scan(shop.path)

    run()

    assert [path.name for path in scan(shop.path).keys() - before.keys()] == ["items.entities.lock"]


def test_what_appeared_and_vanished_is_shown(shop: ProjectsFolder) -> None:
    run()
    has(shop, "order_old", "abc", "order_newest")

    assert run().stdout.splitlines()[:3] == [
        "shop/items: 3 entities match; 1 appeared, 1 vanished",
        "  + order_newest",
        "  - order_new",
    ]
    assert run().stdout.splitlines() == ["shop/items: 3 entities match; nothing has changed"]


def test_check_writes_nothing_and_fails_if_something_has_changed(shop: ProjectsFolder) -> None:
    first = run("--check")
    run()
    second = run("--check")
    lock = shop.path / "shop/mappings/items.entities.lock"
    text = lock.read_text()
    has(shop, "order_new")
    third = run("--check")

    assert [result.exit_code for result in (first, second, third)] == [1, 0, 1]
    assert "Lock files that are not up to date: 1; run: custom-store discover" in third.stderr
    assert lock.read_text() == text


def test_other_patterns_need_another_discovery(shop: ProjectsFolder) -> None:
    run()
    shop.mapping(mapping(include="['order_*', '*']"))

    [problem] = problems(shop)

    assert problem == (
        f"{PLACE}[0]: the patterns have changed since items.entities.lock was written; run: custom-store discover shop"
    )
    run()
    assert entities(shop) == ["order_new", "order_old", "abc", "xyz"]


def test_exclude_takes_patterns_too(shop: ProjectsFolder) -> None:
    shop.mapping(mapping(include="['*']").replace("primary_keys", "exclude: ['order_*', abc], primary_keys"))
    run()

    assert entities(shop) == ["xyz"]


def test_a_pattern_that_matches_nothing_is_named(shop: ProjectsFolder) -> None:
    has(shop, "abc")

    result = run()

    assert "'order_*' matches no entity of the store; change it in projects/shop/mappings/items.yaml" in result.stderr
    assert entities(shop) == ["abc", "extra"]


def test_a_wrong_regular_expression_is_named_with_its_place(shop: ProjectsFolder) -> None:
    run()
    shop.mapping(mapping(include="['re:[']"))

    result = run()

    assert result.exit_code == 1
    assert "shop/items: '[' is not a regular expression: unterminated character set" in result.stderr


def test_a_store_that_does_not_answer_keeps_what_it_answered(shop: ProjectsFolder) -> None:
    run()
    (shop.root / "entities.txt").unlink()

    result = run()

    assert result.exit_code == 1
    assert "shop/items: list_entities of 'shop/items_store_driver' raised FileNotFoundError" in result.stderr
    assert entities(shop) == ["order_new", "order_old", "abc", "extra"]


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        ("'orders'", "returned str"),
        ("[1]", "returned the name 1"),
        ("['a', 'a']", "returned 'a' more than once"),
        ("None", "returned NoneType"),
    ],
)
def test_what_is_no_list_of_names_is_refused(shop: ProjectsFolder, returned: str, said: str) -> None:
    shop.driver("items_store_driver", API.replace('pathlib.Path("entities.txt").read_text().splitlines()', returned))

    assert f"list_entities of 'shop/items_store_driver' {said}; return the names of the entities" in run().stderr


def test_a_damaged_lock_file_is_a_problem_with_a_remedy(shop: ProjectsFolder) -> None:
    run()
    lock = shop.path / "shop/mappings/items.entities.lock"
    lock.write_text("items: [1]")

    [problem] = problems(shop)

    assert problem == (
        "projects/shop/mappings/items.entities.lock: is not as `custom-store discover` writes it; remove the file, and "
        "run: custom-store discover"
    )


def test_without_patterns_there_is_nothing_to_discover(shop: ProjectsFolder) -> None:
    shop.mapping(mapping())

    assert "no mapping has a pattern in include" in run().stdout


def test_a_project_that_is_not_there_is_an_error(shop: ProjectsFolder) -> None:
    result = run("shpo")

    assert result.exit_code == 2
    assert "no project 'shpo'; did you mean 'shop'?" in result.stderr

"""A code location for each project."""

from __future__ import annotations

import dagster as dg
import pytest

from custom_store_pipeline import locations
from custom_store_pipeline.engines.process_cache import clear_caches
from custom_store_pipeline.errors import ConfigurationError
from custom_store_pipeline.orchestration.config_sensor import SENSOR_NAME
from custom_store_pipeline.projects.files import ALL_PROJECTS, Scope, differences, in_scope, scan
from custom_store_pipeline.projects.loading import load_projects
from tests.world.projects_folder import SOURCE, ProjectsFolder, mapping

BORROWING = """
    mappings:
      - mapping:
          from:
            store: {file_name: sqlite_store_driver, project_name: shop, args: {path: target.db}}
            entity: {include: [items]}
          to: {file_name: sqlite_store_driver, project_name: shop, name: copy, args: {path: copy.db}}
"""


@pytest.fixture
def two(shop: ProjectsFolder, monkeypatch: pytest.MonkeyPatch) -> ProjectsFolder:
    """Beside the project `shop`, one whose mapping reads what shop's has written, with shop's driver."""
    shop.mapping(BORROWING, name="copies", project="reports")
    monkeypatch.setenv("CUSTOM_STORE_PROJECTS_DIR", str(shop.path))
    return shop


def keys_made(definitions: dg.Definitions) -> set[str]:
    graph = definitions.resolve_asset_graph()
    return {key.to_user_string() for key in graph.materializable_asset_keys}


def test_each_location_has_its_own_mappings(two: ProjectsFolder) -> None:
    assert keys_made(locations.shop()) == {"shop/sqlite_store_driver/items"}
    assert keys_made(locations.reports()) == {"shop/copy/items"}


def test_lineage_goes_from_one_location_to_another(two: ProjectsFolder) -> None:
    graph = locations.reports().resolve_asset_graph()

    upstream = dg.AssetKey(["shop", "sqlite_store_driver", "items"])
    assert graph.get(dg.AssetKey(["shop", "copy", "items"])).parent_keys == {upstream}
    assert upstream in locations.shop().resolve_asset_graph().materializable_asset_keys


def test_a_broken_project_leaves_the_others_alone(two: ProjectsFolder) -> None:
    two.mapping("mappings: [", name="items")
    clear_caches()

    assert keys_made(locations.shop()) == {"shop/invalid/items"}
    assert keys_made(locations.reports()) == {"shop/copy/items"}


def test_a_source_that_another_project_makes_needs_no_fingerprint(two: ProjectsFolder) -> None:
    path = two.path / "reports/mappings/copies.yaml"
    path.write_text(path.read_text() + "      on_source_change: true\n")

    definitions = locations.reports()

    assert definitions.get_repository_def().has_sensor_def("source_changes")
    upstream = definitions.resolve_asset_graph().get(dg.AssetKey(["shop", "sqlite_store_driver", "items"]))
    assert not upstream.is_observable
    assert load_projects(two.path, project="reports").problems == []


@pytest.mark.parametrize("name", ["annotations", "Callable", "dg", "definitions_of"])
def test_a_project_may_have_any_name(two: ProjectsFolder, name: str) -> None:
    two.mapping(BORROWING.replace("name: copy", f"name: {name}"), name="copies", project=name)

    assert keys_made(getattr(locations, name)()) == {f"shop/{name}/items"}


def test_no_such_project(two: ProjectsFolder) -> None:
    with pytest.raises(ConfigurationError) as raised:
        locations.shopp()

    assert str(raised.value) == ("projects: there is no project 'shopp', only reports, shop; did you mean 'shop'?")


def test_a_location_scans_its_own_files_and_at_drivers_that_it_borrows(two: ProjectsFolder) -> None:
    two.driver("other_store_driver", SOURCE, project="unrelated")
    before = scan(two.path)

    def seen(scope: Scope) -> list[str]:
        return differences(in_scope(before, two.path, scope), scan(two.path, scope))

    two.mapping(mapping("[more]"))
    two.driver("other_store_driver", "", project="unrelated")
    assert seen(Scope("shop")) == ["projects/shop/mappings/items.yaml changed"]
    assert seen(Scope("reports", frozenset({"shop"}))) == []
    assert len(seen(ALL_PROJECTS)) == 2

    two.driver("items_store_driver", "# changed")
    assert seen(Scope("reports", frozenset({"shop"}))) == [
        "projects/shop/custom_store_driver/items_store_driver.py changed"
    ]


def test_the_sensor_reloads_only_for_its_own_project(two: ProjectsFolder) -> None:
    repository = locations.reports().get_repository_def()
    sensor = repository.get_sensor_def(SENSOR_NAME)

    def said(cursor: str | None) -> tuple[str | None, str | None]:
        with (
            dg.instance_for_test() as instance,
            dg.build_sensor_context(instance=instance, cursor=cursor, repository_def=repository) as context,
        ):
            data = sensor.evaluate_tick(context)
            return data.skip_message, data.cursor

    message, cursor = said(None)
    assert message == "recorded the current state of 1 entities; from now on, new and changed entities run"
    two.mapping("mappings: [", name="items")

    assert said(cursor)[0] == "nothing changed among 1 entities"

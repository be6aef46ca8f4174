"""`custom-store state show` and `reset`."""

from __future__ import annotations

import json
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner, Result

from custom_store_pipeline.cli.main import main
from tests.world.projects_folder import ProjectsFolder

SOURCE = """
    from custom_store_pipeline import Pulled

    class FeedStoreDriver:
        def pull_data(self, mapping_config, entity):
            return Pulled([{"id": 1}, {"id": 2}], state={"cursor": "abc"})

        def pull_keys(self, mapping_config, entity):
            return [{"id": 1}, {"id": 2}]
"""


@pytest.fixture
def shop(projects: ProjectsFolder, monkeypatch: pytest.MonkeyPatch) -> ProjectsFolder:
    """Two entities that were materialized, one that was not, and one that remembers nothing."""
    projects.driver("feed_store_driver", SOURCE)
    projects.sqlite()
    for name, include, more in (("a", "[items, prices, stock]", "delete_type: keys"), ("b", "[items]", "tags: {}")):
        projects.mapping(
            f"""
            mappings:
              - mapping:
                  from:
                    store: {{file_name: feed_store_driver, name: feed}}
                    entity: {{include: {include}, primary_keys: [id]}}
                    offset: {{offset_columns: [id]}}
                  to: {{file_name: sqlite_store_driver, name: {name}, args: {{path: target.db}}}}
                  load_type: incremental
                  write_mode: upsert
                  {more}
            """,
            name=name,
        )
    monkeypatch.setenv("DAGSTER_HOME", str(projects.home))
    monkeypatch.setenv("CUSTOM_STORE_PROJECTS_DIR", str(projects.path))
    materialize(projects, "shop/a/items", "shop/a/prices")
    return projects


def materialize(projects: ProjectsFolder, *keys: str) -> None:
    job = projects.definitions().resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.get() as instance:
        job.execute_in_process(instance=instance, asset_selection=[dg.AssetKey(key.split("/")) for key in keys])


def custom_store(*arguments: str, answer: str = "") -> Result:
    return CliRunner().invoke(main, ["state", *arguments], input=answer, catch_exceptions=False)


def remembered() -> list[str]:
    return [found["entity"] for found in json.loads(custom_store("show", "--json").stdout)]


def test_show_prints_the_state_and_since_when(shop: ProjectsFolder) -> None:
    lines = custom_store("show", "prices").stdout.splitlines()

    snapshots = shop.home / "storage/custom_store_state/shop/a/prices"
    (snapshot,) = snapshots.iterdir()
    assert lines[:4] == [
        "shop/a/prices",
        "  watermark     id: 2",
        '  driver state  {"cursor": "abc"}',
        f"  snapshot      2 keys, {snapshot.stat().st_size:,} bytes: {snapshot}",
    ]
    assert lines[4].startswith("  since         20")
    assert " UTC, by run " in lines[4]


def test_show_without_names_shows_all_state(shop: ProjectsFolder) -> None:
    assert remembered() == ["shop/a/items", "shop/a/prices"]


def test_reset_asks_first(shop: ProjectsFolder) -> None:
    assert custom_store("reset", "prices", answer="n\n").exit_code == 1
    assert remembered() == ["shop/a/items", "shop/a/prices"]

    done = custom_store("reset", "prices", answer="y\n")

    assert done.exit_code == 0
    assert done.stdout.endswith("Reset this? [y/N]: y\nState reset: 1. The next run loads everything.\n")
    assert remembered() == ["shop/a/items"]
    assert list((shop.home / "storage/custom_store_state/shop/a/prices").iterdir()) == []


def test_after_a_reset_a_run_stores_state_again(shop: ProjectsFolder) -> None:
    custom_store("reset", "--yes", "prices")

    materialize(shop, "shop/a/prices")

    assert remembered() == ["shop/a/items", "shop/a/prices"]


def test_what_a_failed_first_run_left_is_reset_too(shop: ProjectsFolder) -> None:
    left = shop.home / "storage/custom_store_state/shop/a/stock/20240101T000000.000000Z_run.parquet"
    left.parent.mkdir()
    left.touch()

    done = custom_store("reset", "stock", "--yes")

    assert done.stdout == "shop/a/stock\n  no state stored\nState reset: 1. The next run loads everything.\n"
    assert not left.exists()


def test_state_that_cannot_be_read_is_shown_and_can_be_reset(shop: ProjectsFolder) -> None:
    with dg.DagsterInstance.get() as instance:
        instance.report_runless_asset_event(
            dg.AssetMaterialization(["shop", "a", "items"], metadata={"custom_store/state": {"version": 99}})
        )
    assert (
        "problem       the stored state was written by another version" in custom_store("show", "shop/a/items").stdout
    )

    assert custom_store("reset", "shop/a/items", "--yes").exit_code == 0

    assert remembered() == ["shop/a/prices"]


def test_a_partition_that_is_not_there_is_an_error(shop: ProjectsFolder) -> None:
    assert (
        "no partition 'west' was ever materialized; there are: none"
        in custom_store("reset", "prices", "--partition", "west").stderr
    )


def test_a_home_that_dagster_would_refuse_is_named(shop: ProjectsFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "dagster_home")
    assert "DAGSTER_HOME is 'dagster_home', and must be an absolute path" in custom_store("show").stderr

    monkeypatch.setenv("DAGSTER_HOME", "/no/such/folder")
    assert "DAGSTER_HOME is '/no/such/folder', which is not a folder" in custom_store("show").stderr


def test_a_name_of_two_entities_must_be_distinguished(shop: ProjectsFolder) -> None:
    assert (
        "'items' is the name of several entities; say which: shop/a/items, shop/b/items"
        in custom_store("reset", "items").stderr
    )
    assert custom_store("reset", "--yes", "shop/a/items").exit_code == 0


def test_an_entity_that_no_mapping_has_any_more_can_be_reset(shop: ProjectsFolder) -> None:
    (shop.path / "shop/mappings/a.yaml").unlink()

    assert "watermark     id: 2" in custom_store("show", "shop/a/prices").stdout
    assert custom_store("reset", "shop/a/prices", "--yes").exit_code == 0

    assert custom_store("show", "shop/a/prices").stdout == "No state is stored.\n"
    assert not list((shop.home / "storage/custom_store_state/shop/a/prices").glob("*.parquet"))


def test_a_misspelt_name_is_answered_with_those_there_are(shop: ProjectsFolder) -> None:
    done = custom_store("show", "shop/a/price")

    assert done.exit_code == 1
    assert "no entity 'shop/a/price'; did you mean 'shop/a/prices'?; there are: shop/a/items," in done.stderr


def test_without_dagster_home_no_state_is_stored(shop: ProjectsFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_HOME")

    assert "DAGSTER_HOME is not set, so no state is stored" in custom_store("show").stderr


def test_one_partition_can_be_reset(shop: ProjectsFolder) -> None:
    path: Path = shop.path / "shop/mappings/a.yaml"
    path.write_text(path.read_text() + "      partitions: {type: static, keys: [north, south]}\n")
    job = shop.definitions().resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.get() as instance:
        for partition in ("north", "south"):
            job.execute_in_process(
                instance=instance, asset_selection=[dg.AssetKey(["shop", "a", "stock"])], partition_key=partition
            )

    assert custom_store("reset", "stock", "--partition", "north", "--yes").exit_code == 0

    assert custom_store("show", "stock").stdout.startswith("shop/a/stock, partition south\n")

"""Hand-written assets that read and write entities of stores."""

from __future__ import annotations

import sqlite3

import dagster as dg
import pandas as pd
import pytest

from custom_store_pipeline.definitions import build_definitions
from tests.world.projects_folder import ProjectsFolder, mapping


@dg.asset(
    key=["shop", "sqlite_store_driver", "names"],
    ins={"items": dg.AssetIn(["shop", "sqlite_store_driver", "items"])},
    io_manager_key="shop__sqlite_store_driver",
)
def names(items: pd.DataFrame) -> pd.DataFrame:
    return items[["name"]]


@dg.asset(
    ins={"items": dg.AssetIn(["shop", "items_store_driver", "items"])}, io_manager_key="shop__sqlite_store_driver"
)
def from_the_source(items: pd.DataFrame) -> pd.DataFrame:
    return items[["id"]]


def rows(projects: ProjectsFolder, table: str) -> list[tuple]:
    with sqlite3.connect(projects.root / "target.db") as connection:
        return connection.execute(f"SELECT * FROM {table}").fetchall()


def test_an_asset_reads_an_entity_by_its_key_and_writes_one_by_the_io_manager(shop: ProjectsFolder) -> None:
    run = shop.materialize(assets=[names])

    assert run.success, run.summary
    assert rows(shop, "names") == [("items",), ("ü",)]
    metadata = run.metadata["shop/sqlite_store_driver/names"]
    assert metadata["dagster/row_count"] == 2
    assert metadata["location"] == "target.db, table names"


def test_an_asset_reads_from_a_source_too(shop: ProjectsFolder) -> None:
    run = shop.materialize("from_the_source", assets=[from_the_source])

    assert run.success, run.summary
    assert rows(shop, "from_the_source") == [(1,), (2,)]


def test_a_mapping_that_reads_what_an_asset_wrote_depends_on_it(shop: ProjectsFolder) -> None:
    shop.mapping(
        """
        mappings:
          - mapping:
              from: {store: {file_name: sqlite_store_driver, args: {path: target.db}}, entity: {include: [names]}}
              to: {file_name: sqlite_store_driver, name: copy, args: {path: copy.db}}
        """,
        name="copy",
    )

    run = shop.materialize(assets=[names])

    assert run.success, run.summary
    assert set(run.metadata) == {f"shop/{key}" for key in (
        "sqlite_store_driver/items", "sqlite_store_driver/names", "copy/names"
    )}  # fmt: skip


def test_values_are_loaded_outside_of_runs(shop: ProjectsFolder) -> None:
    shop.materialize()

    frame = build_definitions(shop.path).load_asset_value(dg.AssetKey(["shop", "sqlite_store_driver", "items"]))

    assert frame["id"].tolist() == [1, 2]


def test_what_an_asset_returns_must_be_data(shop: ProjectsFolder) -> None:
    @dg.asset(io_manager_key="shop__sqlite_store_driver")
    def forgetful():
        pass

    run = shop.materialize("forgetful", assets=[forgetful])

    assert not run.success
    assert "the asset forgetful returned None; accepted are a pandas DataFrame" in run.summary


def test_a_failed_push_keeps_the_drivers_reason_without_its_secrets(
    shop: ProjectsFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB_PATH", "/s3cret/folder")
    driver = shop.path / "shop/custom_store_driver/sqlite_store_driver.py"
    driver.write_text(driver.read_text().replace("path.parent.mkdir", "raise OSError(str(path)); path.parent.mkdir"))
    shop.mapping(mapping().replace("target.db", "'${DB_PATH}'"))

    run = shop.materialize("from_the_source", assets=[from_the_source])

    assert "raised OSError: *** (sqlite_store_driver.py:" in run.summary


def test_a_store_that_is_set_up_in_two_ways_must_be_distinguished(shop: ProjectsFolder) -> None:
    shop.mapping(mapping(include="[others]").replace("target.db", "others.db"), name="others")

    run = shop.materialize("from_the_source", assets=[from_the_source])

    assert not run.success
    assert "give each store a 'name' of its own" in run.summary
    assert "projects/shop/mappings/items.yaml:3, projects/shop/mappings/others.yaml:3" in run.summary


def test_a_target_that_swallows_what_the_asset_raised_has_not_succeeded(shop: ProjectsFolder) -> None:
    shop.driver(
        "careless_driver",
        """
        class CarelessDriver:
            def pull_data(self, mapping_config, entity):
                return [{"id": 1}]

            def push_data(self, config, entity, df): ...

            def push_chunks(self, config, entity, chunks):
                try:
                    list(chunks)
                except Exception:
                    pass
                return True
        """,
    )
    shop.mapping(
        """
        mappings:
          - mapping:
              from: {store: {file_name: items_store_driver}, entity: {include: [items]}}
              to: {file_name: careless_driver}
        """,
        name="careless",
    )

    @dg.asset(io_manager_key="shop__careless_driver")
    def halves():
        def chunks():
            yield [{"id": 1}]
            raise ValueError("the other half is gone")

        return dg.Output(chunks())

    run = shop.materialize("halves", assets=[halves])

    assert not run.success
    assert "the asset halves raised ValueError: the other half is gone" in run.summary


def test_prints_of_drivers_are_redacted_here_too(
    shop: ProjectsFolder, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DB_PATH", "s3cret.db")
    driver = shop.path / "shop/custom_store_driver/sqlite_store_driver.py"
    driver.write_text(driver.read_text().replace("path.parent.mkdir", "print('to', path); path.parent.mkdir"))
    shop.mapping(mapping().replace("target.db", "'${DB_PATH}'"))

    run = shop.materialize("from_the_source", assets=[from_the_source])

    assert run.success, run.summary
    assert "to ***" in "".join(capfd.readouterr())

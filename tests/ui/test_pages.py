"""`dagster dev -w workspace.yaml`, asked over HTTP and looked at in a real browser."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.world.processes import asset_keys, dagster_dev
from tests.world.projects_folder import CHECKOUT, ProjectsFolder, run_cli

pytestmark = pytest.mark.ui


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the flights have been materialized."""
    root = tmp_path_factory.mktemp("ui")
    home = root / "home"
    home.mkdir()
    shutil.copy(CHECKOUT / ".dagster_home/dagster.yaml", home)
    done = run_cli(
        "dagster", "asset", "materialize", "--select", "group:flights", "-m", "custom_store_pipeline.definitions",
        home=home, projects=CHECKOUT / "projects", cwd=root,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return home


@pytest.fixture(scope="module")
def address(home: Path) -> Iterator[str]:
    with dagster_dev(home, CHECKOUT / "projects", home.parent / "dev.log") as address:
        yield address


def test_dagster_dev_serves_the_workspace(address: str, home: Path) -> None:
    keys = asset_keys(address)

    for entity in ("flights", "weather", "planes", "airports", "airlines"):
        assert f"flights/duckdb_store_driver/{entity}" in keys
        assert f"flights/nycflights_store_driver/{entity}" in keys
    # Dagster says this of its own command before our module is loaded; `make dev` filters it.
    log = (home.parent / "dev.log").read_text().replace("SupersessionWarning: Function `dev_command`", "")
    assert "warning" not in log.lower()


def test_the_asset_graph_shows_every_entity_with_its_source(
    address: str, page: Page, take_picture: Callable[[str], None]
) -> None:
    asset_keys(address)
    page.goto(f"{address}/locations/custom_store_pipeline.definitions/asset-groups/flights/lineage")

    for entity in ("flights", "weather", "planes", "airports", "airlines"):
        expect(page.get_by_text(entity, exact=True).nth(1)).to_be_visible(timeout=30_000)
    expect(page.get_by_text("Materialized", exact=True)).to_have_count(5, timeout=30_000)
    take_picture("asset_graph.png")


def test_the_page_of_an_asset_shows_rows_and_columns(
    address: str, page: Page, take_picture: Callable[[str], None]
) -> None:
    asset_keys(address)
    page.goto(f"{address}/assets/flights/duckdb_store_driver/flights")

    expect(page.get_by_text("336,776").first).to_be_visible(timeout=30_000)
    expect(page.get_by_text("dep_delay", exact=True).first).to_be_visible()
    expect(page.get_by_text("data/flights.duckdb, table flights").first).to_be_visible()
    take_picture("asset_page.png")


ORDERS = """
    import json
    from pathlib import Path

    import pandas as pd

    class OrdersStoreDriver:
        def pull_data(self, mapping_config, entity):
            rows = pd.DataFrame(json.loads(Path(mapping_config["args"]["path"]).read_text()))
            rows["updated_at"] = pd.to_datetime(rows["updated_at"])
            since = mapping_config["offset"]["values"].get("updated_at")
            return rows if since is None else rows[rows["updated_at"] > since]

        def pull_keys(self, mapping_config, entity):
            return json.loads(Path(mapping_config["args"]["path"]).read_text())
"""
ORDERS_MAPPING = """
    mappings:
      - mapping:
          from:
            store: {{file_name: orders_store_driver, name: erp, args: {{path: {root}/orders.json}}}}
            entity: {{include: [orders], primary_keys: [id]}}
            offset: {{offset_columns: [updated_at]}}
          to: {{file_name: sqlite_store_driver, name: warehouse, args: {{path: {root}/warehouse.db}}}}
          load_type: incremental
          write_mode: upsert
          delete_type: keys
"""


def test_the_page_of_an_incremental_asset_shows_the_state(
    projects: ProjectsFolder, page: Page, take_picture: Callable[[str], None]
) -> None:
    projects.driver("orders_store_driver", ORDERS)
    projects.sqlite()
    projects.mapping(ORDERS_MAPPING.format(root=projects.root), name="orders")
    for first, last, day in ((1, 101, 1), (3, 121, 2)):
        rows = [{"id": key, "updated_at": f"2024-03-0{day}T12:00:{key % 60:02}"} for key in range(first, last)]
        (projects.root / "orders.json").write_text(json.dumps(rows))
        assert projects.materialize_by_cli().returncode == 0

    with dagster_dev(projects.home, projects.path, projects.root / "dev.log") as address:
        asset_keys(address)
        page.goto(f"{address}/assets/shop/warehouse/orders?view=events")

        (snapshot,) = sorted((projects.home / "storage/custom_store_state").rglob("*.parquet"))[-1:]
        for shown in ("watermarks_before", "watermarks_after", "deletes", "snapshot_bytes", str(snapshot)):
            expect(page.get_by_text(shown).first).to_be_visible(timeout=30_000)
        for shown in ("2024-03-01 12:00:59", "2024-03-02 12:00:59"):
            expect(page.get_by_text(shown).first).to_be_visible()
        expect(page.get_by_text(f"{snapshot.stat().st_size:,}", exact=True).first).to_be_visible()
        take_picture("incremental.png")

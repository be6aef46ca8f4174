"""`dagster dev -w workspace.yaml`, asked over HTTP and looked at in a real browser.

`SCREENSHOTS=1 pytest tests/test_ui.py` writes the pictures of the documentation.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.conftest import CHECKOUT, run_cli
from tests.webserver import asset_keys, dagster_dev

CHROMIUM = shutil.which("chromium")
IMAGES = CHECKOUT / "docs/images"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the flights have been materialised."""
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


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser.new_page(viewport={"width": 1400, "height": 1240})
        browser.close()


def test_dagster_dev_serves_the_workspace(address: str, home: Path) -> None:
    keys = asset_keys(address)

    for entity in ("flights", "weather", "planes", "airports", "airlines"):
        assert f"flights/duckdb_store_driver/{entity}" in keys
        assert f"flights/nycflights_store_driver/{entity}" in keys
    # Dagster says this of its own command before our module is loaded; `make dev` filters it.
    log = (home.parent / "dev.log").read_text().replace("SupersessionWarning: Function `dev_command`", "")
    assert "warning" not in log.lower()


# CI installs chromium and runs this; elsewhere a machine without it must not fail.
@pytest.mark.skipif(not CHROMIUM and not os.environ.get("CI"), reason="needs chromium (apt-get install chromium)")
def test_the_asset_graph_shows_every_entity_with_its_source(address: str, page: Page) -> None:
    asset_keys(address)
    page.goto(f"{address}/locations/custom_store_pipeline.definitions/asset-groups/flights/lineage")

    for entity in ("flights", "weather", "planes", "airports", "airlines"):
        expect(page.get_by_text(entity, exact=True).nth(1)).to_be_visible(timeout=30_000)
    expect(page.get_by_text("Materialized", exact=True)).to_have_count(5, timeout=30_000)
    take_picture(page, "asset_graph.png")


@pytest.mark.skipif(not CHROMIUM and not os.environ.get("CI"), reason="needs chromium (apt-get install chromium)")
def test_the_page_of_an_asset_shows_rows_and_columns(address: str, page: Page) -> None:
    asset_keys(address)
    page.goto(f"{address}/assets/flights/duckdb_store_driver/flights")

    expect(page.get_by_text("336,776").first).to_be_visible(timeout=30_000)
    expect(page.get_by_text("dep_delay", exact=True).first).to_be_visible()
    expect(page.get_by_text("data/flights.duckdb, table flights").first).to_be_visible()
    take_picture(page, "asset_page.png")


def take_picture(page: Page, name: str) -> None:
    if os.environ.get("SCREENSHOTS"):
        IMAGES.mkdir(exist_ok=True)
        page.wait_for_timeout(1_500)  # the graph is still sliding into its place
        page.screenshot(path=IMAGES / name)

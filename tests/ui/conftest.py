"""Debian's chromium, and pictures for the documentation."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.world.projects_folder import CHECKOUT, require

CHROMIUM = shutil.which("chromium")
IMAGES = CHECKOUT / "docs/images"


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    require(CHROMIUM, "chromium, which .ci/run installs")
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser.new_page(viewport={"width": 1400, "height": 1240})
        browser.close()


@pytest.fixture
def take_picture(page: Page) -> Callable[[str], None]:
    """Keeps a picture of the page if `make screenshots` asks for it."""

    def take(name: str) -> None:
        if os.environ.get("SCREENSHOTS"):
            page.wait_for_timeout(1_500)  # the graph is still sliding into its place
            path: Path = IMAGES / name
            page.screenshot(path=path)

    return take

"""A fixture that calls a driver as the pipeline does; pytest finds it when this package is installed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from custom_store_pipeline.testing.driver_under_test import DriverUnderTest


@pytest.fixture
def call_driver(tmp_path: Path) -> Callable[..., DriverUnderTest]:
    """Finds a driver of the projects folder, to pull and push through it in this process, where breakpoints work.

    ::

        def test_orders(call_driver):
            orders = call_driver("shop/orders_store_driver", {"args": {"url": "http://localhost:8000"}})
            assert len(orders.pull("orders")) == 3
    """

    def found(driver: str, store: Mapping[str, Any], **more: Any) -> DriverUnderTest:
        # Not imported with the plugin, which pytest imports in each environment that has this package.
        from custom_store_pipeline.drivers.driver_files import find_driver
        from custom_store_pipeline.settings import projects_folder
        from custom_store_pipeline.testing.driver_under_test import DriverUnderTest

        project, _, name = driver.partition("/")
        return DriverUnderTest.of(find_driver(projects_folder(), project, name), store=store, folder=tmp_path, **more)

    return found

"""Files edited under `dagster dev`: the graph follows, and what changed is materialized, nothing else."""

from __future__ import annotations

import os
import signal
import statistics
import time
from collections.abc import Callable, Iterator

import pytest
from dagster._core.scheduler.instigation import TickStatus

from tests.world.edited_shop import DRIVER, EditedShop, message, processes
from tests.world.processes import asset_keys, dagster_dev, wait_until
from tests.world.projects_folder import SOURCE, ProjectsFolder

pytestmark = pytest.mark.live

INTERVAL = 5


@pytest.fixture
def shop(projects: ProjectsFolder) -> EditedShop:
    return EditedShop(projects)


@pytest.fixture
def address(shop: EditedShop) -> Iterator[str]:
    """The UI, when the sensor has taken note."""
    with dagster_dev(
        shop.home, shop.projects.path, shop.projects.root / "dev.log", CUSTOM_STORE_SENSOR_INTERVAL=str(INTERVAL)
    ) as address:
        asset_keys(address)
        wait_until(shop.ticks)
        yield address


def entities(address: str) -> set[str]:
    return {
        key.rsplit("/", 1)[1] for key in asset_keys(address) if "/sqlite_store_driver/" in key or "/invalid/" in key
    }


def test_what_changed_is_materialized_and_nothing_else(
    shop: EditedShop, address: str, record_property: Callable[[str, str], None]
) -> None:
    seconds = []
    for version in range(2, 5):
        time.sleep(INTERVAL * (version - 2) / 3)  # saved at various times between two ticks
        saved = time.time()
        shop.write("b", version)
        seconds.append(shop.wait_for_run_of("b1", "b2", since=saved))
    assert shop.runs() == [{"b1", "b2"}] * 3

    saved = time.time()
    shop.write("b", 4, entities="b1, b2, b3")
    shop.wait_for_run_of("b3", since=saved)
    assert shop.runs()[3:] == [{"b3"}]
    assert entities(address) == {"a1", "a2", "b1", "b2", "b3", "c1", "c2"}

    saved = time.time()
    shop.projects.driver("items_store_driver", DRIVER.format(version=2))
    shop.wait_for_run_of("a1", "a2", "b1", "b2", "b3", "c1", "c2", since=saved)
    assert shop.runs()[4:] == [{"a1", "a2", "b1", "b2", "b3", "c1", "c2"}]

    shop.write("b", 4, entities="b1")
    wait_until(lambda: entities(address) == {"a1", "a2", "b1", "c1", "c2"})
    shop.wait_for_ticks(2)
    assert len(shop.runs()) == 5
    assert shop.materialized("b3")  # its history stays
    listed = ", ".join(f"{value:.1f}" for value in seconds)
    record_property(
        "figure",
        f"from saved to materialized, with an interval of {INTERVAL} s: {listed} s, median "
        f"{statistics.median(seconds):.1f} s",
    )


def test_a_broken_file_takes_nothing_away_and_runs_when_it_is_fixed(shop: EditedShop, address: str) -> None:
    before = entities(address)
    shop.write("b", 2, more="concurency: 3")
    wait_until(lambda: shop.ticks()[-1].status == TickStatus.FAILURE)

    for tick in shop.wait_for_ticks(3):
        assert tick.status == TickStatus.FAILURE
        assert message(tick) == (
            f"{shop.projects.path}/shop/mappings/b.yaml:8:7: concurency: unknown key 'concurency'; "
            "did you mean 'concurrency'?"
        )
    assert entities(address) == before
    assert shop.runs() == []

    saved = time.time()
    shop.write("b", 2)
    shop.wait_for_run_of("b1", "b2", since=saved)
    assert shop.runs() == [{"b1", "b2"}]


def test_a_location_that_starts_on_a_broken_file_recovers_when_it_is_fixed(
    shop: EditedShop, request: pytest.FixtureRequest
) -> None:
    shop.write("b", more="concurency: 3")
    address = request.getfixturevalue("address")
    assert entities(address) == {"a1", "a2", "b", "c1", "c2"}
    (tick,) = shop.wait_for_ticks(1)
    assert "b.yaml:8:7: concurency" in message(tick)

    saved = time.time()
    shop.write("b")
    shop.wait_for_run_of("b1", "b2", since=saved)

    assert shop.runs() == [{"b1", "b2"}]
    assert entities(address) == {"a1", "a2", "b1", "b2", "c1", "c2"}


def test_a_run_that_fails_is_not_asked_for_again(shop: EditedShop, address: str) -> None:
    shop.projects.driver("bad_store_driver", SOURCE.replace("Items", "Bad").replace("return", "raise ValueError;"))
    shop.write("b", driver="bad_store_driver")
    wait_until(lambda: shop.runs() == [{"b1", "b2"}])
    shop.wait_for_ticks(3)

    assert shop.runs() == [{"b1", "b2"}]


@pytest.mark.parametrize("victim", ["the old process", "the new process", "the code server"])
def test_killing_the_code_server_while_it_is_reloaded(shop: EditedShop, address: str, victim: str) -> None:
    before = processes("dagster api grpc", shop)
    assert len(before) == 1
    saved = time.time()
    shop.write("b", 2, entities="b1, b2, b3")
    wait_until(lambda: processes("dagster api grpc", shop) - before)
    killed = {
        "the old process": before,
        "the new process": processes("dagster api grpc", shop) - before,
        "the code server": processes("dagster code-server start", shop),
    }[victim]
    for pid in killed:
        os.kill(pid, signal.SIGKILL)

    shop.wait_for_run_of("b1", "b2", "b3", since=saved, seconds=150)

    assert set.union(*shop.runs()) == {"b1", "b2", "b3"}
    wait_until(lambda: entities(address) == {"a1", "a2", "b1", "b2", "b3", "c1", "c2"})

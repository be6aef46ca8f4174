"""Dagster assets as one writes them by hand: an asset an entity, each calling the same drivers.

dagster asset materialize --select '*' -m benchmarks.contenders.hand_written
"""

from __future__ import annotations

import os

import dagster as dg

from benchmarks.projects.bench.custom_store_driver.slow_store_driver import SlowStoreDriver

CONFIG = {"args": {"latency": os.environ["BENCH_LATENCY"], "folder": os.environ["BENCH_FOLDER"]}}


def asset_of(entity: str) -> dg.AssetsDefinition:
    """An asset that pulls and pushes one entity; with ``BENCH_LINEAGE`` it says where from."""

    @dg.asset(name=entity, deps=[f"source_{entity}"] if "BENCH_LINEAGE" in os.environ else [])
    def moved() -> None:
        driver = SlowStoreDriver()
        driver.push_data(CONFIG, entity, driver.pull_data(CONFIG, entity))

    return moved


defs = dg.Definitions(
    assets=[asset_of(f"e{number}") for number in range(int(os.environ["BENCH_ENTITIES"]))],
    executor=dg.in_process_executor,
)

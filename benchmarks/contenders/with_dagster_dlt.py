"""dagster-dlt: a dlt resource an entity, the same source, and the same sink as dlt's destination.

dagster asset materialize --select '*' -m benchmarks.contenders.with_dagster_dlt

With ``BENCH_WORKERS`` resources are pulled side by side (``parallelized``), so many at a time; if not, as dlt does it
by itself, one after the other.
"""

# No `from __future__ import annotations` here: Dagster looks at the annotation of `context` itself.
import os
from collections.abc import Iterator
from typing import Any

import dagster as dg
import dlt
import pandas as pd
from dagster_dlt import DagsterDltResource, dlt_assets

from benchmarks.projects.bench.custom_store_driver.slow_store_driver import SlowStoreDriver

CONFIG = {"args": {"latency": os.environ["BENCH_LATENCY"], "folder": os.environ["BENCH_FOLDER"]}}

if workers := os.environ.get("BENCH_WORKERS"):
    os.environ |= dict.fromkeys(("EXTRACT__WORKERS", "EXTRACT__MAX_PARALLEL_ITEMS", "LOAD__WORKERS"), workers)


def resource_of(entity: str) -> Any:
    """A dlt resource that pulls one entity."""

    def rows() -> Iterator[pd.DataFrame]:
        yield SlowStoreDriver().pull_data(CONFIG, entity)

    return dlt.resource(rows, name=entity, parallelized="BENCH_WORKERS" in os.environ)


@dlt.source(name="bench")
def source() -> list[Any]:
    """All entities."""
    return [resource_of(f"e{number}") for number in range(int(os.environ["BENCH_ENTITIES"]))]


@dlt.destination(batch_size=100_000, loader_file_format="parquet", name="sink")
def destination(items: Any, table: Any) -> None:
    """Pushes one entity."""
    SlowStoreDriver().push_data(CONFIG, table["name"], items.to_pandas())


@dlt_assets(
    dlt_source=source(),
    dlt_pipeline=dlt.pipeline("bench", destination=destination, pipelines_dir=os.environ["BENCH_FOLDER"]),
)
def entities(context: dg.AssetExecutionContext, dlt: DagsterDltResource) -> Iterator[Any]:
    """One step that loads them all."""
    yield from dlt.run(context=context)


defs = dg.Definitions(assets=[entities], resources={"dlt": DagsterDltResource()}, executor=dg.in_process_executor)

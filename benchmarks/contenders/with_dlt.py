"""dlt with the same source, and the same sink as its destination.

python -m benchmarks.contenders.with_dlt MAPPING

dlt's way with DataFrames: they become Arrow, are spooled as Parquet (that spool survives a crash, which is more than
the others do), and are handed to the destination in batches. Set up for the least time that was found: Parquet, batches
as large as the source's chunks, no columns or tables of dlt's own.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any

import dlt
import pandas as pd

from benchmarks.contenders.mappings import sides_of
from benchmarks.contenders.plain_loop import decoded
from benchmarks.projects.bench.custom_store_driver.flights_store_driver import ROWS_PER_CHUNK


def main(mapping_name: str) -> None:
    """Moves the flights of a mapping."""
    source, sink = sides_of(mapping_name)
    driver = sink.driver()

    def chunks() -> Iterator[pd.DataFrame]:
        found = source.driver().pull_data(source.config, "flights")
        if isinstance(found, pd.DataFrame):
            yield found
        else:
            yield from decoded(found)

    @dlt.destination(batch_size=ROWS_PER_CHUNK, loader_file_format="parquet", name="sink", max_parallel_load_jobs=1)
    def destination(items: Any, table: Any) -> None:
        driver.write(sink.config, table["name"], items.to_pandas())

    pipeline = dlt.pipeline("bench", destination=destination, pipelines_dir=os.environ["BENCH_FOLDER"])
    pipeline.run(dlt.resource(chunks, name="flights"))
    driver.finish(sink.config, "flights")


if __name__ == "__main__":
    main(sys.argv[1])

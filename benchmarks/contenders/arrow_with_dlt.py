"""dlt with the same source of Arrow, and its own destinations.

python -m benchmarks.contenders.arrow_with_dlt MAPPING

Set up for the least time that was found: Arrow tables, Parquet as the format of its files, which its PostgreSQL loads
by ADBC, one load job a processor, no columns of dlt's own.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any

import dlt
import duckdb
import pyarrow as pa

from benchmarks.contenders.mappings import sides_of
from benchmarks.projects.bench.custom_store_driver.clock import arrived, end
from benchmarks.projects.bench.custom_store_driver.postgres_store_driver import what_arrived


def main(mapping_name: str) -> None:
    """Moves the orders of a mapping."""
    source, sink = sides_of(mapping_name, "arrow")
    folder = os.environ["BENCH_FOLDER"]
    pulling = source.driver()
    is_postgres = "PostgreSQL" in mapping_name

    def batches() -> Iterator[Any]:
        for batch in pulling.pull_data(source.config, "orders"):
            yield pa.Table.from_batches([batch]).cast(schema_for_dlt(batch.schema))

    merge: dict[str, Any] = {"primary_key": "id", "write_disposition": {"disposition": "merge", "strategy": "upsert"}}
    resource = dlt.resource(batches, name="orders", **(merge if is_postgres else {"write_disposition": "replace"}))
    if is_postgres:
        destination: Any = dlt.destinations.postgres(sink.config["args"]["uri"])
        dataset = sink.config["args"]["schema"]
    else:
        destination, dataset = dlt.destinations.duckdb(f"{folder}/target.duckdb"), "bench"
    pipeline = dlt.pipeline("bench", destination=destination, dataset_name=dataset, pipelines_dir=folder)
    pipeline.run(resource, loader_file_format="parquet")
    end(folder)
    if is_postgres:
        what_arrived(sink.config, "orders")
        return
    with duckdb.connect(f"{folder}/target.duckdb") as connection:
        query = "SELECT count(*), sum(id), sum(amount)::text, max(changed)::text FROM bench.orders"
        arrived(folder, "orders", connection.execute(query).fetchone())


def schema_for_dlt(schema: pa.Schema) -> pa.Schema:
    """The schema without Arrow's extension types, which dlt refuses: numeric and jsonb of PostgreSQL."""
    kinds = {"amount": pa.decimal128(12, 2), "data": pa.string()}
    return pa.schema([field.with_type(kinds.get(field.name, field.type)) for field in schema])


if __name__ == "__main__":
    main(sys.argv[1])

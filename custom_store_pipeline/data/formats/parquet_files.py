"""parquet, batch by batch."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from custom_store_pipeline.data.formats.raw import Raw, source
from custom_store_pipeline.data.frames import arrow_to_pandas

_ROWS_PER_BATCH = 100_000


def decode(raw: Raw, options: Mapping[str, Any]) -> Iterator[pd.DataFrame]:
    """The file in batches, with the options of ``ParquetFile`` and of its ``iter_batches``."""
    opening = {key: value for key, value in options.items() if key in inspect.signature(pq.ParquetFile).parameters}
    reading = {key: value for key, value in options.items() if key not in opening}
    with pq.ParquetFile(source(raw), **opening) as file:
        rows = 0
        for batch in file.iter_batches(**{"batch_size": _ROWS_PER_BATCH, **reading}):
            rows += batch.num_rows
            yield arrow_to_pandas(batch)
        if not rows:  # a file without rows has no batches, but its columns are worth keeping
            empty = file.schema_arrow.empty_table()
            yield arrow_to_pandas(empty.select(reading["columns"]) if reading.get("columns") else empty)

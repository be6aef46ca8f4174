"""parquet, batch by batch."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from custom_store_pipeline.data.arrow_to_pandas import has_index
from custom_store_pipeline.data.formats.raw import Raw, source
from custom_store_pipeline.data.pieces import as_frame

if TYPE_CHECKING:
    from custom_store_pipeline.data.pieces import Piece

_ROWS_PER_BATCH = 100_000


def decode(raw: Raw, options: Mapping[str, Any]) -> Iterator[Piece]:
    """The file in batches, with the options of ``ParquetFile`` and of its ``iter_batches``."""
    opening = {key: value for key, value in options.items() if key in inspect.signature(pq.ParquetFile).parameters}
    reading = {key: value for key, value in options.items() if key not in opening}
    with pq.ParquetFile(source(raw), **opening) as file:
        rows = 0
        for batch in file.iter_batches(**{"batch_size": _ROWS_PER_BATCH, **reading}):
            rows += batch.num_rows
            yield _piece(batch)
        if not rows:  # a file without rows has no batches, but its columns are worth keeping
            empty = file.schema_arrow.empty_table()
            empty = empty.select(reading["columns"]) if reading.get("columns") else empty
            yield _piece(pa.RecordBatch.from_pylist([], schema=empty.schema))


def _piece(batch: pa.RecordBatch) -> Piece:
    """The batch; as a DataFrame if pandas wrote an index into it, which only pandas understands."""
    return as_frame(batch) if has_index(batch.schema) else batch

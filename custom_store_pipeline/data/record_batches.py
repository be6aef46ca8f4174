"""A stream as record batches of one schema, for a target that takes Arrow."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from custom_store_pipeline.data.pandas_to_arrow import frame_to_batch
from custom_store_pipeline.data.pieces import is_arrow
from custom_store_pipeline.data.schemas import fitted, unified
from custom_store_pipeline.data.spool import Spool
from custom_store_pipeline.data.stream import DataStream

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from custom_store_pipeline.data.pieces import Piece


def in_batches(stream: DataStream) -> DataStream:
    """The stream with each piece as a record batch; its schema is known if all pieces have the same for sure.

    Raises:
        UnusableDataError: a column has no type of Arrow; the stream raises it while it is read if it has many pieces.
    """
    if stream.schema is not None:
        return stream
    if not stream.is_repeatable:
        return stream.through(lambda pieces: map(_batch, pieces))
    batches = [_batch(piece) for piece in stream]
    return DataStream(lambda: iter(batches), is_repeatable=True, schema=batches[0].schema)


def _batch(piece: Piece) -> pa.RecordBatch:
    return piece if is_arrow(piece) else frame_to_batch(piece)


def of_one_schema(spool: Spool) -> DataStream:
    """The batches in a spool with one schema that holds them all; the stream can be started again.

    Raises:
        UnusableDataError: see :func:`~custom_store_pipeline.data.schemas.unified`; the stream raises that of
            :func:`~custom_store_pipeline.data.schemas.fitted`.
    """
    schema = unified(spool.schemas)

    def batches() -> Iterator[Piece]:
        for number, piece in enumerate(spool.pieces(), 1):
            yield fitted(_batch(piece), schema, number)

    return DataStream(batches, is_repeatable=True, schema=schema)


def record_batch_reader(schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> pa.RecordBatchReader:
    """What ``push_arrow`` gets: the batches, each taken when the reader is asked for it."""
    import pyarrow as pa

    schema = schema.remove_metadata()  # of pandas, which speaks of its own types
    return pa.RecordBatchReader.from_batches(schema, (batch.replace_schema_metadata(None) for batch in batches))


def deletes_table(deletes: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    """Rows to delete as an Arrow table, whose columns have the types of the data's columns wherever they fit."""
    import pyarrow as pa

    batch = frame_to_batch(deletes)
    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    for field in schema:
        if field.name in columns and schema.names.count(field.name) == 1:
            # A key that the target has may be of an older type, which stays then.
            with contextlib.suppress(pa.ArrowInvalid, pa.ArrowNotImplementedError):
                columns[field.name] = columns[field.name].cast(field.type)
    return pa.table(columns)

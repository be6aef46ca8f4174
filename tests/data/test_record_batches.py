"""Streams as record batches of one schema."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pytest

from custom_store_pipeline.data.record_batches import deletes_table, in_batches, of_one_schema, record_batch_reader
from custom_store_pipeline.data.spool import Spool
from custom_store_pipeline.data.stream import DataStream
from custom_store_pipeline.errors import UnusableDataError

if TYPE_CHECKING:
    from custom_store_pipeline.data.pieces import Piece

SCHEMA = pa.schema([("id", pa.int32()), ("name", pa.string())])


def test_a_dataframe_is_one_batch_and_can_be_pushed_again() -> None:
    stream = in_batches(DataStream.of(pd.DataFrame({"id": [1, 2]})))

    assert stream.is_repeatable
    assert stream.schema == pa.schema([("id", pa.int64())])
    assert [batch.num_rows for batch in [*stream, *stream]] == [2, 2]


def test_pieces_are_converted_as_they_come() -> None:
    read: list[int] = []

    def pieces() -> Iterator[Piece]:
        for number in range(3):
            read.append(number)
            yield pd.DataFrame({"id": [number]})

    stream = in_batches(DataStream.once(pieces()))

    assert stream.schema is None
    assert read == []
    assert next(iter(stream)).to_pylist() == [{"id": 0}]
    assert read == [0]


def test_a_spool_of_several_kinds_of_pieces_has_one_schema() -> None:
    with Spool() as spool:
        for piece in (pa.record_batch({"id": pa.array([1], pa.int32())}), pa.record_batch({"id": [2], "x": ["ü"]})):
            spool.add(piece)
        stream = of_one_schema(spool)
        rows = [row for _ in range(2) for batch in stream for row in batch.to_pylist()]

    assert stream.schema == pa.schema([("id", pa.int64()), ("x", pa.string())])
    assert rows == [{"id": 1, "x": None}, {"id": 2, "x": "ü"}] * 2


def test_a_reader_takes_a_batch_when_it_is_asked_for_one() -> None:
    taken: list[int] = []

    def batches() -> Iterator[pa.RecordBatch]:
        for number in range(3):
            taken.append(number)
            yield pa.record_batch([[number], ["x"]], schema=SCHEMA.with_metadata({"pandas": "{}"}))

    reader = record_batch_reader(SCHEMA.with_metadata({"pandas": "{}"}), batches())

    assert reader.schema.metadata is None
    assert reader.read_next_batch().to_pylist() == [{"id": 0, "name": "x"}]
    assert taken == [0]
    assert len(reader.read_all()) == 2


def test_deletes_have_the_types_of_the_data_where_they_fit() -> None:
    deletes = pd.DataFrame({"id": [1, 2], "name": ["a", None], "is_deleted": True})

    assert deletes_table(deletes, SCHEMA).schema == pa.schema([*SCHEMA, ("is_deleted", pa.bool_())])
    assert deletes_table(pd.DataFrame({"id": [2**40]}), SCHEMA).schema == pa.schema([("id", pa.int64())])


def test_objects_without_a_type_are_refused() -> None:
    with pytest.raises(UnusableDataError, match="the column 'x' .* that Arrow has no type for"):
        in_batches(DataStream.of(pd.DataFrame({"x": [1, "a"]})))

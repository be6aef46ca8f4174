"""One schema for pieces of several: what is widened, and what is refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from custom_store_pipeline.data.schemas import fitted, unified
from custom_store_pipeline.errors import UnusableDataError


def joined(*columns: pa.Array) -> tuple[pa.DataType, list[Any]]:
    """The type of a column whose batches are these, and all its values."""
    batches = [pa.record_batch([column], ["x"]) for column in columns]
    schema = unified([(number, batch.schema) for number, batch in enumerate(batches, 1)])
    fits = [fitted(batch, schema, number) for number, batch in enumerate(batches, 1)]
    return schema.field("x").type, [value for batch in fits for value in batch.column("x").to_pylist()]


INT32 = pa.array([1], pa.int32())


@pytest.mark.parametrize(
    ("one", "other", "kind"),
    [
        (pa.nulls(1), pa.array(["a"]), pa.string()),
        (INT32, pa.array([2**40]), pa.int64()),
        (pa.array([200], pa.uint8()), pa.array([-1], pa.int8()), pa.int16()),
        (INT32, pa.array([0.5]), pa.float64()),
        (pa.array([0.5], pa.float32()), pa.array([0.1]), pa.float64()),
        (pa.array([Decimal("1.5")]), pa.array([Decimal("100.25")]), pa.decimal128(5, 2)),
        (pa.array([7]), pa.array([Decimal("1.5")]), pa.decimal128(21, 1)),
        (pa.array([Decimal(10**37)]), pa.array([Decimal("0.01")]), pa.decimal256(40, 2)),
        (pa.array(["a"]), pa.array(["b"], pa.large_string()), pa.large_string()),
        (pa.array([[]], pa.list_(pa.null())), pa.array([[1]]), pa.list_(pa.int64())),
        (pa.array([{"a": 1}]), pa.array([{"a": 1, "b": "x"}]), pa.struct([("a", pa.int64()), ("b", pa.string())])),
        (pa.array([0], pa.timestamp("s")), pa.array([1], pa.timestamp("us")), pa.timestamp("us")),
    ],
    ids=lambda value: str(value) if isinstance(value, pa.DataType) else "",
)
def test_types_are_widened_and_values_stay(one: pa.Array, other: pa.Array, kind: pa.DataType) -> None:
    widened = [{"a": 1, "b": None}] if kind == pa.struct([("a", pa.int64()), ("b", pa.string())]) else one.to_pylist()

    assert joined(one, other) == (kind, widened + other.to_pylist())
    assert joined(other, one) == (kind, other.to_pylist() + widened)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (pa.array(["a"]), pa.array([b"a"])),
        (pa.array([Decimal("0.1")]), pa.array([0.1])),
        (pa.array([True]), pa.array([1])),
        (pa.array([1]), pa.array(["1"])),
        (pa.array([0], pa.date32()), pa.array([0], pa.timestamp("us"))),
        (pa.array([0], pa.timestamp("us")), pa.array([0], pa.timestamp("us", "UTC"))),
        (pa.array([0], pa.timestamp("us", "UTC")), pa.array([0], pa.timestamp("us", "Europe/Berlin"))),
        (pa.array([[0.5]]), pa.array([["a"]])),
    ],
    ids=lambda value: str(value.type),
)
def test_types_without_a_common_one_are_refused(one: pa.Array, other: pa.Array) -> None:
    batches = [pa.record_batch([column, INT32], ["x", "y"]) for column in (one, one, other)]

    with pytest.raises(UnusableDataError) as raised:
        unified([(number, batch.schema) for number, batch in enumerate(batches, 1)])

    assert str(raised.value) == (
        f"yielded the column 'x' as {one.type} at first and as {other.type} in batch 3; no type of Arrow holds both "
        "without changing values; let pull_data yield it as one type, such as text"
    )


@pytest.mark.parametrize(
    ("one", "other", "kinds"),
    [
        (pa.array([2**53 + 1]), pa.array([0.5]), ("int64", "double")),
        (pa.array([2**64 - 1], pa.uint64()), pa.array([-1]), ("uint64", "int64")),
    ],
    ids=["integer beside floats", "large beside negative"],
)
def test_values_that_do_not_fit_are_refused(one: pa.Array, other: pa.Array, kinds: tuple[str, str]) -> None:
    with pytest.raises(UnusableDataError) as raised:
        joined(one, other)

    assert str(raised.value).startswith(
        f"yielded the column 'x' as {kinds[0]} in batch 1, which does not fit into {kinds[1]}, the type that holds "
        "the other batches: Integer value "
    )
    assert str(raised.value).endswith("; let pull_data yield it as one type, such as text")


def test_columns_of_only_some_batches_are_null_in_the_others() -> None:
    one = pa.record_batch({"id": [1], "a": ["x"]}, pa.schema([pa.field("id", pa.int64(), False), ("a", pa.string())]))
    other = pa.record_batch(
        {"b": [0.5], "id": [2]}, pa.schema([("b", pa.float64()), pa.field("id", pa.int64(), False)])
    )
    schema = unified([(1, one.schema), (2, other.schema)])

    assert [(field.name, field.nullable) for field in schema] == [("id", False), ("a", True), ("b", True)]
    assert fitted(one, schema, 1).to_pylist() == [{"id": 1, "a": "x", "b": None}]
    assert fitted(other, schema, 2).to_pylist() == [{"id": 2, "a": None, "b": 0.5}]


def test_a_batch_without_columns_says_nothing() -> None:
    empty, other = pa.schema([]), pa.schema([("id", pa.int64())])

    assert unified([(1, empty), (2, other)]) == other
    assert unified([(1, empty)]) == empty


def test_two_columns_of_the_same_name_in_batches_that_differ_are_refused() -> None:
    twice = pa.schema([("a", pa.int64()), ("a", pa.int64())])

    assert unified([(1, twice)]) == twice
    with pytest.raises(UnusableDataError, match=r"one of which \(batch 2\) has 'a' twice"):
        unified([(1, pa.schema([("a", pa.int64())])), (2, twice)])

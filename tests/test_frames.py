"""Tables of other kinds as DataFrames."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from custom_store_pipeline.frames import arrow_to_pandas, index_as_columns, join_chunks, records_to_pandas

BIG = 2**53 + 1


def test_integers_without_nulls_are_pandas_usual_ones() -> None:
    assert arrow_to_pandas(pa.table({"id": [1, 2]}))["id"].dtype == "int64"
    assert records_to_pandas([{"id": 1}, {"id": 2}])["id"].dtype == "int64"


@pytest.mark.parametrize("kind", ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"])
def test_every_size_of_integers_has_its_nullable_kind(kind: str) -> None:
    frame = arrow_to_pandas(pa.table({"id": pa.array([1, None], kind)}))

    assert str(frame["id"].dtype).lower() == kind
    assert frame["id"][0] == 1
    assert pd.isna(frame["id"][1])


def test_floats_of_records_stay_floats() -> None:
    assert records_to_pandas([{"x": 1.5}, {"x": None}, {"x": 2}])["x"].dtype == "float64"


def test_an_index_with_a_name_becomes_columns_and_one_without_stays() -> None:
    frame = pd.DataFrame({"a": [1, 1], "b": [2, 3], "c": [4, 5]})

    assert list(index_as_columns(frame.set_index(["a", "b"])).columns) == ["a", "b", "c"]
    assert list(index_as_columns(frame.set_index("a", drop=False)).columns) == ["a", "b", "c"]
    assert index_as_columns(frame) is frame


@pytest.mark.parametrize("gap", [pd.DataFrame({"x": [1]}), pd.DataFrame({"id": [None], "x": [1]})])
@pytest.mark.parametrize("kind", ["int64", "uint64", "int32"])
def test_joining_costs_integers_no_digits(gap: pd.DataFrame, kind: str) -> None:
    number = BIG if kind.endswith("64") else 7
    frame = join_chunks([pd.DataFrame({"id": pd.Series([number], dtype=kind)}), gap])

    assert frame["id"][0] == number
    assert pd.isna(frame["id"][1])


def test_columns_of_the_same_name_are_joined_as_they_are() -> None:
    twice = pd.DataFrame([[1, 2]], columns=["a", "a"])

    assert join_chunks([twice, twice]).to_numpy().tolist() == [[1, 2], [1, 2]]


@pytest.mark.parametrize(
    ("value", "kind"), [(np.int64(2**60 + 1), "Int64"), (2**64 - 1, "UInt64"), (2**70, "object"), (True, "object")]
)
def test_integers_of_any_make_keep_their_digits_beside_a_gap(value: object, kind: str) -> None:
    column = records_to_pandas([{"a": value}, {"a": None}])["a"]

    assert column[0] == value
    assert str(column.dtype) == kind


def test_integers_are_joined_with_a_chunk_of_missing_dates() -> None:
    frame = join_chunks([pd.DataFrame({"a": pd.to_datetime([None])}), pd.DataFrame({"a": [BIG]})])

    assert frame["a"][1] == BIG


def test_nested_columns_of_the_same_name_are_left_as_they_are() -> None:
    table = pa.table([pa.array([[1]]), pa.array([[2]])], names=["a", "a"])

    assert arrow_to_pandas(table).shape == (1, 2)

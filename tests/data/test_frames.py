"""Tables of other kinds as DataFrames."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from custom_store_pipeline.data.arrow_to_pandas import arrow_to_pandas
from custom_store_pipeline.data.frames import index_as_columns, join_chunks, records_to_pandas
from custom_store_pipeline.errors import UnusableDataError

BIG = 2**53 + 1


def test_integers_without_nulls_are_pandas_usual_ones() -> None:
    assert arrow_to_pandas(pa.table({"id": [1, 2]}))["id"].dtype == "int64"
    assert records_to_pandas([{"id": 1}, {"id": 2}])["id"].dtype == "int64"


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


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([BIG, 1.5], "object"),
        ([BIG, 2.0], "Int64"),
        ([BIG, float("nan")], "Int64"),
        ([BIG, None, float("inf")], "object"),
        ([np.int64(BIG), np.float64(0.5)], "object"),
        ([np.uint64(2**64 - 1), np.int64(-1), None], "object"),
        ([2**64 - 1, -1], "object"),
        ([2**53, 0.5], "float64"),
        ([1, float("nan")], "float64"),
        ([BIG, 1j], "object"),
        ([1, 1j], "complex128"),
    ],
)
def test_integers_of_records_keep_their_digits_beside_floats(values: list[object], kind: str) -> None:
    column = records_to_pandas([{"a": value} for value in values])["a"]

    assert [None if pd.isna(value) else value for value in column] == [
        None if pd.isna(value) else value for value in values
    ]
    assert str(column.dtype) == kind


@pytest.mark.parametrize(
    "make",
    [
        lambda: records_to_pandas([{1: "a", "1": "b"}]),
        lambda: records_to_pandas([{1: "a"}, {"1": "b"}]),
        lambda: index_as_columns(pd.DataFrame({1: ["a"], "1": ["b"]})),
        lambda: index_as_columns(pd.DataFrame({"1": ["b"]}, pd.Index(["a"], name=1))),
        lambda: join_chunks([pd.DataFrame({1: ["a"]}), pd.DataFrame({"1": ["b"]})]),
    ],
    ids=["one record", "two records", "columns", "index", "chunks"],
)
def test_two_columns_that_a_store_could_not_distinguish_are_refused(make) -> None:
    with pytest.raises(UnusableDataError) as raised:
        make()

    assert str(raised.value) == (
        "returned the columns 1 (int) and '1' (str), which have the same name in a store; give one of them another name"
    )


TEXTS = pd.DataFrame({"a": [1, 2]}, ["x", "y"])


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (TEXTS, r"whose index has no name and holds 'x', which would be lost; name it \(df.index.name = 'id'"),
        (TEXTS.set_axis(pd.to_datetime(["2024", "2025"])), r"no name and holds Timestamp\('2024-01-01 00:00:00'\)"),
        (TEXTS.set_axis([0.5, 1.5]), "no name and holds np.float64"),
        (pd.concat({"eu": TEXTS, "us": TEXTS}), "no name and holds 'eu'"),
        (
            TEXTS.set_axis(pd.Index(["x", "y"], name="a")),
            "the name of the column 'a' and other values; give one of them",
        ),
        (
            TEXTS.set_axis(pd.MultiIndex.from_tuples([(1, 2), (3, 4)], names=["b", "b"])),
            "whose index has two levels 'b'; give one of them another name",
        ),
    ],
    ids=["texts", "times", "floats", "levels", "name of a column", "one name twice"],
)
def test_an_index_that_would_be_lost_is_refused(frame: pd.DataFrame, message: str) -> None:
    with pytest.raises(UnusableDataError, match=message):
        index_as_columns(frame)
    if frame is TEXTS:
        with pytest.raises(UnusableDataError, match=message):
            arrow_to_pandas(pa.Table.from_pandas(frame))


def test_an_index_in_which_nothing_is_lost_stays() -> None:
    numbered = pd.DataFrame({"a": [1, 2, 3]})
    for frame in (numbered, numbered[::-1], pd.concat([numbered, numbered]), TEXTS[:0]):
        assert index_as_columns(frame) is frame
    grouped = pd.concat({"eu": numbered}, names=["region", None])
    assert list(index_as_columns(grouped).columns) == ["region", "a"]


def test_integers_in_columns_of_the_same_name_keep_their_digits() -> None:
    chunks = [pd.DataFrame([[BIG, 1]], columns=["a", "a"]), pd.DataFrame([[0.5, 2]], columns=["a", "a"])]

    assert join_chunks(chunks).to_numpy().tolist() == [[BIG, 1], [0.5, 2]]


def test_columns_of_the_same_name_in_different_chunks_are_refused() -> None:
    with pytest.raises(UnusableDataError, match="yielded chunks with different columns, one of which has 'a' twice"):
        join_chunks([pd.DataFrame([[1, 2]], columns=["a", "a"]), pd.DataFrame({"a": [1]})])

"""Arrow as pandas: no value changes without being asked."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from custom_store_pipeline.data.arrow_to_pandas import arrow_to_pandas
from custom_store_pipeline.errors import UnusableDataError

BIG = 2**53 + 1


def test_integers_without_nulls_are_pandas_usual_ones() -> None:
    assert arrow_to_pandas(pa.table({"id": [1, 2]}))["id"].dtype == "int64"


@pytest.mark.parametrize("kind", ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"])
def test_every_size_of_integers_has_its_nullable_kind(kind: str) -> None:
    frame = arrow_to_pandas(pa.table({"id": pa.array([1, None], kind)}))

    assert str(frame["id"].dtype).lower() == kind
    assert frame["id"][0] == 1
    assert pd.isna(frame["id"][1])


def test_nested_columns_of_the_same_name_are_left_as_they_are() -> None:
    table = pa.table([pa.array([[1]]), pa.array([[2]])], names=["a", "a"])

    assert arrow_to_pandas(table).shape == (1, 2)


DAYS = pa.array([0, 10_000_000], pa.int32())


@pytest.mark.parametrize(
    ("column", "what"),
    [
        (
            pa.array([1000, 1], pa.time64("ns")),
            "of Arrow's type time64[ns] with 00:00:00.000000001 (row 1), which Python cannot hold; "
            "cast it to time64('us'), or to text",
        ),
        (
            DAYS.cast(pa.date32()),
            "of Arrow's type date32[day] with 29349-01-26 (row 1), which Python cannot hold; "
            "cast it to timestamp('s'), or to text",
        ),
        (
            pa.array([0, -(10**6)], pa.int32()).cast(pa.date32()),
            "of Arrow's type date32[day] with -0768-02-04 (row 1), which Python cannot hold; "
            "cast it to timestamp('s'), or to text",
        ),
        (
            DAYS.cast(pa.date32()).cast(pa.date64()),
            "of Arrow's type date64[ms] with 29349-01-26 (row 1), which Python cannot hold; "
            "cast it to timestamp('ms'), or to text",
        ),
        (
            pa.array([[0], [10_000_000]], pa.list_(pa.int32())).cast(pa.list_(pa.date32())),
            "of Arrow's type list<item: date32[day]> with a value (row 1), which Python cannot hold; "
            "cast it to another, such as text",
        ),
    ],
    ids=["time64", "date32", "before year 1", "date64", "nested"],
)
def test_what_python_cannot_hold_is_refused_by_column_and_value(column: pa.Array, what: str) -> None:
    with pytest.raises(UnusableDataError) as raised:
        arrow_to_pandas(pa.table({"id": [1, 2], "at": column}))

    assert str(raised.value) == f"returned the column 'at' {what}"


@pytest.mark.parametrize("kind", [pa.time64("us"), pa.string()])
def test_the_remedies_for_times_work(kind: pa.DataType) -> None:
    times = pa.array([1_000], pa.time64("ns"))

    assert str(arrow_to_pandas(pa.table({"at": times.cast(kind)}))["at"][0]).startswith("00:00:00.000001")


@pytest.mark.parametrize(("kind", "year"), [(pa.timestamp("s"), "29349"), (pa.string(), "29349")])
def test_the_remedies_for_dates_work(kind: pa.DataType, year: str) -> None:
    assert year in str(arrow_to_pandas(pa.table({"on": DAYS.cast(pa.date32()).cast(kind)}))["on"][1])


@pytest.mark.parametrize(
    ("column", "values"),
    [
        (pa.UnionArray.from_sparse(pa.array([0, 1], pa.int8()), [pa.array([1, 2]), pa.array(["a", "b"])]), [1, "b"]),
        (
            pa.ExtensionArray.from_storage(pa.uuid(), pa.array([bytes(16), None], pa.binary(16))),
            [uuid.UUID(int=0), None],
        ),
        (pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1, None], pa.int8())), [True, None]),
        (pa.array([1.5, None, float("nan")]), [1.5, None, "nan"]),
        (pa.array([1.5, None, float("nan")], pa.float32()).cast(pa.float16()), [1.5, None, "nan"]),
        (pa.array([[BIG, None], None], pa.list_view(pa.int64())), [[BIG, None], None]),
        (pa.array([[("a", BIG)], None], pa.map_(pa.string(), pa.int64())), [[("a", BIG)], None]),
        (pa.array([{"a": dt.date(1, 1, 1)}, None]), [{"a": dt.date(1, 1, 1)}, None]),
    ],
    ids=[
        "union",
        "uuid",
        "bool8",
        "floats with NaN and null",
        "halves with NaN and null",
        "list_view",
        "map",
        "struct",
    ],
)
def test_what_pandas_would_change_is_kept_as_objects(column: pa.Array, values: list[Any]) -> None:
    for data in (pa.record_batch([column], ["a"]), pa.table({"a": pa.chunked_array([column])})):
        frame = arrow_to_pandas(data)

        assert [value if value == value else "nan" for value in frame["a"].tolist()] == values  # NaN


@pytest.mark.parametrize(
    ("column", "dtype"),
    [
        (pa.RunEndEncodedArray.from_arrays([2, 3], [BIG, None]), "Int64"),
        (pa.ExtensionArray.from_storage(pa.json_(pa.string()), pa.array(["{}", None])), "str"),
        (pa.ExtensionArray.from_storage(pa.opaque(pa.int64(), "x", "y"), pa.array([BIG, None])), "Int64"),
    ],
    ids=["run ends", "json", "opaque"],
)
def test_what_only_says_how_values_are_kept_is_left_out(column: pa.Array, dtype: str) -> None:
    frame = arrow_to_pandas(pa.record_batch([column], ["a"]))

    assert frame["a"].dtype == dtype
    assert [None if pd.isna(value) else value for value in frame["a"]] == column.to_pylist()


def test_floats_with_nulls_and_no_nan_stay_floats() -> None:
    assert arrow_to_pandas(pa.table({"a": [1.5, None]}))["a"].dtype == "float64"


def test_nested_integers_of_columns_of_the_same_name_keep_their_digits() -> None:
    frame = arrow_to_pandas(pa.table([pa.array([[BIG, None]]), pa.array([[None, BIG]])], names=["a", "a"]))

    assert frame.to_numpy().tolist() == [[[BIG, None], [None, BIG]]]

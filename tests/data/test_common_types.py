"""Columns that come in pieces of several types: every value arrives as it was."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from custom_store_pipeline.data.frames import join_chunks

BIG = 2**53 + 1
MOST = 2**64 - 1
NEW_YEARS_EVE = pd.Timestamp("9999-12-31").as_unit("us")
NANOSECOND = pd.Timestamp("2024-01-01 00:00:00.123456789")


def column(*values: object, of: Any = None) -> pd.Series:
    return pd.Series(values, dtype=of)


def joined(*pieces: pd.Series) -> pd.Series:
    return join_chunks([pd.DataFrame({"a": piece}) for piece in pieces])["a"]


def times(*values: str, unit: Any, zone: Any = None) -> pd.Series:
    return pd.Series(pd.DatetimeIndex(values, tz=zone).as_unit(unit))


def arrow(values: list[Any], kind: pa.DataType) -> pd.Series:
    return pd.Series(pd.array(values, dtype=pd.ArrowDtype(kind)))


JOINED = [
    # integers
    (column(MOST, of="uint64"), column(1), "uint64"),
    (column(1, of="uint64"), column(-1), "int64"),
    (column(MOST, of="uint64"), column(-1), "object"),
    (column(MOST, None, of="UInt64"), column(1, of="Int64"), "UInt64"),
    (column(MOST, of="UInt64"), column(-1, of="Int64"), "object"),
    (column(1, of="int8"), column(300, of="int16"), "int16"),
    (column(1, of="uint8"), column(-1, of="int8"), "int16"),
    (column(7, of="int32"), column(None, of="object"), "Int32"),
    (column(MOST, of="uint64"), column(np.nan), "UInt64"),
    (arrow([BIG, None], pa.int64()), column(1), "Int64"),
    (column(2**70, of="object"), column(BIG), "object"),
    # integers and floats
    (column(1), column(1.5), "float64"),
    (column(2**53), column(0.5), "float64"),
    (column(BIG), column(1.5), "object"),
    (column(BIG), column(2.0, np.nan), "Int64"),
    (column(BIG), column(2.0**63), "UInt64"),
    (column(-BIG), column(2.0**63), "object"),
    (column(BIG), column(float("inf")), "object"),
    (column(BIG, None, of="Int64"), column(1.5, None, of="Float64"), "object"),
    (column(1, None, of="Int64"), column(1.5, None, of="Float64"), "Float64"),
    (arrow([BIG], pa.int64()), column(1.5), "object"),
    (column(2**24 + 1, of="int32"), column(0.5, of="float32"), "float64"),
    (column(-(2**63)), column(0.5), "object"),
    # floats
    (column(0.1, of="float32"), column(0.1), "float64"),
    (column(0.1, of="Float32"), column(0.5, of="float16"), "Float32"),
    (column(None, of="object"), column(0.1), "float64"),
    # booleans
    (column(True), column(None, of="object"), "boolean"),
    (column(True), column(None, False, of="boolean"), "boolean"),
    (column(True), column(5), "object"),
    (column(True), column(5.5), "object"),
    (column(True, of="boolean"), column(5, of="Int64"), "object"),
    # times
    (times("9999-12-31", unit="us"), times("2024-01-01 00:00:00.123456", unit="ns"), "datetime64[us]"),
    (times("9999-12-31", unit="us"), times("2024-01-01 00:00:00.123456789", unit="ns"), "object"),
    (times("9999-12-31", unit="s"), times("2024-01-01 00:00:00.123", unit="ns"), "datetime64[us]"),
    (times("2024-01-01", unit="us"), times("2024-01-01 00:00:00.123456789", unit="ns"), "datetime64[ns]"),
    (
        times("9999-12-31", unit="us", zone="UTC"),
        times("2024-01-01", "NaT", unit="ns", zone="UTC"),
        "datetime64[us, UTC]",
    ),
    (times("2024-01-01", unit="us", zone="UTC"), times("2024-01-01", unit="us", zone="Asia/Tokyo"), "object"),
    (times("2024-01-01", unit="us", zone="UTC"), times("2024-01-01", unit="us"), "object"),
    (times("2024-01-01", unit="us", zone="UTC"), times("NaT", unit="ns"), "datetime64[us, UTC]"),
    (arrow([NEW_YEARS_EVE], pa.timestamp("us")), times("2024-01-01", unit="ns"), "datetime64[us]"),
    (arrow([NEW_YEARS_EVE], pa.timestamp("us", "UTC")), arrow([NANOSECOND], pa.timestamp("ns", "UTC")), "object"),
    (arrow([dt.date(2024, 1, 1)], pa.date32()), times("2024-01-01", unit="us"), "object"),
    (
        column(np.timedelta64(4_000_000 * 86_400, "s"), of="timedelta64[s]"),
        pd.Series(pd.to_timedelta([1], unit="ns")),
        "object",
    ),
    (
        column(np.timedelta64(4_000_000 * 86_400, "s"), of="timedelta64[s]"),
        pd.Series(pd.to_timedelta([10**9], unit="ns")),
        "timedelta64[us]",
    ),
    (times("2024-01-01", unit="ns"), column(5), "object"),
    # what is stored in another way
    (column("x", of="category"), column("y", None, of="category"), "str"),
    (column(BIG, None, of="category"), column(1.5, of="category"), "object"),
    (column(BIG, None, of="category"), column(BIG + 1, of="category"), "Int64"),
    (pd.Series(pd.arrays.SparseArray([BIG, 0])), column(1.5), "object"),
    # the others
    (column("x"), column("y", None, of="string"), "str"),
    (column("x"), column(None, of="object"), "str"),
    (column("x"), column(1), "object"),
    (arrow([Decimal("1.10")], pa.decimal128(5, 2)), column(1.5), "object"),
    (arrow([Decimal("1.10")], pa.decimal128(5, 2)), arrow([Decimal(10**20)], pa.decimal128(38, 10)), "object"),
    (column(BIG), column(1j), "object"),
]


@pytest.mark.parametrize(("one", "other", "dtype"), JOINED)
@pytest.mark.parametrize("order", [lambda *pieces: pieces, lambda *pieces: pieces[::-1]], ids=["", "turned"])
def test_values_are_what_they_were(
    one: pd.Series, other: pd.Series, dtype: str, order: Callable[..., tuple[pd.Series, ...]]
) -> None:
    pieces = order(one, other)

    found = joined(*pieces)

    before = [value for piece in pieces for value in piece.astype(object)]
    assert found.isna().tolist() == [bool(pd.isna(value)) for value in before]
    for value, expected in zip(found, before, strict=True):
        assert pd.isna(expected) or (value == expected and _is_bool(value) == _is_bool(expected))
    assert str(found.dtype) == dtype


def _is_bool(value: object) -> bool:
    return isinstance(value, bool | np.bool_)


NUMBERS = {
    "int64": st.integers(-(2**63), 2**63 - 1), "uint64": st.integers(0, MOST), "int8": st.integers(-128, 127),
    "Int64": st.none() | st.integers(-(2**63), 2**63 - 1), "UInt64": st.none() | st.integers(0, MOST),
    "float64": st.floats(), "Float64": st.none() | st.floats(allow_nan=False), "float32": st.floats(width=32),
    "bool": st.booleans(), "object": st.none(),
}  # fmt: skip
PIECES = st.sampled_from(sorted(NUMBERS)).flatmap(
    lambda dtype: st.lists(NUMBERS[dtype], min_size=1, max_size=3).map(lambda values: pd.Series(values, dtype=dtype))
)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, min_size=2, max_size=4))
def test_numbers_of_all_types_are_what_they_were(pieces: list[pd.Series]) -> None:
    found = joined(*pieces)

    before = [value for piece in pieces for value in piece.astype(object)]
    assert [None if pd.isna(value) else value for value in found] == [
        None if pd.isna(value) else value for value in before
    ]


def test_columns_of_one_type_are_handed_to_pandas_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[object] = []
    monkeypatch.setattr("custom_store_pipeline.data.common_types.with_common_type", calls.append)
    chunk = pd.DataFrame({"id": [1], "name": ["a"]})

    join_chunks([chunk, chunk])

    assert calls == []


def test_only_the_columns_that_change_their_type_are_converted() -> None:
    joined = join_chunks(
        [pd.DataFrame({"x": ["a"], "id": [BIG], "n": [1]}), pd.DataFrame({"x": ["b"], "id": [0.5], "n": [2]})]
    )

    assert joined.astype(object).to_numpy().tolist() == [["a", BIG, 1], ["b", 0.5, 2]]
    assert joined.dtypes.astype(str).tolist() == ["str", "object", "int64"]


def test_many_columns_that_change_their_type_are_joined_without_a_warning() -> None:
    names = [f"c{number}" for number in range(300)]

    joined = join_chunks([pd.DataFrame(1, [0], names), pd.DataFrame(0.5, [0], names), pd.DataFrame({"z": [1]})])

    assert list(joined.columns) == [*names, "z"]

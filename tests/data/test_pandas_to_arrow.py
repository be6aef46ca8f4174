"""pandas as Arrow: which type a column of Python objects gets, and what is refused."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from custom_store_pipeline.data.arrow_to_pandas import arrow_to_pandas
from custom_store_pipeline.data.pandas_to_arrow import frame_to_batch
from custom_store_pipeline.errors import UnusableDataError

BERLIN = dt.timezone(dt.timedelta(hours=1))
NOON = dt.datetime(2024, 1, 1, 12)


def objects(*values: Any) -> pd.Series:
    return pd.Series(list(values), dtype=object)


@pytest.mark.parametrize(
    ("values", "kind", "arrived"),
    [
        (objects(2**60 + 1, None), "int64", [2**60 + 1, None]),
        (objects(np.int64(2**60 + 1), np.nan), "int64", [2**60 + 1, None]),
        (objects(-1, 2**63), "decimal128(19, 0)", [-1, 2**63]),
        (objects(1, Decimal("1.5"), None), "decimal128(2, 1)", [1, Decimal("1.5"), None]),
        (objects(Decimal("1E+40")), "decimal256(41, 0)", [Decimal("1E+40")]),
        (objects(Decimal("NaN"), Decimal(1)), "decimal128(1, 0)", [None, 1]),
        (objects(1, 2.5), "double", [1, 2.5]),
        (objects(True, None), "bool", [True, None]),
        (objects(dt.date(1, 1, 1), None), "date32[day]", [dt.date(1, 1, 1), None]),
        (objects(dt.datetime(9999, 12, 31), None), "timestamp[us]", [dt.datetime(9999, 12, 31), None]),
        (objects(pd.Timestamp(1), pd.NaT), "timestamp[ns]", [pd.Timestamp(1), None]),
        (objects(np.datetime64(1, "ns"), None), "timestamp[ns]", [pd.Timestamp(1), None]),
        (
            objects(NOON.replace(tzinfo=dt.UTC), NOON.replace(tzinfo=BERLIN)),
            "timestamp[us, tz=UTC]",
            [NOON.replace(tzinfo=dt.UTC), NOON.replace(tzinfo=BERLIN)],
        ),
        (objects(dt.time(1, 2, 3, 4), None), "time64[us]", [dt.time(1, 2, 3, 4), None]),
        (objects(dt.time(1, tzinfo=BERLIN), None), "string", ["01:00:00+01:00", None]),
        (objects(dt.timedelta(1), None), "duration[us]", [dt.timedelta(1), None]),
        (objects(b"\0", bytearray(b"b"), None), "binary", [b"\0", b"b", None]),
        (objects(uuid.UUID(int=1), None), "string", [str(uuid.UUID(int=1)), None]),
        (objects([1, None], None, np.array([2])), "list<item: int64>", [[1, None], None, [2]]),
        (objects({"a": 1, "ü": [None]}, None), "string", ['{"a": 1, "ü": [null]}', None]),
        (
            objects([{"a": Decimal("1.50"), "b": NOON, "c": uuid.UUID(int=1), "d": np.int64(1)}], [1]),
            "string",
            [f'[{{"a": "1.50", "b": "2024-01-01T12:00:00", "c": "{uuid.UUID(int=1)}", "d": 1}}]', "[1]"],
        ),
        (objects(None, None), "null", [None, None]),
        (pd.Series(["a", None]), "large_string", ["a", None]),
        (pd.Series([0.5, np.nan]), "double", [0.5, None]),
        (pd.Series([1, None], dtype="UInt64"), "uint64", [1, None]),
        (pd.Series(["a", None], dtype="category"), "large_string", ["a", None]),
        (pd.Series([uuid.UUID(int=1)], dtype="category"), "string", [str(uuid.UUID(int=1))]),
        (pd.Series(pd.arrays.SparseArray([0, 1])), "int64", [0, 1]),
        (pd.Series(pd.PeriodIndex(["2024-01", None], freq="M")), "large_string", ["2024-01", None]),
        (pd.Series(pd.interval_range(0, 1)), "large_string", ["(0, 1]"]),
        (pd.Series(["a", None], dtype=pd.ArrowDtype(pa.string_view())), "string_view", ["a", None]),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, str) else "",
)
def test_types_of_columns(values: pd.Series, kind: str, arrived: list[Any]) -> None:
    column = frame_to_batch(pd.DataFrame({"x": values})).column(0)

    assert str(column.type) == kind
    assert column.to_pylist() == arrived


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (objects(True, 2), "boolean and integer in one column"),
        (objects(b"a", "a"), "bytes and text in one column"),
        (objects(dt.date(2024, 1, 1), NOON), "date and datetime in one column"),
        (objects(NOON, NOON.replace(tzinfo=BERLIN)), "datetime and datetime with a time zone in one column"),
        (objects(Decimal("Infinity")), "Decimal('Infinity')"),
        (objects({"a": float("nan")}), "Out of range float values are not JSON compliant"),
        (objects({"a": 1j}), "a complex in a dict, which JSON does not have"),
        (objects([1, "a"]), "Could not convert 'a' with type str: tried to convert to int64"),
        (objects(2**53 + 1, 0.5), "Integer value 9007199254740993 is outside of the range exactly representable by a"),
        (objects(object()), "Could not convert <object object at"),
        (pd.Series([1j]), "Unsupported numpy type 15"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_what_arrow_has_no_type_for_is_refused(values: pd.Series, reason: str) -> None:
    with pytest.raises(UnusableDataError) as raised:
        frame_to_batch(pd.DataFrame({"id": 1, "x": values}))

    message = str(raised.value)
    assert message.startswith(
        f"returned the column 'x' ({values.dtype}) with values that Arrow has no type for: {reason}"
    )
    assert message.endswith("; make them all of one type, such as text")


def test_columns_of_the_same_name_and_names_that_are_no_text() -> None:
    batch = frame_to_batch(pd.DataFrame([[1, "x", 2]], columns=["a", "a", 1]))

    assert batch.schema.names == ["a", "a", "1"]
    assert [column.to_pylist() for column in batch.columns] == [[1], ["x"], [2]]


def test_there_and_back() -> None:
    frame = pd.DataFrame(
        {
            "id": [1, 2],
            "at": pd.to_datetime(["2024-01-01", None], utc=True).as_unit("us"),
            "amount": [Decimal("1.50"), None],
            "name": ["ü", None],
            "n": pd.Series([1, None], dtype="Int32"),
        }
    )

    pd.testing.assert_frame_equal(arrow_to_pandas(frame_to_batch(frame)), frame)

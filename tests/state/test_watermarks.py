"""Watermarks: the greatest value of each offset column, of any type, over all chunks."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from custom_store_pipeline.errors import WatermarkError
from custom_store_pipeline.state.serialization import decode, encode
from custom_store_pipeline.state.watermarks import Watermarks

BERLIN = ZoneInfo("Europe/Berlin")
BEFORE_CHRISTMAS = pd.Timestamp("2024-12-23 00:00:00.123456789")


class Seen:
    """Watermarks that have seen some chunks, and what they told the user."""

    def __init__(self, columns: list[str], before: Mapping[str, Any] | None = None, *, restart: bool = False) -> None:
        self.notes: list[str] = []
        self.watermarks = Watermarks(columns, before or {}, self.notes.append, restart=restart)

    def chunks(self, *chunks: Any) -> dict[str, Any]:
        """What is reached after frames, or columns of the name `at`."""
        for chunk in chunks:
            self.watermarks.see(chunk if isinstance(chunk, pd.DataFrame) else pd.DataFrame({"at": chunk}))
        return self.watermarks.after()


def objects(*values: object) -> pd.Series:
    return pd.Series(values, dtype=object)


def times(*values: str, unit: Any = "ns") -> pd.Series:
    return pd.Series(pd.DatetimeIndex(values).as_unit(unit))


COLUMNS = [
    (pd.Series([2, 3, 1]), 3),
    (pd.Series([2**53, 2**53 + 1, None], dtype="Int64"), 2**53 + 1),
    (pd.Series([2**64 - 1, 1], dtype="uint64"), 2**64 - 1),
    (objects(2**70, 2**70 + 1), 2**70 + 1),
    (pd.Series([0.5, np.nan, -1]), 0.5),
    (pd.Series([0.5, 0.25], dtype="float32"), 0.5),
    (pd.Series([float("-inf"), 1]), 1.0),
    (pd.Series([float("-inf")]), float("-inf")),
    (pd.Series([True, False]), True),
    (pd.Series([None, False], dtype="boolean"), False),
    (pd.Series(["a", "ü", "Z", None]), "ü"),
    (pd.Series(["a", None, "b"], dtype="string"), "b"),
    (objects("a", None, np.nan, "b"), "b"),
    (objects(b"\x01", b"\xff"), b"\xff"),
    (objects(uuid.UUID(int=2), uuid.UUID(int=1)), uuid.UUID(int=2)),
    (objects(Decimal("1.10"), Decimal("1.9"), None), Decimal("1.9")),
    (objects(Decimal("NaN"), Decimal("1.10")), Decimal("1.10")),
    (objects(1, Decimal("1.5")), Decimal("1.5")),
    (objects(dt.date(2024, 1, 1), None, dt.date(2023, 1, 1)), dt.date(2024, 1, 1)),
    (objects(dt.time(1), dt.time(2)), dt.time(2)),
    (objects(dt.datetime(2024, 1, 1), dt.datetime(2023, 1, 1)), dt.datetime(2024, 1, 1)),
    (
        objects(dt.datetime(2024, 1, 1, tzinfo=BERLIN), dt.datetime(2024, 1, 1, tzinfo=dt.UTC)),
        dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
    ),
    (objects(dt.timedelta(1), dt.timedelta(2)), dt.timedelta(2)),
    (times("2024-12-23 00:00:00.123456789", "2024-12-23 00:00:00.123456788"), BEFORE_CHRISTMAS),
    (times("2024-12-23", "NaT", unit="s"), pd.Timestamp("2024-12-23").as_unit("s")),
    (times("9999-12-31", "2024-12-23", unit="us"), pd.Timestamp("9999-12-31").as_unit("us")),
    (
        times("2024-10-27 00:30", "2024-10-27 01:30").dt.tz_localize("UTC").dt.tz_convert(BERLIN),
        pd.Timestamp("2024-10-27 01:30", tz="UTC").tz_convert(BERLIN),
    ),
    (times("2024-12-23").dt.tz_localize("UTC"), pd.Timestamp("2024-12-23", tz="UTC")),
    (pd.Series(pd.to_timedelta([1, 2], unit="ns")), pd.Timedelta(2)),
    (pd.Series(["b", "a", None], dtype="category"), "b"),
    (pd.Series(pd.Categorical(["high", "low"], categories=["low", "middle", "high", "z"], ordered=True)), "low"),
    (pd.Series([3, 1], dtype="category"), 3),
    (times("2024-12-23", unit="us").astype("category"), pd.Timestamp("2024-12-23")),
    (pd.Series([1, 2], dtype=pd.ArrowDtype(pa.int64())), 2),
    (pd.Series([Decimal("1.10")], dtype=pd.ArrowDtype(pa.decimal128(5, 2))), Decimal("1.10")),
    (pd.Series([1, 2]).astype(pd.ArrowDtype(pa.timestamp("ns", "Europe/Berlin"))), pd.Timestamp(2, tz=BERLIN)),
    (pd.Series([None, None]), None),
    (pd.Series([np.nan, np.nan]), None),
    (pd.Series([None], dtype="category"), None),
    (times("NaT"), None),
]


@pytest.mark.parametrize(("column", "greatest"), COLUMNS)
def test_the_greatest_value_of_a_column_of_any_type_can_be_stored(column: pd.Series, greatest: object) -> None:
    reached = Seen(["at"]).chunks(pd.DataFrame({"at": column}))

    assert reached == {"at": greatest}
    assert type(reached["at"]) is type(greatest)
    assert decode(json.loads(json.dumps(encode(reached)))) == reached


@pytest.mark.parametrize(("column", "greatest"), COLUMNS)
def test_the_greatest_value_is_the_same_row_by_row(column: pd.Series, greatest: object) -> None:
    seen = Seen(["at"])

    reached = seen.chunks(*(pd.DataFrame({"at": column[row : row + 1]}) for row in range(len(column))))

    assert reached == {"at": greatest}
    assert seen.notes == []


def test_each_column_has_its_own() -> None:
    seen = Seen(["at", "number"])

    reached = seen.chunks(pd.DataFrame({"at": ["b", "a"], "number": [1, 2], "other": [9, 9]}))

    assert reached == {"at": "b", "number": 2}


@given(st.lists(st.lists(st.none() | st.integers(-(2**62), 2**62), max_size=4), max_size=5), st.integers())
def test_chunks_reach_what_all_rows_together_reach(chunks: list[list[int | None]], before: int) -> None:
    reached = Seen(["at"], {"at": before}).chunks(*(pd.array(chunk, dtype="Int64") for chunk in chunks))

    assert reached == {"at": max([before, *(value for chunk in chunks for value in chunk if value is not None)])}


def test_integers_beside_floats_keep_their_digits() -> None:
    assert Seen(["at"]).chunks([2**53 + 1], [float(2**53)]) == {"at": 2**53 + 1}


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize(
    "chunks", [[], [pd.DataFrame()], [pd.DataFrame({"at": [], "id": []})], [pd.DataFrame({"id": []})], [[None, None]]]
)
def test_what_brings_no_value_keeps_what_there_was(chunks: list[Any], restart: bool) -> None:
    assert Seen(["at"], {"at": BEFORE_CHRISTMAS}, restart=restart).chunks(*chunks) == {"at": BEFORE_CHRISTMAS}


def test_a_column_that_never_held_a_value_has_none() -> None:
    assert Seen(["at"]).chunks() == {"at": None}
    assert Seen(["at"], {"at": None}).chunks([None]) == {"at": None}
    assert Seen(["at"], {"at": None}).chunks([5], [None]) == {"at": 5}


def test_without_offset_columns_there_are_no_watermarks() -> None:
    assert Seen([]).chunks([1]) == {}


def test_a_watermark_is_never_lower_than_before() -> None:
    assert Seen(["at"], {"at": 5}).chunks([3]) == {"at": 5}
    assert Seen(["at"], {"at": 5}).chunks([3], [7]) == {"at": 7}


def test_a_watermark_may_fall_when_everything_is_loaded_again() -> None:
    assert Seen(["at"], {"at": 5}, restart=True).chunks([3], [2]) == {"at": 3}


@pytest.mark.parametrize(
    ("before", "column", "after", "note"),
    [
        (5, ["b"], "b", "was int (5) and is str (b) now"),
        (pd.Timestamp("2024-01-01"), ["2023"], "2023", "was Timestamp (2024-01-01 00:00:00) and is str (2023) now"),
        (
            dt.date(2024, 1, 1),
            times("2023-01-01", unit="us"),
            pd.Timestamp("2023-01-01"),
            "was date (2024-01-01) and is Timestamp (2023-01-01 00:00:00) now",
        ),
        (
            pd.Timestamp("2024-01-01"),
            times("2023-01-01").dt.tz_localize("UTC"),
            pd.Timestamp("2023-01-01", tz="UTC"),
            "was Timestamp (2024-01-01 00:00:00) and is Timestamp (2023-01-01 00:00:00+00:00) now",
        ),
    ],
)
def test_another_type_than_before_starts_again_and_says_so(before: object, column: Any, after: Any, note: str) -> None:
    seen = Seen(["at"], {"at": before})

    assert seen.chunks(column) == {"at": after}
    assert seen.notes == [f"the offset column 'at' {note}; the watermark starts again"]


@pytest.mark.parametrize(
    ("before", "column", "after"),
    [
        (Decimal("1.5"), [2.5], 2.5),
        (5, [2.5], 5),
        (dt.datetime(2024, 1, 1), times("2024-01-02"), pd.Timestamp("2024-01-02")),
        (pd.Timestamp("2024-01-01", tz="UTC"), [pd.Timestamp("2024-01-01", tz=BERLIN)], None),
    ],
)
def test_types_that_have_an_order_are_compared(before: object, column: Any, after: object) -> None:
    seen = Seen(["at"], {"at": before})

    assert seen.chunks(column) == {"at": before if after is None else after}
    assert seen.notes == []


def test_another_type_while_everything_is_loaded_again_is_no_news() -> None:
    seen = Seen(["at"], {"at": 5}, restart=True)

    assert seen.chunks(["a"]) == {"at": "a"}
    assert seen.notes == []


NAIVE, AWARE = dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 1, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("values", "kinds"),
    [
        ([1, "a"], "int and str"),
        ([dt.date(2024, 1, 1), NAIVE], "date and datetime"),
        ([NAIVE, AWARE], "datetime and datetime with a time zone"),
        ([{"a": 1}, {"a": 2}], "dict"),
        ([np.array([1, 2]), np.array([2, 1])], "ndarray"),
    ],
)
def test_values_without_an_order_are_an_error(values: list[object], kinds: str) -> None:
    with pytest.raises(WatermarkError) as raised:
        Seen(["at"]).chunks(objects(*values))

    assert str(raised.value) == (
        f"the offset column 'at' holds {kinds}; none of these is the greatest; let pull_data return values of one type"
    )


def test_mixed_categories_are_an_error() -> None:
    with pytest.raises(WatermarkError, match="holds int and str; none of these is the greatest"):
        Seen(["at"]).chunks(pd.Series([1, "a"], dtype="category"))


@pytest.mark.parametrize(
    ("one", "other", "kinds"),
    [([1], ["a"], "int and str"), ([NAIVE], [AWARE], "Timestamp and Timestamp with a time zone")],
)
def test_a_type_that_changes_from_chunk_to_chunk_is_an_error(one: list[Any], other: list[Any], kinds: str) -> None:
    seen = Seen(["at"])

    with pytest.raises(WatermarkError, match=f"holds {kinds}; none of these is the greatest"):
        seen.chunks(one, other)


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (pd.period_range("2024", periods=2), "Period"),
        (objects({1}), "set"),
        (objects(np.array([1])), "ndarray"),
        (pd.Series([1j]), "complex"),
    ],
)
def test_values_that_cannot_be_stored_are_an_error(column: Any, kind: str) -> None:
    with pytest.raises(WatermarkError) as raised:
        Seen(["at"]).chunks(column)

    assert str(raised.value) == (
        f"the offset column 'at' holds values of the type {kind}, which cannot be stored; "
        "use a column of numbers, times or strings"
    )


def test_a_column_that_was_not_pulled_is_an_error() -> None:
    with pytest.raises(WatermarkError) as raised:
        Seen(["updated_at"]).chunks(pd.DataFrame({"id": [1], 7: [2]}))

    assert str(raised.value) == (
        "the offset column 'updated_at' is not in what was pulled; the columns are id, 7; "
        "pull it too, or name another in offset_columns"
    )


def test_a_column_that_was_pulled_twice_is_an_error() -> None:
    with pytest.raises(WatermarkError, match="the offset column 'at' was pulled twice; give one of them another name"):
        Seen(["at"]).chunks(pd.DataFrame([[1, 2]], columns=["at", "at"]))


@pytest.mark.parametrize(
    "column",
    [pd.Series([1, float("inf")]), pd.Series([1, float("inf")], dtype="Float64"), objects(Decimal("Infinity"))],
)
def test_infinity_is_refused(column: pd.Series) -> None:
    with pytest.raises(
        WatermarkError, match="the offset column 'at' holds .*, after which nothing would ever be newer; "
    ):
        Seen(["at"]).chunks(column)


@pytest.mark.parametrize(("chunks", "reached"), [([[5.0]], 5.0), ([], None)])
@pytest.mark.parametrize("infinity", [float("inf"), Decimal("Infinity")])
def test_an_infinite_watermark_does_not_stay(infinity: object, chunks: list[Any], reached: object) -> None:
    seen = Seen(["at"], {"at": infinity})

    assert seen.chunks(*chunks) == {"at": reached}
    assert seen.notes == [
        f"the watermark of the offset column 'at' was {infinity}, after which nothing is newer; it starts again"
    ]


NUMBERS_AS_TEXT = (
    "the offset column 'at' holds numbers as strings, and '9' is greater than '10' as a string; let pull_data return "
    "numbers (pandas.to_numeric), or the next run may miss rows"
)
TIMES_AS_TEXT = (
    "the offset column 'at' holds times as strings that are not all written in the same way or with the same offset, "
    "so a later time may be the lesser string; let pull_data return times (pandas.to_datetime with utc=True, "
    "format='ISO8601'), or the next run may miss rows"
)
MISORDERED = [
    (["9", "10"], NUMBERS_AS_TEXT),
    (["-1", "-2"], NUMBERS_AS_TEXT),
    (["9.50", "10.5"], NUMBERS_AS_TEXT),
    (["1e3", "9e1"], NUMBERS_AS_TEXT),
    (["2024-01-01T12:00:00+02:00", "2024-01-01T11:00:00+00:00"], TIMES_AS_TEXT),
    (["2024-01-01T12:00:00Z", "2024-01-01T11:00:00+00:00"], TIMES_AS_TEXT),
    (["2024-01-01T12:00:00Z", "2024-01-01T12:00:00.5Z"], TIMES_AS_TEXT),
    (["2024-01-01 12:00", "2024-01-01T11:00"], TIMES_AS_TEXT),
]


@pytest.mark.parametrize(("texts", "note"), MISORDERED)
@pytest.mark.parametrize("dtype", ["str", "string", "object", "category"])
def test_strings_in_another_order_than_their_values_are_warned_of_once(texts: list[str], note: str, dtype: Any) -> None:
    seen = Seen(["at"])

    assert seen.chunks(pd.Series(texts, dtype=dtype), pd.Series(texts[::-1], dtype=dtype)) == {"at": max(texts)}
    assert seen.notes == [note]


@pytest.mark.parametrize(("texts", "note"), MISORDERED)
@pytest.mark.parametrize("remembered", [False, True])
def test_it_is_warned_of_across_chunks_and_runs(texts: list[str], note: str, remembered: bool) -> None:
    seen = Seen(["at"], {"at": texts[0]} if remembered else {})

    seen.chunks(*([text] for text in texts[remembered:]))

    assert seen.notes == [note]


@pytest.mark.parametrize(
    "texts",
    [
        ["20240101", "20240102"],
        ["007", "010"],
        ["1.50", "2.75"],
        ["a9", "a10"],
        ["9", "10", "x"],
        ["2024-01-01", "2024-01-02"],
        ["2024-01-01T12:00:00+02:00", "2024-01-01T12:00:00.5+02:00"],
        ["2024-01-01T12:00:00Z", "2024-01-01T12:00:01Z"],
        ["2024-01-01 12:00:00", "2024-01-01 12:00:00.123"],
        ["2024-01-01T12:00:00+02:00", "tomorrow"],
    ],
)
def test_text_in_its_order_needs_no_word(texts: list[str]) -> None:
    seen = Seen(["at"])

    assert seen.chunks(texts, texts[::-1]) == {"at": max(texts)}
    assert seen.notes == []


def test_the_remedies_for_texts_work() -> None:
    seen = Seen(["at", "number"])
    times = ["2024-01-01T12:00:00+02:00", "2024-01-01T12:00:00.5+00:00", "2024-01-01 11:00"]

    reached = seen.chunks(
        pd.DataFrame(
            {
                "at": pd.to_datetime(pd.Series(times), utc=True, format="ISO8601"),
                "number": pd.to_numeric(pd.Series(["9", "10", "1"])),
            }
        )
    )

    assert reached == {"at": pd.Timestamp("2024-01-01 12:00:00.5", tz="UTC"), "number": 10}
    assert seen.notes == []


@pytest.mark.parametrize(
    ("column", "shown"),
    [
        (pd.Series([2**53 + 1, np.nan]), "9007199254740992.0"),
        (pd.Series([2**53 + 1, None], dtype="Float64"), "9007199254740992.0"),
        (objects(2.0**53, None), "9007199254740992.0"),
        (pd.Series([2**24 + 1], dtype="float32"), "16777216.0"),
        (pd.Series([2.0**60]).astype(pd.ArrowDtype(pa.float64())), "1.152921504606847e+18"),
    ],
)
def test_floats_that_do_not_hold_each_integer_are_warned_of_once(column: pd.Series, shown: str) -> None:
    seen = Seen(["at"])

    seen.chunks(column, column)

    assert seen.notes == [
        f"the offset column 'at' holds {shown} as a float, and floats do not hold each integer of that size; let "
        "pull_data return integers (of type Int64 beside nulls), or the next run may miss rows"
    ]


def test_integers_beside_nan_as_objects_keep_their_digits_and_need_no_word() -> None:
    seen = Seen(["at"])

    assert seen.chunks(objects(2**53 + 1, np.nan)) == {"at": 2**53 + 1}
    assert seen.notes == []

"""Values as JSON and as text: they come back with every digit, nanosecond and time zone."""

from __future__ import annotations

import datetime as dt
import enum
import json
import uuid
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import pytz
from hypothesis import given
from hypothesis import strategies as st

from custom_store_pipeline.state.serialization import UnknownTypeError, decode, encode, from_text, plain, shown, to_text

BERLIN = ZoneInfo("Europe/Berlin")
PLUS_TWO = dt.timezone(dt.timedelta(hours=2))
SUMMER, WINTER = "2024-10-27T00:30:00.123456789", "2024-10-27T01:30:00.123456789"  # both are 02:30 in Berlin
UNITS = ("s", "ms", "us", "ns")

TIMESTAMPS = [
    pd.Timestamp("2024-01-01"),
    pd.Timestamp("2024-01-01 12:34:56.123456789"),
    *(pd.Timestamp(SUMMER).as_unit(unit) for unit in UNITS),
    *(
        pd.Timestamp(at, tz="UTC").tz_convert("Europe/Berlin").as_unit(unit)
        for at in (SUMMER, WINTER)
        for unit in UNITS
    ),
    pd.Timestamp(SUMMER, tz="UTC"),
    pd.Timestamp("2024-01-01T00:00:00.000000001-05:30"),
    pd.Timestamp("2024-07-01", tz=PLUS_TWO),
    pd.Timestamp("1893-01-01", tz="Europe/Berlin"),
    pd.Timestamp.min,
    pd.Timestamp.max,
    pd.Timestamp(np.datetime64("0001-01-01", "s")),
    pd.Timestamp(np.datetime64("9999-12-31T23:59:59.999999", "us")),
    pd.Timestamp("9999-12-31 23:59:59", tz="UTC"),
    pd.Timestamp(np.datetime64("20000-01-01", "s")),
]
TIMEDELTAS = [
    pd.Timedelta(days=1, nanoseconds=1),
    pd.Timedelta(-1),
    *(pd.Timedelta(days=-1).as_unit(unit) for unit in UNITS),
    pd.Timedelta.max,
    pd.Timedelta(np.timedelta64(10**15, "s")),
]
DATETIMES = [
    dt.datetime(2024, 1, 1),
    dt.datetime(2024, 1, 1, 1, 2, 3, 4),
    dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
    dt.datetime(2024, 1, 1, tzinfo=PLUS_TWO),
    dt.datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN),
    dt.datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=BERLIN),
    dt.datetime(2024, 3, 31, 2, 30, tzinfo=BERLIN),  # a time that the clock jumps over
    dt.datetime.min.replace(tzinfo=BERLIN),
    dt.datetime.max.replace(tzinfo=ZoneInfo("America/New_York")),
]
SCALARS = [
    *TIMESTAMPS,
    *TIMEDELTAS,
    *DATETIMES,
    *(dt.date(2024, 1, 1), dt.date.min, dt.date.max),
    *(dt.time(1, 2, 3, 4), dt.time(1, tzinfo=PLUS_TWO), dt.time(1, tzinfo=BERLIN), dt.time(1, tzinfo=ZoneInfo("UTC"))),
    *(dt.timedelta(-1, 3, 4), dt.timedelta.min, dt.timedelta.max),
    *(0, 2**53 - 1, 2**53, -(2**53), 2**53 + 1, 2**64 + 1, -(2**100)),
    *(True, False, 1.5, 0.1 + 0.2, 5e-324, 1.7976931348623157e308, float("inf"), float("-inf"), float("nan")),
    *(Decimal("1.25"), Decimal("-1E+5"), Decimal("Infinity"), Decimal("NaN"), Decimal(f"0.{'123' * 20}")),
    *("", "ü", "int:5", "a\x00[b]", '{"$type": "int"}'),
    *(b"", b"\x00\xff", uuid.UUID(int=1)),
]
CONTAINERS = [
    None,
    [],
    {},
    (),
    [1, (2, [3, None])],
    {"a": {"b": [dt.date(2024, 1, 1), {"c": (Decimal("1.10"),)}]}},
    {1: "one", None: "nothing", (1, "x"): "pair", dt.date(2024, 1, 1): "day", "a": 2**60, 1.5: {True: b"x"}},
    {"$type": "int", "value": "5"},
    {"$type": {"$type": "dict"}},
    {"": "", "value": 1},
]


def exactly(value: Any) -> Any:
    """What tells values apart that Python takes for equal: types, units, offsets, signs of zero."""
    if isinstance(value, dict):
        return dict, [(exactly(key), exactly(item)) for key, item in value.items()]
    if isinstance(value, list | tuple):
        return type(value), [exactly(item) for item in value]
    return type(value), repr(value), getattr(value, "unit", None)


def through_json(value: Any) -> Any:
    return decode(json.loads(json.dumps(encode(value))))


@pytest.mark.parametrize("value", [*SCALARS, *CONTAINERS, -0.0, Decimal("1.10"), Decimal("-0")], ids=repr)
def test_json_gives_back_what_it_was_given(value: object) -> None:
    assert exactly(through_json(value)) == exactly(value)


@pytest.mark.parametrize("value", SCALARS, ids=repr)
def test_text_gives_back_what_it_was_given(value: object) -> None:
    assert exactly(from_text(to_text(value))) == exactly(value)


def fixed_offsets() -> st.SearchStrategy[dt.timezone]:
    return st.integers(-1439, 1439).map(lambda minutes: dt.timezone(dt.timedelta(minutes=minutes)))


def zones() -> st.SearchStrategy[Any]:
    return st.sampled_from([BERLIN, ZoneInfo("America/St_Johns"), ZoneInfo("UTC"), dt.UTC]) | fixed_offsets()


@st.composite
def timestamps(draw: st.DrawFn) -> pd.Timestamp:
    unit = draw(st.sampled_from(UNITS))
    since, until = ("1700", "2200") if unit == "ns" else ("0002", "9998")
    low, high = (int(np.datetime64(year, unit).astype("int64")) for year in (since, until))
    value = pd.Timestamp(np.datetime64(draw(st.integers(low, high)), unit))
    zone = draw(st.none() | zones())
    return value if zone is None else value.tz_localize("UTC").tz_convert(zone)


def scalars() -> st.SearchStrategy[Any]:
    return st.one_of(
        st.booleans(),
        st.integers(),
        st.floats(),
        st.decimals(allow_nan=False),
        st.text(),
        st.binary(),
        st.uuids(),
        st.dates(),
        st.times().map(lambda time: time.replace(fold=0)),
        st.datetimes().map(lambda time: time.replace(fold=0)),
        st.datetimes(timezones=zones()).filter(lambda time: time.fold == 0 or is_repeated(time)),
        st.timedeltas(),
        timestamps(),
        st.integers(-(2**63) + 1, 2**63 - 1).map(pd.Timedelta),
    )


def is_repeated(time: dt.datetime) -> bool:
    return time.utcoffset() != time.replace(fold=0).utcoffset()


def nested() -> st.SearchStrategy[Any]:
    keys = st.just("$type") | st.text() | st.integers() | st.dates() | st.tuples(st.integers(), st.text())
    return st.recursive(
        st.none() | scalars(),
        lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(keys, inner, max_size=4),
        max_leaves=8,
    )


@given(nested())
def test_any_value_comes_back_through_json(value: object) -> None:
    assert exactly(through_json(value)) == exactly(value)


@given(scalars().filter(lambda value: value == value))
def test_any_scalar_comes_back_from_text(value: object) -> None:
    restored = from_text(to_text(value))

    assert type(restored) is type(value)
    assert restored == value


@given(st.decimals(allow_nan=False, allow_infinity=False), st.decimals(allow_nan=False, allow_infinity=False))
def test_texts_of_decimals_are_equal_where_decimals_are(one: Decimal, other: Decimal) -> None:
    assert (to_text(one) == to_text(other)) == (one == other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Decimal("1.10"), Decimal("1.1")),
        (Decimal("1E+2"), Decimal("100.0")),
        (Decimal("-0"), Decimal("0.00")),
        (-0.0, 0.0),
        (np.int64(5), 5),
        (np.uint64(2**64 - 1), 2**64 - 1),
        (np.float64(0.5), 0.5),
        (np.str_("a"), "a"),
        (np.bytes_(b"a"), b"a"),
        (np.True_, True),
    ],
)
def test_equal_values_have_equal_texts(one: object, other: object) -> None:
    assert to_text(one) == to_text(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, "1"),
        (1, True),
        (1, 1.0),
        (1, Decimal(1)),
        (b"a", "a"),
        (dt.date(2024, 1, 1), dt.datetime(2024, 1, 1)),
        (Decimal(f"0.{'1' * 40}2"), Decimal(f"0.{'1' * 40}3")),
        (2**53, 2**53 + 1),
    ],
)
def test_different_values_have_different_texts(one: object, other: object) -> None:
    assert to_text(one) != to_text(other)


def test_what_json_can_say_is_left_as_it_is() -> None:
    value = {"page": 3, "done": False, "share": 0.5, "names": ["ü", None], "big": 2**53 - 1}

    assert encode(value) == value


@pytest.mark.parametrize(
    "missing", [None, pd.NaT, pd.NA, np.datetime64("NaT", "s"), np.timedelta64("NaT", "s"), pa.NULL]
)
def test_missing_values_become_none(missing: object) -> None:
    assert plain(missing) is None
    assert encode({"a": [missing]}) == {"a": [None]}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.int8(-5), -5),
        (np.float32(0.5), 0.5),
        (np.str_("a"), "a"),
        (np.datetime64(SUMMER, "ns"), pd.Timestamp(SUMMER)),
        (np.datetime64("2024-01-01", "D"), pd.Timestamp("2024-01-01").as_unit("s")),
        (np.timedelta64(3, "ms"), pd.Timedelta("3ms").as_unit("ms")),
        (pa.scalar(2**60), 2**60),
        (pa.scalar(1, pa.timestamp("ns", "Europe/Berlin")), pd.Timestamp(1, tz="Europe/Berlin")),
    ],
)
def test_scalars_of_numpy_and_arrow_come_back_as_plain_ones(value: object, expected: object) -> None:
    assert exactly(through_json(value)) == exactly(expected)


@pytest.mark.parametrize("value", [{1}, object(), 1j, np.array([1]), pd.Period("2024"), range(3), pd.Interval(1, 2)])
def test_a_value_of_an_unknown_type_is_named(value: object) -> None:
    with pytest.raises(UnknownTypeError, match=f"^{type(value).__name__}$"):
        encode({"deep": [value]})
    with pytest.raises(UnknownTypeError, match=f"^{type(value).__name__}$"):
        to_text(value)


@pytest.mark.parametrize("value", [None, pd.NaT, [1], {"a": 1}])
def test_what_is_no_scalar_has_no_text(value: object) -> None:
    with pytest.raises(UnknownTypeError):
        to_text(value)


def test_zones_of_pytz_keep_their_summer_time() -> None:
    summer = pytz.timezone("Europe/Berlin").localize(dt.datetime(2024, 7, 1))

    restored = through_json(summer)

    assert restored == summer
    assert (restored + dt.timedelta(days=180)).utcoffset() == dt.timedelta(hours=1)


def test_a_zone_that_no_other_process_would_find_becomes_its_offset() -> None:
    class Here(dt.tzinfo):
        key = "local"

        def utcoffset(self, _: dt.datetime | None) -> dt.timedelta:
            return dt.timedelta(hours=2)

    for time in (dt.datetime(2024, 7, 1, tzinfo=Here()), pd.Timestamp("2024-07-01", tz=Here())):
        assert through_json(time) == time


def test_an_offset_is_not_mistaken_for_the_zone_that_has_its_name() -> None:
    time = pd.Timestamp("2024-07-01", tz=dt.timezone(dt.timedelta(hours=2), "EST"))

    assert through_json(time).utcoffset() == dt.timedelta(hours=2)


def test_members_of_enumerations_are_their_values() -> None:
    class Color(str, enum.Enum):  # noqa: UP042  # StrEnum's str() is the value
        RED = "red"

    class Size(int, enum.Enum):
        SMALL = 1

    assert to_text(Color.RED) == to_text("red")
    assert to_text(Size.SMALL) == to_text(1)
    assert through_json({"color": Color.RED, "size": Size.SMALL}) == {"color": "red", "size": 1}


def test_text_that_was_written_by_hand_is_refused() -> None:
    with pytest.raises(ValueError, match="'2024-01-01' is not as it was written"):
        from_text("timestamp:2024-01-01")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5, "5"),
        (np.float64(0.5), "0.5"),
        (Decimal("1.10"), "1.10"),
        (dt.datetime(2024, 1, 1, 2, tzinfo=dt.UTC), "2024-01-01 02:00:00+00:00"),
        (pd.Timestamp("2024-01-01 00:00:00.000000001"), "2024-01-01 00:00:00.000000001"),
        (dt.date(2024, 1, 1), "2024-01-01"),
    ],
)
def test_values_are_shown_as_people_read_them(value: object, text: str) -> None:
    assert shown(value) == text

"""Keys in files: each kind of column comes back as it was pulled."""

from __future__ import annotations

import datetime as dt
import itertools
import uuid
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import pytz

from custom_store_pipeline.errors import UnusableKeysError
from custom_store_pipeline.state.deletions.key_files import Keys, KeyWriter, keys_of, read_keys
from custom_store_pipeline.state.deletions.key_queries import check_unique, missing_keys

BERLIN = ZoneInfo("Europe/Berlin")
NANOSECONDS = ("2024-10-27 00:30:00.123456788", "2024-10-27 00:30:00.123456789")
_numbers = itertools.count()


def written(folder: Path, *chunks: Any, names: Sequence[str] = ("id",)) -> Keys:
    """A file with the keys of some frames, or columns of the name `id`."""
    writer = KeyWriter(folder / f"{next(_numbers)}.parquet", names)
    for chunk in chunks:
        writer.add(chunk if isinstance(chunk, pd.DataFrame) else pd.DataFrame({"id": chunk}))
    keys = writer.close()
    assert keys is not None
    return keys


def restored(keys: Keys) -> pd.DataFrame:
    return keys_of(pq.read_table(keys.path), keys.columns)


def objects(*values: object) -> pd.Series:
    return pd.Series(values, dtype=object)


def times(*values: str, unit: Any = "ns") -> pd.Series:
    return pd.Series(pd.DatetimeIndex(values).as_unit(unit))


UTC = times(*NANOSECONDS).dt.tz_localize("UTC")

AS_THEY_ARE = {
    "int64": pd.Series([1, -(2**63)]),
    "uint64": pd.Series([1, 2**64 - 1], dtype="uint64"),
    "big integers": objects(2**70, -(2**70)),
    "str": pd.Series(["a", "ü\x00' "]),
    "empty str": pd.Series(["", " "]),
    "float64": pd.Series([0.1, float("-inf")]),
    "bool": pd.Series([True, False]),
    "date": objects(dt.date(2024, 1, 1), dt.date.min),
    "time": objects(dt.time(1, 2, 3, 4), dt.time(0)),
    "ns": times(*NANOSECONDS),
    "us": times("2024-01-01 00:00:00.123456", "9999-12-31", unit="us"),
    "ms": times("2024-01-01 00:00:00.123", "0001-01-01", unit="ms"),
    "s": times("2024-01-01", "2024-01-02", unit="s"),
    "ns before 1970": times("1969-12-31 23:59:59.999999999", "1677-09-21 00:12:43.145224193"),
    "UTC": UTC,
    "Berlin": times("2024-10-27 00:30", "2024-10-27 01:30", unit="us").dt.tz_localize("UTC").dt.tz_convert(BERLIN),
    "Berlin, ns": UTC.dt.tz_convert(BERLIN),
    "east": UTC.dt.tz_convert(dt.timezone(dt.timedelta(hours=2))),
    "west": UTC.dt.tz_convert(dt.timezone(-dt.timedelta(hours=5, minutes=30))),
    "durations": pd.Series(pd.to_timedelta([1, -(10**18)], unit="ns")),
    "durations in s": pd.Series(pd.to_timedelta([1, 2], unit="s").as_unit("s")),
    "Decimal": objects(Decimal("1.1"), Decimal("-100")),
    "long Decimal": objects(Decimal(f"0.{'1' * 40}2"), Decimal(f"0.{'1' * 40}3")),
    "uuid": objects(uuid.UUID(int=1), uuid.UUID(int=2**128 - 1)),
    "bytes": objects(b"", b"\x00\xff'"),
    "mixed": objects(1, "1"),
    "integers and floats": objects(2**60 + 1, 0.5),
    "dates and times": objects(dt.date(2024, 1, 1), dt.datetime(2024, 1, 1, tzinfo=dt.UTC)),
    "times with and without a zone": objects(pd.Timestamp("2024-01-01"), pd.Timestamp("2024-01-01", tz="UTC")),
}
AS_THEIR_KIND = {
    "int8": (pd.Series([1, 2], dtype="int8"), pd.Series([1, 2])),
    "Int64": (pd.Series([1, 2], dtype="Int64"), pd.Series([1, 2])),
    "UInt64": (pd.Series([1, 2**63], dtype="UInt64"), pd.Series([1, 2**63], dtype="uint64")),
    "integer objects": (objects(1, np.int64(2)), pd.Series([1, 2])),
    "str objects": (objects("a", "b"), pd.Series(["a", "b"])),
    "string": (pd.Series(["a", "b"], dtype="string"), pd.Series(["a", "b"])),
    "categories": (pd.Series(["a", "b"], dtype="category"), pd.Series(["a", "b"])),
    "numbered categories": (pd.Series([5, 7], dtype="category"), pd.Series([5, 7])),
    "mixed categories": (pd.Series([1, "a"], dtype="category"), objects(1, "a")),
    "float32": (pd.Series([0.5, 2], dtype="float32"), pd.Series([0.5, 2])),
    "boolean": (pd.Series([True, False], dtype="boolean"), pd.Series([True, False])),
    "datetime": (objects(dt.datetime(2024, 1, 1), dt.datetime(9999, 1, 1)), times("2024", "9999", unit="us")),
    "Timestamp objects": (objects(*times(*NANOSECONDS)), times(*NANOSECONDS)),
    "numpy objects": (objects(*map(np.datetime64, NANOSECONDS)), times(*NANOSECONDS)),
    "several zones": (
        objects(*(UTC[row].tz_convert(zone) for row, zone in enumerate([BERLIN, "UTC"]))),
        UTC.dt.tz_convert(BERLIN),
    ),
    "several offsets": (
        objects(*(dt.datetime(2024, 7, 1, tzinfo=dt.timezone(dt.timedelta(hours=hours))) for hours in (2, 1))),
        times("2024-06-30 22:00", "2024-06-30 23:00", unit="us").dt.tz_localize("UTC").dt.tz_convert("UTC+02:00"),
    ),
    "pytz": (UTC.dt.tz_convert(pytz.timezone("Europe/Berlin")), UTC.dt.tz_convert(BERLIN)),
    "timedelta": (
        objects(dt.timedelta(1), dt.timedelta(-1)),
        pd.Series(pd.to_timedelta([1, -1], unit="D").as_unit("us")),
    ),
    "arrow decimals": (
        pd.Series([Decimal("1.10"), Decimal("2.00")], dtype=pd.ArrowDtype(pa.decimal128(5, 2))),
        objects(Decimal("1.1"), Decimal("2")),
    ),
    "arrow texts": (pd.Series(["a", "b"], dtype=pd.ArrowDtype(pa.string())), pd.Series(["a", "b"])),
    "arrow bytes": (pd.Series([b"a", b"b"], dtype=pd.ArrowDtype(pa.binary(1))), objects(b"a", b"b")),
    "arrow times": (
        pd.Series([1, 2]).astype(pd.ArrowDtype(pa.timestamp("ns", "Europe/Berlin"))),
        pd.Series([pd.Timestamp(1, tz=BERLIN), pd.Timestamp(2, tz=BERLIN)]),
    ),
}
COLUMNS = {name: (column, column) for name, column in AS_THEY_ARE.items()} | AS_THEIR_KIND
ALL_KINDS = pytest.mark.parametrize(("column", "expected"), COLUMNS.values(), ids=COLUMNS)


def assert_same(found: pd.Series, expected: pd.Series) -> None:
    pd.testing.assert_series_equal(found, expected, check_exact=True, check_names=False)
    assert list(map(type, found)) == list(map(type, expected))


@ALL_KINDS
def test_keys_of_any_kind_come_back_from_their_file(column: pd.Series, expected: pd.Series, tmp_path: Path) -> None:
    keys = written(tmp_path, column)

    assert read_keys(keys.path) == keys
    assert keys.count == 2
    assert_same(restored(keys)["id"], expected)


@pytest.mark.parametrize("column", [column for column, _ in COLUMNS.values() if column.dtype != object])
def test_each_chunk_of_a_column_is_of_its_kind(column: pd.Series, tmp_path: Path) -> None:
    at_once, in_chunks = written(tmp_path, column), written(tmp_path, column[:1], column[:0], column[1:])

    assert_same(restored(in_chunks)["id"], restored(at_once)["id"])


def test_a_key_with_columns_of_all_kinds_that_is_gone_comes_back(tmp_path: Path) -> None:
    frame = pd.DataFrame({"shop": ["north", "north"]} | {name: column for name, (column, _) in COLUMNS.items()})
    old = written(tmp_path, frame, names=list(frame.columns))
    new = written(tmp_path, frame.assign(shop=["north", "south"]), names=list(frame.columns))

    missing = missing_keys([old], [new], tmp_path)

    assert list(missing.columns) == list(frame.columns)
    assert missing["shop"].tolist() == ["north"]
    for name, (_, expected) in COLUMNS.items():
        (value,), (wanted,) = missing[name], pd.Series([expected[1]])
        assert (name, type(value), value) == (name, type(wanted), wanted)


def test_composite_keys_come_back_in_their_order(tmp_path: Path) -> None:
    frame = pd.DataFrame({"b": [1, 2], "other": ["x", "y"], "a": ["ü", ""]})

    keys = written(tmp_path, frame, names=("a", "b"))

    assert keys.names == ("a", "b")
    pd.testing.assert_frame_equal(restored(keys), frame[["a", "b"]])


NAMES = ("id", "ID", "Id", 'a"b', "it's", "größe", " ", "k0", "select", "a.b", "a;--")


def test_names_of_any_kind_come_back(tmp_path: Path) -> None:
    frame = pd.DataFrame({name: [number, 100] for number, name in enumerate(NAMES)})
    old, new = written(tmp_path, frame, names=NAMES), written(tmp_path, frame[:1], names=NAMES)

    check_unique(old, tmp_path)
    missing = missing_keys([old], [new], tmp_path)

    assert read_keys(old.path).names == NAMES
    pd.testing.assert_frame_equal(missing, frame[1:].reset_index(drop=True))


def test_units_that_change_from_chunk_to_chunk_lose_nothing(tmp_path: Path) -> None:
    seconds, nanoseconds = times("2024-01-01", unit="s"), times(NANOSECONDS[0])

    keys = written(tmp_path, seconds, nanoseconds)

    assert_same(restored(keys)["id"], pd.concat([seconds.dt.as_unit("ns"), nanoseconds], ignore_index=True))


@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_nanoseconds_beside_the_end_of_time_lose_nothing(zone: str | None, tmp_path: Path) -> None:
    end, now = (column.dt.tz_localize(zone) for column in (times("9999-12-31", unit="us"), times(NANOSECONDS[0])))

    keys = written(tmp_path, end, now)

    assert restored(keys)["id"].tolist() == [end[0], now[0]]


def test_zones_that_change_from_chunk_to_chunk_are_the_first(tmp_path: Path) -> None:
    keys = written(tmp_path, UTC[:1].dt.tz_convert(BERLIN), UTC[1:])

    assert_same(restored(keys)["id"], UTC.dt.tz_convert(BERLIN))


def test_rows_without_keys_make_no_file(tmp_path: Path) -> None:
    writer = KeyWriter(tmp_path / "keys.parquet", ["id"])
    writer.add(pd.DataFrame())
    writer.add(pd.DataFrame({"id": []}))

    assert writer.close() is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("empty", [pd.DataFrame(), pd.DataFrame({"id": []}), pd.DataFrame({"name": []})])
def test_empty_chunks_have_no_type(empty: pd.DataFrame, tmp_path: Path) -> None:
    keys = written(tmp_path, empty, pd.DataFrame({"id": [1]}), empty)

    assert keys.count == 1


def refused(frame: pd.DataFrame, *names: str) -> str:
    """The error's message."""
    with pytest.raises(UnusableKeysError) as raised:
        KeyWriter(Path("not written"), names).add(frame)
    return str(raised.value)


@pytest.mark.parametrize("missing", [[None, "a", None], [1, None, np.nan], [pd.NaT, pd.Timestamp(0), pd.NaT]])
def test_nulls_are_an_error(missing: list[object]) -> None:
    frame = pd.DataFrame({"shop": ["a", "b", "c"], "id": missing})

    assert refused(frame, "shop", "id") == (
        "the primary key 'id' is null in 2 of 3 rows, so deletions are not known; "
        "let pull_data leave these rows out, or choose other primary_keys"
    )


def test_a_column_that_was_not_pulled_is_an_error() -> None:
    assert refused(pd.DataFrame({"Id": [1], "name": ["a"]}), "id") == (
        "the primary key 'id' is not in what pull_data returned; the columns are Id, name; pull it, or fix primary_keys"
    )


def test_a_column_that_was_pulled_twice_is_an_error() -> None:
    assert refused(pd.DataFrame([[1, 2]], columns=["id", "id"]), "id") == (
        "the primary key 'id' is twice in what pull_data returned; give one of the columns another name"
    )


@pytest.mark.parametrize(
    ("value", "kind"), [([1], "list"), ({"a": 1}, "dict"), (1j, "complex"), (pd.Period("2024"), "Period")]
)
def test_values_of_an_unknown_type_are_an_error(value: object, kind: str) -> None:
    assert refused(pd.DataFrame({"id": [value]}), "id") == (
        f"the primary key 'id' holds values of the type {kind}, which cannot be compared between runs; "
        "let pull_data turn them into strings or numbers"
    )


def test_a_type_that_changes_from_chunk_to_chunk_is_an_error(tmp_path: Path) -> None:
    writer = KeyWriter(tmp_path / "keys.parquet", ["shop", "id"])
    writer.add(pd.DataFrame({"shop": ["a"], "id": [1]}))

    with pytest.raises(UnusableKeysError) as raised:
        writer.add(pd.DataFrame({"shop": ["a"], "id": ["1"]}))
    writer.close()

    assert str(raised.value) == (
        "the primary key 'id' is integer in one chunk and text in another; let pull_data yield chunks of the same types"
    )

"""Deletions: which keys are gone, whatever the keys, the files and the paths are like."""

from __future__ import annotations

import datetime as dt
import tempfile
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from custom_store_pipeline.errors import StateStorageError, UnusableKeysError
from custom_store_pipeline.state.deletions.key_files import Keys
from custom_store_pipeline.state.deletions.key_queries import (
    check_unique,
    common_keys,
    comparable,
    count_distinct,
    missing_keys,
)
from tests.state.deletions.test_key_files import objects, times, written


def values(frame: pd.DataFrame) -> list[Any]:
    return sorted(frame["id"])


def test_keys_that_only_older_files_have_are_missing_once(tmp_path: Path) -> None:
    old = [written(tmp_path, [1, 2, 3]), written(tmp_path, [3, 4, 5]), written(tmp_path, [5, 1, 6])]
    new = [written(tmp_path, [1, 7]), written(tmp_path, [6])]

    assert values(missing_keys(old, new, tmp_path)) == [2, 3, 4, 5]
    assert values(common_keys(old, new, tmp_path)) == [1, 6]
    assert values(missing_keys(new, old, tmp_path)) == [7]
    assert count_distinct(old, tmp_path) == 6
    assert count_distinct(old[:1], tmp_path) == 3


def test_no_missing_keys_are_an_empty_frame_with_the_columns(tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": [1], "at": pd.to_datetime([0], unit="s"), "any": [True]})
    keys = written(tmp_path, frame, names=("id", "at", "any"))

    missing = missing_keys([keys], [keys], tmp_path)

    assert missing.shape == (0, 3)
    assert list(missing.columns) == ["id", "at", "any"]


Composite = tuple[int, str, dt.date]
KEYS = st.tuples(
    st.integers(-3, 3) | st.integers(-(2**63), 2**63 - 1), st.sampled_from("aAä\x00'") | st.text(), st.dates()
)


@settings(max_examples=settings().max_examples // 4)  # each of them asks DuckDB several times
@given(old=st.lists(st.sets(KEYS, min_size=1), min_size=1, max_size=3), new=st.sets(KEYS, min_size=1), data=st.data())
def test_missing_keys_are_the_difference_of_sets(
    old: list[set[Composite]], new: set[Composite], data: st.DataObject
) -> None:
    known = set().union(*old)
    new |= data.draw(st.sets(st.sampled_from(sorted(known))))
    names = ("number", "text", "day")

    with tempfile.TemporaryDirectory() as folder:
        files = [written(Path(folder), pd.DataFrame(list(keys), columns=names), names=names) for keys in (*old, new)]
        missing = missing_keys(files[:-1], files[-1:], Path(folder))

    assert len(missing) == len(known - new)
    assert set(missing.itertuples(index=False, name=None)) == known - new


def test_a_million_keys_in_chunks(tmp_path: Path) -> None:
    random = np.random.default_rng(7)
    old, new = (random.permutation(1_500_000)[:1_000_000] * 2**40 for _ in range(2))
    files = [written(tmp_path, *np.array_split(keys, 10)) for keys in (old, new)]

    check_unique(files[0], tmp_path)
    missing = missing_keys(files[:1], files[1:], tmp_path)

    assert len(missing) > 100_000
    assert set(missing["id"].tolist()) == set(old.tolist()).difference(new.tolist())


def duplicates(keys: Keys, spill: Path) -> str:
    """The error's message."""
    with pytest.raises(UnusableKeysError) as raised:
        check_unique(keys, spill)
    return str(raised.value)


def test_keys_that_occur_twice_are_an_error_with_examples(tmp_path: Path) -> None:
    keys = written(tmp_path, pd.DataFrame({"shop": ["a", "ü"], "id": [1, 1]}), names=("shop", "id"))
    check_unique(keys, tmp_path)
    twice = written(tmp_path, *[pd.DataFrame({"shop": ["a", "ü"], "id": [1, row]}) for row in (1, 2)], names=keys.names)

    assert duplicates(twice, tmp_path) == (
        "primary keys occur more than once in what pull_data returned, such as shop=a, id=1, so deletions are not "
        "known; let pull_data return each once, or add to primary_keys what distinguishes them"
    )


def test_three_examples_are_enough(tmp_path: Path) -> None:
    message = duplicates(written(tmp_path, [*range(10), *range(10)]), tmp_path)

    assert message.count("id=") == 3
    assert message.count(" and ") == 2


@pytest.mark.parametrize(
    ("twice", "shown"),
    [
        (pd.Series([Decimal("1.10"), Decimal("1.1")]), "id=1.1"),
        (pd.Series([0.0, -0.0]), "0.0"),
        (objects(0.0, -0.0, "a"), "id=0.0"),
        (objects(pd.Timestamp("2024-01-01", tz="UTC"), dt.datetime(2024, 1, 1, tzinfo=dt.UTC)), "id=2024-01-01 00:00"),
        (objects(*times("2024-01-01").dt.tz_localize("UTC"), pd.Timestamp("2024-01-01 01:00+01:00")), "id=2024-01-01"),
        (pd.Series(["a", "b", "a"], dtype="category"), "id=a"),
    ],
)
def test_equal_keys_are_equal_however_they_are_written(twice: pd.Series, shown: str, tmp_path: Path) -> None:
    assert shown in duplicates(written(tmp_path, twice), tmp_path)


@pytest.mark.parametrize(
    "column",
    [
        pd.Series(["a", "A", "a ", "á", "a\u0301"]),
        objects(1, "1", True, b"1", Decimal(1)),
        pd.Series([2**53, 2**53 + 1]),
        objects(2**64, 2**64 + 1),
        objects(Decimal(f"1.{'0' * 40}1"), Decimal(f"1.{'0' * 40}2")),
        objects(pd.Timestamp("2024-01-01"), pd.Timestamp("2024-01-01", tz="UTC")),
        objects(dt.date(2024, 1, 1), dt.datetime(2024, 1, 1, 5)),
        objects(*times("2024-01-01 00:00:00.000000001", "2024-01-01 00:00:00.000000002")),
    ],
)
def test_different_keys_are_no_duplicates(column: pd.Series, tmp_path: Path) -> None:
    check_unique(written(tmp_path, column), tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "missing"),
    [
        ([1, 2], objects(1, "a"), [2]),
        (["1", "2"], objects(1, "1"), ["2"]),
        (objects(1, "a"), [1, 2], ["a"]),
        ([1, 2], pd.Series([1, 2**63], dtype="uint64"), [2]),
        (pd.Series([1, 2], dtype="uint64"), [1], [2]),
        (objects(dt.date(999, 1, 1), dt.date(2024, 1, 1)), objects(dt.date(999, 1, 1), "x"), [dt.date(2024, 1, 1)]),
        ([-(2**63), 2], objects(-(2**63), 2**70), [2]),
        ([uuid.UUID(int=1), uuid.UUID(int=2)], objects(uuid.UUID(int=1), "a"), [uuid.UUID(int=2)]),
        ([Decimal(1), Decimal(2)], objects(Decimal(1), 2), [Decimal(2)]),
    ],
)
def test_a_column_that_holds_several_types_now_is_compared_with_what_it_was(
    old: Any, new: Any, missing: list[object], tmp_path: Path
) -> None:
    before, now = written(tmp_path, old), written(tmp_path, new)

    assert comparable(before, now)
    assert comparable(now, before)
    assert missing_keys([before, before], [now, now], tmp_path)["id"].tolist() == missing


def test_files_of_several_types_are_counted_together(tmp_path: Path) -> None:
    files = [written(tmp_path, [1, 2]), written(tmp_path, objects(2, "a")), written(tmp_path, ["a", "b"])]

    assert count_distinct(files, tmp_path) == 4


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([1], ["1"]),
        ([1], [1.5]),
        ([1], [True]),
        ([1], [Decimal(1)]),
        (["a"], objects(b"a")),
        ([str(uuid.UUID(int=1))], [uuid.UUID(int=1)]),
        ([uuid.UUID(int=1)], [Decimal(1)]),
        (times("2024-01-01"), [dt.date(2024, 1, 1)]),
        (times("2024-01-01"), times("2024-01-01").dt.tz_localize("UTC")),
        (times("2024-01-01"), pd.to_timedelta([1])),
        (times("2024-01-01"), objects(1, "a")),
        ([1.5], objects(1, "a")),
    ],
)
def test_other_types_cannot_be_compared(one: Any, other: Any, tmp_path: Path) -> None:
    files = [written(tmp_path, one), written(tmp_path, other)]

    assert not comparable(*files)
    assert not comparable(*reversed(files))


def test_other_columns_cannot_be_compared(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1], "b": [2]})
    keys = written(tmp_path, frame, names=("a", "b"))

    assert comparable(keys, written(tmp_path, frame, names=("a", "b")))
    for names in (("a",), ("b", "a"), ("a", "b", "b")):
        assert not comparable(keys, written(tmp_path, frame, names=names))
    assert not comparable(keys, written(tmp_path, frame.rename(columns={"b": "B"}), names=("a", "B")))


NEW_YEAR = "2024-01-01 00:00:00"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (times(NEW_YEAR, "2024-01-02 00:00:00.123456789"), times(NEW_YEAR, unit="s")),
        (times(NEW_YEAR, "2024-01-02", unit="s"), times(NEW_YEAR, "2024-01-03 00:00:00.123456789")),
        (times(NEW_YEAR, "9999-12-31", unit="us"), times(NEW_YEAR)),
        (times(NEW_YEAR), times("9999-12-31", NEW_YEAR, unit="us")),
        (pd.Series(pd.to_timedelta([1, 2], unit="s")).dt.as_unit("s"), pd.Series(pd.to_timedelta([1], unit="s"))),
        (pd.Series(pd.to_timedelta([1, 10**9 + 1], unit="ns")), pd.Series(pd.to_timedelta([0, 1], unit="ns"))),
    ],
)
def test_times_are_compared_whatever_their_units(old: pd.Series, new: pd.Series, tmp_path: Path) -> None:
    before, now = written(tmp_path, old), written(tmp_path, new)

    assert comparable(before, now)
    assert set(missing_keys([before], [now], tmp_path)["id"]) == set(old) - set(new)


def test_instants_are_compared_whatever_their_zones(tmp_path: Path) -> None:
    berlin = times("2024-10-27 00:30", "2024-10-27 01:30").dt.tz_localize("UTC").dt.tz_convert("Europe/Berlin")
    before, now = written(tmp_path, berlin), written(tmp_path, berlin[1:].dt.tz_convert("UTC"))

    assert missing_keys([before], [now], tmp_path)["id"].tolist() == [berlin[0]]


@pytest.mark.parametrize("name", ["it's", 'a "b"', "ü ö", "a*", "a?", "[ab]", "{a,b}", "k0=5", "100%", "a;b", "--"])
def test_paths_of_any_kind(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    folder.mkdir()
    old, new = written(folder, [1, 2]), written(folder, [1])
    for other in ("a", "ab"):  # which a pattern would find too
        (tmp_path / other).mkdir()
        written(tmp_path, [100]).path.rename(tmp_path / other / old.path.name)

    assert values(missing_keys([old], [new], folder)) == [2]


def test_a_file_that_is_gone_is_an_error(tmp_path: Path) -> None:
    keys = written(tmp_path, [1])
    keys.path.unlink()

    with pytest.raises(StateStorageError, match="the keys cannot be compared in .*; free space, or set TMPDIR"):
        missing_keys([keys], [keys], tmp_path)

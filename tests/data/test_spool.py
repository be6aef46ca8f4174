"""Chunks that are kept on disk come out as they went in."""

from __future__ import annotations

import datetime as dt
import threading
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from custom_store_pipeline.data.spool import Spool
from custom_store_pipeline.errors import UnusableDataError


def through_spool(*chunks: pd.DataFrame) -> list[pd.DataFrame]:
    with Spool() as spool:
        for chunk in chunks:
            spool.add(chunk)
        return list(spool.pieces())


COLUMNS = {
    "int64": [1, 2**62],
    "UInt8": pd.array([1, None], dtype="UInt8"),
    "float32": np.array([0.1, np.nan], dtype="float32"),
    "str": ["ü", None],
    "string": pd.array(["a", None], dtype="string"),
    "category": pd.Categorical(["low", "high"], categories=["low", "middle", "high"], ordered=True),
    "Berlin": pd.DatetimeIndex(["2024-10-27 00:30:00.123456789", "NaT"]).tz_localize("UTC").tz_convert("Europe/Berlin"),
    "seconds": pd.DatetimeIndex(["0001-01-01", "9999-12-31"]).as_unit("s"),
    "durations": pd.to_timedelta([1, None], unit="ns"),
    "period": pd.period_range("2024", periods=2, freq="M"),
    "interval": pd.interval_range(0, 2),
    "sparse": pd.arrays.SparseArray([0, 1]),
    "arrow": pd.array([Decimal("1.10"), None], dtype=pd.ArrowDtype(pa.decimal128(5, 2))),
    "arrow list": pd.array([[1], None], dtype=pd.ArrowDtype(pa.list_(pa.int64()))),
    "mixed": pd.Series([1, "1"], dtype=object),
    "objects": [Decimal("1.10"), uuid.UUID(int=1)],
    "nested": [{"a": [1, None]}, (dt.date(2024, 1, 1), {b"x"})],
    "big": [2**70, None],
}


@pytest.mark.parametrize("column", COLUMNS.values(), ids=COLUMNS)
def test_a_column_of_any_type_comes_out_as_it_went_in(column: Any) -> None:
    frame = pd.DataFrame({"id": [1, 2], "value": column})

    (found,) = through_spool(frame)

    pd.testing.assert_frame_equal(found, frame, check_exact=True, check_freq=True)
    assert list(map(type, found["value"])) == list(map(type, frame["value"]))


def test_chunks_come_out_in_their_order_each_with_its_own_columns() -> None:
    chunks = [
        pd.DataFrame({"a": [1]}),
        pd.DataFrame({"a": [0.5], "b": ["x"]}, index=[7]),
        pd.DataFrame([[1, 2]], columns=["same", "same"]),
        pd.DataFrame({1: [1], ("a", "b"): [2]}),
    ]

    for found, chunk in zip(through_spool(*chunks), chunks, strict=True):
        pd.testing.assert_frame_equal(found, chunk)


@pytest.mark.parametrize(
    "empty", [pd.DataFrame(), pd.DataFrame(columns=["a"]), pd.DataFrame({"a": [1]})[:0], pd.DataFrame(index=[1, 2])]
)
def test_empty_frames_come_out_too(empty: pd.DataFrame) -> None:
    row = pd.DataFrame({"a": [1]})

    found = through_spool(empty, row, empty)

    pd.testing.assert_frame_equal(found[0], empty)
    pd.testing.assert_frame_equal(found[1], row)
    pd.testing.assert_frame_equal(found[2], empty)


def test_attributes_of_frames_come_out_too() -> None:
    frame = pd.DataFrame({"a": [1]})
    frame.attrs["source"] = "erp"

    assert through_spool(frame)[0].attrs == {"source": "erp"}


def test_without_chunks_nothing_comes_out() -> None:
    assert through_spool() == []


def test_chunks_can_be_taken_again_by_another_attempt() -> None:
    with Spool() as spool:
        spool.add(pd.DataFrame({"a": [1]}))
        spool.add(pd.DataFrame({"a": [2]}))
        next(spool.pieces())

        assert [chunk["a"][0] for chunk in spool.pieces()] == [1, 2]


def test_slices_of_a_large_frame_take_no_more_space_than_they_have_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "spool"
    monkeypatch.setattr("tempfile.TemporaryFile", lambda **_: path.open("w+b"))
    frame = pd.DataFrame({"number": range(10_000), "text": [f"some text {row}" for row in range(10_000)]})

    with Spool() as spool:
        for at in range(0, 10_000, 100):
            spool.add(frame[at : at + 100])

    assert path.stat().st_size < 1_000_000


def test_nothing_stays_in_the_folder_for_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    with Spool() as spool:
        spool.add(pd.DataFrame({"a": range(10_000)}))

        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", [memoryview(b"x"), threading.Lock(), lambda: 1])
def test_objects_that_exist_in_this_process_only_are_an_error(value: object) -> None:
    with Spool() as spool, pytest.raises(UnusableDataError) as raised:
        spool.add(pd.DataFrame({"a": [value]}))

    assert "pull_data yielded values that cannot be kept on disk until all keys are known: " in str(raised.value)
    assert str(raised.value).endswith("; let it turn them into numbers, strings, bytes or times")


def test_a_full_disk_is_an_error_that_closing_does_not_hide(monkeypatch: pytest.MonkeyPatch) -> None:
    full = Path("/dev/full")
    monkeypatch.setattr("tempfile.TemporaryFile", lambda **_: full.open("r+b"))

    with Spool() as spool:
        spool.add(pd.DataFrame({"a": [1]}))
        with pytest.raises(OSError, match="No space left on device"):
            spool.pieces()

"""What is remembered goes through JSON and back."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from custom_store_pipeline.errors import StateError
from custom_store_pipeline.state.entity_state import EntityState, SnapshotRecord
from tests.state.test_serialization import exactly, nested

SNAPSHOT = SnapshotRecord(("3.parquet", "4.parquet"), ("1.parquet",), ("2.parquet",), 2**60, 2**40, unrecorded=True)


def through_json(remembered: EntityState) -> EntityState:
    return EntityState.from_json(json.loads(json.dumps(remembered.to_json())))


@pytest.mark.parametrize(
    "remembered",
    [
        EntityState(),
        EntityState(
            {"at": pd.Timestamp("2024-10-27 00:30:00.123456789", tz="Europe/Berlin"), "$type": 2**70, "": None}
        ),
        EntityState(driver_state={"pages": (1, [2, {3: dt.date(2024, 1, 1)}]), "rate": Decimal("1.10")}),
        EntityState(driver_state=[]),
        EntityState(snapshot=SnapshotRecord()),
        EntityState({"id": 5}, "cursor", SNAPSHOT, 123, "shop/a/items", 1234.5),
    ],
)
def test_everything_comes_back_from_json(remembered: EntityState) -> None:
    restored = through_json(remembered)

    assert restored == remembered
    assert exactly(dict(restored.watermarks)) == exactly(dict(remembered.watermarks))
    assert exactly(restored.driver_state) == exactly(remembered.driver_state)


@given(watermarks=st.dictionaries(st.text(), nested(), max_size=3), state=nested())
def test_any_watermarks_and_state_come_back_from_json(watermarks: dict[str, Any], state: Any) -> None:
    restored = through_json(EntityState(watermarks, state))

    assert exactly(dict(restored.watermarks)) == exactly(watermarks)
    assert exactly(restored.driver_state) == exactly(state)


@pytest.mark.parametrize("version", [3, 0, "1", None])
def test_what_another_version_wrote_is_refused(version: object) -> None:
    with pytest.raises(StateError) as raised:
        EntityState.from_json(EntityState().to_json() | {"version": version})

    assert str(raised.value) == (
        f"the stored state was written by another version of custom_store_pipeline (format {version}, this one reads "
        "up to 2); use that version, or reset it: custom-store state reset ENTITY"
    )


def test_what_has_no_version_is_refused() -> None:
    with pytest.raises(
        StateError, match=r"another version of custom_store_pipeline \(format None, this one reads up to 2\)"
    ):
        EntityState.from_json({})


@pytest.mark.parametrize(
    ("stored", "snapshot"),
    [
        (None, SnapshotRecord(unrecorded=True)),
        (
            {"files": ["2.parquet"], "accounted": ["1.parquet"], "carried": [], "keys": 5, "bytes": 9},
            SnapshotRecord(("2.parquet",), ("1.parquet",), (), 5, 9),
        ),
    ],
)
def test_what_the_version_before_wrote_is_read(stored: object, snapshot: SnapshotRecord) -> None:
    content = {
        "version": 1,
        "watermarks": {"id": 5},
        "driver_state": None,
        "snapshot": stored,
        "begun_after": 7,
        "source": "shop/a/items",
    }

    assert EntityState.from_json(content) == EntityState({"id": 5}, None, snapshot, 7, "shop/a/items")

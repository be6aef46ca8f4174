"""What one entity brings with it: watermarks, the driver's state, deletions and the guards before them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from custom_store_pipeline.config.entity import Entity
from custom_store_pipeline.config.models import MappingConfig
from custom_store_pipeline.data.pulled import DataFormat, Pulled, read_pulled
from custom_store_pipeline.data.stream import PulledData
from custom_store_pipeline.errors import (
    PullError,
    StateStorageError,
    TooManyDeletesError,
    UnusableDataError,
    UnusableKeysError,
    WatermarkError,
)
from custom_store_pipeline.redaction import Redactor
from custom_store_pipeline.state.deletions.snapshot_folder import SnapshotFolder
from custom_store_pipeline.state.entity_state import EntityState
from custom_store_pipeline.state.pushes import PushRecord
from custom_store_pipeline.state.recording import Recording
from custom_store_pipeline.state.run_context import Outcome, RunContext

STORES = {"from": {"store": {"file_name": "a"}}, "to": {"store": {"file_name": "b"}}}
ENTITY = Entity("items", "items", ("id",), ("shop", "a", "items"), ("shop", "b", "items"))


def settings(**keys: Any) -> MappingConfig:
    return MappingConfig.model_validate(STORES | keys)


def keys_compared(**keys: Any) -> MappingConfig:
    return settings(**({"delete_type": "keys", "max_delete_fraction": 1.0} | keys))


class Target:
    """A target of rows by id, and what is remembered of it."""

    def __init__(self, folder: Path) -> None:
        self.rows: dict[Any, Any] = {}
        self.deletes: pd.DataFrame | None = None
        self.state = EntityState()
        self.notes: list[str] = []
        self.outcomes: dict[str, Outcome] = {}
        self.folder: SnapshotFolder | None = SnapshotFolder(str(folder), ("shop", "b", "items"))
        self.runs = 0
        self.recordings: list[Recording] = []

    def run(
        self,
        data: Any,
        config: MappingConfig,
        pull_keys: Any = None,
        *,
        entity: Entity = ENTITY,
        remember: bool = True,
        secrets: tuple[str, ...] = (),
    ) -> Recording:
        """Pulls, records, pushes, and remembers."""
        self.runs += 1
        run_id = f"run-{self.runs}"
        self.outcomes[run_id] = "running"
        context = RunContext(
            run_id,
            "shop/b/items",
            lambda other: self.outcomes.get(other, "ended"),
            self.notes.append,
            lambda: None,
            Redactor(secrets),
        )
        before = EntityState() if config.first_load else self.state
        recording = Recording(entity, config, before, self.folder, context, PushRecord(run_id))
        self.recordings.append(recording)
        pull: Callable[[], Any] | None = None if pull_keys is None else lambda: opened(pull_keys)
        try:
            with recording.record(read(data), pull) as recorded:
                self.push(recorded)
                if not remember:
                    raise ConnectionError
        except BaseException:
            self.outcomes[run_id] = "ended"
            raise
        self.state = EntityState.from_json(recording.state().to_json())
        self.outcomes[run_id] = "pushed"
        recording.clean_up(self.notes.append)
        return recording

    def push(self, recorded: PulledData) -> None:
        frame = recorded.stream.joined()
        self.deletes = recorded.deletes
        pushed = dict.fromkeys(self.rows) | {row["id"]: row for row in frame.to_dict("records")}
        gone = set() if recorded.deletes is None else set(recorded.deletes["id"])
        self.rows = {key: row for key, row in pushed.items() if key not in gone}


def read(data: Any) -> PulledData:
    return read_pulled(data, DataFormat())


@contextlib.contextmanager
def opened(data: Any) -> Iterator[PulledData]:
    yield read(data)


@pytest.fixture
def target(tmp_path: Path) -> Target:
    return Target(tmp_path)


def rows(*ids: Any, **columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"id": list(ids)} | columns)


def test_watermarks_and_state_come_back_as_they_were(target: Target) -> None:
    config = settings(load_type="incremental", write_mode="append", **offset("at", "number"))
    at = pd.Timestamp("2024-10-27 00:30:00.123456789", tz="UTC").tz_convert("Europe/Berlin")
    state = {"cursor": 2**70, "seen": [datetime(2024, 1, 1)]}

    target.run(Pulled(rows(1, 2, at=[at, at - pd.Timedelta(1)], number=[5, None]), state=state), config)

    assert target.state.watermarks == {"at": at, "number": 5}
    assert target.state.driver_state == state


def offset(*columns: str) -> dict[str, Any]:
    return {"from": {"store": {"file_name": "a"}, "offset": {"offset_columns": columns}}}


def test_an_empty_pull_keeps_watermarks_state_and_snapshot(target: Target) -> None:
    config = keys_compared(**offset("id"))
    target.run(Pulled(rows(1, 2), state={"page": 1}), config)
    before = target.state

    target.run(rows(), config)

    assert target.state == before
    assert set(target.rows) == {1, 2}


def test_a_generator_may_fill_in_its_state_as_it_goes(target: Target) -> None:
    state: dict[str, int] = {}

    def pages() -> Iterator[pd.DataFrame]:
        for page in (1, 2):
            yield rows(page)
            state["page"] = page

    target.run(Pulled(pages(), state=state), settings(load_type="incremental", write_mode="append"))

    assert target.state.driver_state == {"page": 2}


def test_state_that_cannot_be_stored_is_refused_before_the_push(target: Target) -> None:
    config = settings(load_type="incremental", write_mode="append")

    with pytest.raises(UnusableDataError) as raised:
        target.run(Pulled(rows(1), state={"seen": {1, 2}}), config)

    assert str(raised.value) == (
        "pull_data of 'items' returned Pulled(state=…) with a value of the type set, which cannot be stored; "
        "use dicts, lists, strings, numbers, dates and times"
    )
    assert target.rows == {}


def test_a_secret_in_the_state_is_refused_before_the_push(target: Target) -> None:
    config = settings(load_type="incremental", write_mode="append")

    with pytest.raises(UnusableDataError, match="state is stored in clear, so leave such values out"):
        target.run(Pulled(rows(1), state={"url": "http://x/?token=s3cr3t99"}), config, secrets=("s3cr3t99",))

    assert target.rows == {}


def test_an_incremental_load_without_state_warns(target: Target) -> None:
    target.run(rows(1), settings(load_type="incremental", write_mode="append"))

    assert target.notes == [
        "load_type is incremental, but the mapping has no offset_columns and pull_data returned no Pulled(state=…), so "
        "the next run will load everything again"
    ]


def test_a_missing_offset_column_is_an_error_before_the_push(target: Target) -> None:
    with pytest.raises(WatermarkError):
        target.run(rows(1), settings(**offset("updated_at")))

    assert target.rows == {}


def test_a_full_load_may_lower_a_watermark_an_incremental_one_may_not(target: Target) -> None:
    full = settings(**offset("id"))
    incremental = settings(load_type="incremental", write_mode="append", **offset("id"))
    target.run(rows(9), full)
    target.run(rows(3), incremental)
    assert target.state.watermarks == {"id": 9}

    target.run(rows(3), full)

    assert target.state.watermarks == {"id": 3}


def test_a_first_run_deletes_nothing(target: Target) -> None:
    target.run(rows(1, 2), keys_compared())

    assert target.deletes is None


@pytest.mark.parametrize("chunked", [False, True])
def test_what_is_gone_is_deleted_once(target: Target, chunked: bool) -> None:
    config = keys_compared()
    target.run(rows(1, 2, 3), config)

    target.run([rows(1), rows(4)] if chunked else rows(1, 4), config)
    assert target.deletes is not None
    pd.testing.assert_frame_equal(target.deletes.sort_values("id", ignore_index=True), rows(2, 3))

    target.run(rows(1, 4), config)
    assert target.deletes is None
    assert set(target.rows) == {1, 4}


def test_a_key_that_comes_back_is_pushed_and_can_go_again(target: Target) -> None:
    config = keys_compared()
    for ids in ((1, 2), (1,), (1, 2)):
        target.run(rows(*ids), config)
    assert set(target.rows) == {1, 2}

    target.run(rows(1), config)

    assert set(target.rows) == {1}


def test_composite_keys_come_with_all_their_columns(target: Target) -> None:
    entity = replace(ENTITY, primary_keys=("region", "id"))
    config = keys_compared()
    target.run(rows(1, 1, region=["north", "süd"]), config, entity=entity)

    target.run(rows(1, region=["north"]), config, entity=entity)

    assert target.deletes is not None
    assert target.deletes.to_dict("records") == [{"region": "süd", "id": 1}]


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (pd.DataFrame({"id": [1, None]}), "the primary key 'id' is null in 1 of 2 rows"),
        (
            rows(7, 8, 7),
            "primary keys occur more than once in what pull_data returned, such as id=7, so deletions are not known",
        ),
        (pd.DataFrame({"key": [1]}), "the primary key 'id' is not in what pull_data returned; the columns are key"),
    ],
)
def test_keys_that_cannot_be_compared_are_an_error_before_the_push(
    target: Target, bad: pd.DataFrame, message: str, chunked: bool
) -> None:
    with pytest.raises(UnusableKeysError) as raised:
        target.run([rows(1000), bad] if chunked else bad, keys_compared())

    assert str(raised.value).startswith(message)
    assert target.rows == {}
    assert names(target) == []


def names(target: Target) -> list[str]:
    assert target.folder is not None
    return target.folder.names()


def test_too_many_deletes_are_refused_before_the_push(target: Target) -> None:
    config = keys_compared(max_delete_fraction=0.5)
    target.run(rows(*range(1200)), config)

    with pytest.raises(TooManyDeletesError) as raised:
        target.run(rows(*range(300)), config)

    assert str(raised.value) == (
        "900 of 1,200 known keys (75%) are not among the 300 that were pulled, and max_delete_fraction is 0.5; nothing "
        "was pushed. Find out why the source lacks them; if they were deleted there, raise max_delete_fraction for one "
        "run (1 allows all)"
    )
    assert len(target.rows) == 1200
    assert len(names(target)) == 1

    target.run(rows(*range(300)), keys_compared(max_delete_fraction=1.0))
    assert len(target.rows) == 300


def test_deletes_up_to_the_fraction_are_allowed(target: Target) -> None:
    config = keys_compared(max_delete_fraction=0.5)
    target.run(rows(1, 2, 3, 4), config)

    target.run(rows(1, 2), config)

    assert set(target.rows) == {1, 2}


def test_soft_deletes_carry_the_columns_that_mark_them(target: Target) -> None:
    config = keys_compared(
        delete_mode="soft_delete",
        delete_log_columns=[{"column": "deleted", "value": 1}, {"column": "why", "value": "gone"}],
    )
    target.run(rows(1, 2), config)

    target.run(rows(1), config)

    assert target.deletes is not None
    assert target.deletes.to_dict("records") == [{"id": 2, "deleted": 1, "why": "gone"}]


def test_hard_deletes_carry_keys_only(target: Target) -> None:
    config = keys_compared(delete_log_columns=[{"column": "deleted", "value": 1}])
    target.run(rows(1, 2), config)

    target.run(rows(1), config)

    assert target.deletes is not None
    assert list(target.deletes.columns) == ["id"]


def test_the_drivers_own_deletes_are_merged_with_those_found(target: Target) -> None:
    config = keys_compared()
    target.run(rows(1, 2, 3, 4), config)

    target.run((rows(1), rows(2, 9, why=["sold", "lost"])), config)

    assert target.deletes is not None
    merged = target.deletes.sort_values("id")
    assert merged["id"].tolist() == [2, 3, 4, 9]
    assert merged["why"].fillna("found").tolist() == ["sold", "found", "found", "lost"]


def test_own_deletes_without_the_key_cannot_be_merged(target: Target) -> None:
    config = keys_compared()
    target.run(rows(1, 2), config)

    with pytest.raises(UnusableDataError, match="have no column id, so they cannot be combined"):
        target.run((rows(1), pd.DataFrame({"name": ["x"]})), config)


def test_first_load_compares_with_nothing(target: Target) -> None:
    target.run(rows(1, 2), keys_compared())

    target.run(rows(1), keys_compared(first_load=True))
    assert target.deletes is None

    target.run(rows(1), keys_compared())
    assert target.deletes is None


def test_another_key_starts_again_and_says_so(target: Target) -> None:
    target.run(rows(1, 2, code=["a", "b"]), keys_compared())

    target.run(rows(1, code=["a"]), keys_compared(), entity=replace(ENTITY, primary_keys=("code",)))

    assert target.deletes is None
    assert target.notes == [
        "the primary keys were id (integer) and are code (text) now, so what was deleted in between is not known; "
        "the key snapshot starts again"
    ]


def test_a_push_without_stored_state_is_compared_with_too(target: Target) -> None:
    config = keys_compared()
    target.run(rows(1), config)
    with pytest.raises(ConnectionError):
        target.run(rows(1, 2), config, remember=False)
    assert set(target.rows) == {1, 2}

    target.run(rows(1), config)

    assert set(target.rows) == {1}


def test_a_push_of_a_first_run_without_stored_state_is_compared_with_too(target: Target) -> None:
    config = keys_compared()
    with pytest.raises(ConnectionError):
        target.run(rows(1, 2), config, remember=False)

    target.run(rows(1), config)

    assert set(target.rows) == {1}


def test_snapshots_that_were_reset_are_not_compared_with(target: Target) -> None:
    config = keys_compared()
    target.run(rows(1, 2), config)
    target.state = EntityState()
    target.outcomes["run-1"] = "wiped"

    target.run(rows(1), config)

    assert target.deletes is None


def test_keys_are_still_known_while_delete_type_is_none(target: Target) -> None:
    target.run(rows(1, 2), keys_compared())
    target.run(rows(1, 2), settings(**offset("id")))

    target.run(rows(1), keys_compared())

    assert set(target.rows) == {1}


def test_bytes_of_a_secret_in_the_state_are_refused_too(target: Target) -> None:
    with pytest.raises(UnusableDataError, match="state is stored in clear"):
        target.run(Pulled(rows(1), state=[b"s3cr3t99"]), settings(**offset("id")), secrets=("s3cr3t99",))


def test_keys_of_other_types_than_the_rows_are_an_error_whatever_they_are(target: Target) -> None:
    with pytest.raises(PullError, match=r"the keys id \(date\), but pull_data rows with id \(integer\)"):
        target.run(rows(1), INCREMENTAL, pull_keys=rows(date(2024, 1, 1)))


def test_the_last_three_snapshots_stay(target: Target) -> None:
    for number in range(6):
        target.run(rows(number, 100), keys_compared())

    assert [name.partition("_")[2] for name in names(target)] == ["run-4.parquet", "run-5.parquet", "run-6.parquet"]


def test_a_snapshot_that_is_gone_is_an_error_before_the_push(target: Target) -> None:
    target.run(rows(1, 2), keys_compared())
    assert target.folder is not None
    target.folder.remove(target.folder.names())

    with pytest.raises(StateStorageError, match=r"it is not there; .* custom-store state reset"):
        target.run(rows(1), keys_compared())

    assert set(target.rows) == {1, 2}


def test_without_a_place_for_snapshots_keys_are_checked_anyway(target: Target) -> None:
    target.folder = None
    target.run(rows(1, 2), keys_compared())

    with pytest.raises(UnusableKeysError):
        target.run(rows(1, 1), keys_compared())


INCREMENTAL = keys_compared(load_type="incremental", write_mode="upsert", **offset("id"))


@pytest.mark.parametrize(
    "bad",
    [
        rows(7, 7),
        rows(1, None),
        rows([1]),
        pd.DataFrame({"key": [1]}),
        pd.DataFrame([[1, 2]], columns=["id", "id"]),
        [rows(1), rows("1")],
    ],
    ids=["double", "null", "unknown type", "missing", "two columns", "changing type"],
)
def test_keys_that_pull_keys_returned_are_not_blamed_on_pull_data(target: Target, bad: Any) -> None:
    with pytest.raises(UnusableKeysError) as raised:
        target.run(rows(1), INCREMENTAL, pull_keys=bad)

    assert "pull_keys" in str(raised.value)
    assert "pull_data" not in str(raised.value)


@pytest.mark.parametrize("chunked", [False, True])
def test_an_incremental_load_finds_deletions_among_all_keys(target: Target, chunked: bool) -> None:
    target.run(rows(1, 2, 3), INCREMENTAL, pull_keys=rows(1, 2, 3))

    target.run([rows(4)] if chunked else rows(4), INCREMENTAL, pull_keys=[rows(1), rows(3, 4)])

    assert set(target.rows) == {1, 3, 4}


@pytest.mark.parametrize("chunked", [False, True])
def test_a_row_that_came_after_its_keys_were_pulled_is_not_lost(target: Target, chunked: bool) -> None:
    target.run([rows(1, 2)] if chunked else rows(1, 2), INCREMENTAL, pull_keys=rows(1))

    target.run(rows(), INCREMENTAL, pull_keys=rows(1))

    assert set(target.rows) == {1}


def test_a_row_that_came_back_after_its_keys_were_pulled_is_not_deleted(target: Target) -> None:
    target.run(rows(1, 2), INCREMENTAL, pull_keys=rows(1, 2))

    target.run(rows(2), INCREMENTAL, pull_keys=rows(1))
    assert set(target.rows) == {1, 2}

    with pytest.raises(PullError, match="the source changed while it was read: 1 rows that pull_keys did not have"):
        target.run([rows(2)], INCREMENTAL, pull_keys=rows(1))


def test_keys_and_rows_of_different_types_are_an_error(target: Target) -> None:
    with pytest.raises(PullError, match=r"the keys id \(text\), but pull_data rows with id \(integer\)"):
        target.run(rows(1), INCREMENTAL, pull_keys=rows("1"))


def test_a_full_load_in_chunks_uses_the_keys_of_the_driver_if_it_has_them(target: Target) -> None:
    order: list[str] = []

    def pulled(what: str) -> Iterator[pd.DataFrame]:
        order.append(what)
        yield rows(1)

    target.run(pulled("rows"), keys_compared(), pull_keys=pulled("keys"))

    assert order == ["keys", "rows"]  # nothing had to be kept until the keys were known
    assert set(target.rows) == {1}


LATE = (
    "2 keys that pull_keys returned are neither in the target nor in what pull_data returned, such as id=5 and id=6: "
    "rows that came late, or were restored with an old value of an offset column, are missing in the target. Pull them "
    "with from.offset.lookback, or load everything once with first_load: true. Rows that came while the source was "
    "read are in the next run"
)


@pytest.mark.parametrize("chunked", [False, True])
def test_rows_that_came_late_stay_out_of_the_snapshot_and_are_named(target: Target, chunked: bool) -> None:
    target.run(rows(1, 7), INCREMENTAL, pull_keys=rows(1, 7))

    target.run([rows(8)] if chunked else rows(8), INCREMENTAL, pull_keys=rows(1, 5, 6, 7, 8))
    assert target.notes == [LATE]
    assert target.state.snapshot.keys == 3

    # It is said until they are there, and when they are, they are known.
    target.run(rows(), INCREMENTAL, pull_keys=rows(1, 5, 6, 7, 8))
    assert target.notes == [LATE, LATE]
    target.run([rows(5, 6)] if chunked else rows(5, 6), INCREMENTAL, pull_keys=rows(1, 5, 6, 7, 8))
    target.run(rows(), INCREMENTAL, pull_keys=rows(1, 6, 7, 8))
    assert target.notes == [LATE, LATE]
    assert set(target.rows) == {1, 6, 7, 8}


def test_a_run_that_failed_does_not_hide_rows_that_came_late(target: Target) -> None:
    target.run(rows(1, 7), INCREMENTAL, pull_keys=rows(1, 7))
    with pytest.raises(ConnectionError):
        target.run([rows(8)], INCREMENTAL, pull_keys=rows(1, 5, 6, 7, 8), remember=False)
    target.notes.clear()

    target.run([rows(8)], INCREMENTAL, pull_keys=rows(1, 5, 6, 7, 8))

    assert target.notes == [LATE]


def test_a_first_run_that_pulls_less_than_all_keys_says_so(target: Target) -> None:
    target.run(rows(), INCREMENTAL, pull_keys=rows(5, 6))

    assert target.notes == [LATE]
    assert target.state.snapshot.files == ()


def test_keys_of_rows_that_were_pushed_before_keys_were_compared_count(target: Target) -> None:
    """What was pushed while delete_type was off is in the target, though no snapshot tells of it."""
    without_keys = settings(load_type="incremental", write_mode="upsert", **offset("id"))
    target.run(rows(1, 2, 3), without_keys)
    target.run(rows(4), INCREMENTAL, pull_keys=rows(1, 2, 3, 4))
    assert not any("neither in the target" in note for note in target.notes)

    target.run(rows(), INCREMENTAL, pull_keys=rows(1, 3, 4))

    assert set(target.rows) == {1, 3, 4}


def test_columns_of_several_types_that_came_late_stay_out_of_the_snapshot(target: Target) -> None:
    entity = replace(ENTITY, primary_keys=("id",))
    config = keys_compared(load_type="incremental", write_mode="upsert", **offset("at"))
    keys = [1, "a", 2]
    target.run(rows(*keys[:2], at=[1, 2]), config, pull_keys=rows(*keys[:2]), entity=entity)

    target.run(rows(at=[]), config, pull_keys=rows(*keys), entity=entity)

    assert "1 keys that pull_keys returned" in target.notes[0]
    assert target.state.snapshot.keys == 2

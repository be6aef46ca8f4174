"""What is loaded from Dagster's event log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest
from dagster._core.events import StepMaterializationData

from custom_store_pipeline.errors import StateError
from custom_store_pipeline.orchestration.state_store import STATE, load_state, outcome_of, reset_state
from custom_store_pipeline.state.entity_state import EntityState, SnapshotRecord

KEY = ("shop", "target", "items")


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as found:
        yield found


def materialize(
    instance: dg.DagsterInstance, state: EntityState | None = None, partition: str | None = None, **metadata: Any
) -> int:
    """Stores a materialization, and returns its position."""
    found = metadata if state is None else metadata | {STATE: state.to_json()}
    instance.report_runless_asset_event(dg.AssetMaterialization(dg.AssetKey(KEY), metadata=found, partition=partition))
    (record,) = instance.fetch_materializations(dg.AssetKey(KEY), limit=1).records
    return record.storage_id


def number(value: int, begun_after: int = 0) -> EntityState:
    return EntityState({"number": value}, begun_after=begun_after)


def test_nothing_is_recalled_of_what_was_never_materialized(instance: dg.DagsterInstance) -> None:
    loaded = load_state(instance, KEY, None)

    assert loaded.state is None
    assert loaded.position == 0


def test_materializations_that_carry_no_state_are_skipped(instance: dg.DagsterInstance) -> None:
    position = materialize(instance, number(1))
    for _ in range(120):  # more than a page of them
        materialize(instance, rows=5)

    loaded = load_state(instance, KEY, None)

    assert loaded.state == number(1)
    assert loaded.position == position


def test_the_newest_state_counts(instance: dg.DagsterInstance) -> None:
    first = materialize(instance, number(1))
    materialize(instance, number(2, begun_after=first))

    assert load_state(instance, KEY, None).state == number(2, begun_after=first)


def test_partitions_are_kept_apart(instance: dg.DagsterInstance) -> None:
    materialize(instance, number(1), "a")
    materialize(instance, number(2), "b")

    assert load_state(instance, KEY, "a").state == number(1)
    assert load_state(instance, KEY, "c").state is None
    assert load_state(instance, KEY, None).state is None


def test_after_runs_that_overlapped_the_next_one_starts_where_the_earlier_began(instance: dg.DagsterInstance) -> None:
    begin = materialize(instance, number(1))
    materialize(instance, number(5, begun_after=begin))
    last = materialize(instance, EntityState({"number": 4}, snapshot=SnapshotRecord(("x",)), begun_after=begin))

    loaded = load_state(instance, KEY, None)

    assert loaded.overlapped
    assert loaded.state == EntityState({"number": 1}, snapshot=SnapshotRecord(("x",)), begun_after=begin)
    assert loaded.position == last
    assert loaded.starts_from == begin  # the same idempotency key as that of the two: what they sent is replaced

    materialize(instance, number(6, begun_after=last))
    assert not load_state(instance, KEY, None).overlapped


def test_a_chain_of_overlaps_goes_back_to_the_earliest_beginning(instance: dg.DagsterInstance) -> None:
    begin = materialize(instance, number(1))
    second = materialize(instance, number(2, begun_after=begin))
    materialize(instance, number(3, begun_after=begin))  # began before the second was stored
    materialize(instance, number(4, begun_after=second))  # began before the third was stored

    state = load_state(instance, KEY, None).state

    assert state is not None
    assert state.watermarks == {"number": 1}


def test_first_runs_that_overlapped_are_followed_by_a_load_of_everything(instance: dg.DagsterInstance) -> None:
    materialize(instance, number(1))
    materialize(instance, number(2))

    state = load_state(instance, KEY, None).state

    assert state is not None
    assert state.watermarks == {}


def test_state_that_was_reset_is_not_loaded(instance: dg.DagsterInstance) -> None:
    before = materialize(instance, number(1))
    reset_state(instance, KEY, None)

    loaded = load_state(instance, KEY, None)
    assert loaded.state is None
    assert loaded.position > before

    materialize(instance, number(2, begun_after=loaded.position))
    assert load_state(instance, KEY, None).state == number(2, begun_after=loaded.position)


def test_what_a_run_stores_that_overlapped_a_reset_does_not_count(instance: dg.DagsterInstance) -> None:
    begin = materialize(instance, number(1))
    reset_state(instance, KEY, None)
    last = materialize(instance, number(2, begun_after=begin))

    loaded = load_state(instance, KEY, None)
    assert loaded.state is None
    assert loaded.position == last

    materialize(instance, number(3, begun_after=last))
    state = load_state(instance, KEY, None).state
    assert state is not None
    assert state.watermarks == {"number": 3}


def test_one_partition_is_reset_or_all(instance: dg.DagsterInstance) -> None:
    for partition in ("a", "b"):
        materialize(instance, number(1), partition)

    reset_state(instance, KEY, "a")
    assert load_state(instance, KEY, "a").state is None
    assert load_state(instance, KEY, "b").state == number(1)

    reset_state(instance, KEY, None)
    assert load_state(instance, KEY, "b").state is None


def test_a_wiped_asset_starts_from_nothing(instance: dg.DagsterInstance) -> None:
    materialize(instance, number(1))
    instance.wipe_assets([dg.AssetKey(KEY)])

    assert load_state(instance, KEY, None).state is None


def test_state_of_another_version_is_refused(instance: dg.DagsterInstance) -> None:
    materialize(instance, **{STATE: {"version": 99}})

    with pytest.raises(StateError, match="written by another version of custom_store_pipeline"):
        load_state(instance, KEY, None)


def run_of(instance: dg.DagsterInstance, status: dg.DagsterRunStatus, *materialized: str) -> str:
    """A run that has stored materializations of entities."""
    run_id = instance.create_run_for_job(_job(), status=status).run_id
    for entity in materialized:
        event = dg.DagsterEvent(
            dg.DagsterEventType.ASSET_MATERIALIZATION.value,
            "empty",
            event_specific_data=StepMaterializationData(dg.AssetMaterialization(dg.AssetKey([*KEY[:2], entity]))),
        )
        instance.report_dagster_event(event, run_id)
    return run_id


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (dg.DagsterRunStatus.STARTED, "running"),
        (dg.DagsterRunStatus.SUCCESS, "ended"),
        (dg.DagsterRunStatus.FAILURE, "ended"),
    ],
)
def test_what_became_of_an_entity_is_judged_by_the_entity(
    instance: dg.DagsterInstance, status: dg.DagsterRunStatus, outcome: str
) -> None:
    pushed, other = run_of(instance, status, "items"), run_of(instance, status, "others")

    assert outcome_of(instance, KEY, None, pushed) == "pushed"
    assert outcome_of(instance, KEY, "a", pushed) == outcome
    assert outcome_of(instance, KEY, None, other) == outcome

    instance.wipe_assets([dg.AssetKey(KEY)])
    later = run_of(instance, status, "items")

    assert outcome_of(instance, KEY, None, pushed) == "wiped"
    assert outcome_of(instance, KEY, None, other) == outcome
    assert outcome_of(instance, KEY, None, later) == "pushed"


def test_of_a_run_that_was_deleted_nothing_is_known(instance: dg.DagsterInstance) -> None:
    run_id = run_of(instance, dg.DagsterRunStatus.SUCCESS, "items")
    instance.delete_run(run_id)

    assert outcome_of(instance, KEY, None, run_id) == "ended"


def test_a_state_of_a_run_that_met_a_wipe_does_not_count(instance: dg.DagsterInstance) -> None:
    materialize(instance, EntityState({"number": 1}, wiped_at=0))
    began = load_state(instance, KEY, None)
    instance.wipe_assets([dg.AssetKey(KEY)])
    position = materialize(instance, EntityState({"number": 2}, begun_after=began.position, wiped_at=began.wiped_at))

    loaded = load_state(instance, KEY, None)
    assert loaded.state is None
    assert loaded.position == position

    materialize(instance, EntityState({"number": 3}, begun_after=position, wiped_at=loaded.wiped_at))
    state = load_state(instance, KEY, None).state
    assert state is not None
    assert state.watermarks == {"number": 3}


def test_the_first_run_may_meet_a_wipe_too(instance: dg.DagsterInstance) -> None:
    materialize(instance)  # reported in the UI, so there is something to wipe
    began = load_state(instance, KEY, None)
    instance.wipe_assets([dg.AssetKey(KEY)])
    materialize(instance, EntityState({"number": 2}, wiped_at=began.wiped_at))

    assert load_state(instance, KEY, None).state is None


def _job() -> dg.JobDefinition:
    @dg.op
    def nothing() -> None: ...

    @dg.job
    def empty() -> None:
        nothing()

    return empty

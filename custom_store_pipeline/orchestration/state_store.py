"""Where state is stored: in Dagster's event log, in the metadata of materializations.

So the state is there exactly when the push has succeeded, wherever Dagster's storage is. It is gone when the asset is
wiped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import dagster as dg

from custom_store_pipeline.config.entity import AssetPath
from custom_store_pipeline.state.pushes import PushRecord
from custom_store_pipeline.state.run_context import Outcome
from custom_store_pipeline.state.starting_point import LoadedState, StoredState, starting_point

STATE = "custom_store/state"
_RESET = "custom_store/state_forgotten"  # the first name of it; event logs have it
_PAGE = 100
# Runs are stamped by the database, events by the machine that runs the step.
_CLOCKS_DIFFER = 86_400.0


def load_state(
    instance: dg.DagsterInstance, key: AssetPath, partition: str | None, failed: Sequence[PushRecord] = ()
) -> LoadedState:
    """Loads the state of an entity or a partition of it.

    Materializations without state (for example those that were reported in the UI) are skipped.

    Args:
        instance: Dagster's instance.
        key: the entity's asset key.
        partition: its partition, or None.
        failed: its pushes that have ended without stored state.

    Raises:
        StateError: a newer version of this package wrote it.
    """
    asset = dg.AssetKey(key)
    return starting_point(
        _states(instance, asset, partition),
        lambda after: _reset_after(instance, asset, partition, after),
        last_wipe(instance, key),
        failed,
    )


def last_wipe(instance: dg.DagsterInstance, key: AssetPath) -> float:
    """When the asset was last wiped; 0 if never."""
    records = instance.get_asset_records([dg.AssetKey(key)])
    details = records[0].asset_entry.asset_details if records else None
    return (details.last_wipe_timestamp if details else None) or 0


def reset_state(instance: dg.DagsterInstance, key: AssetPath, partition: str | None) -> None:
    """Resets the state. The asset's history stays; an observation in it says what happened."""
    instance.report_runless_asset_event(
        dg.AssetObservation(
            dg.AssetKey(key),
            partition=partition,
            description="The state of this entity was reset; the next run loads everything.",
            metadata={_RESET: True},
        )
    )


def outcome_of(instance: dg.DagsterInstance, key: AssetPath, partition: str | None, run_id: str) -> Outcome:
    """What became of an entity, or a partition of it, in a run; judged by the entity, not by the run's status.

    ``running`` also if the run's process was killed, as long as Dagster does not know of it; ``ended`` also if the run
    was deleted.
    """
    run = instance.get_run_record_by_id(run_id)
    if run is None:
        return "ended"
    asset = dg.AssetKey(key)
    since = run.create_timestamp.timestamp() - _CLOCKS_DIFFER
    if any(record.run_id == run_id for record in _materializations(instance, asset, partition, since)):
        return "pushed"
    if last_wipe(instance, key) and _stored_with_run(instance, asset, partition, run_id):
        return "wiped"
    return "ended" if run.dagster_run.is_finished else "running"


def is_stored(instance: dg.DagsterInstance, key: AssetPath, position: int) -> bool:
    """Whether a materialization is still there: its run may be deleted, and its asset wiped."""
    asked = dg.AssetRecordsFilter(dg.AssetKey(key), storage_ids=[position])
    return bool(instance.fetch_materializations(asked, limit=1).records)


def _states(instance: dg.DagsterInstance, key: dg.AssetKey, partition: str | None) -> Iterator[StoredState]:
    """The materializations that carry state, newest first."""
    for record in _materializations(instance, key, partition):
        materialization = record.asset_materialization
        value = materialization.metadata.get(STATE) if materialization else None
        if value is not None:
            when = datetime.fromtimestamp(record.timestamp, UTC)
            yield StoredState(value.value, record.storage_id, record.run_id, when)


def _materializations(
    instance: dg.DagsterInstance, key: dg.AssetKey, partition: str | None, since: float | None = None
) -> Iterator[dg.EventLogRecord]:
    """Newest first. Mostly the first two are all that is asked for."""
    cursor: str | None = None
    limit = 2
    partitions = None if partition is None else [partition]
    asked = dg.AssetRecordsFilter(key, asset_partitions=partitions, after_timestamp=since)
    while True:
        result = instance.fetch_materializations(asked, limit=limit, cursor=cursor)
        yield from (record for record in result.records if record.partition_key == partition)
        if not result.has_more:
            return
        cursor, limit = result.cursor, _PAGE


def _stored_with_run(instance: dg.DagsterInstance, key: dg.AssetKey, partition: str | None, run_id: str) -> bool:
    """Whether a run stored a materialization, wiped or not."""
    cursor: str | None = None
    while True:
        found = instance.get_records_for_run(run_id, cursor, dg.DagsterEventType.ASSET_MATERIALIZATION, _PAGE)
        for record in found.records:
            materialization = record.asset_materialization
            if materialization and (materialization.asset_key, materialization.partition) == (key, partition):
                return True
        if not found.has_more:
            return False
        cursor = found.cursor


def _reset_after(instance: dg.DagsterInstance, key: dg.AssetKey, partition: str | None, after: int) -> int:
    """The position of the newest reset after a position; 0 if there is none."""
    records = dg.AssetRecordsFilter(key, after_storage_id=after)
    cursor: str | None = None
    while True:
        result = instance.fetch_observations(records, limit=_PAGE, cursor=cursor)
        for record in result.records:
            event = record.event_log_entry.dagster_event
            observation = event.asset_observation_data.asset_observation if event else None
            if observation and _RESET in observation.metadata and observation.partition in (None, partition):
                return record.storage_id
        if not result.has_more:
            return 0
        cursor = result.cursor

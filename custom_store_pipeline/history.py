"""What Dagster's event log remembers of an entity, and how it is made to forget.

State lives in the metadata of materialisations: it is there exactly when the push has succeeded, wherever Dagster's
storage is, and gone when the asset is wiped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from custom_store_pipeline.config.loading import AssetPath
from custom_store_pipeline.errors import StateError
from custom_store_pipeline.state.remembered import Remembered
from custom_store_pipeline.state.surroundings import RunStatus

STATE = "custom_store/state"
_FORGOTTEN = "custom_store/state_forgotten"
_PAGE = 100


@dataclass(frozen=True)
class Recalled:
    """What was found.

    Attributes:
        remembered: what the next run starts from; None for nothing.
        position: where it was found in the event log: changes with each successful push and each forgetting.
        starts_from: the position of the state that the next run starts from; an earlier one after runs that overlapped.
        run_id: the run that pushed, or that forgot by hand (then empty).
        when: when it was stored, in UTC; None for nothing.
        overlapped: two runs of the entity were at work at once, so that the next one starts where the earlier of them
            started.
    """

    remembered: Remembered | None = None
    position: int = 0
    starts_from: int = 0
    run_id: str = ""
    when: datetime | None = None
    overlapped: bool = False


def recall(instance: dg.DagsterInstance, key: AssetPath, partition: str | None) -> Recalled:
    """What is remembered of an entity or a partition of it.

    Materialisations that carry no state (reported in the UI, say) are looked past.

    Raises:
        StateError: a newer version of this package wrote it.
    """
    states = _states(instance, dg.AssetKey(key), partition)
    latest = next(states, None)
    # What a run remembered that was at work while all was forgotten does not count either.
    since = latest.begun_after if latest else 0
    forgotten = _forgotten_at(instance, dg.AssetKey(key), partition, since)
    if latest is None or forgotten:
        position = max(forgotten, latest.position if latest else 0)
        return Recalled(position=position, starts_from=position)
    # Runs that began before the latest one had pushed, and that pushed before it was stored: which of them wrote a row
    # last cannot be known, so the next run takes up where the earliest of them did.
    began = since
    overlapped = False
    before = Remembered()
    for earlier in states:
        if earlier.position <= began:
            before = earlier.decoded() if earlier.position == began else before
            break
        overlapped = True
        began = min(began, earlier.begun_after)
    remembered, starts_from = latest.decoded(), latest.position
    if overlapped:
        remembered = replace(remembered, watermarks=before.watermarks, driver_state=before.driver_state)
        starts_from = began
    return Recalled(remembered, latest.position, starts_from, latest.run_id, latest.when, overlapped)


def last_wipe(instance: dg.DagsterInstance, key: AssetPath) -> float:
    """When the asset was last wiped; 0 if never."""
    records = instance.get_asset_records([dg.AssetKey(key)])
    details = records[0].asset_entry.asset_details if records else None
    return (details.last_wipe_timestamp if details else None) or 0


def forget(instance: dg.DagsterInstance, key: AssetPath, partition: str | None) -> None:
    """Makes the next run start from nothing. The asset's history stays; an observation in it says what happened."""
    instance.report_runless_asset_event(
        dg.AssetObservation(
            dg.AssetKey(key),
            partition=partition,
            description="What was remembered of this entity was forgotten; the next run loads everything.",
            metadata={_FORGOTTEN: True},
        )
    )


def run_status(instance: dg.DagsterInstance, run_id: str) -> RunStatus:
    """How a run is, as far as this instance knows; a process that was killed leaves it ``running``."""
    run = instance.get_run_by_id(run_id)
    if run is None or (run.is_finished and not run.is_success):
        return "ended"
    return "succeeded" if run.is_success else "running"


@dataclass(frozen=True)
class _Stored:
    """State in a materialisation, as it was stored."""

    content: Any
    position: int
    run_id: str
    when: datetime

    @property
    def begun_after(self) -> int:
        found = self.content.get("begun_after") if isinstance(self.content, dict) else None
        return found if isinstance(found, int) else self.position

    def decoded(self) -> Remembered:
        try:
            return Remembered.from_json(self.content)
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
            problem = f"what is remembered cannot be read ({type(error).__name__}: {error})"
        raise StateError(f"{problem}; forget it: custom-store state reset ENTITY")


def _states(instance: dg.DagsterInstance, key: dg.AssetKey, partition: str | None) -> Iterator[_Stored]:
    """The materialisations that carry state, newest first. Mostly the first two are all that is asked for."""
    cursor: str | None = None
    limit = 2
    records = dg.AssetRecordsFilter(key, asset_partitions=None if partition is None else [partition])
    while True:
        result = instance.fetch_materializations(records, limit=limit, cursor=cursor)
        for record in result.records:
            materialization = record.asset_materialization
            value = materialization.metadata.get(STATE) if materialization else None
            if value is not None and record.partition_key == partition:
                yield _Stored(
                    value.value, record.storage_id, record.run_id, datetime.fromtimestamp(record.timestamp, UTC)
                )
        if not result.has_more:
            return
        cursor, limit = result.cursor, _PAGE


def _forgotten_at(instance: dg.DagsterInstance, key: dg.AssetKey, partition: str | None, after: int) -> int:
    """The position of the newest forgetting after a position; 0 if there is none."""
    records = dg.AssetRecordsFilter(key, after_storage_id=after)
    cursor: str | None = None
    while True:
        result = instance.fetch_observations(records, limit=_PAGE, cursor=cursor)
        for record in result.records:
            event = record.event_log_entry.dagster_event
            observation = event.asset_observation_data.asset_observation if event else None
            if observation and _FORGOTTEN in observation.metadata and observation.partition in (None, partition):
                return record.storage_id
        if not result.has_more:
            return 0
        cursor = result.cursor

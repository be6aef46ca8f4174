"""The status of entities in Dagster's storage: when each was last materialized, and with how many rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from custom_store_pipeline.config.mapping import LoadedMapping


@dataclass(frozen=True)
class EntityStatus:
    """The last materialization of one entity.

    Attributes:
        key: the asset key, its parts joined by ``/``.
        entity: the entity's name in the target.
        rows: rows that were pushed, or None if it was never materialized.
        seconds: pull and push together, or None.
        when: the end of the push in UTC, or None.
        last_run_failed: whether a later run than that of the materialization ended without it.
        location: where the driver said the entity is now (``location`` of its status), or else its asset key.
    """

    key: str
    entity: str
    rows: int | None = None
    seconds: float | None = None
    when: datetime | None = None
    location: str = ""
    last_run_failed: bool = False


def latest_status(mappings: Sequence[LoadedMapping]) -> list[EntityStatus]:
    """The status of every entity of some mappings, in their order, from the instance of ``DAGSTER_HOME``.

    Raises:
        dagster.DagsterHomeNotSetError: ``DAGSTER_HOME`` is not set, so no state is stored.
    """
    entities = [entity for mapping in mappings for entity in mapping.entities]
    with dg.DagsterInstance.get() as instance:
        records = {
            record.asset_entry.asset_key: record.asset_entry
            for record in instance.get_asset_records([dg.AssetKey(entity.target_key) for entity in entities])
        }
        failed_runs = {
            run_id
            for run_id in {entry.last_run_id for entry in records.values()}
            if run_id and (run := instance.get_run_by_id(run_id)) and run.is_failure_or_canceled
        }
    statuses = []
    for entity in entities:
        key = "/".join(entity.target_key)
        entry = records.get(dg.AssetKey(entity.target_key))
        record = entry.last_materialization_record if entry else None
        failed = entry is not None and entry.last_run_id in failed_runs
        if record is None or record.asset_materialization is None:
            statuses.append(EntityStatus(key, entity.target_name, last_run_failed=failed))
            continue
        values: dict[str, Any] = {name: value.value for name, value in record.asset_materialization.metadata.items()}
        statuses.append(
            EntityStatus(
                key,
                entity.target_name,
                rows=values.get("dagster/row_count"),
                seconds=values.get("pull_seconds", 0) + values.get("push_seconds", 0),
                when=datetime.fromtimestamp(record.timestamp, UTC),
                location=str(values.get("location", key)),
                last_run_failed=failed and entry is not None and record.run_id != entry.last_run_id,
            )
        )
    return statuses

"""Shows the stored state of entities, and resets it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import dagster as dg

from custom_store_pipeline.config.entity import AssetPath, Entity
from custom_store_pipeline.errors import StateError
from custom_store_pipeline.orchestration.state_store import load_state
from custom_store_pipeline.orchestration.step_state import parts_of, reset_entity, snapshot_folder
from custom_store_pipeline.state.serialization import encode, shown


@dataclass(frozen=True)
class StateReport:
    """The stored state of one entity, or of one partition of it.

    Attributes:
        entity: the entity.
        watermarks: the offset columns' values, as texts; None for a column that never held a value.
        driver_state: the driver's own state as JSON, or None.
        snapshot: where the key snapshot is, or None.
        snapshot_keys: how many keys it holds.
        snapshot_bytes: how large it is.
        run_id: the run that pushed.
        when: when its push was stored, in UTC.
        problem: why the state cannot be read; empty if it can.
    """

    entity: Entity
    watermarks: dict[str, str | None] = field(default_factory=dict)
    driver_state: Any = None
    snapshot: str | None = None
    snapshot_keys: int = 0
    snapshot_bytes: int = 0
    run_id: str = ""
    when: datetime | None = None
    problem: str = ""

    @property
    def key(self) -> str:
        """The asset key, its parts joined by ``/``."""
        return "/".join(self.entity.target_key)

    @property
    def partition(self) -> str | None:
        """The partition's key, or None."""
        return self.entity.partition_key

    def as_json(self) -> dict[str, Any]:
        """All of it, for other programs."""
        return {
            "entity": self.key,
            "partition": self.partition,
            "watermarks": self.watermarks,
            "driver_state": self.driver_state,
            "snapshot": self.snapshot,
            "snapshot_keys": self.snapshot_keys,
            "snapshot_bytes": self.snapshot_bytes,
            "run_id": self.run_id,
            "when": self.when.isoformat() if self.when else None,
            "problem": self.problem,
        }

    def __str__(self) -> str:
        """A heading, and a line for each part of the state."""
        lines = [self.key if self.partition is None else f"{self.key}, partition {self.partition}"]
        lines += [f"  watermark     {column}: {value or 'none yet'}" for column, value in self.watermarks.items()]
        if self.driver_state is not None:
            lines.append(f"  driver state  {json.dumps(self.driver_state, ensure_ascii=False)}")
        if self.snapshot:
            lines.append(f"  snapshot      {self.snapshot_keys:,} keys, {self.snapshot_bytes:,} bytes: {self.snapshot}")
        if self.problem:
            lines.append(f"  problem       {self.problem}")
        if self.when:
            lines.append(f"  since         {self.when:%Y-%m-%d %H:%M:%S} UTC, by run {self.run_id}")
        return "\n".join(lines)


def parts_and_reports(entities: Iterable[Entity]) -> list[tuple[Entity, StateReport | None]]:
    """Entities and their materialized partitions, with the state of each in the instance of ``DAGSTER_HOME``."""
    with dg.DagsterInstance.get() as instance:
        return [(part, _report(instance, part)) for entity in entities for part in parts_of(instance, entity)]


def is_known(key: AssetPath) -> bool:
    """Whether the instance of ``DAGSTER_HOME`` knows an asset of this key, in a mapping or not."""
    with dg.DagsterInstance.get() as instance:
        return instance.has_asset_key(dg.AssetKey(key))


def reset_all(parts: Iterable[Entity]) -> None:
    """Resets the state of entities or partitions of them, and removes their key snapshots.

    Raises:
        StateStorageError: key snapshots cannot be removed.
    """
    with dg.DagsterInstance.get() as instance:
        for part in parts:
            reset_entity(instance, part)


def _report(instance: dg.DagsterInstance, part: Entity) -> StateReport | None:
    try:
        found = load_state(instance, part.target_key, part.partition_key)
    except StateError as error:
        return StateReport(part, problem=str(error))
    state, folder = found.state, snapshot_folder(instance, part)
    if state is None:
        return None
    snapshot = state.snapshot
    return StateReport(
        part,
        {name: None if value is None else shown(value) for name, value in state.watermarks.items()},
        encode(state.driver_state),
        folder.url(snapshot.files[-1]) if folder and snapshot.files else None,
        snapshot.keys,
        snapshot.bytes,
        found.run_id,
        found.when,
    )

"""What the entities of one step remember: recalled before they are pulled, recorded on their way, kept by Dagster."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg

from custom_store_pipeline import settings
from custom_store_pipeline.config.driver_config import RunValues
from custom_store_pipeline.config.loading import Entity, LoadedMapping, Partition
from custom_store_pipeline.config.models import MappingConfig
from custom_store_pipeline.history import STATE, Recalled, forget, recall, run_status
from custom_store_pipeline.redaction import Redactor
from custom_store_pipeline.results import PulledData
from custom_store_pipeline.state.recording import PullKeys, Recording
from custom_store_pipeline.state.remembered import Remembered
from custom_store_pipeline.state.snapshots import SnapshotFolder
from custom_store_pipeline.state.surroundings import Surroundings
from custom_store_pipeline.state.values import shown
from custom_store_pipeline.transfer.entity import Watch


def needs_memory(config: MappingConfig) -> bool:
    """Whether anything is remembered of a mapping's entities. Those that need nothing cost nothing."""
    return bool(config.load_type == "incremental" or config.delete_type == "keys" or config.from_.offset.offset_columns)


def snapshot_folder(instance: dg.DagsterInstance, entity: Entity) -> SnapshotFolder | None:
    """Where the key snapshots of an entity, or of one partition of it, are; None if nothing can be kept."""
    url = settings.state_url()
    if url is None:
        # `dagster dev` without DAGSTER_HOME has a folder all the same, for as long as it runs.
        if instance.is_ephemeral:
            return None
        url = str(Path(instance.root_directory, "storage", "custom_store_state"))
    return SnapshotFolder(url, (*entity.target_key, *([] if entity.partition_key is None else [entity.partition_key])))


def recall_all(instance: dg.DagsterInstance, entity: Entity) -> list[tuple[Entity, Recalled]]:
    """What is remembered of an entity, and of each of its partitions that was ever materialised.

    Raises:
        StateError: what is stored cannot be read.
    """
    partitions = sorted(instance.get_materialized_partitions(dg.AssetKey(entity.target_key)))
    parts = [entity, *(replace(entity, partition=Partition(key)) for key in partitions)]
    recalled = [(part, recall(instance, part.target_key, part.partition_key)) for part in parts]
    return [(part, found) for part, found in recalled if found.remembered is not None]


def forget_entity(instance: dg.DagsterInstance, entity: Entity) -> None:
    """Makes the next run of an entity, or of one partition of it, start from nothing, and removes its key snapshots.

    Raises:
        StateStorageError: the snapshots cannot be removed; what is remembered has been forgotten by then.
    """
    forget(instance, entity.target_key, entity.partition_key)
    if folder := snapshot_folder(instance, entity):
        folder.remove(folder.names())


class StepMemory:
    """What the entities of one step remember."""

    def __init__(
        self,
        instance: dg.DagsterInstance,
        mapping: LoadedMapping,
        entities: Sequence[Entity],
        run_id: str,
        redactor: Redactor,
        warn: Callable[[str], None],
    ) -> None:
        """Recalls what is remembered, if the mapping asks for it.

        Args:
            instance: Dagster's instance.
            mapping: the mapping.
            entities: the entities, or partitions of them, that the step transfers.
            run_id: the run.
            redactor: knows the mapping's secrets.
            warn: tells the user something.

        Raises:
            StateError: what is stored cannot be read.
        """
        self._instance = instance
        self._config = mapping.config
        self._run_id = run_id
        self._redactor = redactor
        self._recordings: dict[Entity, Recording] = {}
        self._recalled: dict[Entity, Recalled] = {}
        if not needs_memory(mapping.config):
            return
        if instance.is_ephemeral:
            warn(
                "DAGSTER_HOME is not set, so what this mapping remembers (watermarks, key snapshots) is lost when the "
                "process ends, and the next one loads everything; set DAGSTER_HOME to a folder that stays"
            )
        for entity in entities:
            self._recalled[entity] = found = recall(instance, entity.target_key, entity.partition_key)
            if found.overlapped:
                warn(
                    f"{entity.label}: two runs of it overlapped, so this one starts where the earlier of them started; "
                    "give the mapping a 'pool' with a limit of 1 to rule that out"
                )

    def run_values(self, entity: Entity) -> RunValues:
        """What the run adds to the config of an entity's drivers."""
        recalled = self._recalled.get(entity)
        before = self._before(entity)
        # What a load without memory sends is the same within a run only.
        starts_from = self._run_id if recalled is None or self._config.first_load else recalled.starts_from
        identity = repr((entity.target_key, entity.partition_key, starts_from))
        is_incremental = self._config.load_type == "incremental"
        return RunValues(
            self._run_id,
            idempotency_key=hashlib.sha256(identity.encode()).hexdigest()[:32],
            watermarks=before.watermarks if is_incremental else {},
            state=before.driver_state if is_incremental else None,
        )

    @contextlib.contextmanager
    def recorded(
        self, entity: Entity, pulled: PulledData, pull_keys: PullKeys | None, watch: Watch
    ) -> Iterator[PulledData]:
        """What is to be pushed of what was pulled; see :meth:`~custom_store_pipeline.state.recording.Recording.of`."""
        if entity not in self._recalled:
            yield pulled
            return
        recording = Recording(
            entity,
            self._config,
            self._before(entity),
            snapshot_folder(self._instance, entity),
            Surroundings(
                self._run_id, lambda run_id: run_status(self._instance, run_id), watch.note, watch.check, self._redactor
            ),
        )
        self._recordings[entity] = recording
        with recording.of(pulled, pull_keys) as recorded:
            yield recorded

    def metadata(self, entity: Entity) -> dict[str, Any]:
        """What to store with the materialisation: for people, and for the next run."""
        recording = self._recordings.get(entity)
        if recording is None:
            return {}
        after = recording.remembered()
        found: dict[str, Any] = {}
        if after.watermarks:
            found["watermarks_before"] = _shown(self._before(entity))
            found["watermarks_after"] = _shown(after)
        folder = snapshot_folder(self._instance, entity)
        if after.snapshot and after.snapshot.files and folder:
            found["snapshot"] = dg.MetadataValue.path(folder.url(after.snapshot.files[-1]))
            found["snapshot_bytes"] = after.snapshot.bytes
            found["snapshot_keys"] = after.snapshot.keys
        return {**found, STATE: after.to_json()}

    def clean_up(self, entity: Entity) -> None:
        """Removes what is of no use any more, now that the materialisation is stored."""
        if recording := self._recordings.get(entity):
            recording.clean_up()

    def _before(self, entity: Entity) -> Remembered:
        recalled = self._recalled.get(entity, Recalled())
        if recalled.remembered is None or self._config.first_load:
            return Remembered(begun_after=recalled.position)
        return Remembered(
            recalled.remembered.watermarks,
            recalled.remembered.driver_state,
            recalled.remembered.snapshot,
            begun_after=recalled.position,
        )


def _shown(remembered: Remembered) -> dict[str, str | None]:
    return {column: None if value is None else shown(value) for column, value in remembered.watermarks.items()}

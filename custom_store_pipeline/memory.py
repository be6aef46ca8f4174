"""What the entities of one step remember: recalled before they are pulled, recorded on their way, kept by Dagster."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._cli.utils import TMP_DAGSTER_HOME_PREFIX  # there is no public way to tell a temporary instance

from custom_store_pipeline import settings
from custom_store_pipeline.config.driver_config import RunValues
from custom_store_pipeline.config.loading import Entity, LoadedMapping, Partition
from custom_store_pipeline.config.models import MappingConfig
from custom_store_pipeline.history import STATE, Recalled, forget, last_wipe, recall, run_status
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


def is_temporary(instance: dg.DagsterInstance) -> bool:
    """Whether all that an instance remembers is lost when its process ends.

    So it is in tests, and for Dagster's commands without ``DAGSTER_HOME``, which make a folder for as long as they run;
    steps in other processes are handed that folder. A ``dagster.yaml`` in the working folder may name a storage that
    stays all the same.
    """
    if instance.is_ephemeral:
        return True
    home = instance.root_directory
    is_made_for_now = Path(home).name.startswith(TMP_DAGSTER_HOME_PREFIX)
    return is_made_for_now and home in str(instance.get_ref().event_storage_data)


def parts_of(instance: dg.DagsterInstance, entity: Entity) -> list[Entity]:
    """The entity, and each of its partitions that was ever materialised."""
    partitions = sorted(instance.get_materialized_partitions(dg.AssetKey(entity.target_key)))
    return [entity, *(replace(entity, partition=Partition(key)) for key in partitions)]


def forget_entity(instance: dg.DagsterInstance, entity: Entity) -> None:
    """Makes the next run of an entity, or of one partition of it, start from nothing, and removes its key snapshots.

    Raises:
        StateStorageError: the snapshots cannot be removed; what is remembered has been forgotten by then.
    """
    forget(instance, entity.target_key, entity.partition_key)
    if folder := snapshot_folder(instance, entity):
        folder.remove(folder.names())


class StepMemory:
    """What the entities of one step remember. Its methods, but for the constructor, may be called in any thread."""

    def __init__(
        self,
        instance: dg.DagsterInstance,
        mapping: LoadedMapping,
        run_id: str,
        redactor: Redactor,
        warn: Callable[[str], None],
    ) -> None:
        """Recalls nothing yet.

        Args:
            instance: Dagster's instance.
            mapping: the mapping.
            run_id: the run.
            redactor: knows the mapping's secrets.
            warn: tells the user something.
        """
        self._instance = instance
        self._config = mapping.config
        self._run_id = run_id
        self._redactor = redactor
        self._warn = warn
        self._is_needed = needs_memory(mapping.config)
        self._recalled: dict[Entity, Recalled] = {}
        self._recordings: dict[Entity, Recording] = {}
        self._remembered: dict[Entity, Remembered] = {}
        if self._is_needed and is_temporary(instance):
            warn(
                "DAGSTER_HOME is not set, so what this mapping remembers (watermarks, key snapshots) is lost when the "
                "process ends, and the next one loads everything; set DAGSTER_HOME to a folder that stays"
            )

    def recall(self, entity: Entity, note: Callable[[str], None]) -> RunValues:
        """What the run adds to the config of an entity's drivers.

        Raises:
            StateError: what is stored cannot be read.
        """
        # What a load without memory sends is the same within a run only.
        starts_from: Any = self._run_id
        if self._is_needed:
            self._recalled[entity] = found = self._checked(entity, note)
            if not self._config.first_load:
                starts_from = found.starts_from or ("wiped", last_wipe(self._instance, entity.target_key))
        before = self._before(entity)
        identity = repr((entity.target_key, entity.partition_key, starts_from))
        is_incremental = self._config.load_type == "incremental"
        columns = self._config.from_.offset.offset_columns
        return RunValues(
            self._run_id,
            idempotency_key=hashlib.sha256(identity.encode()).hexdigest()[:32],
            watermarks={name: value for name, value in before.watermarks.items() if name in columns}
            if is_incremental
            else {},
            state=before.driver_state if is_incremental else None,
        )

    @contextlib.contextmanager
    def recorded(
        self, entity: Entity, pulled: PulledData, pull_keys: PullKeys | None, watch: Watch
    ) -> Iterator[PulledData]:
        """What is to be pushed of what was pulled; see :meth:`~custom_store_pipeline.state.recording.Recording.of`."""
        if not self._is_needed:
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

    def conclude(self, entity: Entity) -> None:
        """Settles what is to be remembered, now that the push has succeeded."""
        if recording := self._recordings.get(entity):
            self._remembered[entity] = recording.remembered()

    def metadata(self, entity: Entity) -> dict[str, Any]:
        """What to store with the materialisation: for people, and for the next run."""
        after = self._remembered.get(entity)
        if after is None:
            return {}
        found: dict[str, Any] = {}
        if after.watermarks:
            found["watermarks_before"] = _shown(self._before(entity))
            found["watermarks_after"] = _shown(after)
        folder = snapshot_folder(self._instance, entity)
        if self._config.delete_type == "keys" and after.snapshot and after.snapshot.files and folder:
            found["snapshot"] = dg.MetadataValue.path(folder.url(after.snapshot.files[-1]))
            found["snapshot_bytes"] = after.snapshot.bytes
            found["snapshot_keys"] = after.snapshot.keys
        return {**found, STATE: after.to_json()}

    def clean_up(self, entity: Entity) -> None:
        """Removes what is of no use any more, now that the materialisation is stored."""
        if recording := self._recordings.get(entity):
            recording.clean_up(lambda text: self._warn(f"{entity.label}: {text}"))

    def _checked(self, entity: Entity, note: Callable[[str], None]) -> Recalled:
        """What is remembered, if it is of the same source."""
        found = recall(self._instance, entity.target_key, entity.partition_key)
        if found.overlapped:
            note(
                "two runs of it overlapped, so this one starts where the earlier of them started; "
                "give the mapping a 'pool' with a limit of 1 to rule that out"
            )
        source, before = "/".join(entity.source_key), found.remembered
        if before is not None and before.source != source:
            note(f"what is remembered is of another source ({before.source}), so this run starts anew with {source}")
            return replace(found, remembered=None)
        return found

    def _before(self, entity: Entity) -> Remembered:
        recalled = self._recalled.get(entity, Recalled())
        if recalled.remembered is None or self._config.first_load:
            return Remembered(begun_after=recalled.position)
        return replace(recalled.remembered, begun_after=recalled.position)


def _shown(remembered: Remembered) -> dict[str, str | None]:
    return {column: None if value is None else shown(value) for column, value in remembered.watermarks.items()}

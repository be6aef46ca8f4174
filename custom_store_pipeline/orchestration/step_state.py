"""The state of the entities of one step: loaded before they are pulled, recorded on their way, stored by Dagster."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg

from custom_store_pipeline.config.entity import Entity, Partition
from custom_store_pipeline.config.mapping import LoadedMapping
from custom_store_pipeline.data.stream import PulledData
from custom_store_pipeline.drivers.call_config import RunValues
from custom_store_pipeline.errors import StateStorageError
from custom_store_pipeline.orchestration.dagster_internals import is_temporary_home
from custom_store_pipeline.orchestration.state_store import (
    STATE,
    is_stored,
    last_wipe,
    load_state,
    outcome_of,
    reset_state,
)
from custom_store_pipeline.redaction import Redactor
from custom_store_pipeline.settings import read_settings
from custom_store_pipeline.state.deletions.snapshot_folder import ORPHAN, PUSH, SNAPSHOT, SnapshotFolder, run_of
from custom_store_pipeline.state.entity_state import EntityState
from custom_store_pipeline.state.idempotency_key import idempotency_key
from custom_store_pipeline.state.lookback import look_back
from custom_store_pipeline.state.pushes import EarlierPushes, PushRecord
from custom_store_pipeline.state.recording import PullKeys, Recording
from custom_store_pipeline.state.run_context import RunContext
from custom_store_pipeline.state.serialization import shown
from custom_store_pipeline.state.starting_point import LoadedState, load_start
from custom_store_pipeline.transfer.progress import Progress


def snapshot_folder(instance: dg.DagsterInstance, entity: Entity) -> SnapshotFolder | None:
    """Where the key snapshots of an entity, or of one partition of it, are; None if nothing can be stored."""
    url = read_settings().snapshots
    if url is None:
        # `dagster dev` without DAGSTER_HOME has a folder, too, for as long as it runs.
        if instance.is_ephemeral:
            return None
        url = str(Path(instance.root_directory, "storage", "custom_store_state"))
    return SnapshotFolder(url, (*entity.target_key, *([] if entity.partition_key is None else [entity.partition_key])))


def is_temporary(instance: dg.DagsterInstance) -> bool:
    """Whether everything that an instance stores is lost when its process ends.

    So it is in tests, and for Dagster's commands without ``DAGSTER_HOME``: these create a folder that exists as long as
    they run, and steps in other processes get that folder. A ``dagster.yaml`` in the working folder may name a storage
    that stays.
    """
    if instance.is_ephemeral:
        return True
    home = instance.root_directory
    return is_temporary_home(home) and home in str(instance.get_ref().event_storage_data)


def parts_of(instance: dg.DagsterInstance, entity: Entity) -> list[Entity]:
    """The entity, and each of its partitions that was ever materialized."""
    partitions = sorted(instance.get_materialized_partitions(dg.AssetKey(entity.target_key)))
    return [entity, *(replace(entity, partition=Partition(key)) for key in partitions)]


def reset_entity(instance: dg.DagsterInstance, entity: Entity) -> None:
    """Resets the state of an entity, or of one partition of it, and removes its key snapshots.

    Raises:
        StateStorageError: the snapshots cannot be removed; the rest of the state has been reset by then.
    """
    reset_state(instance, entity.target_key, entity.partition_key)
    if folder := snapshot_folder(instance, entity):
        pushes = earlier_pushes(instance, entity, folder)
        names = [name for kind in (SNAPSHOT, PUSH, ORPHAN) for name in folder.names(kind)]
        # A push that is under way may reach the target after this, and then its snapshot is needed.
        under_way = {run for run in set(map(run_of, names)) if pushes.outcome_of(run) == "running"}
        folder.remove([name for name in names if run_of(name) not in under_way])


def earlier_pushes(
    instance: dg.DagsterInstance, entity: Entity, folder: SnapshotFolder, run_id: str = ""
) -> EarlierPushes:
    """The pushes of an entity in other runs than this one."""
    return EarlierPushes(
        folder, run_id, lambda other: outcome_of(instance, entity.target_key, entity.partition_key, other)
    )


class StepState:
    """The state of the entities of one step. Its methods, but not the constructor, may be called in any thread."""

    def __init__(
        self,
        instance: dg.DagsterInstance,
        mapping: LoadedMapping,
        run_id: str,
        redactor: Redactor,
        warn: Callable[[str], None],
        *,
        is_sample: bool = False,
    ) -> None:
        """Loads nothing yet.

        Args:
            instance: Dagster's instance.
            mapping: the mapping.
            run_id: the run.
            redactor: knows the mapping's secrets.
            warn: logs a warning.
            is_sample: only some rows are pushed, so the state is loaded, and none is stored.
        """
        self._instance = instance
        self._is_sample = is_sample
        self._config = mapping.config
        self._run_id = run_id
        self._redactor = redactor
        self._warn = warn
        self._loaded: dict[Entity, LoadedState] = {}
        self._starts: dict[Entity, tuple[EntityState, PushRecord]] = {}
        self._obsolete: dict[Entity, list[str]] = {}
        self._recordings: dict[Entity, Recording] = {}
        self._to_store: dict[Entity, EntityState] = {}
        if self._config.needs_state and is_temporary(instance):
            warn(
                "DAGSTER_HOME is not set, so the state of this mapping (watermarks, key snapshots) is lost when the "
                "process ends, and the next run loads everything; set DAGSTER_HOME to a folder that stays"
            )

    def load(self, entity: Entity, warn: Callable[[str], None]) -> RunValues:
        """Loads an entity's state: what the run adds to the config of its drivers.

        Raises:
            StateError: the stored state cannot be read, or ``lookback`` does not fit a watermark.
        """
        # What a load without state sends is the same within a run only.
        starts_from: Any = self._run_id
        if self._config.needs_state:
            self._loaded[entity] = found = self._load_checked(entity, warn)
            self._starts[entity] = load_start(found, self._config, "/".join(entity.source_key), self._run_id)
            if not self._config.first_load:
                starts_from = found.starts_from or ("wiped", last_wipe(self._instance, entity.target_key))
        if self._is_sample:  # a driver that knows the key of a sample must not take the load itself for its repetition
            starts_from = ("sample", self._run_id)
        key = idempotency_key(entity, starts_from)
        if not self._config.is_incremental:
            return RunValues(self._run_id, key)
        before, _ = self._starts[entity]
        offset = self._config.from_.offset
        watermarks = {name: value for name, value in before.watermarks.items() if name in offset.offset_columns}
        return RunValues(self._run_id, key, look_back(watermarks, offset.lookback), before.driver_state)

    @contextlib.contextmanager
    def record(
        self, entity: Entity, pulled: PulledData, pull_keys: PullKeys | None, progress: Progress
    ) -> Iterator[PulledData]:
        """What is to be pushed of what was pulled; see :meth:`.Recording.record`."""
        if not self._config.needs_state or self._is_sample:
            yield pulled
            return
        recording = self._recordings.setdefault(entity, self._recording(entity, progress))
        with recording.record(pulled, pull_keys) as recorded:
            yield recorded

    def finish(self, entity: Entity) -> None:
        """Decides which state is stored, now that the push has succeeded."""
        if not (recording := self._recordings.get(entity)):
            return
        found = self._loaded[entity]
        if found.state is not None and not is_stored(self._instance, entity.target_key, found.position):
            # What it pushed beyond that state would otherwise hide what was taken back. A wipe later than this is seen
            # by the next run (EntityState.wiped_at); the deletion of a run in this very moment is not.
            self._warn(
                f"{entity.label}: the state that this run started from was removed during the run (its run was "
                "deleted, or the asset was wiped), so no state of this run is stored; the next one sends its rows again"
            )
            return
        self._to_store[entity] = recording.state()

    def mark_orphans(self) -> None:
        """Tells other runs which pushes may still come although this step ends: those of orphaned threads."""
        for entity, recording in self._recordings.items():
            try:
                recording.mark_orphan()
            except StateStorageError as error:
                self._warn(f"{entity.label}: {error}")

    def metadata(self, entity: Entity) -> dict[str, Any]:
        """What to store with the materialization: for people, and for the next run."""
        after = self._to_store.get(entity)
        if after is None:
            return {}
        found: dict[str, Any] = {}
        if after.watermarks:
            found["watermarks_before"] = _shown(self._starts[entity][0])
            found["watermarks_after"] = _shown(after)
        folder = snapshot_folder(self._instance, entity)
        if self._config.compares_keys and after.snapshot.files and folder:
            found["snapshot"] = dg.MetadataValue.path(folder.url(after.snapshot.files[-1]))
            found["snapshot_bytes"] = after.snapshot.bytes
            found["snapshot_keys"] = after.snapshot.keys
        return {**found, STATE: after.to_json()}

    def clean_up(self, entity: Entity) -> None:
        """Removes files that nobody needs, now that the materialization is stored."""
        if (recording := self._recordings.get(entity)) and entity in self._to_store:
            recording.clean_up(lambda text: self._warn(f"{entity.label}: {text}"))

    def _load_checked(self, entity: Entity, warn: Callable[[str], None]) -> LoadedState:
        """The stored state, with warnings of what makes the run start elsewhere than expected."""
        failed, self._obsolete[entity] = self._ended_pushes(entity)
        found = load_state(self._instance, entity.target_key, entity.partition_key, failed)
        if found.repeats:
            warn(f"the push of run {found.repeats} failed or came late, so this run starts where that one started")
        elif found.overlapped:
            warn(
                "two runs of it overlapped, so this one starts where the earlier of them started; "
                "give the mapping a 'pool' with a limit of 1 to prevent that"
            )
        source, before = "/".join(entity.source_key), found.state
        if before is not None and before.source != source:
            warn(f"the stored state is of another source ({before.source}), so this run loads everything from {source}")
        return found

    def _recording(self, entity: Entity, progress: Progress) -> Recording:
        folder, (before, push) = snapshot_folder(self._instance, entity), self._starts[entity]
        pushes = folder and earlier_pushes(self._instance, entity, folder, self._run_id)
        run = RunContext(
            self._run_id,
            "/".join(entity.target_key),
            pushes.outcome_of if pushes else lambda _: "ended",
            progress.warn,
            progress.check,
            self._redactor,
            self._obsolete.get(entity, ()),
        )
        return Recording(entity, self._config, before, folder, run, push)

    def _ended_pushes(self, entity: Entity) -> tuple[list[PushRecord], list[str]]:
        folder = snapshot_folder(self._instance, entity)
        return earlier_pushes(self._instance, entity, folder, self._run_id).ended() if folder else ([], [])


def _shown(state: EntityState) -> dict[str, str | None]:
    return {column: None if value is None else shown(value) for column, value in state.watermarks.items()}

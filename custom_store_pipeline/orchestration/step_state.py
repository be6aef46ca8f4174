"""What the entities of one step remember: recalled before they are pulled, recorded on their way, kept by Dagster."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg

from custom_store_pipeline import settings
from custom_store_pipeline.config.mapping import Entity, LoadedMapping, Partition
from custom_store_pipeline.data.pulled import PulledData
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
from custom_store_pipeline.state.deletions.snapshot_folder import ORPHAN, PUSH, SNAPSHOT, SnapshotFolder, run_of
from custom_store_pipeline.state.entity_state import EntityState
from custom_store_pipeline.state.lookback import look_back
from custom_store_pipeline.state.pushes import EarlierPushes, PushRecord
from custom_store_pipeline.state.recording import PullKeys, Recording
from custom_store_pipeline.state.run_context import RunContext
from custom_store_pipeline.state.serialization import shown
from custom_store_pipeline.state.starting_point import LoadedState, LoadStart, load_start
from custom_store_pipeline.transfer.entity import Progress


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
    return is_temporary_home(home) and home in str(instance.get_ref().event_storage_data)


def parts_of(instance: dg.DagsterInstance, entity: Entity) -> list[Entity]:
    """The entity, and each of its partitions that was ever materialised."""
    partitions = sorted(instance.get_materialized_partitions(dg.AssetKey(entity.target_key)))
    return [entity, *(replace(entity, partition=Partition(key)) for key in partitions)]


def reset_entity(instance: dg.DagsterInstance, entity: Entity) -> None:
    """Makes the next run of an entity, or of one partition of it, start from nothing, and removes its key snapshots.

    Raises:
        StateStorageError: the snapshots cannot be removed; what is remembered has been forgotten by then.
    """
    reset_state(instance, entity.target_key, entity.partition_key)
    if folder := snapshot_folder(instance, entity):
        pushes = earlier_pushes(instance, entity, folder)
        names = [name for kind in (SNAPSHOT, PUSH, ORPHAN) for name in folder.names(kind)]
        # A push that is under way may reach the target after this, and then its snapshot must tell of it.
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
        self._is_needed = mapping.config.needs_state
        self._recalled: dict[Entity, LoadedState] = {}
        self._covered: dict[Entity, list[str]] = {}
        self._recordings: dict[Entity, Recording] = {}
        self._remembered: dict[Entity, EntityState] = {}
        if self._is_needed and is_temporary(instance):
            warn(
                "DAGSTER_HOME is not set, so what this mapping remembers (watermarks, key snapshots) is lost when the "
                "process ends, and the next one loads everything; set DAGSTER_HOME to a folder that stays"
            )

    def load(self, entity: Entity, note: Callable[[str], None]) -> RunValues:
        """What the run adds to the config of an entity's drivers.

        Raises:
            StateError: what is stored cannot be read, or ``lookback`` does not fit a watermark.
        """
        # What a load without memory sends is the same within a run only.
        starts_from: Any = self._run_id
        if self._is_needed:
            self._recalled[entity] = found = self._checked(entity, note)
            if not self._config.first_load:
                starts_from = found.starts_from or ("wiped", last_wipe(self._instance, entity.target_key))
        before = self._start(entity).before
        identity = repr((entity.target_key, entity.partition_key, starts_from))
        is_incremental = self._config.is_incremental
        offset = self._config.from_.offset
        watermarks = {name: value for name, value in before.watermarks.items() if name in offset.offset_columns}
        return RunValues(
            self._run_id,
            idempotency_key=hashlib.sha256(identity.encode()).hexdigest()[:32],
            watermarks=look_back(watermarks, offset.lookback) if is_incremental else {},
            state=before.driver_state if is_incremental else None,
        )

    @contextlib.contextmanager
    def recorded(
        self, entity: Entity, pulled: PulledData, pull_keys: PullKeys | None, watch: Progress
    ) -> Iterator[PulledData]:
        """What is to be pushed of what was pulled; see :meth:`~custom_store_pipeline.state.recording.Recording.of`."""
        if not self._is_needed:
            yield pulled
            return
        recording = self._recordings.setdefault(entity, self._recording(entity, watch))
        with recording.of(pulled, pull_keys) as recorded:
            yield recorded

    def conclude(self, entity: Entity) -> None:
        """Settles what is to be remembered, now that the push has succeeded."""
        if not (recording := self._recordings.get(entity)):
            return
        found = self._recalled[entity]
        if found.remembered is not None and not is_stored(self._instance, entity.target_key, found.position):
            # What it pushed beyond that state would otherwise hide what was taken back. A wipe later than this is seen
            # by the next run (EntityState.wiped_at); the deletion of a run in this very moment is not.
            self._warn(
                f"{entity.label}: the state that this run began from was taken back while it was at work (its run was "
                "deleted, or the asset was wiped), so nothing is remembered of this run; the next one sends its rows "
                "again"
            )
            return
        self._remembered[entity] = recording.remembered()

    def mark_orphans(self) -> None:
        """Says to other runs which pushes may still come although this step ends: their threads were given up."""
        for entity, recording in self._recordings.items():
            try:
                recording.mark_orphan()
            except StateStorageError as error:
                self._warn(f"{entity.label}: {error}")

    def metadata(self, entity: Entity) -> dict[str, Any]:
        """What to store with the materialisation: for people, and for the next run."""
        after = self._remembered.get(entity)
        if after is None:
            return {}
        found: dict[str, Any] = {}
        if after.watermarks:
            found["watermarks_before"] = _shown(self._start(entity).before)
            found["watermarks_after"] = _shown(after)
        folder = snapshot_folder(self._instance, entity)
        if self._config.compares_keys and after.snapshot.files and folder:
            found["snapshot"] = dg.MetadataValue.path(folder.url(after.snapshot.files[-1]))
            found["snapshot_bytes"] = after.snapshot.bytes
            found["snapshot_keys"] = after.snapshot.keys
        return {**found, STATE: after.to_json()}

    def clean_up(self, entity: Entity) -> None:
        """Removes what is of no use any more, now that the materialisation is stored."""
        if (recording := self._recordings.get(entity)) and entity in self._remembered:
            recording.clean_up(lambda text: self._warn(f"{entity.label}: {text}"))

    def _checked(self, entity: Entity, note: Callable[[str], None]) -> LoadedState:
        """What is remembered, if it is of the same source."""
        failed, self._covered[entity] = self._ended_pushes(entity)
        found = load_state(self._instance, entity.target_key, entity.partition_key, failed)
        if found.repeats:
            note(f"the push of run {found.repeats} failed or came late, so this run starts where that one started")
        elif found.overlapped:
            note(
                "two runs of it overlapped, so this one starts where the earlier of them started; "
                "give the mapping a 'pool' with a limit of 1 to rule that out"
            )
        source, before = "/".join(entity.source_key), found.remembered
        if before is not None and before.source != source:
            note(f"what is remembered is of another source ({before.source}), so this run starts anew with {source}")
        return found

    def _recording(self, entity: Entity, watch: Progress) -> Recording:
        folder, start = snapshot_folder(self._instance, entity), self._start(entity)
        pushes = folder and earlier_pushes(self._instance, entity, folder, self._run_id)
        run = RunContext(
            self._run_id,
            "/".join(entity.target_key),
            pushes.outcome_of if pushes else lambda _: "ended",
            watch.note,
            watch.check,
            self._redactor,
        )
        return Recording(entity, self._config, start.before, folder, run, start.push, self._covered.get(entity, ()))

    def _ended_pushes(self, entity: Entity) -> tuple[list[PushRecord], list[str]]:
        folder = snapshot_folder(self._instance, entity)
        return earlier_pushes(self._instance, entity, folder, self._run_id).ended() if folder else ([], [])

    def _start(self, entity: Entity) -> LoadStart:
        recalled = self._recalled.get(entity, LoadedState())
        return load_start(recalled, self._config, "/".join(entity.source_key), self._run_id)


def _shown(remembered: EntityState) -> dict[str, str | None]:
    return {column: None if value is None else shown(value) for column, value in remembered.watermarks.items()}

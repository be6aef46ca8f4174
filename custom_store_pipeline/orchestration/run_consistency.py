"""A run never mixes two versions of a mapping: a step that has another one than the run began with stops."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg

from custom_store_pipeline.config.mapping import LoadedMapping
from custom_store_pipeline.errors import MappingChangedError
from custom_store_pipeline.orchestration.dagster_internals import EngineEventData

_NOTE = "custom_store/version_of"
_PAGE = 100


@dataclass(frozen=True)
class StepVersion:
    """What a step must have in common with the definitions that its run began with.

    Attributes:
        steps: a hash of each step of the mapping: its entities in their order, with their code versions. It is of all
            steps, because entities that come and go in the file move others to other steps; a run that went on all the
            same would leave some out and send some twice.
        number: which of the steps it is, from 0.
    """

    steps: tuple[str, ...]
    number: int

    def agrees_with(self, steps: Sequence[str]) -> bool:
        """Whether this step is the same among the steps that a run began with."""
        return [self.steps[self.number]] == list(steps[self.number :][:1])


def step_versions(steps: Sequence[Sequence[str]]) -> list[StepVersion]:
    """The version of each step of a mapping, from the code versions of its entities."""
    hashes = tuple(hashlib.sha256("\0".join(versions).encode()).hexdigest()[:8] for versions in steps)
    return [StepVersion(hashes, number) for number in range(len(hashes))]


def check_run_version(context: dg.AssetExecutionContext, mapping: LoadedMapping, version: StepVersion) -> None:
    """Logs which version of a mapping a step has, and compares it with the first one in the log of the run.

    With executors that run each step in a process of its own, each step loads the definitions from disk, so an edit in
    the middle of a run reaches its later steps. The event log puts what is written to it in an order, so that steps
    that begin at once find the same first one (except those that begin within the same instant before and after an
    edit, where the storage hands out positions before it commits, as PostgreSQL does).

    Raises:
        MappingChangedError: the run began with another version.
    """
    key, run = f"{_NOTE}/{mapping.project}/{mapping.name}", context.run
    context.instance.report_engine_event(
        f"The mapping {mapping.project}/{mapping.name} as this step has it",
        run,
        EngineEventData({key: dg.MetadataValue.text(" ".join(version.steps))}),
        step_key=context.op_execution_context.get_step_execution_context().step.key,
    )
    first = _first(context.instance, run.run_id, key)
    if first is not None and not version.agrees_with(first.split()):
        raise MappingChangedError(
            f"{mapping.file.shown}, or a driver of it, changed during this run; earlier steps had the version "
            "before, so this one has pulled and pushed nothing; materialize its entities again"
        )


def _first(instance: dg.DagsterInstance, run_id: str, key: str) -> str | None:
    cursor: str | None = None
    while True:
        page = instance.get_records_for_run(
            run_id, cursor=cursor, of_type=dg.DagsterEventType.ENGINE_EVENT, limit=_PAGE, ascending=True
        )
        for record in page.records:
            event = record.event_log_entry.dagster_event
            metadata = event.engine_event_data.metadata if event else {}
            if key in metadata:
                return str(metadata[key].value)
        if not page.has_more:
            return None
        cursor = page.cursor

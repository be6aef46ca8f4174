"""A run never mixes two versions of a mapping: a step that has another one than the run began with stops."""

from __future__ import annotations

import dagster as dg
from dagster._core.events import EngineEventData  # there is no public way to report an event that belongs to a run only

from custom_store_pipeline.config.loading import LoadedMapping
from custom_store_pipeline.errors import MappingChangedError

_VERSION = "custom_store/version_of"
_PAGE = 100


def hold_version(context: dg.AssetExecutionContext, mapping: LoadedMapping, version: str) -> None:
    """Notes in the run's log which version of a mapping a step has, and compares it with the first one noted there.

    With executors that run each step in a process of its own, each step loads the definitions from disk, so an edit in
    the middle of a run reaches its later steps. The event log orders what is written to it, so however many steps begin
    at once, all of them see the same first one. A mapping that is one step needs no such note.

    Args:
        context: the step's context.
        mapping: the mapping.
        version: its code version as a whole.

    Raises:
        MappingChangedError: the run began with another version.
    """
    key, run = f"{_VERSION}/{mapping.project}/{mapping.name}", context.run
    context.instance.report_engine_event(
        f"The mapping {mapping.project}/{mapping.name} has the version {version} in this step.",
        run,
        EngineEventData({key: dg.MetadataValue.text(version)}),
        step_key=context.op_execution_context.get_step_execution_context().step.key,
    )
    if _first(context.instance, run.run_id, key) != version:
        raise MappingChangedError(
            f"{mapping.file.shown}, or a driver of it, changed while this run was at work; earlier steps had the one "
            "before, so this one has pulled and pushed nothing; materialise its entities again"
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

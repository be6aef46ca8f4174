"""``custom-store run``: entities, materialized in this process and stored in Dagster's instance."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import click
import dagster as dg

from custom_store_pipeline.cli.chosen import folder_of_projects, in_partition, selected
from custom_store_pipeline.cli.progress import Watched, shown_progress
from custom_store_pipeline.cli.table import print_table
from custom_store_pipeline.config.entity import Entity
from custom_store_pipeline.definitions import build_definitions
from custom_store_pipeline.projects.loading import load_projects


@dataclass(frozen=True)
class EntityResult:
    """What a run did with an entity.

    Attributes:
        entity: its asset key, its parts joined by ``/``.
        outcome: ``arrived``, ``failed``, or ``not run``: what it reads from failed, or the run ended before it.
        rows: rows pushed.
        deletes: rows handed over for deletion.
        seconds: of pull and push.
        location: where it is now, as its driver says.
        reason: why it did not arrive.
    """

    entity: str
    outcome: str
    rows: int | None = None
    deletes: int | None = None
    seconds: float | None = None
    location: str = ""
    reason: str = ""


@dataclass(frozen=True)
class RunOptions:
    """What may be set for a run; see :class:`~custom_store_pipeline.orchestration.run_config.StepConfig`."""

    full_refresh: bool = False
    limit: int | None = None
    max_delete_fraction: float | None = None

    def as_config(self) -> dict[str, Any]:
        """The run config of a step."""
        return {name: value for name, value in asdict(self).items() if value not in (None, False)}


def materialized(
    patterns: Sequence[str], options: RunOptions, partition: str | None, *, as_json: bool, verbose: bool
) -> bool:
    """Materializes entities and prints what became of them; whether all of them arrived."""
    chosen = selected(load_projects(folder_of_projects()), patterns)
    in_partition(chosen, partition)
    definitions = build_definitions(folder_of_projects())
    keys = [dg.AssetKey(entity.target_key) for _, entity in chosen]
    steps = {definitions.get_assets_def(key).op.name for key in keys}
    run_config: dict[str, Any] = {
        "loggers": {"console": {"config": {"log_level": "DEBUG" if verbose else "CRITICAL"}}},
        "ops": {step: {"config": options.as_config()} for step in steps} if options.as_config() else {},
    }
    job = definitions.resolve_implicit_global_asset_job_def()
    with (
        dg.DagsterInstance.get() as instance,
        shown_progress(quiet=as_json) as watched,
        _without_output(quiet=not verbose),
    ):
        result = job.execute_in_process(
            instance=instance,
            asset_selection=keys,
            run_config=run_config,
            partition_key=partition,
            raise_on_error=False,
        )
    found = [_result_of(entity, result, watched) for _, entity in chosen]
    if as_json:
        content = {"run_id": result.run_id, "success": result.success, "entities": [asdict(it) for it in found]}
        click.echo(json.dumps(content, indent=2, ensure_ascii=False))
    else:
        _print(found, result.run_id, options)
    return result.success


@contextlib.contextmanager
def _without_output(*, quiet: bool) -> Iterator[None]:
    """Nothing of Dagster's own warnings and events, which are in the instance, between our lines."""
    loggers = [logging.getLogger(name) for name in ("dagster", "custom_store_pipeline")] if quiet else []
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def _result_of(entity: Entity, result: dg.ExecuteInProcessResult, watched: Watched) -> EntityResult:
    key = "/".join(entity.target_key)
    for event in result.all_events:
        if event.is_step_materialization and event.asset_key == dg.AssetKey(entity.target_key):
            values: dict[str, Any] = {name: value.value for name, value in event.materialization.metadata.items()}
            seconds = values.get("pull_seconds", 0) + values.get("push_seconds", 0)
            rows, deletes = values.get("dagster/row_count"), values.get("deletes")
            return EntityResult(key, "arrived", rows, deletes, round(seconds, 3), str(values.get("location", "")))
    for other, progress in watched.entities:
        if other.target_key == entity.target_key and progress.failure:
            return EntityResult(key, "failed", reason=progress.failure)
    return EntityResult(key, "not run", reason=_reason_of_step(result))


def _reason_of_step(result: dg.ExecuteInProcessResult) -> str:
    """Why an entity never started: its step failed before, or one that it waits for did."""
    errors = [event.step_failure_data.error for event in result.all_events if event.is_step_failure]
    error = next((error for error in errors if error is not None), None)
    while error is not None and error.cause is not None:
        error = error.cause
    return "the run ended before it" if error is None else error.message.strip().splitlines()[0]


def _print(found: Sequence[EntityResult], run_id: str, options: RunOptions) -> None:
    def shown(value: float | None, form: str) -> str:
        return "–" if value is None else format(value, form)

    rows = [
        [it.entity, it.outcome, shown(it.rows, ","), shown(it.deletes, ","), shown(it.seconds, ".2f"), it.location]
        for it in found
    ]
    print_table(["entity", "outcome", "rows", "deletes", "seconds", "where it is now"], rows, right=(2, 3, 4))
    for it in found:
        if it.reason:
            click.echo(f"{it.entity}: {it.reason}", err=True)
    if options.limit is not None:
        click.echo(f"A sample of at most {options.limit:,} rows an entity: no state is stored, nothing is deleted.")
    missing = sum(it.outcome != "arrived" for it in found)
    click.echo(f"Entities arrived: {len(found) - missing} of {len(found)}; run {run_id}")

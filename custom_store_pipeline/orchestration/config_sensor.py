"""The sensor on config changes: files change → definitions are reloaded → what changed runs, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import dagster as dg

from custom_store_pipeline.config.entity import AssetPath, Entity
from custom_store_pipeline.config.loading import shown_path
from custom_store_pipeline.config.mapping import LoadedMapping
from custom_store_pipeline.errors import ConfigurationError, CustomStoreError, Problem, ReloadError
from custom_store_pipeline.orchestration.code_server import code_server, reload_server, reload_webserver
from custom_store_pipeline.orchestration.partitions import partitions_of, scheduled_partitions
from custom_store_pipeline.orchestration.sensor_cursor import SensorCursor, in_runs
from custom_store_pipeline.projects.files import Files, Scope, differences, digest_of, has_mappings, scan
from custom_store_pipeline.projects.loading import check_format_options, load_projects
from custom_store_pipeline.settings import read_settings

SENSOR_NAME = "config_changes"
MOST_ENTITIES_OF_A_RUN = 500

_SECONDS_TO_SETTLE = 1.0
_LONGEST_TO_SETTLE = 10


class TickFailedError(dg.DagsterError):
    """Why a tick failed. Being one of Dagster's errors, its text is the tick's message, not that of a cause."""


@dataclass(frozen=True)
class Loaded:
    """What the definitions of the sensor were built from.

    Attributes:
        projects_dir: the projects folder.
        scope: the part of it that matters.
        files: its files, as they were just before they were loaded.
        mappings: the mappings whose entities are in the graph.
        code_versions: the code version of each entity.
        external_keys: the keys of hand-written assets.
        problems: what was wrong with the files.
    """

    projects_dir: Path
    scope: Scope
    files: Files
    mappings: Sequence[LoadedMapping]
    code_versions: Mapping[AssetPath, str]
    external_keys: Set[AssetPath]
    problems: Sequence[Problem]

    @cached_property
    def versions(self) -> dict[AssetPath, str]:
        """The code version of each entity that is in the graph."""
        keys = (entity.target_key for mapping in self.mappings for entity in mapping.entities)
        return {key: self.code_versions[key] for key in keys}


def config_changes(loaded: Loaded) -> dg.SensorDefinition:
    """The sensor that keeps the graph as the files say, and materializes what changed.

    Its first tick only records the current state. Each further tick compares the files on disk with those that were
    loaded. If they differ and are valid, it reloads the definitions. If they are not valid, it fails with the
    validator's text, and the definitions stay as they are. If the files are the same, it requests runs of the entities
    whose code version is not the one in the cursor.
    """

    def tick(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        try:
            return result_of(context)
        except CustomStoreError as error:
            raise TickFailedError(str(error)) from None
        except OSError as error:
            reason = f"the projects folder cannot be read: {error}; make sure that it is there and readable"
            raise TickFailedError(reason) from None

    def result_of(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        cursor = SensorCursor.from_cursor(context.cursor) if context.cursor else None
        if cursor is None:
            return _first_cursor(loaded)
        seen: Files = scan(loaded.projects_dir, loaded.scope)
        if differences(loaded.files, seen):
            seen = _settled(loaded, seen)
        if changed := differences(loaded.files, seen):
            _check(loaded, seen)
            return _reload(context, cursor, seen, ", ".join(changed))
        # A webserver that reloads a broken file would lose its entities, which it still has.
        if not loaded.problems:
            cursor = _reload_webserver(context, cursor, seen)
        return _runs_of_changes(context, loaded, cursor)

    return dg.SensorDefinition(
        name=SENSOR_NAME,
        evaluation_fn=tick,
        asset_selection=dg.AssetSelection.all(),
        minimum_interval_seconds=read_settings().sensor_interval,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Reloads the definitions when a mapping or a driver changes, and materializes what changed.",
    )


def _first_cursor(loaded: Loaded) -> dg.SensorResult:
    cursor = SensorCursor.of(loaded.versions, _now(), digest_of(loaded.files))
    reason = f"recorded the current state of {len(loaded.versions)} entities; from now on, new and changed entities run"
    return dg.SensorResult(skip_reason=reason, cursor=cursor.to_cursor())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _reload(context: dg.SensorEvaluationContext, cursor: SensorCursor, files: Files, changed: str) -> dg.SensorResult:
    if server := code_server(context):
        reload_server(server, context.instance.code_server_reload_timeout)
        return dg.SensorResult(
            skip_reason=f"{changed}; the definitions are reloaded; what changed runs with the next tick"
        )
    reloaded = _reload_webserver(context, cursor, files)
    return dg.SensorResult(
        skip_reason=f"{changed}; the daemon reloads the definitions within a minute, then what changed runs",
        cursor=reloaded.to_cursor(),
    )


def _reload_webserver(context: dg.SensorEvaluationContext, cursor: SensorCursor, files: Files) -> SensorCursor:
    """Reloads a webserver that loads the definitions by itself, once for each change of the files.

    The daemon may have reloaded them since the last tick, so this does not depend on whether they differ.
    """
    url, digest = read_settings().webserver_url, digest_of(files)
    if url is None or cursor.reloaded == digest or code_server(context):
        return cursor
    reload_webserver(url, context)
    context.log.info("The webserver reloaded the changed files.")
    return replace(cursor, reloaded=digest)


def _settled(loaded: Loaded, files: Files) -> Files:
    """The files when nobody writes them any more: an editor, git or rsync may have written half of them."""
    for _ in range(_LONGEST_TO_SETTLE):
        time.sleep(_SECONDS_TO_SETTLE)
        before, files = files, scan(loaded.projects_dir, loaded.scope)
        if not differences(before, files):
            break
    return files


def _check(loaded: Loaded, files: Files) -> None:
    """Raises what ``custom-store validate`` finds, unless it was already there when the definitions were loaded.

    A file that is a placeholder in the graph stays one; it must not prevent the reload of the others.
    """
    if has_mappings(loaded.files) and not has_mappings(files):
        raise ReloadError(
            f"no mapping file is left in {shown_path(loaded.projects_dir)}, so the definitions stay as they are; "
            "make sure that the folder is there; to remove all mappings, reload the code location by hand"
        )
    projects = load_projects(loaded.projects_dir, loaded.external_keys, loaded.scope.project)
    problems = {*projects.problems, *check_format_options(projects.mappings)}
    if problems - {*loaded.problems, *check_format_options(loaded.mappings)}:
        raise ConfigurationError(problems)


def _runs_of_changes(context: dg.SensorEvaluationContext, loaded: Loaded, cursor: SensorCursor) -> dg.SensorResult:
    current = SensorCursor.of(loaded.versions, _now(), cursor.reloaded)
    changed = cursor.changed(loaded.versions)
    if loaded.problems:
        # The entities of a broken file are not in the graph; when the file is fixed, they are not new.
        current = current.with_others_of(cursor)
    if current.hashes == cursor.hashes:
        if loaded.problems:
            raise ConfigurationError(loaded.problems)
        reason = f"nothing changed among {len(loaded.versions)} entities"
        return dg.SensorResult(skip_reason=reason, cursor=cursor.to_cursor())
    by_partition, left_out = _by_partition(loaded.mappings, set(changed), datetime.now(UTC))
    requests = [
        dg.RunRequest(
            run_key=cursor.run_key(
                {entity.target_key: loaded.versions[entity.target_key] for entity in run}, partition
            ),
            asset_selection=[dg.AssetKey(entity.target_key) for entity in run],
            partition_key=partition or None,
        )
        for partition, entities in by_partition
        for run in in_runs(entities, MOST_ENTITIES_OF_A_RUN)
    ]
    if not changed:
        gone = len(cursor.hashes - current.hashes)
        who = "1 entity was" if gone == 1 else f"{gone} entities were"
        left_out.append(f"{who} removed from the mappings; the history stays")
    for request in requests:
        names = ", ".join(key.path[-1] for key in request.asset_selection or ())
        context.log.info(f"new or changed, so running: {names}")
    for reason in left_out:
        context.log.info(reason)
    for problem in loaded.problems:
        context.log.warning(str(problem))
    return dg.SensorResult(
        run_requests=requests, skip_reason=None if requests else "; ".join(left_out), cursor=current.to_cursor()
    )


def _by_partition(
    mappings: Sequence[LoadedMapping], changed: Set[AssetPath], now: datetime
) -> tuple[list[tuple[str, list[Entity]]], list[str]]:
    """The changed entities that run, by the partition to run (empty for none), and why the others do not run."""
    batches: dict[tuple[str, str], list[Entity]] = {}
    left_out = []
    for mapping in mappings:
        entities = [entity for entity in mapping.entities if entity.target_key in changed]
        if not entities:
            continue
        partition, why_not = _partition(mapping, now) if mapping.config.auto_materialize else ("", _OPTED_OUT)
        if why_not:
            names = ", ".join(entity.target_name for entity in entities)
            left_out.append(f"{mapping.project}/{mapping.name} changed ({names}) but does not run: {why_not}")
            continue
        # The entities of a run must have the same partitions, not only a key of the same name.
        kind = f"{mapping.config.partitions!r} {mapping.config.timezone}" if partition else ""
        batches.setdefault((kind, partition), []).extend(entities)
    return [(partition, entities) for (_, partition), entities in batches.items()], left_out


_OPTED_OUT = "auto_materialize is false"


def _partition(mapping: LoadedMapping, now: datetime) -> tuple[str, str]:
    """The partition to run, or empty if the mapping has none; and why nothing is to run, or empty."""
    partitions = partitions_of(mapping)
    if partitions is None:
        return "", ""
    if read_settings().changed_partitions == "none":
        return "", (
            "it has partitions; materialize those to load again, or set "
            "CUSTOM_STORE_CHANGED_PARTITIONS=latest, which runs the latest one"
        )
    if not isinstance(partitions, dg.TimeWindowPartitionsDefinition):
        return "", "its partitions are not times, so none is the latest; materialize those to load again"
    latest = scheduled_partitions(partitions, now)
    return (latest[0], "") if latest else ("", "none of its partitions is over yet")

"""The code location: ``dagster dev -m custom_store_pipeline.definitions``, and what other code locations build on."""

from __future__ import annotations

import functools
import importlib
import logging
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg

from custom_store_pipeline.config.loading import shown_path
from custom_store_pipeline.engines.executors import executor_from_settings
from custom_store_pipeline.engines.process_cache import cached_in_process
from custom_store_pipeline.errors import ConfigurationError, Problem, did_you_mean
from custom_store_pipeline.orchestration.assets import build_assets
from custom_store_pipeline.orchestration.config_sensor import Loaded, config_changes
from custom_store_pipeline.orchestration.garbage_collection import frozen_objects
from custom_store_pipeline.orchestration.io_manager import build_io_managers
from custom_store_pipeline.projects.code_versions import code_versions
from custom_store_pipeline.projects.files import Files, Scope, digest_of, in_scope, scan
from custom_store_pipeline.projects.loading import load_projects
from custom_store_pipeline.settings import projects_folder

# The project of a location, for the server that its multiprocess steps are forked from: see preloaded.py.
PRELOADED_PROJECT = "_CUSTOM_STORE_PRELOADED_PROJECT"

_log = logging.getLogger("custom_store_pipeline")

# `dagster asset materialize --select '*'` itself uses this parameter; its users can do nothing about it.
warnings.filterwarnings("ignore", message=r"Parameter `include_sources` of function `AssetSelection\.all`")
# Dagster's only ways to link an asset to its files and to observe sources of any name; a change of them would fail our
# tests, not the user's run.
_BETA_IN_USE = (
    r"(Class `(LocalFileCodeReference|CodeReferencesMetadataValue)`|"
    r"Parameter `execution_type` of function `AssetsDefinition.__init__`) is currently in beta"
)


def build_definitions(
    projects_dir: Path | None = None, assets: Sequence[dg.AssetsDefinition] = (), project: str | None = None
) -> dg.Definitions:
    """The assets, I/O managers, schedules and sensor of a projects folder.

    Args:
        projects_dir: the projects folder; by default the one that the settings name.
        assets: hand-written assets to go with them, which may read and write entities through the stores' I/O managers.
        project: the project whose mappings are meant, or None for those of all projects.

    Returns:
        Definitions in which a file that cannot be used is a placeholder asset that says why.

    Raises:
        ConfigurationError: there is no projects folder, no such project in it, or a setting is wrong.
    """
    folder = projects_dir or projects_folder()
    # Before they are loaded, so that a change during the load is seen, at worst twice; and all drivers, because it is
    # not known yet which of them these mappings use.
    return _build(folder, assets, project, scan(folder))


def _build(folder: Path, assets: Sequence[dg.AssetsDefinition], project: str | None, files: Files) -> dg.Definitions:
    if project is not None:
        _check_project(folder, project)
    if "dagster_celery" in sys.modules:  # this may be a worker, whatever its environment says of the executor
        importlib.import_module("custom_store_pipeline.engines.celery_workers")
    keys = {key for asset in assets for key in asset.keys}
    external_keys = {(key.path[0], key.path[1], key.path[2]) for key in keys if len(key.path) == 3}
    projects = load_projects(folder, external_keys, project)
    versions = code_versions(projects)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=_BETA_IN_USE)
        built = build_assets(projects, versions, external_keys)
    if not (projects.mappings or projects.broken_files or assets):
        _log.warning(
            "%s: no mapping file, so there is nothing to materialize; mapping files are "
            "<project_name>/mappings/<name>.yaml in this folder",
            shown_path(folder if project is None else folder / project),
        )
    for problem in (*built.problems, *projects.warnings):
        _log.warning("%s", problem)
    scope = Scope(project, projects.borrowed(project))
    loaded = Loaded(
        folder, scope, in_scope(files, folder, scope), built.mappings, versions, external_keys, built.problems
    )
    return dg.Definitions(
        assets=[*built.assets, *assets],
        resources=build_io_managers(projects),
        schedules=built.schedules,
        sensors=[*built.sensors, config_changes(loaded)],
        executor=executor_from_settings(),
    )


def _check_project(folder: Path, project: str) -> None:
    names = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith((".", "__")))
    if project not in names:
        there = f"only {', '.join(names)}" if names else "for the folder holds none yet"
        message = f"there is no project '{project}', {there}{did_you_mean(project, names)}"
        raise ConfigurationError([Problem(shown_path(folder), 0, 0, "", message)])


@dg.definitions
def defs() -> dg.Definitions:
    """What Dagster loads; a function, so that importing this module reads no file."""
    return cached_definitions()


def definitions_of(project: str) -> Callable[..., dg.Definitions]:
    """What Dagster loads of one project; whether there is one of this name is found out then, with a message."""
    if project.startswith("__"):  # Python looks for such names in modules
        raise AttributeError(project)

    @dg.definitions
    def location() -> dg.Definitions:
        return cached_definitions(project)

    return location


@cached_in_process
def cached_definitions(project: str | None = None) -> dg.Definitions:
    """The definitions of all projects or of one, as they were when this process first asked for them.

    `dagster asset materialize` asks for them six times, and those of 10,000 entities take seconds; and a run whose
    steps share a process must end on the definitions that it began with. A reload is another process. Long-lived
    workers clear the cache before each step (:mod:`.process_cache`), and build again only if a file has changed.
    """
    os.environ[PRELOADED_PROJECT] = project or ""
    folder = projects_folder()
    files = scan(folder)
    return _definitions_of(folder, project, _Seen(digest_of(files), files))


@dataclass(frozen=True)
class _Seen:
    """Files, equal if their contents are."""

    digest: str
    files: Files = field(compare=False)


@functools.lru_cache(maxsize=1)
def _definitions_of(folder: Path, project: str | None, seen: _Seen) -> dg.Definitions:
    # Nothing that is created here is garbage before the process ends, or a worker sees other files.
    with frozen_objects():
        built = _build(folder, (), project, seen.files)
        built.get_repository_def()  # what Dagster does next; it keeps the result
    return built

"""The code location: ``dagster dev -m custom_store_pipeline.definitions``, and what other code locations build on."""

from __future__ import annotations

import functools
import gc
import logging
import warnings
from collections.abc import Sequence
from pathlib import Path

import dagster as dg

from custom_store_pipeline import settings
from custom_store_pipeline.assets import build_assets, build_io_managers
from custom_store_pipeline.code_versions import code_versions
from custom_store_pipeline.config.loading import shown_path
from custom_store_pipeline.errors import ConfigurationError, Problem, did_you_mean
from custom_store_pipeline.executors import executor_from_settings
from custom_store_pipeline.project_files import Scope, digest_of, in_scope, look
from custom_store_pipeline.projects import load_projects
from custom_store_pipeline.sensors import Loaded, config_changes

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
    folder = projects_dir or settings.projects_dir()
    if project is not None:
        _check_project(folder, project)
    # Before they are loaded, so that what changes meanwhile is seen as a change, at worst twice; and all drivers, for
    # which of them these mappings use is not known yet.
    files = look(folder)
    keys = {key for asset in assets for key in asset.keys}
    made_elsewhere = {(key.path[0], key.path[1], key.path[2]) for key in keys if len(key.path) == 3}
    projects = load_projects(folder, made_elsewhere, project)
    versions = code_versions(projects)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=_BETA_IN_USE)
        built = build_assets(projects, versions, made_elsewhere)
    for problem in built.problems:
        _log.warning("%s", problem)
    scope = Scope(project, projects.borrowed(project))
    loaded = Loaded(
        folder, scope, in_scope(files, folder, scope), built.mappings, versions, made_elsewhere, built.problems
    )
    return dg.Definitions(
        assets=[*built.assets, *assets],
        resources=build_io_managers(projects),
        schedules=built.schedules,
        sensors=[*built.sensors, config_changes(loaded)],
        executor=executor_from_settings(),
    )


def _check_project(folder: Path, project: str) -> None:
    names = sorted(path.name for path in folder.iterdir() if path.is_dir())
    if project not in names:
        message = f"there is no project '{project}', only {', '.join(names)}{did_you_mean(project, names)}"
        raise ConfigurationError([Problem(shown_path(folder), 0, 0, "", message)])


@dg.definitions
def defs() -> dg.Definitions:
    """What Dagster loads; a function, so that importing this module reads no file."""
    return kept_definitions()


def kept_definitions(project: str | None = None) -> dg.Definitions:
    """The definitions of all projects or of one, built once and again only when a file has changed.

    `dagster asset materialize` asks for them six times, and those of 10,000 entities take seconds. Workers of Dask and
    Celery ask for each step, and live on when mappings and drivers are edited.
    """
    folder = settings.projects_dir()
    return _definitions_of(folder, project, digest_of(look(folder)))


@functools.lru_cache(maxsize=1)
def _definitions_of(folder: Path, project: str | None, _files: str) -> dg.Definitions:
    # Nothing that is made here is garbage before the process ends, so looking through it again and again is in vain:
    # with 10,000 entities that takes a fifth of the time that they take to load, and of each run's after that.
    gc.unfreeze()  # those that were made before, if there are any, are garbage now
    gc.disable()
    try:
        built = build_definitions(folder, project=project)
        built.get_repository_def()  # what Dagster does next; it keeps the result
    finally:
        gc.enable()
    gc.freeze()
    return built

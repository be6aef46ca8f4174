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
from custom_store_pipeline.project_files import look
from custom_store_pipeline.projects import load_projects
from custom_store_pipeline.sensors import Loaded, config_changes

_EXECUTORS = {"in_process": dg.in_process_executor, "multiprocess": dg.multiprocess_executor}

_log = logging.getLogger("custom_store_pipeline")

# `dagster asset materialize --select '*'` itself uses this parameter; its users can do nothing about it.
warnings.filterwarnings("ignore", message=r"Parameter `include_sources` of function `AssetSelection\.all`")
# Dagster's only ways to link an asset to its files and to observe sources of any name; a change of them would fail our
# tests, not the user's run.
_BETA_IN_USE = (
    r"(Class `(LocalFileCodeReference|CodeReferencesMetadataValue)`|"
    r"Parameter `execution_type` of function `AssetsDefinition.__init__`) is currently in beta"
)


def build_definitions(projects_dir: Path | None = None, assets: Sequence[dg.AssetsDefinition] = ()) -> dg.Definitions:
    """The assets, I/O managers, schedules and sensor of a projects folder.

    Args:
        projects_dir: the projects folder; by default the one that the settings name.
        assets: hand-written assets to go with them, which may read and write entities through the stores' I/O managers.

    Returns:
        Definitions in which a file that cannot be used is a placeholder asset that says why.

    Raises:
        ConfigurationError: there is no projects folder, or a setting is wrong.
    """
    folder = projects_dir or settings.projects_dir()
    files = look(folder)  # before they are loaded: what changes meanwhile is seen as a change, at worst twice
    keys = {key for asset in assets for key in asset.keys}
    made_elsewhere = {(key.path[0], key.path[1], key.path[2]) for key in keys if len(key.path) == 3}
    projects = load_projects(folder, made_elsewhere)
    versions = code_versions(projects)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=_BETA_IN_USE)
        built = build_assets(projects, versions, made_elsewhere)
    for problem in built.problems:
        _log.warning("%s", problem)
    loaded = Loaded(folder, files, built.mappings, versions, made_elsewhere, built.problems)
    return dg.Definitions(
        assets=[*built.assets, *assets],
        resources=build_io_managers(projects),
        schedules=built.schedules,
        sensors=[*built.sensors, config_changes(loaded)],
        executor=_EXECUTORS[settings.executor()],
    )


@dg.definitions
@functools.cache
def defs() -> dg.Definitions:
    """What Dagster loads; a function, so that importing this module reads no file.

    `dagster asset materialize` asks for it six times. A process has one answer: of 10,000 entities each takes seconds,
    and a run must end on the definitions that it began with. A reload is another process.
    """
    # Nothing that is made here is garbage before the process ends, so looking through it again and again is in vain:
    # with 10,000 entities that takes a fifth of the time that they take to load, and of each run's after that.
    gc.disable()
    try:
        built = build_definitions()
        built.get_repository_def()  # what Dagster does next; it keeps the result
    finally:
        gc.enable()
    gc.freeze()
    return built

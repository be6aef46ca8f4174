"""What is used here of Dagster's private modules, each with why.

Dagster may change these in any release, so pyproject.toml allows only the minor version that they were tested with.
Each room has one such module; a test checks that no other module imports from a private module of Dagster.
"""

from __future__ import annotations

from pathlib import Path

from dagster import DagsterInstance

from custom_store_pipeline.errors import incompatible_dagster

try:
    # The type of a parameter of AssetsDefinition, which Dagster does not export.
    from dagster._core.definitions.assets.definition.asset_spec import AssetExecutionType

    # What a code server's client raises; it has no public name.
    from dagster._core.errors import DagsterUserCodeUnreachableError

    # There is no public way to report an event that belongs to a run only.
    from dagster._core.events import EngineEventData
except ImportError as error:
    raise incompatible_dagster(error) from error

__all__ = ["AssetExecutionType", "DagsterUserCodeUnreachableError", "EngineEventData", "is_temporary_home"]


def paths_of_event_log(instance: DagsterInstance, run_id: str) -> list[Path]:
    """The files of an event log in SQLite that a run writes to; none for other storages."""
    # Nothing public says where they are.
    from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage

    storage = instance.event_log_storage
    if not isinstance(storage, SqliteEventLogStorage):
        return []
    return [Path(storage.path_for_shard(shard)) for shard in (INDEX_SHARD_NAME, run_id)]


def is_temporary_home(folder: str) -> bool:
    """Whether Dagster's commands created a folder for an instance that ends with them, by its name."""
    # There is no public way to recognize such an instance. Dagster's commands are slow to import.
    from dagster._cli.utils import TMP_DAGSTER_HOME_PREFIX

    return Path(folder).name.startswith(TMP_DAGSTER_HOME_PREFIX)

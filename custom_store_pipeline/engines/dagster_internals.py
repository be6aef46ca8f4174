"""What is used here of Dagster's private modules, each with why; see :mod:`.orchestration.dagster_internals`."""

from __future__ import annotations

from custom_store_pipeline.errors import incompatible_dagster

try:
    # Checks the executor's config when definitions load; the public way finds the mistake when a run begins.
    from dagster._config import process_config

    # A long-lived worker must clear its caches, and there is no public way to them.
    from dagster._core.definitions.reconstruct import ReconstructableJob
except ImportError as error:
    raise incompatible_dagster(error) from error

__all__ = ["ReconstructableJob", "process_config"]

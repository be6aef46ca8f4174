"""All that is used of Dagster's private modules, each with why.

Dagster may change these in any release, so pyproject.toml lets in only the minor version that they were tested with.
No other module of this package imports from a private module of Dagster; a test sees to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg

try:
    # "This must not be None", for the type checker and for the reader of a traceback.
    from dagster import _check as check

    # Checks the executor's config when definitions load; the public way finds the mistake when a run begins.
    from dagster._config import process_config

    # The type of a parameter of AssetsDefinition, which Dagster does not export.
    from dagster._core.definitions.assets.definition.asset_spec import AssetExecutionType

    # A worker that lives on must empty its caches, and there is no public way to them.
    from dagster._core.definitions.reconstruct import ReconstructableJob

    # What a code server's client raises; it has no public name.
    from dagster._core.errors import DagsterUserCodeUnreachableError

    # There is no public way to report an event that belongs to a run only.
    from dagster._core.events import EngineEventData

    # What Dagster's own executors for Kubernetes and Celery are made of: steps on Dask are run as theirs are.
    from dagster._core.execution.context.system import PlanOrchestrationContext
    from dagster._core.execution.plan.plan import ExecutionPlan
    from dagster._core.execution.retries import RetryMode
    from dagster._core.execution.stats import StepEventStatus
    from dagster._core.executor.step_delegating import (
        CheckStepHealthResult,
        StepDelegatingExecutor,
        StepHandler,
        StepHandlerContext,
    )
    from dagster._grpc.types import ExecuteStepArgs

    # A step travels to its worker in Dagster's own format.
    from dagster_shared.serdes import deserialize_value, serialize_value
except ImportError as error:
    raise ImportError(
        f"Dagster {dg.__version__} lacks something private that custom-store-pipeline needs ({error}); install the two "
        "in versions that go together: pip install --upgrade custom-store-pipeline dagster"
    ) from error

__all__ = [
    "AssetExecutionType",
    "CheckStepHealthResult",
    "DagsterUserCodeUnreachableError",
    "EngineEventData",
    "ExecuteStepArgs",
    "ExecutionPlan",
    "PlanOrchestrationContext",
    "ReconstructableJob",
    "RetryMode",
    "StepDelegatingExecutor",
    "StepEventStatus",
    "StepHandler",
    "StepHandlerContext",
    "check",
    "deserialize_value",
    "execute_step_here",
    "is_temporary_home",
    "process_config",
    "serialize_value",
]


def execute_step_here(args: ExecuteStepArgs, instance: dg.DagsterInstance, run: dg.DagsterRun) -> Iterator[object]:
    """What ``dagster api execute_step`` does, without its process. The step is done when the iterator has ended."""
    # Dagster's commands take as long to import as all the rest of this module, and only a worker of Dask needs this.
    from dagster._cli.api import _execute_step_command_body

    return _execute_step_command_body(args, instance, run)


def is_temporary_home(folder: str) -> bool:
    """Whether Dagster's commands made a folder for an instance that lasts as long as they do, by its name."""
    # There is no public way to tell such an instance from others. See above on importing Dagster's commands.
    from dagster._cli.utils import TMP_DAGSTER_HOME_PREFIX

    return Path(folder).name.startswith(TMP_DAGSTER_HOME_PREFIX)

"""What steps on Dask use of Dagster's private modules, each with why; see :mod:`.orchestration.dagster_internals`."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg

from custom_store_pipeline.errors import incompatible_dagster

try:
    # "This must not be None", for the type checker and for the reader of a traceback.
    from dagster import _check as check

    # What Dagster's own executors for Kubernetes and Celery are made of: steps on Dask run as theirs do.
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
    raise incompatible_dagster(error) from error

__all__ = [
    "CheckStepHealthResult",
    "ExecuteStepArgs",
    "ExecutionPlan",
    "PlanOrchestrationContext",
    "RetryMode",
    "StepDelegatingExecutor",
    "StepEventStatus",
    "StepHandler",
    "StepHandlerContext",
    "check",
    "deserialize_value",
    "execute_step_here",
    "serialize_value",
]


def execute_step_here(args: ExecuteStepArgs, instance: dg.DagsterInstance, run: dg.DagsterRun) -> Iterator[object]:
    """What ``dagster api execute_step`` does, without its process. The step has ended when the iterator has."""
    # Dagster's commands take as long to import as all the rest of this module, and only a worker of Dask needs this.
    from dagster._cli.api import _execute_step_command_body

    return _execute_step_command_body(args, instance, run)

"""Steps on a Dask cluster, by Dagster's executor for remote steps, on which its k8s executor is based, too.

dagster-dask (0.29) loses work. It names tasks by job and step, so a cluster takes the same step of two runs for one
task, and runs it once. It runs steps although steps that they read from failed. It ignores which assets of a step are
selected. It ignores pools.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
from distributed import Client, Future

from custom_store_pipeline.engines.dask.dagster_internals import (
    CheckStepHealthResult,
    ExecuteStepArgs,
    ExecutionPlan,
    PlanOrchestrationContext,
    RetryMode,
    StepDelegatingExecutor,
    StepEventStatus,
    StepHandler,
    StepHandlerContext,
    check,
    deserialize_value,
    execute_step_here,
    serialize_value,
)
from custom_store_pipeline.engines.process_cache import clear_caches
from custom_store_pipeline.settings import setting_error

# Where a cluster of one's own is made for each run; names and options as with dagster-dask.
_CLUSTERS = {
    "local": ("distributed", "LocalCluster"),
    "ssh": ("distributed", "SSHCluster"),
    "yarn": ("dask_yarn", "YarnCluster"),
    "kube": ("dask_kubernetes", "KubeCluster"),
    "pbs": ("dask_jobqueue", "PBSCluster"),
    "moab": ("dask_jobqueue", "MoabCluster"),
    "sge": ("dask_jobqueue", "SGECluster"),
    "lsf": ("dask_jobqueue", "LSFCluster"),
    "slurm": ("dask_jobqueue", "SLURMCluster"),
    "oar": ("dask_jobqueue", "OARCluster"),
}

_SECONDS_BETWEEN_CHECKS = 2  # of what this process knows already; nothing is sent


@dg.executor(
    name="dask",
    config_schema={
        "cluster": dg.Field(
            dg.Selector({"existing": {"address": dg.StringSource}, **{name: dg.Permissive() for name in _CLUSTERS}}),
            default_value={"local": {}},
        )
    },
    requirements=dg.multiple_process_executor_requirements(),
)
def dask_executor(init_context: dg.InitExecutorContext) -> dg.Executor:
    """Each step is a task of Dask's; ``cluster`` says where, by default on this machine."""
    config: Mapping[str, Any] = init_context.executor_config
    ((kind, options),) = config["cluster"].items()
    return DaskExecutor(DaskSteps(kind, options))


class DaskExecutor(StepDelegatingExecutor):
    """Dagster's executor, which leaves the cluster when a run has ended."""

    def __init__(self, steps: DaskSteps) -> None:
        super().__init__(steps, retries=RetryMode.ENABLED, check_step_health_interval_seconds=_SECONDS_BETWEEN_CHECKS)
        self._steps = steps

    def execute(self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan) -> Iterator[Any]:
        """Runs the steps of a run."""
        with contextlib.closing(self._steps):
            yield from super().execute(plan_context, execution_plan)


class DaskSteps(StepHandler):
    """What Dagster needs to run steps on a cluster.

    Args:
        kind: the key under ``cluster``.
        options: the options below it.
    """

    def __init__(self, kind: str, options: Mapping[str, Any]) -> None:
        self._kind = kind
        self._options = options
        self._tasks: dict[str, Future[Any]] = {}

    @property
    def name(self) -> str:
        """How events call it."""
        return "Dask"

    @functools.cached_property
    def _client(self) -> Client:
        if self._kind == "existing":
            return _client_of(self._options["address"])
        module, name = _CLUSTERS[self._kind]
        # Dagster's steps are not made for threads of one process.
        defaults = {"threads_per_worker": 1} if self._kind == "local" else {}
        return Client(getattr(importlib.import_module(module), name)(**{**defaults, **self._options}))

    def close(self) -> None:
        """Leaves the cluster, and ends it if it was made for the run."""
        if "_client" in vars(self):
            cluster = self._client.cluster
            self._client.close()
            if cluster is not None:
                cluster.close()

    def launch_step(self, step_handler_context: StepHandlerContext) -> Iterator[dg.DagsterEvent]:
        """Submits the step to the cluster, under a name that is unique to the run and the attempt."""
        args, step = step_handler_context.execute_step_args, _step(step_handler_context)
        attempt = args.known_state.get_retry_state().get_attempt_count(step) if args.known_state else 0
        key = f"{args.run_id}.{step}.{attempt}"
        self._tasks[step] = self._client.submit(execute_step, serialize_value(args), key=key)
        yield from ()

    def check_step_health(self, step_handler_context: StepHandlerContext) -> CheckStepHealthResult:
        """Whether Dask still has the step. If a worker dies, Dask gives the step to another one."""
        task = self._tasks[_step(step_handler_context)]
        if task.status in ("pending", "finished"):
            return CheckStepHealthResult.healthy()
        reason = repr(task.exception()) if task.status == "error" else f"Dask says that its task is {task.status}"
        return CheckStepHealthResult.unhealthy(reason)

    def terminate_step(self, step_handler_context: StepHandlerContext) -> Iterator[dg.DagsterEvent]:
        """Cancels the step if it has not begun; Dask cannot stop one that has."""
        self._tasks[_step(step_handler_context)].cancel()
        yield from ()


def _client_of(address: str) -> Client:
    try:
        return Client(address)
    except OSError as error:
        message = f"no Dask scheduler answers at {address} ({error}); start one, or correct the address"
        raise setting_error("CUSTOM_STORE_EXECUTOR_CONFIG", message) from None


def _step(context: StepHandlerContext) -> str:
    (step,) = context.execute_step_args.step_keys_to_execute or ()
    return step


def execute_step(packed: str) -> None:
    """What a worker does: one step, with the files as they are now. Its events go to Dagster's storage."""
    clear_caches()
    args = deserialize_value(packed, ExecuteStepArgs)
    with dg.DagsterInstance.from_ref(check.not_none(args.instance_ref)) as instance:
        # Dask gives the task of a worker that died to another one, even if the step had ended just before.
        steps = instance.get_run_step_stats(args.run_id, args.step_keys_to_execute)
        if any(step.status in (StepEventStatus.SUCCESS, StepEventStatus.FAILURE) for step in steps):
            return
        run = check.not_none(instance.get_run_by_id(args.run_id))
        for _ in execute_step_here(args, instance, run):
            pass

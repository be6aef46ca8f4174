"""The engines that run steps: Dagster's own, chosen and set up by the environment."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from custom_store_pipeline.config.yaml_file import read_yaml
from custom_store_pipeline.engines.dagster_internals import process_config
from custom_store_pipeline.errors import ConfigurationError
from custom_store_pipeline.settings import read_settings, setting_error


@dataclass(frozen=True)
class Engine:
    """One of Dagster's executors.

    Attributes:
        module: the module that it is in.
        name: its name there.
        needs: the package that has to be there for it.
        extra: the extra of this project that brings the package, or None if it is always there.
        defaults: its config where the user says nothing else.
    """

    module: str
    name: str
    needs: str = "dagster"
    extra: str | None = None
    defaults: Mapping[str, Any] = field(default_factory=dict)


# A step's process is forked from one that has loaded all this already, so it neither imports pandas (1.5 s) nor builds
# the definitions again. Python's own fork would do as well, but not beside threads, and executors have some.
_PRELOADED = ("pandas", "pyarrow", "custom_store_pipeline.preloaded")

_NESTED = ("execution", "config")

ENGINES: dict[str, Engine] = {
    "in_process": Engine("dagster", "in_process_executor"),
    "multiprocess": Engine(
        "dagster",
        "multiprocess_executor",
        defaults={"start_method": {"forkserver": {"preload_modules": list(_PRELOADED)}}},
    ),
    "dask": Engine("custom_store_pipeline.engines.dask.executor", "dask_executor", "distributed", "dask"),
    "celery": Engine("dagster_celery", "celery_executor", "dagster_celery", "celery"),
    "k8s": Engine("dagster_k8s", "k8s_job_executor", "dagster_k8s", "k8s"),
}


def executor_from_settings() -> dg.ExecutorDefinition:
    """The executor that ``CUSTOM_STORE_EXECUTOR`` names, with the config in ``CUSTOM_STORE_EXECUTOR_CONFIG``.

    Raises:
        ConfigurationError: its extra is not installed, or Dagster refuses the config.
    """
    name = read_settings().executor
    engine = ENGINES[name]
    if importlib.util.find_spec(engine.needs) is None:
        install = f"{sys.executable} -m pip install 'custom-store-pipeline[{engine.extra}]'"
        raise setting_error("CUSTOM_STORE_EXECUTOR", f"'{name}' needs an extra; install it with: {install}")
    executor: dg.ExecutorDefinition = getattr(importlib.import_module(engine.module), engine.name)
    config = {**engine.defaults, **_config(executor)}
    return executor.configured(config) if config else executor


def _config(executor: dg.ExecutorDefinition) -> dict[str, Any]:
    """What the file says; also if it is nested as in a run's config, which is how workers of Celery want it."""
    path = read_settings().executor_config
    if path is None:
        return {}
    file = read_yaml(path, str(path), "the executor's config")
    within: tuple[str, ...] = ()
    config: Any = file.content
    while len(within) < len(_NESTED) and isinstance(config, dict) and list(config) == [_NESTED[len(within)]]:
        config = config[_NESTED[len(within)]]
        within = (*within, _NESTED[len(within)])
    checked = process_config(executor.config_schema.config_type, config)
    if not checked.success:
        raise ConfigurationError(
            file.problem((*within, *error.stack.levels), error.message) for error in checked.errors or ()
        )
    found: dict[str, Any] = config
    return found

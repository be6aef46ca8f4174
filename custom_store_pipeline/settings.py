"""The settings that come from the environment; each is read when asked for, never at import."""

from __future__ import annotations

import os
from pathlib import Path

from custom_store_pipeline.errors import ConfigurationError, Problem, did_you_mean

EXECUTORS = ("in_process", "multiprocess")
_EXECUTORS_TO_COME = ("dask", "celery", "k8s")


def projects_dir() -> Path:
    """The projects folder: ``CUSTOM_STORE_PROJECTS_DIR``, or ``projects/`` of the checkout or the working folder.

    Raises:
        ConfigurationError: the folder is not there.
    """
    name = os.environ.get("CUSTOM_STORE_PROJECTS_DIR")
    if name:
        folder = Path(name).expanduser()
        if not folder.is_dir():
            raise _wrong(
                "CUSTOM_STORE_PROJECTS_DIR",
                f"'{name}' is not a folder; name the folder that holds <project_name>/mappings and "
                "<project_name>/custom_store_driver",
            )
        return folder.resolve()
    beside_checkout = Path(__file__).resolve().parent.parent / "projects"
    for folder in (beside_checkout, Path.cwd() / "projects"):
        if folder.is_dir():
            return folder
    raise _wrong(
        "CUSTOM_STORE_PROJECTS_DIR",
        f"not set, and there is no folder 'projects' in {Path.cwd()}; set it to your projects folder",
    )


def executor() -> str:
    """``CUSTOM_STORE_EXECUTOR``: one of :data:`EXECUTORS`, ``in_process`` by default.

    Raises:
        ConfigurationError: no such executor.
    """
    name = os.environ.get("CUSTOM_STORE_EXECUTOR") or "in_process"
    if name in _EXECUTORS_TO_COME:
        raise _wrong("CUSTOM_STORE_EXECUTOR", f"'{name}' is not supported yet; use {' or '.join(EXECUTORS)}")
    if name not in EXECUTORS:
        raise _wrong(
            "CUSTOM_STORE_EXECUTOR",
            f"'{name}' is not one of {', '.join(EXECUTORS)}{did_you_mean(name, EXECUTORS)}",
        )
    return name


def state_url() -> str | None:
    """Where key snapshots are kept: ``CUSTOM_STORE_STATE_URL``, or a folder of ``DAGSTER_HOME``; None without both."""
    home = os.environ.get("DAGSTER_HOME")
    default = str(Path(home, "storage", "custom_store_state")) if home else None
    return os.environ.get("CUSTOM_STORE_STATE_URL") or default


def _wrong(variable: str, message: str) -> ConfigurationError:
    return ConfigurationError([Problem("environment", 0, 0, variable, message)])

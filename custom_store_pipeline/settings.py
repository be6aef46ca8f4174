"""The settings that come from the environment, or a file ``.env``; each is read when asked for, never at import."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from croniter import croniter
from dotenv import dotenv_values

from custom_store_pipeline.errors import ConfigurationError, Problem, did_you_mean

EXECUTORS = ("in_process", "multiprocess", "dask", "celery", "k8s")
CHANGED_PARTITIONS = ("none", "latest")


@contextmanager
def with_env_file() -> Iterator[None]:
    """Within it, the environment has what ``.env`` in the working folder says, as for Dagster's commands.

    As there, the file wins over the environment, and a name without ``=`` is left out. Dagster's own function would
    cost the second that it takes to import Dagster.
    """
    found = {name: value for name, value in dotenv_values(Path.cwd() / ".env").items() if value is not None}
    before = {name: os.environ.get(name) for name in found}
    os.environ.update(found)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def projects_dir() -> Path:
    """The projects folder: ``CUSTOM_STORE_PROJECTS_DIR``, or ``projects/`` of the checkout or the working folder.

    Raises:
        ConfigurationError: the folder is not there.
    """
    name = os.environ.get("CUSTOM_STORE_PROJECTS_DIR")
    if name:
        folder = Path(name).expanduser()
        if not folder.is_dir():
            raise setting_error(
                "CUSTOM_STORE_PROJECTS_DIR",
                f"'{name}' is not a folder; name the folder that holds <project_name>/mappings and "
                "<project_name>/custom_store_driver",
            )
        return folder.resolve()
    beside_checkout = Path(__file__).resolve().parent.parent / "projects"
    for folder in (beside_checkout, Path.cwd() / "projects"):
        if folder.is_dir():
            return folder
    raise setting_error(
        "CUSTOM_STORE_PROJECTS_DIR",
        f"not set, and there is no folder 'projects' in {Path.cwd()}; set it to your projects folder",
    )


def executor() -> str:
    """``CUSTOM_STORE_EXECUTOR``: one of :data:`EXECUTORS`, ``in_process`` by default.

    Raises:
        ConfigurationError: no such executor.
    """
    name = os.environ.get("CUSTOM_STORE_EXECUTOR") or "in_process"
    if name not in EXECUTORS:
        raise setting_error(
            "CUSTOM_STORE_EXECUTOR",
            f"'{name}' is not one of {', '.join(EXECUTORS)}{did_you_mean(name, EXECUTORS)}",
        )
    return name


def executor_config() -> Path | None:
    """``CUSTOM_STORE_EXECUTOR_CONFIG``: a YAML file with the executor's config, as Dagster takes it, or None.

    Raises:
        ConfigurationError: there is no such file.
    """
    name = os.environ.get("CUSTOM_STORE_EXECUTOR_CONFIG")
    if not name:
        return None
    path = Path(name).expanduser()
    if not path.is_file():
        raise setting_error("CUSTOM_STORE_EXECUTOR_CONFIG", f"'{name}' is not a file; name a YAML file")
    return path


def state_url() -> str | None:
    """Where key snapshots are kept: ``CUSTOM_STORE_STATE_URL``, or a folder of ``DAGSTER_HOME``; None without both."""
    home = os.environ.get("DAGSTER_HOME")
    default = str(Path(home, "storage", "custom_store_state")) if home else None
    return os.environ.get("CUSTOM_STORE_STATE_URL") or default


def sensor_interval() -> int:
    """``CUSTOM_STORE_SENSOR_INTERVAL``: seconds between two ticks of the sensor on config changes, 30 by default.

    Raises:
        ConfigurationError: no whole number, or less than 1.
    """
    text = os.environ.get("CUSTOM_STORE_SENSOR_INTERVAL") or "30"
    if not text.isdecimal() or int(text) < 1:
        raise setting_error("CUSTOM_STORE_SENSOR_INTERVAL", f"'{text}' is not a whole number of seconds, 1 or more")
    return int(text)


def webserver_url() -> str | None:
    """``CUSTOM_STORE_WEBSERVER_URL``: the webserver that the sensor tells of changes, or None.

    Raises:
        ConfigurationError: no such URL.
    """
    url = os.environ.get("CUSTOM_STORE_WEBSERVER_URL")
    if not url:
        return None
    try:
        parts = urlsplit(url)
        is_right = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        is_right = False
    if not is_right:  # the URL may hold a password, so it is not shown
        raise setting_error(
            "CUSTOM_STORE_WEBSERVER_URL", "not the URL of a webserver; write it as http://localhost:3000"
        )
    return url


def observe_schedule() -> str:
    """``CUSTOM_STORE_OBSERVE_SCHEDULE``: when sources are asked whether they changed, every five minutes by default.

    Raises:
        ConfigurationError: no cron string of five fields.
    """
    text = os.environ.get("CUSTOM_STORE_OBSERVE_SCHEDULE") or "*/5 * * * *"
    if not croniter.is_valid(text) or len(text.split()) != 5:
        raise setting_error("CUSTOM_STORE_OBSERVE_SCHEDULE", f"'{text}' is not a cron string of five fields")
    return text


def changed_partitions() -> str:
    """``CUSTOM_STORE_CHANGED_PARTITIONS``: what runs of a partitioned entity that changed, one of ``none``, ``latest``.

    Raises:
        ConfigurationError: another value.
    """
    name = os.environ.get("CUSTOM_STORE_CHANGED_PARTITIONS") or CHANGED_PARTITIONS[0]
    if name not in CHANGED_PARTITIONS:
        near = did_you_mean(name, CHANGED_PARTITIONS)
        raise setting_error(
            "CUSTOM_STORE_CHANGED_PARTITIONS", f"'{name}' is not one of {', '.join(CHANGED_PARTITIONS)}{near}"
        )
    return name


def setting_error(variable: str, message: str) -> ConfigurationError:
    """The error of an environment variable that cannot be used."""
    return ConfigurationError([Problem("environment", 0, 0, variable, message)])

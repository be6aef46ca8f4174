"""The settings that come from the environment, or a file ``.env``; read when they are asked for, never at import."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from custom_store_pipeline.errors import ConfigurationError, Problem, did_you_mean

EXECUTORS = ("in_process", "multiprocess", "dask", "celery", "k8s")
CHANGED_PARTITIONS = ("none", "latest")


def _one_of(options: tuple[str, ...]) -> AfterValidator:
    def check(name: str) -> str:
        if name not in options:
            raise ValueError(f"'{name}' is not one of {', '.join(options)}{did_you_mean(name, options)}")
        return name

    return AfterValidator(check)


def _path(exists: Callable[[Path], bool], message: str) -> BeforeValidator:
    def check(name: Any) -> Any:
        path = Path(name).expanduser()
        if not exists(path):
            raise ValueError(f"'{name}' {message}")
        return path

    return BeforeValidator(check)


def _seconds(text: Any) -> int:
    if not str(text).isdecimal() or int(text) < 1:
        raise ValueError(f"'{text}' is not a whole number of seconds, 1 or more")
    return int(text)


def _url(url: str) -> str:
    try:
        parts = urlsplit(url)
        is_right = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        is_right = False
    if not is_right:  # the URL may hold a password, so it is not shown
        raise ValueError("not the URL of a webserver; write it as http://localhost:3000")
    return url


def _cron(text: str) -> str:
    from croniter import croniter  # not imported for the default, which is not checked

    if not croniter.is_valid(text) or len(text.split()) != 5:
        raise ValueError(f"'{text}' is not a cron string of five fields")
    return text


_PROJECTS_FOLDER = (
    "is not a folder; name the folder that holds <project_name>/mappings and <project_name>/custom_store_driver"
)


class Settings(BaseModel):
    """All settings, each from the environment variable that is its alias; a variable that is empty counts as not set.

    Attributes:
        projects_dir: the projects folder; None for ``projects/`` of the checkout or of the working folder.
        executor: the name of the executor.
        executor_config: a YAML file with the executor's config, as Dagster takes it.
        state_url: where key snapshots are stored: a folder, or a URL that fsspec knows.
        sensor_interval: seconds between two ticks of the sensor on config changes.
        webserver_url: the webserver that the sensor reloads.
        observe_schedule: when drivers are asked whether their sources have changed: a cron string.
        changed_partitions: which partitions run of an entity that changed.
        dagster_home: Dagster's folder.
    """

    model_config = ConfigDict(frozen=True)

    projects_dir: Annotated[Path, _path(Path.is_dir, _PROJECTS_FOLDER)] | None = Field(
        None, alias="CUSTOM_STORE_PROJECTS_DIR"
    )
    executor: Annotated[str, _one_of(EXECUTORS)] = Field("in_process", alias="CUSTOM_STORE_EXECUTOR")
    executor_config: Annotated[Path, _path(Path.is_file, "is not a file; name a YAML file")] | None = Field(
        None, alias="CUSTOM_STORE_EXECUTOR_CONFIG"
    )
    state_url: str | None = Field(None, alias="CUSTOM_STORE_STATE_URL")
    sensor_interval: Annotated[int, BeforeValidator(_seconds)] = Field(30, alias="CUSTOM_STORE_SENSOR_INTERVAL")
    webserver_url: Annotated[str, AfterValidator(_url)] | None = Field(None, alias="CUSTOM_STORE_WEBSERVER_URL")
    observe_schedule: Annotated[str, AfterValidator(_cron)] = Field(
        "*/5 * * * *", alias="CUSTOM_STORE_OBSERVE_SCHEDULE"
    )
    changed_partitions: Annotated[str, _one_of(CHANGED_PARTITIONS)] = Field(
        "none", alias="CUSTOM_STORE_CHANGED_PARTITIONS"
    )
    dagster_home: str | None = Field(None, alias="DAGSTER_HOME")

    @property
    def snapshots(self) -> str | None:
        """Where key snapshots are stored: ``state_url``, or a folder of ``DAGSTER_HOME``; None without both."""
        home = self.dagster_home
        return self.state_url or (str(Path(home, "storage", "custom_store_state")) if home else None)


def read_settings() -> Settings:
    """The settings as the environment has them now.

    Raises:
        ConfigurationError: some are wrong; names all of them.
    """
    aliases = [field.alias or "" for field in Settings.model_fields.values()]
    try:
        return Settings.model_validate({name: value for name in aliases if (value := os.environ.get(name))})
    except ValidationError as invalid:
        raise ConfigurationError(
            _problem(str(error["loc"][0]), str(error.get("ctx", {}).get("error", error["msg"])))
            for error in invalid.errors(include_input=False)
        ) from None


def projects_folder() -> Path:
    """The projects folder: ``CUSTOM_STORE_PROJECTS_DIR``, or ``projects/`` of the checkout or the working folder.

    Raises:
        ConfigurationError: there is no such folder, or a setting is wrong.
    """
    if found := read_settings().projects_dir:
        return found.resolve()
    beside_checkout = Path(__file__).resolve().parent.parent / "projects"
    for folder in (beside_checkout, Path.cwd() / "projects"):
        if folder.is_dir():
            return folder
    raise setting_error(
        "CUSTOM_STORE_PROJECTS_DIR",
        f"not set, and there is no folder 'projects' in {Path.cwd()}; set it to your projects folder",
    )


def setting_error(variable: str, message: str) -> ConfigurationError:
    """The error of an environment variable that cannot be used."""
    return ConfigurationError([_problem(variable, message)])


def _problem(variable: str, message: str) -> Problem:
    return Problem("environment", 0, 0, variable, message)


@contextmanager
def with_env_file() -> Iterator[None]:
    """Within it, the environment has what ``.env`` in the working folder says, as for Dagster's commands.

    As with these, the file wins over the environment, and a name without ``=`` is ignored. Dagster's own function would
    cost the second that it takes to import Dagster.
    """
    found = _read_env_file(Path.cwd() / ".env")
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


def _read_env_file(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    from dotenv import dotenv_values  # not imported where there is no such file

    return {name: value for name, value in dotenv_values(path).items() if value is not None}

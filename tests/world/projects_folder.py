"""A projects folder to fill, and Dagster to run it with."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from custom_store_pipeline.definitions import build_definitions
from custom_store_pipeline.drivers.driver_files import digest_of, find_driver, read_sources
from custom_store_pipeline.drivers.loading import DriverVersion
from custom_store_pipeline.errors import DriverNotFoundError

CHECKOUT = Path(__file__).parent.parent.parent


def require(found: object, what: str) -> None:
    """Skips a test on a machine that has not what it needs; in CI that is a failure, for CI must run every test."""
    if not found:
        assert "CI" not in os.environ, f"CI must have {what}"
        pytest.skip(f"needs {what}")


SOURCE = """
    class ItemsStoreDriver:
        def pull_data(self, mapping_config, entity):
            return [{"id": 1, "name": entity}, {"id": 2, "name": "ü"}]
"""

MAPPING = """
    mappings:
      - mapping:
          from:
            store: {{type: custom, file_name: items_store_driver}}
            entity: {{include: {include}, primary_keys: [id]}}
          to: {{file_name: sqlite_store_driver, args: {{path: target.db}}}}
          {more}
"""


def mapping(include: str = "[items]", more: str = "") -> str:
    return MAPPING.format(include=include, more=more)


class ProjectsFolder:
    """A scratch `projects/` folder with drivers and mappings, and ways to run it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.path = root / "projects"
        self.path.mkdir()
        self.home = root / "dagster_home"
        self.home.mkdir()
        shutil.copy(CHECKOUT / ".dagster_home/dagster.yaml", self.home)

    def driver(self, file_name: str, source: str, project: str = "shop") -> Path:
        folder = self.path / project / "custom_store_driver"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{file_name}.py"
        path.write_text(textwrap.dedent(source))
        return path

    def driver_version(self, file_name: str, project: str = "shop") -> DriverVersion:
        """The driver as it is now."""
        digest = ""
        with contextlib.suppress(DriverNotFoundError):
            digest = digest_of(read_sources(find_driver(self.path, project, file_name)))
        return DriverVersion(self.path, project, file_name, digest)

    def mapping(self, text: str, name: str = "items", project: str = "shop") -> Path:
        folder = self.path / project / "mappings"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name}.yaml"
        path.write_text(textwrap.dedent(text))
        return path

    def sqlite(self, project: str = "shop") -> Path:
        """The SQLite driver of projects/blog, and the file that mappings name as `{args: {path: …}}`."""
        source = CHECKOUT / "projects/blog/custom_store_driver/sqlite_store_driver.py"
        self.driver("sqlite_store_driver", source.read_text(), project)
        return self.root / "target.db"

    def instance(self) -> dg.DagsterInstance:
        """Dagster's instance in the folder's home."""
        return dg.DagsterInstance.from_config(str(self.home))

    def definitions(self, **kwargs: Any) -> dg.Definitions:
        return build_definitions(self.path, **kwargs)

    def materialize(self, *keys: str, instance: dg.DagsterInstance | None = None, **kwargs: object) -> Run:
        """Materializes some assets (`shop/sqlite_store_driver/items`), by default all, in this process.

        Nothing is remembered after the run, unless an instance is given.
        """
        definitions = self.definitions(**kwargs)
        job = definitions.resolve_implicit_global_asset_job_def()
        selection = [dg.AssetKey(key.split("/")) for key in keys] or None
        with contextlib.nullcontext(instance) if instance else dg.DagsterInstance.ephemeral() as used:
            result = job.execute_in_process(instance=used, asset_selection=selection, raise_on_error=False)
            return Run(result)

    def dagster(self, *arguments: str, timeout: float = 120, **environment: str) -> subprocess.CompletedProcess[str]:
        """Runs the command `dagster` as a user would."""
        return run_cli(
            "dagster", *arguments, home=self.home, projects=self.path, cwd=self.root, timeout=timeout, **environment
        )

    def materialize_by_cli(self, select: str = "*", **environment: str) -> subprocess.CompletedProcess[str]:
        return self.dagster(
            "asset", "materialize", "--select", select, "-m", "custom_store_pipeline.definitions", **environment
        )


class Run:
    """What a run in this process did."""

    def __init__(self, result: dg.ExecuteInProcessResult) -> None:
        self.success = result.success
        self.events = result.all_events
        self.metadata = {
            "/".join(event.materialization.asset_key.path): {
                name: getattr(value, "value", value) for name, value in event.materialization.metadata.items()
            }
            for event in result.all_events
            if event.is_step_materialization
        }

    @property
    def materialized(self) -> set[str]:
        """The entities that were materialized."""
        return {key.split("/", 2)[2] for key in self.metadata}

    @property
    def summary(self) -> str:
        """Why the step failed."""
        errors = [event.step_failure_data.error for event in self.events if event.is_step_failure]
        return "\n".join(part for error in errors for part in _messages(error))


def _messages(error: Any) -> Iterator[str]:
    while error is not None:
        yield error.message
        error = error.cause


def environment_of(home: Path, projects: Path, **more: str) -> dict[str, str]:
    """The environment of a command of Dagster's."""
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return {**env, "DAGSTER_HOME": str(home), "CUSTOM_STORE_PROJECTS_DIR": str(projects), **more}


def run_cli(
    command: str, *arguments: str, home: Path, projects: Path, cwd: Path, timeout: float = 120, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).parent / command, *arguments],
        cwd=cwd,
        env=environment_of(home, projects, **environment),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        stdin=subprocess.DEVNULL,
    )

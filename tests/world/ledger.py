"""A source and a target side by side, the runs between them, and whether they are equal."""

from __future__ import annotations

import contextlib
import copy
import multiprocessing
import os
import shutil
import signal
import sqlite3
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.world.projects_folder import ProjectsFolder

KEY = "shop/target/items"

MAPPING = """
    mappings:
      - mapping:
          from:
            store: {{file_name: source_store_driver, name: source, args: {{path: source.db{chunk_rows}}}}}
            entity: {{include: [items], primary_keys: [id]}}
            offset: {{offset_columns: [{offset}]}}
          to: {{file_name: target_store_driver, name: target, args: {{path: target.db}}}}
          load_type: {load_type}
          write_mode: upsert
          delete_type: keys
          max_delete_fraction: {fraction}
"""

MODES: dict[str, dict[str, str]] = {
    "full, in one piece": {"load_type": "full", "chunk_rows": "", "offset": ""},
    "full, in chunks": {"load_type": "full", "chunk_rows": ", chunk_rows: 4", "offset": ""},
    "incremental": {"load_type": "incremental", "chunk_rows": ", chunk_rows: 2", "offset": "version"},
}


class Ledger:
    """A source table `items`, a target table `items`, and a mapping between them."""

    def __init__(self, projects: ProjectsFolder, mode: str, fraction: float = 1) -> None:
        self.projects = projects
        self.mode = mode
        self.version = 0
        self._fraction = fraction
        for name in ("source_store_driver", "target_store_driver"):
            source = (Path(__file__).parent / f"{name}.py").read_text()
            if mode != "incremental":
                source = source.replace("def pull_keys", "def no_pull_keys")
            projects.driver(name, source)
        projects.mapping(MAPPING.format(fraction=fraction, **MODES[mode]))
        self._execute(self.source, "CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT, version INTEGER)")

    @property
    def source(self) -> Path:
        return self.projects.root / "source.db"

    @property
    def target(self) -> Path:
        return self.projects.root / "target.db"

    def copy(self, root: Path) -> Ledger:
        """The same source, target, mapping and history in another folder."""
        shutil.copytree(self.projects.root, root)
        other = copy.copy(self)
        other.projects = copy.copy(self.projects)
        other.projects.root, other.projects.path, other.projects.home = (
            root,
            root / self.projects.path.name,
            root / self.projects.home.name,
        )
        return other

    def upsert(self, *ids: int) -> None:
        """Inserts these rows into the source, or changes them."""
        rows: list[tuple[Any, ...]] = []
        for key in ids:
            self.version += 1
            rows.append((key, f"v{self.version}", self.version))
        self._execute_many(self.source, "INSERT OR REPLACE INTO items VALUES (?, ?, ?)", rows)

    def delete(self, *ids: int) -> None:
        self._execute_many(self.source, "DELETE FROM items WHERE id = ?", [(key,) for key in ids])

    def run(self, patch: Callable[[str], None] | None = None, **environment: str) -> int:
        """Materializes the entity in a process of its own; returns how that ended (0, 1, or minus a signal)."""
        return finished(self.start(patch, **environment))

    def start(self, patch: Callable[[str], None] | None = None, **environment: str) -> Any:
        process = _FORKS.Process(
            target=_materialize,
            args=(self.projects.root, self.projects.path, self.projects.home, environment, patch),
        )
        process.start()
        return process

    def missing_or_wrong(self) -> set[tuple[Any, ...]]:
        """The rows in which source and target differ."""
        return self.rows(self.source) ^ self.rows(self.target)

    def rows(self, path: Path) -> set[tuple[Any, ...]]:
        return set(self._execute(path, "SELECT id, name, version FROM items"))

    def journal(self) -> list[tuple[str, int, int]]:
        """What was ever committed: run, id, version (-1 for a delete), in its order."""
        found = self._execute(self.target, "SELECT name FROM sqlite_master WHERE name = 'journal'")
        return self._execute(self.target, "SELECT run, id, version FROM journal ORDER BY rowid") if found else []

    def log(self) -> str:
        return "\n".join((self.projects.root / "run.log").read_text().splitlines()[-20:])

    def snapshots(self) -> list[str]:
        return sorted(path.name for path in self.projects.home.rglob("*.parquet"))

    @staticmethod
    def _execute(path: Path, statement: str) -> list[Any]:
        with contextlib.closing(sqlite3.connect(path, timeout=60)) as connection, connection:
            return connection.execute(statement).fetchall()

    @staticmethod
    def _execute_many(path: Path, statement: str, rows: list[tuple[Any, ...]]) -> None:
        with contextlib.closing(sqlite3.connect(path, timeout=60)) as connection, connection:
            connection.executemany(statement, rows)


def finished(process: Any) -> int:
    process.join(90)
    if process.exitcode is None:
        os.kill(process.pid, signal.SIGKILL)
        process.join(10)
        raise AssertionError("the run did not end")
    return int(process.exitcode)


# A server process that has imported everything and done nothing yet: forking it is a fresh process in milliseconds.
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    [
        "custom_store_pipeline.definitions", "pandas", "pyarrow.parquet", "duckdb", "fsspec.implementations.local",
        "alembic.command", "sqlalchemy.dialects.sqlite", "dagster._core.storage.sqlite_storage", "rich.console",
        "dagster._core.storage.local_compute_log_manager", "dagster._core.launcher.default_run_launcher",
        "dagster._core.run_coordinator", "structlog", "s3fs",
    ]
)  # fmt: skip


def _materialize(
    root: Path, projects: Path, home: Path, environment: Mapping[str, str], patch: Callable[[str], None] | None
) -> None:
    os.chdir(root)
    with open("run.log", "a") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.environ.update({"DAGSTER_HOME": str(home), **environment})
    tempfile.tempdir = None  # the server process has looked at its own TMPDIR
    import dagster as dg

    from custom_store_pipeline.definitions import build_definitions

    if patch is not None:
        patch(environment.get("KILL_AT", ""))
    job = build_definitions(projects).resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.get() as instance:
        result = job.execute_in_process(instance=instance, raise_on_error=False)
    raise SystemExit(0 if result.success else 1)

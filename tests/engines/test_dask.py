"""Steps on a Dask cluster of two workers that is reached by its address."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator

import pytest

from tests.conftest import ProjectsFolder
from tests.engines.items import Items
from tests.webserver import free_port, running


@contextlib.contextmanager
def dask_cluster(projects: ProjectsFolder) -> Iterator[str]:
    """A scheduler and two workers, each a process of its own; yields the address."""
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    log, where = projects.root / "dask.log", (projects.home, projects.path)
    scheduler = ["dask", "scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"]
    worker = ["dask", "worker", address, "--host", "127.0.0.1", "--nworkers", "2", "--nthreads", "1", "--no-dashboard"]
    with (
        running(scheduler, *where, log, projects.root),
        running(worker, *where, log, projects.root),
    ):
        yield address


@pytest.fixture
def items(projects: ProjectsFolder) -> Iterator[Items]:
    with dask_cluster(projects) as address:
        config = projects.root / "dask.yaml"
        config.write_text(f"cluster: {{existing: {{address: {address!r}}}}}\n")
        yield Items(projects, CUSTOM_STORE_EXECUTOR="dask", CUSTOM_STORE_EXECUTOR_CONFIG=str(config))


def test_what_arrives_is_what_arrives_in_one_process(items: Items) -> None:
    items.compare_with_one_process()


def test_a_worker_dies(items: Items) -> None:
    items.survive(lambda pid: os.kill(pid, signal.SIGKILL))

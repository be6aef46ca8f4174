"""Steps on two workers of Celery, with Redis as broker."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ProjectsFolder
from tests.engines.items import Items, wait_for
from tests.webserver import free_port, running

# The same file for the run and for the workers. What is not acknowledged before it is done is done by another worker if
# the first one dies; Redis notices that after the visibility timeout.
CONFIG = """
execution:
  config:
    broker: {redis}/0
    backend: {redis}/1
    config_source:
      task_acks_late: true
      task_reject_on_worker_lost: true
"""


@contextlib.contextmanager
def redis(folder: Path) -> Iterator[str]:
    """A server that keeps everything in memory; yields its URL."""
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL) as server:
        try:
            yield f"redis://127.0.0.1:{port}"
        finally:
            server.terminate()


@pytest.fixture
def items(projects: ProjectsFolder) -> Iterator[Items]:
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed; .ci/run installs it")  # not in CI
    with redis(projects.root) as url, contextlib.ExitStack() as workers:
        config = projects.root / "celery.yaml"
        config.write_text(CONFIG.format(redis=url))
        items = Items(projects, CUSTOM_STORE_EXECUTOR="celery", CUSTOM_STORE_EXECUTOR_CONFIG=str(config))
        log = projects.root / "celery.log"
        for name in ("one", "two"):
            command = ["dagster-celery", "worker", "start", "-A", "dagster_celery.app", "-y", str(config), "-n", name]
            more = ["--", "--concurrency", "1"]
            workers.enter_context(running([*command, *more], projects.home, projects.path, log, projects.root))
        wait_for(lambda: log.read_text().count("ready.") == 2, 60)
        yield items


def test_what_arrives_is_what_arrives_in_one_process(items: Items) -> None:
    items.compare_with_one_process()


def test_a_worker_dies(items: Items) -> None:
    items.survive(lambda pid: os.kill(pid, signal.SIGKILL))

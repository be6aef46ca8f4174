"""Steps on two workers of Celery, with Redis as broker."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator

import pytest

from tests.conftest import ProjectsFolder
from tests.engines.items import Items
from tests.engines.services import celery_workers


@pytest.fixture
def items(projects: ProjectsFolder) -> Iterator[Items]:
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed; .ci/run installs it")  # so it is not skipped in CI
    items = Items(projects, CUSTOM_STORE_EXECUTOR="celery")
    with celery_workers(projects) as config:
        items.environment["CUSTOM_STORE_EXECUTOR_CONFIG"] = str(config)
        yield items


def test_what_arrives_is_what_arrives_in_one_process(items: Items) -> None:
    items.compare_with_one_process()


def test_a_worker_dies(items: Items) -> None:
    items.survive(lambda pid: os.kill(pid, signal.SIGKILL))

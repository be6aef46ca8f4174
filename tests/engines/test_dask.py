"""Steps on a Dask cluster of two workers that is reached by its address."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from tests.conftest import ProjectsFolder
from tests.engines.items import Items
from tests.engines.services import dask_cluster


@pytest.fixture
def items(projects: ProjectsFolder) -> Iterator[Items]:
    with dask_cluster(projects) as config:
        yield Items(projects, CUSTOM_STORE_EXECUTOR="dask", CUSTOM_STORE_EXECUTOR_CONFIG=str(config))


def test_what_arrives_is_what_arrives_in_one_process(items: Items) -> None:
    items.compare_with_one_process()


def test_a_worker_dies(items: Items) -> None:
    items.survive(lambda pid: os.kill(pid, signal.SIGKILL))


def test_workers_that_live_on_see_a_mapping_that_was_edited(items: Items) -> None:
    assert items.materialize("e0", "e7").returncode == 0
    (items.source / "new.json").write_text('[{"id":1}]')
    items.edit("e39", "e39, new")

    done = items.materialize("new", "e7")

    assert done.returncode == 0, done.stderr
    assert items.arrived.keys() == {"e0", "e7", "new"}

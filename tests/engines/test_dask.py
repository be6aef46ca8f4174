"""Steps on a Dask cluster of two workers that is reached by its address."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.world.held_items import Items
from tests.world.processes import wait_until
from tests.world.projects_folder import ProjectsFolder
from tests.world.services import dask_cluster

COPIES = """
    mappings:
      - mapping:
          from:
            store: {{file_name: files_store_driver, name: target, args: {{folder: {root}/target}}}}
            entity: {{include: [e0]}}
          to: {{file_name: files_store_driver, name: copy, args: {{folder: {root}/copy}}}}
"""


@pytest.fixture
def items(projects: ProjectsFolder) -> Iterator[Items]:
    with dask_cluster(projects) as config:
        yield Items(projects, CUSTOM_STORE_EXECUTOR="dask", CUSTOM_STORE_EXECUTOR_CONFIG=str(config))


def test_what_arrives_is_what_arrives_in_one_process(items: Items) -> None:
    items.compare_with_one_process()


def test_a_worker_dies(items: Items) -> None:
    items.survive(another_takes_over=True)


def test_two_runs_of_one_step_at_once_both_do_their_work(items: Items) -> None:
    with items.held("e0"), items.begun("e0") as first, items.begun("e1") as second:
        wait_until(lambda: "e1" in items.arrived, 60)
        assert second.wait(60) == 0
        items.release("e0")
        assert first.wait(60) == 0

    assert items.materialized().keys() == {"e0", "e1"}


def test_what_reads_from_a_failed_step_is_not_run(items: Items) -> None:
    items.projects.mapping(COPIES.format(root=items.projects.root), name="copies")
    (items.source / "e0.json").unlink()
    (items.target / "e0.json").write_text('[{"id":"old"}]')

    done = items.projects.materialize_by_cli("*", **items.environment)

    assert done.returncode == 1
    assert not (items.projects.root / "copy/e0.json").exists(), done.stderr


def test_a_pool_holds_on_all_workers(items: Items) -> None:
    items.edit("entities_per_step: 5", "entities_per_step: 5\n      pool: narrow")
    with items.projects.instance() as instance:
        instance.event_log_storage.set_concurrency_slots("narrow", 1)

    with items.held("e0"), items.held("e5"), items.begun("e0", "e5") as run:
        wait_until(lambda: items.in_hand, 60)
        (first,) = items.in_hand
        (other,) = {"e0", "e5"} - {first}
        time.sleep(3)  # time enough for the other step to begin, if it could
        assert items.in_hand == [first]
        items.release(first)
        items.holder_of(other)
        items.release(other)
        assert run.wait(60) == 0


def test_workers_that_live_on_see_a_mapping_that_was_edited(items: Items) -> None:
    items.notice_edits()


def test_without_a_config_a_cluster_is_made_for_the_run(projects: ProjectsFolder) -> None:
    items = Items(projects, CUSTOM_STORE_EXECUTOR="dask")

    done = items.materialize("e0", "e39")

    assert done.returncode == 0, done.stderr
    assert items.arrived.keys() == {"e0", "e39"}
    assert "WARNING" not in done.stderr


def test_a_scheduler_that_does_not_answer(projects: ProjectsFolder) -> None:
    (projects.root / "dask.yaml").write_text("cluster: {existing: {address: 'tcp://127.0.0.1:1'}}")
    items = Items(
        projects,
        CUSTOM_STORE_EXECUTOR="dask",
        CUSTOM_STORE_EXECUTOR_CONFIG=str(projects.root / "dask.yaml"),
        DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT="1s",
    )

    done = items.materialize("e0")

    assert done.returncode == 1
    assert (
        "environment: CUSTOM_STORE_EXECUTOR_CONFIG: no Dask scheduler answers at tcp://127.0.0.1:1 (Timed out trying "
        "to connect to tcp://127.0.0.1:1 after 1 s); start one, or correct the address"
    ) in done.stderr

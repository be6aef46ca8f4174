"""Steps on two workers of Celery, with Redis as broker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.world.held_items import Items
from tests.world.projects_folder import ProjectsFolder
from tests.world.services import celery_workers


@pytest.fixture
def items(projects: ProjectsFolder) -> Iterator[Items]:
    items = Items(projects, CUSTOM_STORE_EXECUTOR="celery")
    with celery_workers(projects) as config:
        items.environment["CUSTOM_STORE_EXECUTOR_CONFIG"] = str(config)
        yield items


def test_what_arrives_is_what_arrives_in_one_process(items: Items) -> None:
    items.compare_with_one_process()


def test_a_worker_dies(items: Items) -> None:
    items.survive(another_takes_over=True)


def test_workers_that_live_on_see_a_mapping_that_was_edited(items: Items) -> None:
    items.notice_edits()

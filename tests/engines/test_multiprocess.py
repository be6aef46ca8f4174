"""Steps in processes of their own, forked from one that has loaded everything."""

from __future__ import annotations

import pytest

from tests.world.held_items import Items
from tests.world.projects_folder import ProjectsFolder


@pytest.fixture
def items(projects: ProjectsFolder) -> Items:
    return Items(projects, CUSTOM_STORE_EXECUTOR="multiprocess")


def times_built(items: Items, location: str = "custom_store_pipeline.definitions") -> int:
    """How often definitions were built in a run of eight steps: each time, the broken file is complained of."""
    items.projects.mapping("mappings: [", name="broken")
    select = 'group:"shop" and not key:"shop/invalid/*"'
    done = items.projects.dagster(
        "asset", "materialize", "--select", select, "-m", *location.split(), **items.environment
    )
    assert done.returncode == 0, done.stderr
    assert len(set(items.materialized().values())) == 8
    return done.stderr.count("broken.yaml:2:1: not YAML")


def test_the_definitions_are_built_for_the_run_and_for_the_fork_server(items: Items) -> None:
    assert times_built(items) == 2


def test_a_location_of_one_project_is_preloaded_like_all(items: Items) -> None:
    assert times_built(items, "custom_store_pipeline.locations -a shop") == 2


def test_with_spawn_each_step_builds_them_again(items: Items) -> None:
    config = items.projects.root / "spawn.yaml"
    config.write_text("start_method: {spawn: {}}")
    items.environment["CUSTOM_STORE_EXECUTOR_CONFIG"] = str(config)

    assert times_built(items) == 1 + 8


def test_the_process_of_a_step_dies(items: Items) -> None:
    items.survive(another_takes_over=False)

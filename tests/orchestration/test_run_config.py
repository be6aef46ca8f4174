"""What may be set for one run alone, in its run config."""

from __future__ import annotations

import json
from typing import Any

import dagster as dg
import pytest

from tests.orchestration.test_step_state import Feed, feed, metadata  # noqa: F401  # feed is a fixture
from tests.world.projects_folder import ProjectsFolder

DELETIONS = "delete_type: keys"


def run(feed: Feed, *ids: int, **config: Any) -> dg.ExecuteInProcessResult:  # noqa: F811
    (feed.projects.root / "rows.json").write_text(json.dumps([{"id": key} for key in ids]))
    job = feed.projects.definitions().resolve_implicit_global_asset_job_def()
    run_config = {"ops": {"shop__items__1": {"config": config}}} if config else {}
    return job.execute_in_process(instance=feed.instance, run_config=run_config, raise_on_error=False)


def test_more_may_be_deleted_in_one_run(feed: Feed) -> None:  # noqa: F811
    feed.mapping(DELETIONS)
    assert run(feed, 1, 2, 3, 4).success
    assert not run(feed, 1).success

    found = metadata(run(feed, 1, max_delete_fraction=1))

    assert (found["deletes"], found["max_delete_fraction"]) == (3, 1.0)
    assert run(feed, 1, 2, 3, 4).success
    assert not run(feed, 1).success, "the next run has the mapping's own again"


def test_less_may_be_deleted_in_one_run(feed: Feed) -> None:  # noqa: F811
    feed.mapping(DELETIONS)
    assert run(feed, 1, 2, 3, 4).success

    assert not run(feed, 1, 2, 3, max_delete_fraction=0).success


def test_a_full_refresh_starts_from_nothing_in_one_run(feed: Feed) -> None:  # noqa: F811
    feed.mapping("load_type: incremental\n                  delete_type: keys")
    assert run(feed, 1, 2, 3).success

    found = metadata(run(feed, 3, full_refresh=True))
    run(feed, 3, 4)

    assert (found["deletes"], found["full_refresh"], "max_delete_fraction" in found) == (0, True, False)
    assert [call["offset"]["values"] for call in feed.calls()] == [{}, {}, {"id": 3}]
    assert [call["state"] for call in feed.calls()] == [None, None, {"page": 1}]


def test_a_sample_stores_no_state_and_deletes_nothing(feed: Feed) -> None:  # noqa: F811
    feed.mapping("load_type: incremental\n                  delete_type: keys")
    assert run(feed, 1, 2, 3).success

    found = metadata(run(feed, 4, 5, limit=1))
    run(feed, 1, 2, 4)

    assert (found["dagster/row_count"], found["limit"], found["deletes"]) == (1, 1, 0)
    assert {"watermarks_after", "custom_store/state"}.isdisjoint(found)
    first, sample, last = feed.calls()
    assert sample["offset"]["values"] == last["offset"]["values"] == {"id": 3}
    keys = [call["idempotency_key"] for call in (first, sample, last)]
    assert len(set(keys)) == 3, "a driver that knows the sample's key must not leave out the load itself"


def test_without_run_config_nothing_is_recorded(feed: Feed) -> None:  # noqa: F811
    feed.mapping(DELETIONS)

    assert {"full_refresh", "max_delete_fraction"}.isdisjoint(metadata(run(feed, 1)))


@pytest.mark.parametrize("config", [{"max_delete_fraction": 2}, {"max_delete_fraction": -0.1}])
def test_a_fraction_is_from_0_to_1(feed: Feed, config: dict[str, Any]) -> None:  # noqa: F811
    feed.mapping(DELETIONS)

    assert not run(feed, 1, **config).success
    assert not (feed.projects.root / "calls.jsonl").exists(), "nothing was pulled"


def test_drivers_see_the_mapping_as_the_run_has_it(shop: ProjectsFolder) -> None:
    shop.driver(
        "items_store_driver",
        """
        from pathlib import Path

        class ItemsStoreDriver:
            def pull_data(self, mapping_config, entity):
                Path("first_load").write_text(str(mapping_config.get("first_load")))
                return [{"id": 1}]
        """,
    )
    config = shop.root / "run.yaml"
    config.write_text("ops: {shop__items__1: {config: {full_refresh: true}}}")

    done = shop.dagster(
        "asset", "materialize", "--select", "*", "-m", "custom_store_pipeline.definitions", "-c", str(config),
        CUSTOM_STORE_EXECUTOR="multiprocess",
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert (shop.root / "first_load").read_text() == "True"


def test_the_launchpad_knows_what_may_be_set(shop: ProjectsFolder) -> None:
    job = shop.definitions().resolve_implicit_global_asset_job_def()

    step = job.run_config_schema.config_type.fields["ops"].config_type.fields["shop__items__1"]

    assert not step.is_required
    fields = step.config_type.fields["config"].config_type.fields
    assert {name: field.is_required for name, field in fields.items()} == {
        "max_delete_fraction": False,
        "full_refresh": False,
        "limit": False,
    }
    assert all(field.description for field in fields.values())

"""What a mapping's runs remember, seen from its drivers and from the materializations."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from custom_store_pipeline.orchestration import step_state
from tests.world.processes import wait_until
from tests.world.projects_folder import ProjectsFolder

KEY = dg.AssetKey(["shop", "target", "items"])

FEED = """
    import json
    from pathlib import Path

    from custom_store_pipeline import Pulled

    class FeedStoreDriver:
        def pull_data(self, mapping_config, entity):
            told = {name: mapping_config[name] for name in ("offset", "state", "idempotency_key")}
            with Path("calls.jsonl").open("a") as file:
                file.write(json.dumps(told) + "\\n")
            rows = json.loads(Path("rows.json").read_text())
            return Pulled(rows, state={"page": len(rows)})

        def pull_keys(self, mapping_config, entity):
            return json.loads(Path("rows.json").read_text())
"""


class Feed:
    """A project with one entity, and an instance that remembers."""

    def __init__(self, projects: ProjectsFolder, instance: dg.DagsterInstance) -> None:
        self.projects = projects
        self.instance = instance
        projects.driver("feed_store_driver", FEED)
        projects.sqlite()

    def mapping(self, more: str) -> None:
        self.projects.mapping(
            f"""
            mappings:
              - mapping:
                  from:
                    store: {{file_name: feed_store_driver, name: feed}}
                    entity: {{include: [items], primary_keys: [id]}}
                    offset: {{offset_columns: [id]}}
                  to: {{file_name: sqlite_store_driver, name: target, args: {{path: target.db}}}}
                  write_mode: upsert
                  {more}
            """
        )

    def run(self, *ids: int | str) -> dg.ExecuteInProcessResult:
        (self.projects.root / "rows.json").write_text(json.dumps([{"id": key} for key in ids]))
        job = self.projects.definitions().resolve_implicit_global_asset_job_def()
        return job.execute_in_process(instance=self.instance, raise_on_error=False)

    def calls(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.projects.root / "calls.jsonl").read_text().splitlines()]


@pytest.fixture
def feed(projects: ProjectsFolder, monkeypatch: pytest.MonkeyPatch) -> Iterator[Feed]:
    monkeypatch.setenv("CUSTOM_STORE_STATE_URL", str(projects.root / "state"))
    with dg.DagsterInstance.ephemeral() as instance:
        yield Feed(projects, instance)


def metadata(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    (event,) = result.get_asset_materialization_events()
    return {name: value.value for name, value in event.materialization.metadata.items()}


def test_a_driver_gets_what_was_reached_before(feed: Feed) -> None:
    feed.mapping("load_type: incremental")
    assert feed.run(1, 2).success
    assert feed.run(3).success

    first, second = feed.calls()
    assert first["offset"] == {"columns": ["id"], "joining_condition": "AND", "values": {}}
    assert first["state"] is None
    assert second["offset"]["values"] == {"id": 2}
    assert second["state"] == {"page": 2}


def test_a_driver_with_a_lookback_gets_a_lower_watermark(feed: Feed) -> None:
    feed.mapping("load_type: incremental")
    path = feed.projects.path / "shop/mappings/items.yaml"
    path.write_text(path.read_text().replace("offset_columns: [id]", "offset_columns: [id], lookback: {id: 10}"))
    feed.run(100)
    feed.run(95, 96)
    feed.run()

    assert [call["offset"]["values"] for call in feed.calls()] == [{}, {"id": 90}, {"id": 90}]


def test_a_full_load_gets_nothing_but_lays_the_ground_for_incremental_ones(feed: Feed) -> None:
    feed.mapping("load_type: full")
    feed.run(1, 2)
    feed.run(1, 2)
    assert [(call["offset"]["values"], call["state"]) for call in feed.calls()] == [({}, None), ({}, None)]

    feed.mapping("load_type: incremental")
    feed.run(3)

    assert feed.calls()[-1]["offset"]["values"] == {"id": 2}
    assert feed.calls()[-1]["state"] == {"page": 2}


def test_first_load_begins_from_nothing_as_long_as_it_is_true(feed: Feed) -> None:
    feed.mapping("load_type: incremental")
    feed.run(9)
    feed.mapping("load_type: incremental\n                  first_load: true")
    feed.run(5)
    assert (feed.calls()[-1]["offset"]["values"], feed.calls()[-1]["state"]) == ({}, None)

    feed.mapping("load_type: incremental")
    feed.run(6)

    assert feed.calls()[-1]["offset"]["values"] == {"id": 5}


def test_a_failed_run_stores_no_state(feed: Feed) -> None:
    feed.mapping("load_type: incremental")
    feed.run(1)
    (feed.projects.root / "target.db").rename(feed.projects.root / "away")
    (feed.projects.root / "target.db").mkdir()
    assert not feed.run(2).success
    (feed.projects.root / "target.db").rmdir()

    feed.run(2)

    assert feed.calls()[-1]["offset"]["values"] == {"id": 1}


def test_the_idempotency_key_changes_when_something_has_arrived(feed: Feed) -> None:
    feed.mapping("load_type: incremental")
    (feed.projects.root / "target.db").mkdir()
    feed.run(1)
    feed.run(1)
    (feed.projects.root / "target.db").rmdir()
    feed.run(1)
    feed.run(1)  # nothing new: the watermark is the same, but it is another load

    keys = [call["idempotency_key"] for call in feed.calls()]
    assert len(set(keys[:3])) == 1
    assert keys[3] != keys[2]


def test_the_idempotency_key_of_a_load_without_memory_is_that_of_its_run(feed: Feed) -> None:
    feed.mapping("load_type: full")
    feed.projects.mapping(
        (feed.projects.path / "shop/mappings/items.yaml").read_text().replace("offset_columns: [id]", "")
    )
    feed.run(1)
    feed.run(1)

    first, second = feed.calls()
    assert first["idempotency_key"] != second["idempotency_key"]


def test_a_materialization_shows_the_state(feed: Feed) -> None:
    feed.mapping("load_type: incremental\n                  delete_type: keys")
    feed.run(1, 2, 3)

    shown = metadata(feed.run(2, 3, 7))

    assert shown["watermarks_before"] == {"id": "3"}
    assert shown["watermarks_after"] == {"id": "7"}
    assert shown["deletes"] == 1
    assert shown["dagster/row_count"] == 3
    assert shown["snapshot_keys"] == 3
    path = Path(shown["snapshot"])
    assert path.parent == feed.projects.root / "state/shop/target/items"
    assert path.stat().st_size == shown["snapshot_bytes"]


def test_state_is_lost_without_dagster_home_and_a_warning_says_so(projects: ProjectsFolder) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        feed = Feed(projects, instance)
        feed.mapping("load_type: incremental\n                  delete_type: keys")

        result = feed.run(1)

        assert result.success
        logged = [record.event_log_entry.user_message for record in instance.get_records_for_run(result.run_id).records]
    assert (
        "DAGSTER_HOME is not set, so the state of this mapping (watermarks, key snapshots) is lost when the process "
        "ends, and the next run loads everything; set DAGSTER_HOME to a folder that stays"
    ) in logged


def logged(feed: Feed, result: dg.ExecuteInProcessResult) -> list[str]:
    return [record.event_log_entry.user_message for record in feed.instance.get_records_for_run(result.run_id).records]


def test_what_is_noticed_after_the_push_is_logged(feed: Feed) -> None:
    feed.mapping("load_type: incremental")
    feed.run(9)

    result = feed.run("a")

    assert ("items: the offset column 'id' was int (9) and is str (a) now; the watermark starts again") in logged(
        feed, result
    )


def test_state_that_cannot_be_read_fails_its_entity_only(feed: Feed) -> None:
    feed.mapping("load_type: incremental")
    path = feed.projects.path / "shop/mappings/items.yaml"
    path.write_text(path.read_text().replace("include: [items]", "include: [items, others]"))
    feed.instance.report_runless_asset_event(
        dg.AssetMaterialization(KEY, metadata={"custom_store/state": {"version": 99}})
    )

    result = feed.run(1)

    assert not result.success
    (event,) = result.get_asset_materialization_events()
    assert event.asset_key == dg.AssetKey(["shop", "target", "others"])


def test_state_of_another_source_does_not_count(feed: Feed) -> None:
    feed.mapping("load_type: incremental")
    feed.run(9)
    path = feed.projects.path / "shop/mappings/items.yaml"
    path.write_text(path.read_text().replace("name: feed", "name: another_feed"))

    result = feed.run(1)

    assert feed.calls()[-1]["offset"]["values"] == {}
    assert (
        "items: the stored state is of another source (shop/feed/items), so this run loads everything from "
        "shop/another_feed/items"
    ) in logged(feed, result)


def test_columns_that_are_no_offset_columns_any_more_are_not_handed_on(feed: Feed) -> None:
    feed.mapping("load_type: incremental")
    feed.run(9)
    path = feed.projects.path / "shop/mappings/items.yaml"
    path.write_text(path.read_text().replace("offset_columns: [id]", "offset_columns: [version]"))

    feed.run(1)

    assert feed.calls()[-1]["offset"]["values"] == {}


def test_no_secret_reaches_the_reason_of_a_failure(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "s3cr3tTok99")
    feed.mapping("load_type: incremental")
    path = feed.projects.path / "shop/mappings/items.yaml"
    path.write_text(path.read_text().replace("name: feed}", 'name: feed, args: {token: "${TOKEN}"}}'))
    driver = feed.projects.path / "shop/custom_store_driver/feed_store_driver.py"
    driver.write_text(
        driver.read_text().replace("Pulled(rows,", 'Pulled([{"bad " + mapping_config["args"]["token"]: 1}],')
    )

    result = feed.run(1)

    (failure,) = [event.step_failure_data.error for event in result.all_events if event.is_step_failure]
    assert "the columns are bad ***; pull it too" in str(failure)
    assert "s3cr3tTok99" not in str(failure) + "".join(logged(feed, result))


def test_a_wiped_asset_gets_another_idempotency_key(feed: Feed) -> None:
    feed.mapping("load_type: incremental")
    feed.run(1)
    feed.instance.wipe_assets([KEY])
    feed.run(1)

    first, second = feed.calls()
    assert first["idempotency_key"] != second["idempotency_key"]


def test_a_drivers_own_metadata_of_the_same_name_is_kept(feed: Feed) -> None:
    feed.mapping("load_type: incremental")
    path = feed.projects.path / "shop/custom_store_driver/feed_store_driver.py"
    own = 'metadata={"watermarks_after": "mine", "custom_store/state": "mine"}, state='
    path.write_text(path.read_text().replace("state=", own))

    shown = metadata(feed.run(1))

    assert (shown["driver/watermarks_after"], shown["driver/custom_store/state"]) == ("mine", "mine")
    assert shown["watermarks_after"] == {"id": "1"}


def test_an_entity_that_asks_for_no_memory_costs_none(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    feed.mapping("load_type: full")
    path = feed.projects.path / "shop/mappings/items.yaml"
    path.write_text(path.read_text().replace("offset_columns: [id]", ""))

    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("asked for")

    for name in ("load_state", "outcome_of", "snapshot_folder", "Recording"):
        monkeypatch.setattr(step_state, name, never)
    result = feed.run(1)

    assert result.success
    assert not {"custom_store/state", "watermarks_after", "snapshot"} & set(metadata(result))
    assert not (feed.projects.root / "state").exists()


def test_a_wiped_entity_starts_again_although_another_entity_of_its_run_had_failed(feed: Feed) -> None:
    feed.mapping("load_type: full\n                  delete_type: keys\n                  max_delete_fraction: 0.1")
    path = feed.projects.path / "shop/mappings/items.yaml"
    path.write_text(path.read_text().replace("include: [items]", "include: [items, others]"))
    driver = feed.projects.path / "shop/custom_store_driver/feed_store_driver.py"
    whole = driver.read_text()
    driver.write_text(whole.replace("rows = json", 'assert entity != "others"\n            rows = json'))
    assert not feed.run(1, 2, 3).success
    driver.write_text(whole)
    feed.instance.wipe_assets([KEY])

    assert feed.run(1).success


def test_a_run_that_meets_a_wipe_stores_no_state_and_warns(feed: Feed) -> None:
    feed.mapping("load_type: incremental")
    feed.run(5)
    target = feed.projects.path / "shop/custom_store_driver/sqlite_store_driver.py"
    whole = target.read_text()

    def wiped() -> None:
        feed.instance.wipe_assets([KEY])

    _MEANWHILE.append(wiped)
    target.write_text(
        whole.replace(
            "def push_data(self, config, entity, df, deletes_df=None):",
            "def push_data(self, config, entity, df, deletes_df=None):\n"
            "        from tests.orchestration import test_step_state as t\n"
            "        t._MEANWHILE.pop()()",
        )
    )
    result = feed.run(9)
    target.write_text(whole)
    feed.run(9)

    assert (
        "items: the state that this run started from was removed during the run (its run was deleted, or the asset was "
        "wiped), so no state of this run is stored; the next one sends its rows again"
    ) in logged(feed, result)
    assert [call["offset"]["values"] for call in feed.calls()] == [{}, {"id": 5}, {}]


_MEANWHILE: list[Any] = []


def test_a_push_that_timed_out_is_known_until_its_thread_returns(feed: Feed) -> None:
    feed.mapping("load_type: full\n                  delete_type: keys\n                  timeout: 1")
    feed.run(1, 2)
    target = feed.projects.path / "shop/custom_store_driver/sqlite_store_driver.py"
    whole = target.read_text()
    begun, go_on = threading.Event(), threading.Event()

    def hang() -> None:
        begun.set()
        go_on.wait(30)

    _MEANWHILE.append(hang)
    head = "def push_data(self, config, entity, df, deletes_df=None):"
    call = "\n        from tests.orchestration import test_step_state as t\n        t._MEANWHILE.pop()()"
    target.write_text(whole.replace(head, head + call))
    assert not feed.run(1, 2, 8).success
    target.write_text(whole)
    orphans = feed.projects.root / "state/shop/target/items"
    assert begun.is_set()
    assert len(list(orphans.glob("*.orphan.json"))) == 1

    for _ in range(2):
        assert metadata(feed.run(1, 2))["deletes"] == 1  # 8, which may still come
    go_on.set()
    wait_until(lambda: not list(orphans.glob("*.orphan.json")))
    assert rows_of(feed) == {1, 2, 8}

    feed.run(1, 2)
    assert rows_of(feed) == {1, 2}
    assert list(orphans.glob("*.json")) == []


def rows_of(feed: Feed) -> set[int]:
    with contextlib.closing(sqlite3.connect(feed.projects.root / "target.db")) as connection:
        return {key for (key,) in connection.execute("SELECT id FROM items")}


@pytest.mark.parametrize("executor", ["in_process", "multiprocess"])
def test_dagsters_temporary_home_is_not_a_home_that_stays(projects: ProjectsFolder, executor: str) -> None:
    with dg.DagsterInstance.ephemeral() as unused:
        feed = Feed(projects, unused)
    feed.mapping("load_type: incremental")
    (projects.root / "rows.json").write_text('[{"id": 1}]')

    done = projects.materialize_by_cli(DAGSTER_HOME="", CUSTOM_STORE_EXECUTOR=executor)

    assert done.returncode == 0, done.stderr
    assert done.stderr.count("DAGSTER_HOME is not set, so the state of this mapping") == 1


def test_a_storage_that_stays_needs_no_home(projects: ProjectsFolder) -> None:
    with dg.DagsterInstance.ephemeral() as unused:
        feed = Feed(projects, unused)
    feed.mapping("load_type: incremental")
    (projects.root / "rows.json").write_text('[{"id": 1}]')
    (projects.root / "dagster.yaml").write_text(f"storage: {{sqlite: {{base_dir: '{projects.root}/kept'}}}}")

    done = projects.materialize_by_cli(DAGSTER_HOME="")

    assert done.returncode == 0, done.stderr
    assert "DAGSTER_HOME is not set, so what" not in done.stderr

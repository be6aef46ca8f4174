"""Partitions: which there are, what drivers get of them, and that each is remembered by itself."""

from __future__ import annotations

import json
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from custom_store_pipeline.config.entity import Entity, Partition
from custom_store_pipeline.config.loading import load_mapping_files
from custom_store_pipeline.orchestration.partitions import partition, partitions_of, scheduled_partitions
from custom_store_pipeline.orchestration.step_outcomes import fail_step
from custom_store_pipeline.transfer.batch import TransferFailure
from tests.world.processes import ask, asset_keys, dagster_dev, wait_until
from tests.world.projects_folder import ProjectsFolder, mapping

NOW = datetime(2024, 3, 20, 12, tzinfo=UTC)


def definition(projects: ProjectsFolder, partitions: str, more: str = "") -> dg.PartitionsDefinition[str]:
    projects.mapping(
        f"""
        mappings:
          - mapping:
              from: {{store: {{file_name: a_store_driver}}}}
              to: {{file_name: b_store_driver}}
              partitions: {partitions}
              {more}
        """
    )
    (file,) = load_mapping_files(projects.path)
    assert file.problems == ()
    found = partitions_of(file.mappings[0])
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("partitions", "first", "second"),
    [
        ("{type: hourly, start: 2024-01-01}", "2024-01-01-00:00", "2024-01-01-01:00"),
        ("{type: daily, start: 2024-01-01}", "2024-01-01", "2024-01-02"),
        ("{type: weekly, start: 2024-01-03}", "2024-01-03", "2024-01-10"),
        ("{type: monthly, start: 2024-01-15}", "2024-01-15", "2024-02-15"),
        ("{type: static, keys: [north, 'the south']}", "north", "the south"),
    ],
)
def test_the_first_partition_begins_where_start_says(
    projects: ProjectsFolder, partitions: str, first: str, second: str
) -> None:
    found = definition(projects, partitions)

    assert found.get_partition_keys(current_time=NOW)[:2] == [first, second]


def test_a_partition_has_a_beginning_and_an_end_in_the_mappings_time_zone(projects: ProjectsFolder) -> None:
    found = definition(projects, "{type: daily, start: 2024-01-01}", "timezone: Europe/Berlin")
    berlin = ZoneInfo("Europe/Berlin")

    assert partition(found, "2024-03-31") == Partition(
        "2024-03-31", datetime(2024, 3, 31, tzinfo=berlin), datetime(2024, 4, 1, tzinfo=berlin)
    )


def test_days_may_begin_at_another_hour(projects: ProjectsFolder) -> None:
    found = definition(projects, "{type: daily, start: 2024-01-01T06:30}")

    day = partition(found, "2024-01-01")

    assert (day.start, day.end) == (datetime(2024, 1, 1, 6, 30, tzinfo=UTC), datetime(2024, 1, 2, 6, 30, tzinfo=UTC))


def test_a_partition_that_is_no_time_has_a_key_only(projects: ProjectsFolder) -> None:
    assert partition(definition(projects, "{type: static, keys: [north]}"), "north") == Partition("north", None, None)


def test_a_schedule_loads_the_latest_time_that_is_over_or_all_of_a_list(projects: ProjectsFolder) -> None:
    days = definition(projects, "{type: daily, start: 2024-03-01}")
    regions = definition(projects, "{type: static, keys: [north, south]}")
    to_come = definition(projects, "{type: daily, start: 2024-04-01}")

    assert scheduled_partitions(days, NOW) == ["2024-03-19"]
    assert scheduled_partitions(regions, NOW) == ["north", "south"]
    assert scheduled_partitions(to_come, NOW) == []


DAYS = """
    import json
    from pathlib import Path

    class DaysStoreDriver:
        def pull_data(self, mapping_config, entity):
            partition = mapping_config["partition"]
            with Path("calls.jsonl").open("a") as file:
                call = {
                    "key": partition["key"],
                    "start": str(partition["start"]),
                    "end": str(partition["end"]),
                    "values": mapping_config["offset"]["values"],
                    "idempotency_key": mapping_config["idempotency_key"],
                }
                file.write(json.dumps(call) + "\\n")
            if Path(f"no {entity} on {partition['key']}").exists():
                raise ConnectionError("nothing there")
            number = int(partition["key"][-2:])
            rows = json.loads(Path("rows.json").read_text()) if Path("rows.json").exists() else [number]
            return [{"id": row, "day": partition["key"]} for row in rows]

        def pull_keys(self, mapping_config, entity):
            return self.pull_data(mapping_config, entity)
"""


@pytest.fixture
def days(projects: ProjectsFolder) -> ProjectsFolder:
    projects.driver("days_store_driver", DAYS)
    projects.sqlite()
    projects.mapping(
        """
        mappings:
          - mapping:
              from:
                store: {file_name: days_store_driver, name: days}
                entity: {include: [sales, stock], primary_keys: [id, day]}
                offset: {offset_columns: [id]}
              to: {file_name: sqlite_store_driver, name: target, args: {path: target.db}}
              load_type: incremental
              write_mode: upsert
              delete_type: keys
              partitions: {type: daily, start: 2024-01-01}
              schedule: "0 6 * * *"
              concurrency: 2
        """
    )
    return projects


def calls(projects: ProjectsFolder) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (projects.root / "calls.jsonl").read_text().splitlines()]


def materialize(
    projects: ProjectsFolder, instance: dg.DagsterInstance, first: str, last: str | None = None, entity: str = "sales"
) -> dg.ExecuteInProcessResult:
    """One partition, or a range of them in a single run."""
    job = projects.definitions().resolve_implicit_global_asset_job_def()
    tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last or first}
    return job.execute_in_process(
        instance=instance,
        asset_selection=[dg.AssetKey(["shop", "target", entity])],
        raise_on_error=False,
        **({"partition_key": first} if last is None else {"tags": tags}),
    )


def states(instance: dg.DagsterInstance) -> dict[str | None, Any]:
    records = instance.fetch_materializations(dg.AssetKey(["shop", "target", "sales"]), limit=100, ascending=True)
    return {
        record.partition_key: record.asset_materialization.metadata["watermarks_after"].value
        for record in records.records
        if record.asset_materialization
    }


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dg.DagsterInstance:
    monkeypatch.setenv("CUSTOM_STORE_STATE_URL", str(tmp_path / "state"))
    (tmp_path / "instance").mkdir()
    return dg.DagsterInstance.local_temp(str(tmp_path / "instance"), overrides={"telemetry": {"enabled": False}})


def test_each_partition_of_a_range_is_pulled_and_stored_by_itself(
    days: ProjectsFolder, instance: dg.DagsterInstance
) -> None:
    assert materialize(days, instance, "2024-01-01", "2024-01-03").success

    assert {call["key"] for call in calls(days)} == {"2024-01-01", "2024-01-02", "2024-01-03"}
    assert states(instance) == {"2024-01-01": {"id": "1"}, "2024-01-02": {"id": "2"}, "2024-01-03": {"id": "3"}}

    assert materialize(days, instance, "2024-01-02").success
    assert calls(days)[-1]["values"] == {"id": 2}


def test_deletions_are_those_of_the_partition(days: ProjectsFolder, instance: dg.DagsterInstance) -> None:
    (days.root / "rows.json").write_text("[1, 2]")
    assert materialize(days, instance, "2024-01-01", "2024-01-02").success
    (days.root / "rows.json").write_text("[1]")

    result = materialize(days, instance, "2024-01-02")

    (event,) = result.get_asset_materialization_events()
    assert event.materialization.metadata["deletes"].value == 1


def test_partitions_that_arrived_are_stored_though_others_of_the_range_failed(
    days: ProjectsFolder, instance: dg.DagsterInstance
) -> None:
    (days.root / "no sales on 2024-01-02").touch()

    result = materialize(days, instance, "2024-01-01", "2024-01-03")

    assert not result.success
    assert set(states(instance)) == {"2024-01-01", "2024-01-03"}
    (failure,) = [event.step_failure_data.error for event in result.all_events if event.is_step_failure]
    assert failure is not None
    assert failure.cause is not None
    assert "1 of 3 entities failed; the others are materialized" in failure.cause.message
    assert "sales (2024-01-02): pull_data of 'shop/days_store_driver' for 'sales' raised" in failure.cause.message


def commands(message: str) -> list[list[str]]:
    """The options of the commands that a summary says to run, as a shell would read them."""
    remedy = message.split("materialize these again, with --select ")[1].split(":\n", maxsplit=1)[0]
    return [shlex.split(command.removeprefix("with --select ")) for command in remedy.split(", then ")]


def test_the_summary_says_commands_that_load_the_failed_partitions_again(days: ProjectsFolder) -> None:
    missing = ["2024-01-02", "2024-01-04", "2024-01-05"]
    for day in missing:
        (days.root / f"no sales on {day}").touch()
    command = ("asset", "materialize", "-m", "custom_store_pipeline.definitions")
    failed = days.dagster(*command, "--select", "*", "--partition-range", "2024-01-01...2024-01-06")
    for day in missing:
        (days.root / f"no sales on {day}").unlink()
    before = len(calls(days))

    again = [days.dagster(*command, "--select", *options) for options in commands(failed.stderr)]

    assert [run.returncode for run in again] == [0, 0], [run.stderr for run in again]
    assert sorted({call["key"] for call in calls(days)[before:]}) == missing


def failed_part(name: str, part: Partition | None) -> TransferFailure:
    entity = Entity(name, name, (), ("shop", "source", name), ("shop", "target", name), part)
    return TransferFailure(entity, "it broke", "")


def selections(*failed: tuple[str, Partition | None]) -> list[list[str]]:
    with pytest.raises(dg.Failure) as raised:
        fail_step(
            [failed_part(*one) for one in failed], 9, "materialize", "with --select", lambda entity: entity.target_key
        )
    return commands(str(raised.value.__cause__))


def test_each_command_of_the_summary_selects_what_failed_and_no_more(projects: ProjectsFolder) -> None:
    found = definition(projects, "{type: daily, start: 2024-01-01}")
    first, second, third, fifth = (partition(found, f"2024-01-0{day}") for day in (1, 2, 3, 5))

    assert selections(("a", second), ("a", first), ("b", first), ("b", second), ("a", third), ("a", fifth)) == [
        ['key:"shop/target/a" or key:"shop/target/b"', "--partition-range", "2024-01-01...2024-01-02"],
        ['key:"shop/target/a"', "--partition", "2024-01-03"],
        ['key:"shop/target/a"', "--partition", "2024-01-05"],
    ]


def test_keys_with_spaces_and_quotes_are_quoted_for_the_shell() -> None:
    assert selections(("a", Partition("the south")), ("it's", Partition("o'er"))) == [
        ['key:"shop/target/a"', "--partition", "the south"],
        ['key:"shop/target/it\'s"', "--partition", "o'er"],
    ]


def test_the_idempotency_key_is_that_of_the_partition_and_its_state(
    days: ProjectsFolder, instance: dg.DagsterInstance
) -> None:
    (days.root / "no sales on 2024-01-02").touch()
    materialize(days, instance, "2024-01-01", "2024-01-02")
    (days.root / "no sales on 2024-01-02").unlink()
    materialize(days, instance, "2024-01-01", "2024-01-02")

    keys: dict[str, list[str]] = {}
    for call in calls(days):
        keys.setdefault(call["key"], []).append(call["idempotency_key"])

    assert len(set(keys["2024-01-02"])) == 1  # nothing had been remembered in between
    assert len(set(keys["2024-01-01"])) == 2
    assert not set(keys["2024-01-01"]) & set(keys["2024-01-02"])


def test_the_command_takes_a_partition_and_a_range(days: ProjectsFolder) -> None:
    select = ("asset", "materialize", "-m", "custom_store_pipeline.definitions", "--select", "shop/target/sales")

    one = days.dagster(*select, "--partition", "2024-01-05")
    several = days.dagster(*select, "--partition-range", "2024-01-06...2024-01-07")

    assert (one.returncode, several.returncode) == (0, 0), one.stderr + several.stderr
    assert sorted({call["key"] for call in calls(days)}) == ["2024-01-05", "2024-01-06", "2024-01-07"]


def test_a_tick_of_the_schedule_asks_for_the_latest_day(days: ProjectsFolder) -> None:
    repository = days.definitions().get_repository_def()
    schedule = repository.get_schedule_def("shop__items__schedule")
    tick = datetime(2024, 1, 9, 6, tzinfo=UTC)

    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_schedule_context(instance, scheduled_execution_time=tick, repository_def=repository)
        (request,) = schedule.evaluate_tick(context).run_requests or []

    assert request.partition_key == "2024-01-08"


BACKFILL = """
    mutation ($params: LaunchBackfillParams!) {
      launchPartitionBackfill(backfillParams: $params) { __typename ... on LaunchBackfillSuccess { backfillId } }
    }
"""


@pytest.mark.timeout(400)  # Dagster's daemon looks for backfills every 30 seconds only
def test_a_backfill_of_the_ui_loads_its_partitions(days: ProjectsFolder) -> None:
    with dagster_dev(days.home, days.path, days.root / "dev.log", days.root) as address:
        asset_keys(address)
        keys = [f"2024-01-0{day}" for day in range(1, 5)]
        params = {"partitionNames": keys, "assetSelection": [{"path": ["shop", "target", "sales"]}]}
        assert ask(address, BACKFILL, params=params)["launchPartitionBackfill"]["__typename"] == "LaunchBackfillSuccess"

        with days.instance() as instance:
            wait_until(lambda: set(states(instance)) == set(keys), seconds=240)


@pytest.mark.parametrize(
    ("arguments", "materialized"),
    [
        (['group:shop and not tag:"custom_store/partitioned"'], {"items"}),
        (['group:shop and tag:"custom_store/partitioned"', "--partition", "a"], {"days"}),
        (["group:shop", "--partition", "a"], {"items", "days"}),
        (['key:"shop/*" and is:materializable', "--partition", "a"], {"items", "days"}),
    ],
)
def test_a_project_with_and_without_partitions_is_selected(
    shop: ProjectsFolder, arguments: list[str], materialized: set[str]
) -> None:
    partitioned = "partitions: {type: static, keys: [a]}\n          write_mode: upsert"
    shop.mapping(mapping(include="[days]", more=partitioned), name="days")

    done = shop.dagster("asset", "materialize", "-m", "custom_store_pipeline.definitions", "--select", *arguments)

    assert done.returncode == 0, done.stderr
    with shop.instance() as instance:
        assert {key.path[-1] for key in instance.get_asset_keys()} == materialized

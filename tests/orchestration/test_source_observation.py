"""Sources that tell when they change, and entities that are materialized then."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from custom_store_pipeline.projects.loading import load_projects
from tests.world.projects_folder import ProjectsFolder, Run

DRIVER = """
    from pathlib import Path

    class FilesStoreDriver:
        def pull_data(self, mapping_config, entity):
            return [{"text": Path(mapping_config["args"]["folder"], entity).read_text()}]

        def fingerprint(self, config, entity):
            return Path(config["args"]["folder"], entity).read_text()
"""
MAPPING = """
    mappings:
      - mapping:
          from:
            store: {{file_name: files_store_driver, name: inbox, args: {{folder: inbox, token: "${{TOKEN:-none}}"}}}}
            entity: {{include: {include}}}
          to: {{file_name: sqlite_store_driver, args: {{path: target.db}}}}
          {more}
"""


@pytest.fixture
def files(projects: ProjectsFolder) -> ProjectsFolder:
    projects.driver("files_store_driver", DRIVER)
    projects.sqlite()
    projects.mapping(MAPPING.format(include="[a, 'ä b.c']", more="on_source_change: true"), name="files")
    (projects.root / "inbox").mkdir()
    for name in ("a", "ä b.c"):
        (projects.root / "inbox" / name).write_text("1")
    return projects


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as instance:
        yield instance


def materialize(projects: ProjectsFolder, instance: dg.DagsterInstance, *keys: str) -> Run:
    job = projects.definitions().resolve_implicit_global_asset_job_def()
    selection = [dg.AssetKey(key.split("/")) for key in keys]
    return Run(job.execute_in_process(instance=instance, asset_selection=selection, raise_on_error=False))


def observe(projects: ProjectsFolder, instance: dg.DagsterInstance, *names: str) -> Run:
    return materialize(projects, instance, *(f"shop/inbox/{name}" for name in names))


def observations(instance: dg.DagsterInstance, name: str) -> list[dict[str, Any]]:
    records = instance.fetch_observations(dg.AssetKey(["shop", "inbox", name]), limit=10).records
    found = []
    for record in reversed(records):
        observation = record.asset_observation
        assert observation is not None
        metadata = {key: value.value for key, value in observation.metadata.items()}
        found.append({**metadata, "version": observation.data_version})
    return found


def test_a_source_is_observed_by_its_fingerprint(files: ProjectsFolder, instance: dg.DagsterInstance) -> None:
    for text in ("1", "1", "2"):
        (files.root / "inbox/ä b.c").write_text(text)
        assert observe(files, instance, "ä b.c").success

    first, second, third = observations(instance, "ä b.c")
    assert [found["fingerprint"] for found in (first, second, third)] == ["1", "1", "2"]
    assert first["version"] == second["version"] != third["version"]
    assert observations(instance, "a") == []


def test_a_driver_with_a_fingerprint_makes_its_source_observable_without_more(files: ProjectsFolder) -> None:
    files.mapping(MAPPING.format(include="[a]", more=""), name="files")
    definitions = files.definitions()
    graph = definitions.resolve_asset_graph()

    assert graph.get(dg.AssetKey(["shop", "inbox", "a"])).is_observable
    assert [sensor.name for sensor in definitions.get_repository_def().sensor_defs] == ["config_changes"]


def test_a_source_without_fingerprint_is_external_as_before(shop: ProjectsFolder) -> None:
    graph = shop.definitions().resolve_asset_graph()

    assert not graph.get(dg.AssetKey(["shop", "items_store_driver", "items"])).is_observable


def test_one_source_that_fails_does_not_stop_the_others(files: ProjectsFolder, instance: dg.DagsterInstance) -> None:
    (files.root / "inbox/a").unlink()

    run = observe(files, instance, "a", "ä b.c")

    assert not run.success
    assert len(observations(instance, "ä b.c")) == 1
    assert (
        "1 of 2 entities failed; the others are observed. Fix what is wrong and observe these again, in the UI "
        "(button Observe), with the selection "
        "'key:\"shop/inbox/a\"':\n  a: fingerprint of 'shop/files_store_driver' for 'a' raised FileNotFoundError"
    ) in run.summary


@pytest.mark.parametrize("returned", ["None", "True", "object()", "['x']", "{}"])
def test_what_is_no_fingerprint_is_refused(files: ProjectsFolder, instance: dg.DagsterInstance, returned: str) -> None:
    files.driver("files_store_driver", DRIVER.replace("return Path(config", f"return {returned} #"))

    run = observe(files, instance, "a")

    assert "return a string, a number, bytes or a time, another one whenever the data has changed" in run.summary


def test_a_fingerprint_holds_no_secret(
    files: ProjectsFolder, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "s3cret-token")
    files.driver("files_store_driver", DRIVER.replace("return Path(config", 'return config["args"]["token"] #'))

    observe(files, instance, "a")

    assert observations(instance, "a")[0]["fingerprint"] == "***"


def test_a_source_that_hangs_is_cancelled(files: ProjectsFolder, instance: dg.DagsterInstance) -> None:
    files.mapping(MAPPING.format(include="[a]", more="on_source_change: true\n          timeout: 0.2"), name="files")
    files.driver("files_store_driver", DRIVER.replace("return Path(config", "import time; time.sleep(20) #"))

    assert "timed out after 0.2 s while asking for the fingerprint" in observe(files, instance, "a").summary


class Automation:
    """What Dagster's daemon does with conditions, tick by tick."""

    def __init__(self, projects: ProjectsFolder, instance: dg.DagsterInstance) -> None:
        self._projects = projects
        self._instance = instance
        self._cursor: Any = None
        self._time = datetime(2026, 1, 1, 12, 1, tzinfo=UTC)

    def tick(self, minutes: int = 0) -> set[str]:
        """The assets that are asked for."""
        self._time += timedelta(minutes=minutes, seconds=30)
        definitions = self._projects.definitions()
        everything = dg.AssetSelection.assets(*definitions.resolve_asset_graph().get_all_asset_keys())
        result = dg.evaluate_automation_conditions(
            definitions, self._instance, everything, evaluation_time=self._time, cursor=self._cursor
        )
        self._cursor = result.cursor
        return {"/".join(found.key.path[1:]) for found in result.results if found.true_subset.size}


def test_an_entity_is_materialized_when_its_fingerprint_changes(
    files: ProjectsFolder, instance: dg.DagsterInstance
) -> None:
    observe(files, instance, "a", "ä b.c")
    automation = Automation(files, instance)
    assert automation.tick() == set()

    observe(files, instance, "a", "ä b.c")
    assert automation.tick() == set()

    (files.root / "inbox/a").write_text("2")
    observe(files, instance, "a", "ä b.c")
    assert automation.tick() == {"sqlite_store_driver/a"}
    assert automation.tick() == set()  # asked for already, whatever becomes of the run


def test_sources_are_observed_on_schedule(files: ProjectsFolder, instance: dg.DagsterInstance) -> None:
    automation = Automation(files, instance)
    automation.tick()

    assert automation.tick() == set()
    assert automation.tick(minutes=5) == {"inbox/a", "inbox/ä b.c"}
    assert automation.tick() == set()


def test_what_another_mapping_makes_needs_no_fingerprint(files: ProjectsFolder, instance: dg.DagsterInstance) -> None:
    files.mapping(
        """
        mappings:
          - mapping:
              from:
                store: {file_name: sqlite_store_driver, args: {path: target.db}}
                entity: {include: [a]}
              to: {file_name: sqlite_store_driver, name: copy, args: {path: copy.db}}
              on_source_change: true
        """,
        name="copy",
    )
    driver = files.path / "shop/custom_store_driver/sqlite_store_driver.py"
    driver.write_text(
        driver.read_text() + "\n    def pull_data(self, mapping_config, entity):\n        return [{'x': 1}]\n"
    )
    assert load_projects(files.path).problems == []
    automation = Automation(files, instance)
    assert automation.tick() == set()

    assert materialize(files, instance, "shop/sqlite_store_driver/a").success

    assert automation.tick() == {"copy/a"}


def test_an_asset_of_ones_own_may_be_the_source(files: ProjectsFolder) -> None:
    @dg.asset(key=["shop", "inbox", "a"])
    def own() -> int:
        return 1

    files.driver("files_store_driver", "class FilesStoreDriver:\n    def pull_data(self, c, e): ...")
    files.mapping(MAPPING.format(include="[a]", more="on_source_change: true"), name="files")

    definitions = files.definitions(assets=[own])

    sensors = {sensor.name for sensor in definitions.get_repository_def().sensor_defs}
    assert sensors == {"source_changes", "config_changes"}
    assert load_projects(files.path, {("shop", "inbox", "a")}).problems == []


def test_a_source_whose_maker_is_broken_is_not_observed_without_a_fingerprint(files: ProjectsFolder) -> None:
    files.driver("files_store_driver", "class FilesStoreDriver:\n    def pull_data(self, c, e): ...")
    files.mapping("[", name="maker_of_the_inbox")

    graph = files.definitions().resolve_asset_graph()

    source = graph.get(dg.AssetKey(["shop", "inbox", "a"]))
    assert not source.is_observable
    assert source.automation_condition is None


def test_a_mapping_may_be_called_like_an_observation(files: ProjectsFolder) -> None:
    for name in ("files__observation", "files__observation_1"):
        text = MAPPING.format(include=f"[{name}]", more=f"mapping_name: {name}")
        files.mapping(text.replace("name: inbox", f"name: {name}"), name=name)

    assert files.definitions().resolve_all_job_defs()


def test_the_schedule_of_observations_is_a_setting(files: ProjectsFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUSTOM_STORE_OBSERVE_SCHEDULE", "0 0 0 * * *")

    with pytest.raises(
        Exception, match="CUSTOM_STORE_OBSERVE_SCHEDULE: '0 0 0 .*' is not a cron string of five fields"
    ):
        files.definitions()

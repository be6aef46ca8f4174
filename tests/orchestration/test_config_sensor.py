"""The ticks of the sensor on config changes, without a daemon: what each asks for, and what it says."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import datetime

import dagster as dg
import pytest

from custom_store_pipeline.errors import ReloadError
from custom_store_pipeline.orchestration import config_sensor
from custom_store_pipeline.orchestration.config_sensor import SENSOR_NAME, TickFailedError
from tests.world.projects_folder import SOURCE, ProjectsFolder, mapping

RELOADED = "the definitions are reloaded; what changed runs with the next tick"


class Ticks:
    """A daemon's memory: the cursor, and which run keys were used."""

    def __init__(self, projects: ProjectsFolder, instance: dg.DagsterInstance) -> None:
        self.projects = projects
        self.instance = instance
        self.cursor: str | None = None
        self.run_keys: list[str | None] = []
        self.reloads: list[str] = []
        self.load()

    def load(self) -> None:
        """What a reload does: a new process builds the definitions."""
        self.repository = self.projects.definitions().get_repository_def()
        self.sensor = self.repository.get_sensor_def(SENSOR_NAME)

    def tick(self) -> None:
        with dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, repository_def=self.repository
        ) as context:
            self.data = self.sensor.evaluate_tick(context)
        self.cursor = self.data.cursor
        self.run_keys += [request.run_key for request in self.data.run_requests]

    @property
    def asked_for(self) -> list[list[str]]:
        """The entities of each run."""
        return [[key.path[2] for key in request.asset_selection or ()] for request in self.data.run_requests]

    @property
    def said(self) -> str:
        return self.data.skip_message or ""


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as instance:
        yield instance


@pytest.fixture
def ticks(projects: ProjectsFolder, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> Ticks:
    """Three files of two entities each; the first tick has passed, and a reload is only counted."""
    projects.driver("items_store_driver", SOURCE)
    projects.sqlite()
    for name in "abc":
        projects.mapping(mapping(f"[{name}1, {name}2]"), name=name)
    ticks = Ticks(projects, instance)
    monkeypatch.setattr(config_sensor, "_SECONDS_TO_SETTLE", 0)
    monkeypatch.setattr(config_sensor, "code_server", lambda context: "a server")
    monkeypatch.setattr(config_sensor, "reload_server", lambda server, timeout: ticks.reloads.append(server))
    ticks.tick()
    return ticks


def test_the_first_tick_records_the_state_and_runs_nothing(ticks: Ticks) -> None:
    assert ticks.asked_for == []
    assert ticks.said == "recorded the current state of 6 entities; from now on, new and changed entities run"
    assert ticks.cursor


def test_nothing_changed(ticks: Ticks) -> None:
    cursor = ticks.cursor

    ticks.tick()

    assert ticks.said == "nothing changed among 6 entities"
    assert ticks.cursor == cursor


def test_a_changed_file_is_loaded_and_then_its_entities_run(ticks: Ticks) -> None:
    ticks.projects.mapping(mapping("[b1, b2]", "write_mode: upsert"), name="b")

    ticks.tick()
    assert ticks.said == "projects/shop/mappings/b.yaml changed; " + RELOADED
    assert ticks.reloads == ["a server"]

    ticks.load()
    ticks.tick()
    assert ticks.asked_for == [["b1", "b2"]]

    ticks.tick()  # whatever became of the run
    assert ticks.said == "nothing changed among 6 entities"


def test_only_the_new_entity_of_a_file_runs(ticks: Ticks) -> None:
    ticks.projects.mapping(mapping("[b1, b2, b3]"), name="b")
    ticks.load()

    ticks.tick()

    assert ticks.asked_for == [["b3"]]


def test_a_changed_driver_runs_what_uses_it(ticks: Ticks) -> None:
    ticks.projects.driver("other_store_driver", SOURCE.replace("Items", "Other"))
    ticks.projects.mapping(mapping("[c1, c2]").replace("items_store_driver", "other_store_driver"), name="c")
    ticks.load()
    ticks.tick()
    ticks.projects.driver("other_store_driver", SOURCE.replace("Items", "Other").replace("ü", "ö"))

    ticks.tick()
    assert ticks.said == "projects/shop/custom_store_driver/other_store_driver.py changed; " + RELOADED
    ticks.load()
    ticks.tick()

    assert ticks.asked_for == [["c1", "c2"]]


def test_a_change_of_what_decides_no_row_is_loaded_and_runs_nothing(ticks: Ticks) -> None:
    ticks.projects.mapping(mapping("[b1, b2]", 'schedule: "0 6 * * *"'), name="b")

    ticks.tick()
    assert ticks.reloads == ["a server"]
    ticks.load()
    ticks.tick()

    assert ticks.said == "nothing changed among 6 entities"


def test_an_entity_that_changes_back_runs_each_time(ticks: Ticks) -> None:
    for more in ("write_mode: upsert", "", "write_mode: upsert", ""):
        ticks.projects.mapping(mapping("[b1, b2]", more), name="b")
        ticks.load()
        ticks.tick()
        assert ticks.asked_for == [["b1", "b2"]]

    assert len(set(ticks.run_keys)) == 4


def test_removed_entities_are_gone_and_new_when_they_come_back(ticks: Ticks) -> None:
    path = ticks.projects.path / "shop/mappings/b.yaml"
    text = path.read_text()
    path.unlink()
    ticks.load()
    ticks.tick()
    assert ticks.said == "2 entities were removed from the mappings; the history stays"

    path.write_text(text)
    ticks.load()
    ticks.tick()

    assert ticks.asked_for == [["b1", "b2"]]


def test_an_invalid_change_fails_the_tick_with_the_validators_text(ticks: Ticks) -> None:
    ticks.projects.mapping(mapping("[b1, b2]", "concurency: 3"), name="b")
    ticks.projects.mapping(mapping("[b1, b2]", "data_format: {typ: csv}"), name="c")
    cursor = ticks.cursor

    for _ in range(3):
        with pytest.raises(TickFailedError) as raised:
            ticks.tick()
        assert str(raised.value).splitlines()[0] == (
            "projects/shop/mappings/b.yaml:8:7: concurency: unknown key 'concurency'; did you mean 'concurrency'?"
        )
        assert "projects/shop/mappings/c.yaml:8:7: data_format" in str(raised.value)
        assert raised.value.__cause__ is None
    assert ticks.reloads == []

    ticks.projects.mapping(mapping("[b1, b2]"), name="b")
    ticks.projects.mapping(mapping("[c1, c2]"), name="c")
    ticks.tick()
    assert (ticks.said, ticks.cursor) == ("nothing changed among 6 entities", cursor)


@pytest.mark.parametrize("source", ["class ItemsStoreDriver", "class ItemsStoreDriver: ..."])
def test_a_broken_driver_is_an_invalid_change(ticks: Ticks, source: str) -> None:
    ticks.projects.driver("items_store_driver", source)

    with pytest.raises(TickFailedError, match=r"a.yaml:5:42: from.store.file_name: .*items_store_driver.py"):
        ticks.tick()


def test_an_option_that_the_reader_does_not_know_is_an_invalid_change(ticks: Ticks) -> None:
    text = mapping("[b1, b2]").replace("entity:", "data_format: {type: csv, seperator: ';'}\n            entity:")
    ticks.projects.mapping(text, name="b")

    with pytest.raises(TickFailedError, match="b.yaml:6:34: from.data_format.seperator"):
        ticks.tick()


def test_a_reload_that_failed_is_retried(ticks: Ticks, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(server: object, timeout: int) -> None:
        raise ReloadError("no new process")

    with monkeypatch.context() as patch:
        patch.setattr(config_sensor, "reload_server", fail)
        ticks.projects.mapping(mapping("[b1]"), name="b")
        with pytest.raises(TickFailedError, match="no new process"):
            ticks.tick()

    ticks.tick()
    assert ticks.reloads == ["a server"]


class TestADaemonThatLoadsTheDefinitionsItself:
    @pytest.fixture
    def told(self, ticks: Ticks, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        told: list[str] = []
        monkeypatch.setattr(config_sensor, "code_server", lambda context: None)
        monkeypatch.setattr(config_sensor, "reload_webserver", lambda url, context: told.append(url))
        monkeypatch.setenv("CUSTOM_STORE_WEBSERVER_URL", "http://localhost:3000")
        return told

    def test_reloads_the_webserver_once_for_a_change(self, ticks: Ticks, told: list[str]) -> None:
        ticks.tick()
        assert told == []
        ticks.projects.mapping(mapping("[b1]"), name="b")

        for _ in range(2):
            ticks.tick()
            assert ticks.said == (
                "projects/shop/mappings/b.yaml changed; the daemon reloads the definitions within a minute, then "
                "what changed runs"
            )
        ticks.load()
        ticks.tick()
        assert told == ["http://localhost:3000"]

    def test_reloads_it_too_if_it_loads_them_before_the_tick(self, ticks: Ticks, told: list[str]) -> None:
        ticks.projects.mapping(mapping("[b1, b2, b3]"), name="b")
        ticks.load()

        ticks.tick()

        assert told == ["http://localhost:3000"]
        assert ticks.asked_for == [["b3"]]

    def test_reloads_it_again_if_that_failed(
        self, ticks: Ticks, told: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(url: str, context: object) -> None:
            raise ReloadError("cannot be reached")

        ticks.projects.mapping(mapping("[b1, b2, b3]"), name="b")
        ticks.load()
        with monkeypatch.context() as patch:
            patch.setattr(config_sensor, "reload_webserver", fail)
            with pytest.raises(TickFailedError, match="cannot be reached"):
                ticks.tick()

        ticks.tick()
        assert told == ["http://localhost:3000"]
        assert ticks.asked_for == [["b3"]]

    def test_needs_no_webserver(self, ticks: Ticks, told: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("CUSTOM_STORE_WEBSERVER_URL")
        ticks.projects.mapping(mapping("[b1]"), name="b")

        ticks.tick()

        assert told == []


def test_what_changes_before_the_first_tick_runs_too(ticks: Ticks) -> None:
    ticks.cursor = None
    ticks.projects.mapping(mapping("[b1, b2, b3]"), name="b")

    ticks.tick()
    assert ticks.said.startswith("recorded the current state of 6 entities")
    ticks.tick()
    assert ticks.reloads == ["a server"]
    ticks.load()
    ticks.tick()

    assert ticks.asked_for == [["b3"]]


def test_a_change_that_is_taken_back_at_once_is_none(ticks: Ticks, monkeypatch: pytest.MonkeyPatch) -> None:
    path = ticks.projects.path / "shop/mappings/b.yaml"
    text = path.read_text()
    path.write_text("[")
    monkeypatch.setattr(config_sensor.time, "sleep", lambda seconds: path.write_text(text))

    ticks.tick()

    assert ticks.said == "nothing changed among 6 entities"


def test_a_projects_folder_that_is_empty_all_at_once_is_not_believed(ticks: Ticks) -> None:
    shutil.move(ticks.projects.path / "shop", ticks.projects.root / "elsewhere")

    with pytest.raises(TickFailedError, match="no mapping file is left in projects, so the definitions stay"):
        ticks.tick()

    shutil.move(ticks.projects.root / "elsewhere", ticks.projects.path / "shop")
    ticks.tick()
    assert ticks.said == "nothing changed among 6 entities"


def test_a_projects_folder_that_is_gone_fails_the_tick_with_the_remedy(ticks: Ticks) -> None:
    shutil.move(ticks.projects.path, ticks.projects.root / "elsewhere")

    with pytest.raises(TickFailedError, match="the projects folder cannot be read: .*; make sure that it is there"):
        ticks.tick()


class TestALocationThatStartsOnABrokenFile:
    @pytest.fixture
    def broken(self, ticks: Ticks) -> Ticks:
        ticks.projects.mapping("[", name="b")
        ticks.load()
        return ticks

    def test_says_so_in_each_tick(self, broken: Ticks) -> None:
        for _ in range(2):
            with pytest.raises(TickFailedError, match="projects/shop/mappings/b.yaml:2:1: not YAML"):
                broken.tick()

    def test_runs_what_changes_in_the_other_files(self, broken: Ticks) -> None:
        broken.projects.mapping(mapping("[c1, c2, c3]"), name="c")

        broken.tick()
        assert broken.said == "projects/shop/mappings/c.yaml changed; " + RELOADED
        broken.load()
        broken.tick()

        assert broken.asked_for == [["c3"]]

    def test_runs_nothing_when_it_is_fixed(self, broken: Ticks) -> None:
        with pytest.raises(TickFailedError):
            broken.tick()
        broken.projects.mapping(mapping("[b1, b2]"), name="b")

        broken.tick()
        assert broken.said == "projects/shop/mappings/b.yaml changed; " + RELOADED
        broken.load()
        broken.tick()

        assert broken.said == "nothing changed among 6 entities"

    def test_runs_what_changes_back_in_the_other_files(self, broken: Ticks) -> None:
        for more in ("write_mode: upsert", "", "write_mode: upsert"):
            broken.projects.mapping(mapping("[c1, c2]", more), name="c")
            broken.load()
            broken.tick()
            assert broken.asked_for == [["c1", "c2"]]

    def test_runs_what_changed_while_it_was_fixed(self, broken: Ticks) -> None:
        broken.projects.mapping(mapping("[b1, b2, b3]"), name="b")
        broken.load()
        broken.tick()

        assert broken.asked_for == [["b3"]]


def test_a_mapping_may_opt_out(ticks: Ticks) -> None:
    ticks.projects.mapping(mapping("[b1, b2]", "write_mode: upsert\n          auto_materialize: false"), name="b")
    ticks.load()

    ticks.tick()
    assert ticks.asked_for == []
    assert ticks.said == "shop/b changed (b1, b2) but does not run: auto_materialize is false"

    ticks.projects.mapping(mapping("[b1, b2]", "write_mode: upsert"), name="b")
    ticks.load()
    ticks.tick()
    assert ticks.said == "nothing changed among 6 entities"


DAILY = "partitions: {type: daily, start: 2024-01-01}\n          write_mode: upsert"


def test_partitioned_entities_do_not_run_and_that_is_said(ticks: Ticks) -> None:
    ticks.projects.mapping(mapping("[b1, b2]", DAILY), name="b")
    ticks.load()

    ticks.tick()

    assert ticks.said == (
        "shop/b changed (b1, b2) but does not run: it has partitions; materialize those to load again, "
        "or set CUSTOM_STORE_CHANGED_PARTITIONS=latest, which runs the latest one"
    )


def test_what_does_not_run_is_in_the_log_of_a_tick_that_runs_something(
    ticks: Ticks, capfd: pytest.CaptureFixture[str]
) -> None:
    ticks.projects.mapping(mapping("[b1, b2]", DAILY), name="b")
    ticks.projects.mapping(mapping("[c1, c2, c3]"), name="c")
    ticks.load()

    ticks.tick()

    assert ticks.asked_for == [["c3"]]
    assert "shop/b changed (b1, b2) but does not run: it has partitions" in capfd.readouterr().err


def test_the_latest_partition_runs_if_it_is_to(ticks: Ticks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUSTOM_STORE_CHANGED_PARTITIONS", "latest")
    for name, more in (("a", ""), ("b", DAILY), ("c", DAILY.replace("daily", "hourly"))):
        ticks.projects.mapping(mapping(f"[{name}1, {name}3]", more), name=name)
    ticks.load()

    ticks.tick()

    requests = {
        tuple(key.path[2] for key in request.asset_selection or ()): request for request in ticks.data.run_requests
    }
    assert set(requests) == {("a3",), ("b1", "b3"), ("c1", "c3")}
    assert requests[("a3",)].partition_key is None
    yesterday = datetime.fromisoformat(requests[("b1", "b3")].partition_key or "")
    assert 0 < (datetime.now() - yesterday).total_seconds() < 2 * 24 * 3600
    assert len({request.run_key for request in ticks.data.run_requests}) == 3


def test_partitions_that_are_no_times_have_no_latest_one(ticks: Ticks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUSTOM_STORE_CHANGED_PARTITIONS", "latest")
    ticks.projects.mapping(mapping("[b1, b2]", "partitions: {type: static, keys: [north, south]}"), name="b")
    ticks.load()

    ticks.tick()

    assert "its partitions are not times, so none is the latest" in ticks.said


def test_runs_have_500_entities_at_most(ticks: Ticks) -> None:
    names = ", ".join(f"e{number}" for number in range(1_050))
    ticks.projects.mapping(mapping(f"[{names}]"), name="many")
    ticks.load()

    ticks.tick()

    assert [len(run) for run in ticks.asked_for] == [500, 500, 50]


def test_a_cursor_that_is_none_fails_the_tick_with_the_remedy(ticks: Ticks) -> None:
    ticks.cursor = "nonsense"

    with pytest.raises(TickFailedError, match="the cursor of the sensor cannot be read .*; clear it"):
        ticks.tick()


def test_entities_may_have_any_name(ticks: Ticks) -> None:
    ticks.projects.mapping(mapping("['ä b.c', 'a\"b', \"it's\"]"), name="odd")
    ticks.load()

    ticks.tick()

    assert ticks.asked_for == [["ä b.c", 'a"b', "it's"]]


def test_a_projects_folder_without_mappings_has_a_sensor_too(
    projects: ProjectsFolder, instance: dg.DagsterInstance
) -> None:
    ticks = Ticks(projects, instance)

    ticks.tick()
    assert ticks.said == "recorded the current state of 0 entities; from now on, new and changed entities run"


def test_the_interval_is_a_setting(shop: ProjectsFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def interval() -> int | None:
        return shop.definitions().get_repository_def().get_sensor_def(SENSOR_NAME).minimum_interval_seconds

    assert interval() == 30
    monkeypatch.setenv("CUSTOM_STORE_SENSOR_INTERVAL", "5")
    assert interval() == 5

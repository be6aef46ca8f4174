"""What must not grow, counted: these figures are the same on every machine. For times, see docs/benchmarks.md."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
import pytest
import sqlalchemy as db

from custom_store_pipeline.orchestration.config_sensor import SENSOR_NAME
from custom_store_pipeline.projects import loading as projects_module
from tests.world.projects_folder import ProjectsFolder, environment_of, mapping

NOTING_SOURCE = """
    class ItemsStoreDriver:
        def __init__(self):
            note("source made")

        def pull_data(self, mapping_config, entity):
            for number in range(10):
                chunk = pd.DataFrame({"id": range(1000), "name": "ü"})
                note(chunks_in_memory())
                yield chunk
"""

NOTING_TARGET = """
    class NotingStoreDriver:
        def __init__(self):
            note("target made")

        def push_data(self, config, entity, df, deletes_df=None):
            return True

        def push_chunks(self, config, entity, chunks, deletes_df=None):
            for chunk in chunks:
                note(chunks_in_memory())
            return True
"""

# Counts every frame, also copies that were made on the way.
NOTING = """
    import gc
    import pandas as pd

    def note(what):
        with open("noted", "a") as file:
            file.write(f"{what}\\n")

    def chunks_in_memory():
        return sum(isinstance(one, pd.DataFrame) and len(one) == 1000 for one in gc.get_objects())
"""

TO_NOTING = """
    mappings:
      - mapping:
          from:
            store: {{file_name: items_store_driver}}
            entity: {{include: {include}, primary_keys: [id]}}
          to: {{file_name: noting_store_driver}}
"""


def names(count: int) -> str:
    return f"[{', '.join(f'e{number}' for number in range(count))}]"


@pytest.fixture
def noting(projects: ProjectsFolder) -> ProjectsFolder:
    """Drivers that note in the working folder when they are made, and how many chunks there are."""
    projects.driver("items_store_driver", NOTING + NOTING_SOURCE)
    projects.driver("noting_store_driver", NOTING + NOTING_TARGET)
    return projects


def noted(projects: ProjectsFolder) -> Counter[str]:
    return Counter((projects.root / "noted").read_text().splitlines())


@pytest.mark.parametrize(
    ("concurrency", "at_most"),
    [
        (1, 2),  # the one that is pulled, and the one that was pushed last
        (2, 3),  # for a moment: the next one is pulled ahead while the target's driver still holds the last
    ],
)
def test_chunks_in_memory(noting: ProjectsFolder, concurrency: int, at_most: int) -> None:
    noting.mapping(TO_NOTING.format(include="[items]") + f"          concurrency: {concurrency}\n")

    assert noting.materialize().success

    chunks = [int(what) for what in noted(noting).elements() if what.isdecimal()]
    assert len(chunks) == 20
    assert max(chunks) <= at_most


def test_each_driver_is_made_once_an_entity(noting: ProjectsFolder) -> None:
    noting.mapping(TO_NOTING.format(include=names(5)))

    assert noting.materialize().success

    assert noted(noting)["source made"] == 5
    assert noted(noting)["target made"] == 5


def test_an_entity_is_three_events_and_one_of_them_says_that_it_is_planned(shop: ProjectsFolder) -> None:
    def events(entities: int) -> Counter[str]:
        shop.mapping(mapping(names(entities)))
        job = shop.definitions().resolve_implicit_global_asset_job_def()
        with dg.DagsterInstance.ephemeral() as instance:
            run = job.execute_in_process(instance=instance)
            logs = instance.all_logs(run.run_id)
        return Counter(log.dagster_event_type.value for log in logs if log.dagster_event_type)

    assert events(12) - events(2) == {
        "ASSET_MATERIALIZATION_PLANNED": 10,
        "STEP_OUTPUT": 10,
        "ASSET_MATERIALIZATION": 10,
    }


def test_a_tick_that_finds_nothing_asks_dagsters_storage_for_nothing(shop: ProjectsFolder) -> None:
    shop.mapping(mapping(names(40)))
    repository = shop.definitions().get_repository_def()
    sensor = repository.get_sensor_def(SENSOR_NAME)

    with dg.instance_for_test() as instance:
        with dg.build_sensor_context(instance=instance, repository_def=repository) as context:
            cursor = sensor.evaluate_tick(context).cursor
        with (
            dg.build_sensor_context(instance=instance, repository_def=repository, cursor=cursor) as context,
            statements_sent() as sent,
        ):
            data = sensor.evaluate_tick(context)

    assert data.skip_message == "nothing changed among 40 entities"
    assert sent == []


@contextmanager
def statements_sent() -> Iterator[list[str]]:
    """The SQL that Dagster's storage is sent meanwhile."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        sent.append(statement)

    db.event.listen(db.Engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        db.event.remove(db.Engine, "before_cursor_execute", note)


def test_statements_are_noticed() -> None:
    with statements_sent() as sent, dg.instance_for_test() as instance:
        instance.get_runs()

    assert sent


def test_a_command_of_dagster_builds_the_definitions_once(shop: ProjectsFolder) -> None:
    script = """
from dagster._cli import create_dagster_cli
from custom_store_pipeline import definitions

load, calls = definitions.load_projects, []
definitions.load_projects = lambda *args: calls.append("loaded") or load(*args)
command = ["asset", "materialize", "--select", "*", "-m", "custom_store_pipeline.definitions"]
create_dagster_cli()(command, standalone_mode=False)
print(calls)
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment_of(shop.home, shop.path),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.stdout.endswith("['loaded']\n"), done.stderr


def test_a_driver_is_read_once_however_many_mappings_name_it(
    shop: ProjectsFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, found = projects_module.read_sources, []
    monkeypatch.setattr(projects_module, "read_sources", lambda driver: found.append(driver.path.stem) or read(driver))
    for number in range(20):
        shop.mapping(mapping(f"[e{number}]"), name=f"m{number}")

    shop.definitions()

    assert sorted(found) == ["items_store_driver", "sqlite_store_driver"]

"""What the sensor on config changes costs with 10,000 entities in 200 files.

    .venv/bin/python -m benchmarks.config_changes

Two parts: ticks in this process (CPU seconds, medians of ten), and one file edited under `dagster dev`: how often the
definitions are reloaded, how long the tick takes, and how long it is until what changed is materialized.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from dagster._core.scheduler.instigation import InstigatorTick, TickStatus

from custom_store_pipeline.definitions import build_definitions
from custom_store_pipeline.orchestration.config_sensor import SENSOR_NAME
from custom_store_pipeline.projects.files import scan
from custom_store_pipeline.projects.loading import load_projects

CHECKOUT = Path(__file__).parent.parent
FILES, ENTITIES_OF_A_FILE = 200, 50

DRIVER = """
class NullStoreDriver:
    def pull_data(self, mapping_config, entity):
        return [{"id": 1}]

    def push_data(self, config, entity, df, deletes_df=None):
        return True
"""


def write_mapping(folder: Path, number: int, version: int = 1) -> None:
    """Writes one of the mapping files."""
    names = ", ".join(f"e{number}_{entity}" for entity in range(ENTITIES_OF_A_FILE))
    store = f"{{file_name: null_store_driver, name: source, args: {{version: {version}}}}}"
    (folder / f"m{number:03}.yaml").write_text(
        f"mappings:\n  - mapping:\n      from:\n        store: {store}\n        entity: {{include: [{names}]}}\n"
        "      to: {file_name: null_store_driver, name: target}\n"
    )


def write_project(root: Path) -> Path:
    """A projects folder of 10,000 entities; returns the folder of its mapping files."""
    for name in ("custom_store_driver", "mappings"):
        (root / "projects/shop" / name).mkdir(parents=True)
    (root / "projects/shop/custom_store_driver/null_store_driver.py").write_text(DRIVER)
    mappings = root / "projects/shop/mappings"
    for number in range(FILES):
        write_mapping(mappings, number)
    return mappings


def measure_ticks(projects: Path) -> None:
    """Prints the CPU seconds of ticks that find nothing, and of reading and checking all files."""
    repository = build_definitions(projects).get_repository_def()
    sensor = repository.get_sensor_def(SENSOR_NAME)
    cursor: str | None = None
    seconds = []
    origin = type("Origin", (), {"location_name": "shop"})()
    with dg.instance_for_test() as instance:
        for _ in range(11):
            begun = time.process_time()
            with dg.build_sensor_context(instance=instance, cursor=cursor, repository_def=repository) as context:
                context._code_location_origin = origin  # noqa: SLF001 - what a daemon sets
                data = sensor.evaluate_tick(context)
            seconds.append(time.process_time() - begun)
            cursor = data.cursor
    print(f"last tick: {data.skip_message}; cursor: {len(cursor or ''):,} characters")
    print(f"a tick that finds nothing, CPU: {statistics.median(seconds[1:]):.3f} s (at most {max(seconds[1:]):.3f} s)")
    begun = time.process_time()
    scan(projects)
    read = time.process_time()
    load_projects(projects)
    print(f"all files read, CPU: {read - begun:.3f} s; checked: {time.process_time() - read:.3f} s")


@contextmanager
def dagster_dev(root: Path) -> Iterator[None]:
    """Runs `dagster dev` on the projects folder."""
    env = {**os.environ, "DAGSTER_HOME": str(root / "home"), "CUSTOM_STORE_PROJECTS_DIR": str(root / "projects")}
    command = [
        str(Path(sys.executable).parent / "dagster"),
        "dev",
        "-w",
        str(CHECKOUT / "workspace.yaml"),
        "-p",
        "3999",
    ]
    with (root / "dev.log").open("w") as log, subprocess.Popen(command, env=env, stdout=log, stderr=log) as server:
        try:
            yield
        finally:
            server.send_signal(2)
            server.wait(60)


def ticks_of(instance: dg.DagsterInstance) -> list[InstigatorTick]:
    """The sensor's ticks that have ended, the oldest first."""
    for state in instance.all_instigator_state():
        if state.name == SENSOR_NAME:
            ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id)
            return [tick for tick in reversed(ticks) if tick.status != TickStatus.STARTED]
    return []


def measure_an_edit(root: Path, mappings: Path) -> None:
    """Prints what happens when one of the files is edited under `dagster dev`."""
    (root / "home").mkdir()
    (root / "home/dagster.yaml").write_text((CHECKOUT / ".dagster_home/dagster.yaml").read_text())
    with dagster_dev(root), dg.DagsterInstance.from_config(str(root / "home")) as instance:
        while not ticks_of(instance):
            time.sleep(0.5)
        time.sleep(10)
        saved = time.time()
        write_mapping(mappings, 7, version=2)
        last = dg.AssetKey(["shop", "target", f"e7_{ENTITIES_OF_A_FILE - 1}"])
        while not (event := instance.get_latest_materialization_event(last)):
            if time.time() > saved + 300:
                sys.exit("nothing was materialized within five minutes")
            time.sleep(0.5)
        ticks = ticks_of(instance)
        reloads = [tick for tick in ticks if "reloaded" in (tick.skip_reason or "")]
        took = ", ".join(f"{tick.end_timestamp - tick.timestamp:.1f} s" for tick in reloads if tick.end_timestamp)
        runs = instance.get_runs()
        print(f"one file of {FILES} edited: {len(reloads)} reload, its tick took {took}")
        print(f"runs: {len(runs)}, of {len(runs[0].asset_selection or ())} entities")
        print(f"from saved to materialized, with the default interval of 30 s: {event.timestamp - saved:.1f} s")


def main() -> None:
    """Runs both parts."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        mappings = write_project(root)
        measure_ticks(root / "projects")
        measure_an_edit(root, mappings)


if __name__ == "__main__":
    main()

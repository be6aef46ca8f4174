"""A shop of three mapping files that people edit while Dagster serves it, and what Dagster's storage tells of it."""

from __future__ import annotations

import os
import re
from pathlib import Path

import dagster as dg
from dagster._core.scheduler.instigation import InstigatorTick, TickStatus

from custom_store_pipeline.orchestration.config_sensor import SENSOR_NAME
from tests.world.processes import wait_until
from tests.world.projects_folder import ProjectsFolder

DRIVER = """
    class ItemsStoreDriver:
        def pull_data(self, mapping_config, entity):
            return [{{"id": 1, "name": entity, "version": {version}}}]
"""
MAPPING = """
    mappings:
      - mapping:
          from:
            store: {{type: custom, file_name: {driver}, args: {{version: {version}}}}}
            entity: {{include: [{entities}], primary_keys: [id]}}
          to: {{file_name: sqlite_store_driver, args: {{path: {target}}}}}
          {more}
"""


class EditedShop:
    """The files `a`, `b` and `c`, of two entities each: `a1`, `a2`, and so on."""

    def __init__(self, projects: ProjectsFolder) -> None:
        self.projects = projects
        self.home = projects.home
        projects.driver("items_store_driver", DRIVER.format(version=1))
        projects.sqlite()
        for name in "abc":
            self.write(name)
        with self.instance() as instance:  # makes the databases, which two processes must not do at once
            instance.get_runs(limit=1)
            instance.all_instigator_state()
            instance.all_asset_keys()

    def write(
        self, name: str, version: int = 1, entities: str = "", more: str = "", driver: str = "items_store_driver"
    ) -> Path:
        """Writes a mapping file; another version is another code version of its entities."""
        text = MAPPING.format(
            driver=driver,
            version=version,
            entities=entities or f"{name}1, {name}2",
            target=self.projects.root / "target.db",
            more=more,
        )
        return self.projects.mapping(text, name=name)

    def instance(self) -> dg.DagsterInstance:
        return self.projects.instance()

    def ticks(self) -> list[InstigatorTick]:
        """The sensor's ticks that have ended, the oldest first."""
        with self.instance() as instance:
            for state in instance.all_instigator_state():
                if state.name == SENSOR_NAME:
                    found = instance.get_ticks(state.instigator_origin_id, state.selector_id)
                    return [tick for tick in reversed(found) if tick.status != TickStatus.STARTED]
        return []

    def runs(self) -> list[set[str]]:
        """The entities of each run that was asked for, the first run first."""
        with self.instance() as instance:
            return [
                {key.path[2] for key in run.asset_selection or ()}
                for run in sorted(instance.get_run_records(), key=lambda record: record.storage_id)
                for run in [run.dagster_run]
            ]

    def materialized(self, entity: str) -> float:
        """When an entity was last materialized; 0 if never."""
        with self.instance() as instance:
            event = instance.get_latest_materialization_event(dg.AssetKey(["shop", "sqlite_store_driver", entity]))
            return event.timestamp if event else 0.0

    def wait_for_ticks(self, count: int, seconds: float = 60) -> list[InstigatorTick]:
        """Waits until so many more ticks have ended, and returns them."""
        before = len(self.ticks())
        wait_until(lambda: len(self.ticks()) >= before + count, seconds)
        return self.ticks()[before:]

    def wait_for_run_of(self, *entities: str, since: float, seconds: float = 90) -> float:
        """Waits until entities were materialized after a time; returns how long after it the last one was."""
        wait_until(lambda: min(map(self.materialized, entities)) > since, seconds)
        return max(map(self.materialized, entities)) - since


def message(tick: InstigatorTick) -> str:
    """What the UI shows of a failed tick, without the name of Dagster's class."""
    assert tick.error is not None
    return re.sub(r"^[\w.]+Error: ", "", tick.error.message).strip()


def processes(command: str, shop: EditedShop) -> set[int]:
    """The processes of a command that belong to this test's home."""
    found = set()
    for folder in [entry for entry in os.listdir("/proc") if entry.isdigit()]:
        try:
            with open(f"/proc/{folder}/cmdline", "rb") as file:
                line = file.read().replace(b"\0", b" ").decode()
            with open(f"/proc/{folder}/environ", "rb") as file:
                environment = file.read().decode(errors="replace")
        except OSError:
            continue
        if command in line and str(shop.home) in environment:
            found.add(int(folder))
    return found

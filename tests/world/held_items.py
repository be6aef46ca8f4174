"""40 entities in 8 batches, whose rows lie in files; each can be held up, and then tells which process has it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator

import dagster as dg

from tests.world.processes import running, wait_until
from tests.world.projects_folder import ProjectsFolder

ENTITIES = [f"e{number}" for number in range(40)]

DRIVER = """
    import json, os, time
    from pathlib import Path
    import pandas as pd

    class FilesStoreDriver:
        def pull_data(self, mapping_config, entity):
            folder = Path(mapping_config["args"]["folder"])
            rows = json.loads((folder / f"{entity}.json").read_text())
            hold = folder / f"{entity}.hold"
            if hold.exists():
                (folder / f"{entity}.held").write_text(str(os.getpid()))
                while hold.exists():
                    time.sleep(0.05)
            return rows

        def push_data(self, config, entity, df, deletes_df=None):
            path = Path(config["args"]["folder"]) / f"{entity}.json"
            path.parent.mkdir(exist_ok=True)
            path.write_text(df.to_json(orient="records"))
            return {"process": os.getpid()}
"""

MAPPING = """
    mappings:
      - mapping:
          from:
            store: {{file_name: files_store_driver, name: source, args: {{folder: {root}/source}}}}
            entity: {{include: [{names}]}}
          to: {{file_name: files_store_driver, name: target, args: {{folder: {root}/target}}}}
          entities_per_step: 5
"""


class Items:
    """The project, and runs of it by Dagster's command line."""

    def __init__(self, projects: ProjectsFolder, **environment: str) -> None:
        self.projects = projects
        self.environment = environment
        self.source = projects.root / "source"
        self.target = projects.root / "target"
        with projects.instance() as instance:
            instance.get_runs_count()  # processes that make Dagster's SQLite files at the same time hinder each other
        self.source.mkdir()
        self.target.mkdir()
        for number, name in enumerate(ENTITIES):
            (self.source / f"{name}.json").write_text(json.dumps([{"id": number}, {"id": number + 1000}]))
        projects.driver("files_store_driver", DRIVER)
        projects.mapping(MAPPING.format(root=projects.root, names=", ".join(ENTITIES)))

    def edit(self, old: str, new: str) -> None:
        """Edits the mapping."""
        path = self.projects.path / "shop/mappings/items.yaml"
        path.write_text(path.read_text().replace(old, new))

    def materialize(self, *entities: str) -> subprocess.CompletedProcess[str]:
        """Runs all entities, or some."""
        return self.projects.materialize_by_cli(self._selection(entities), **self.environment)

    @contextlib.contextmanager
    def held(self, entity: str) -> Iterator[None]:
        """Whoever pulls the entity meanwhile waits until it is released."""
        (self.source / f"{entity}.hold").touch()
        try:
            yield
        finally:
            self.release(entity)

    def release(self, entity: str) -> None:
        """Lets go on whoever waits in the pull of an entity."""
        (self.source / f"{entity}.hold").unlink(missing_ok=True)

    def holder_of(self, entity: str) -> int:
        """The process that waits in the pull of an entity, as soon as there is one."""
        path = self.source / f"{entity}.held"
        wait_until(lambda: path.exists() and path.read_text(), 60)
        return int(path.read_text())

    @property
    def in_hand(self) -> list[str]:
        """The entities that somebody waits in the pull of, or has waited."""
        return [path.stem for path in self.source.glob("*.held")]

    @contextlib.contextmanager
    def begun(self, *entities: str) -> Iterator[subprocess.Popen[bytes]]:
        """A run of all entities, or some, beside the test."""
        select, root = self._selection(entities), self.projects.root
        command = ["dagster", "asset", "materialize", "--select", select, "-m", "custom_store_pipeline.definitions"]
        with running(
            command, self.projects.home, self.projects.path, root / "run.log", root, **self.environment
        ) as run:
            yield run

    def compare_with_one_process(self) -> None:
        """One entity fails; all else is as if it had run in one process, but that several processes did it."""
        (self.source / "e13.json").unlink()

        done = self.materialize()
        assert done.returncode == 1, done.stderr
        assert "FileNotFoundError" in done.stderr, done.stderr
        there, by = self.arrived, self.materialized()
        assert len(set(by.values())) > 1

        self.clear()
        self.environment = {}
        assert self.materialize().returncode == 1
        assert there == self.arrived == self.expected
        assert by.keys() == self.materialized().keys() == set(ENTITIES) - {"e13"}

    def survive(self, *, another_takes_over: bool) -> None:
        """The process that has an entity in hand is killed; what is missing then is run again, and nothing is lost.

        Args:
            another_takes_over: whether the engine gives its step to another process within the same run.
        """
        with self.held("e20"), self.begun() as run:
            killed = self.holder_of("e20")
            os.kill(killed, signal.SIGKILL)
            self.release("e20")
            exit_code = run.wait(120)

        missing = set(ENTITIES) - self.materialized().keys()
        assert ("e20" not in missing) == another_takes_over
        assert (exit_code == 0) == (not missing)
        if missing:
            again = self.materialize(*missing)
            assert again.returncode == 0, again.stderr
        assert self.arrived == self.expected
        by = self.materialized()
        assert by.keys() == set(ENTITIES)
        assert by["e20"] != killed

    def notice_edits(self) -> None:
        """A mapping is edited between two runs; workers that live on run the second one as it is then."""
        assert self.materialize("e0", "e7").returncode == 0
        (self.source / "new.json").write_text('[{"id":1}]')
        self.edit("e39", "e39, new")

        done = self.materialize("new", "e7")

        assert done.returncode == 0, done.stderr
        assert self.arrived.keys() == {"e0", "e7", "new"}

    def _selection(self, entities: tuple[str, ...]) -> str:
        return " or ".join(f'key:"shop/target/{name}"' for name in entities) or "*"

    def clear(self) -> None:
        """Empties the target, and Dagster's storage."""
        for path in self.target.iterdir():
            path.unlink()
        with self.projects.instance() as instance:
            instance.wipe()

    @property
    def arrived(self) -> dict[str, str]:
        """The rows in the target."""
        return {path.stem: path.read_text() for path in self.target.glob("*.json")}

    @property
    def expected(self) -> dict[str, str]:
        """The rows in the source, as the target has them."""
        return {
            path.stem: json.dumps(json.loads(path.read_text()), separators=(",", ":"))
            for path in self.source.glob("*.json")
        }

    def materialized(self) -> dict[str, int]:
        """The entities that have been materialized, and by which process."""
        with self.projects.instance() as instance:
            events = {
                name: instance.get_latest_materialization_event(dg.AssetKey(["shop", "target", name]))
                for name in ENTITIES
            }
        found = {name: event.asset_materialization for name, event in events.items() if event}
        return {name: int(one.metadata["process"].value) for name, one in found.items() if one}

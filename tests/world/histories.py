"""A source, a target, and runs between them that overlap, fail, come late and are taken back; all in memory.

Only Dagster's event log is a stand-in here: a list of what was stored, from which wipes, resets and deleted runs take.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from custom_store_pipeline.config.entity import Entity
from custom_store_pipeline.config.models import MappingConfig
from custom_store_pipeline.data.pulled import DataFormat, read_pulled
from custom_store_pipeline.data.stream import PulledData
from custom_store_pipeline.errors import CustomStoreError
from custom_store_pipeline.redaction import Redactor
from custom_store_pipeline.state.deletions.snapshot_folder import ORPHAN, PUSH, SNAPSHOT, SnapshotFolder, run_of
from custom_store_pipeline.state.entity_state import EntityState
from custom_store_pipeline.state.pushes import EarlierPushes
from custom_store_pipeline.state.recording import Recording
from custom_store_pipeline.state.run_context import Outcome, RunContext
from custom_store_pipeline.state.starting_point import LoadedState, StoredState, load_start, starting_point


@dataclass
class Settings:
    """What a mapping says, as a person may change it between runs."""

    load_type: str = "full"
    delete_type: str = "keys"
    write_mode: str = "upsert"
    key: Literal["id", "code"] = "id"
    source: str = "feed"
    max_delete_fraction: float = 1.0
    in_chunks: bool = False
    first_load: bool = False

    def config(self) -> MappingConfig:
        return MappingConfig.model_validate(
            {
                "from": {"store": {"file_name": "a"}, "offset": {"offset_columns": ["version"]}},
                "to": {"store": {"file_name": "b"}},
                "load_type": self.load_type,
                "first_load": self.first_load,
                "delete_type": self.delete_type,
                "write_mode": "upsert" if self.load_type == "incremental" else self.write_mode,
                "max_delete_fraction": self.max_delete_fraction,
            }
        )

    def entity(self) -> Entity:
        return Entity("items", "items", (self.key,), ("shop", self.source, "items"), ("shop", "b", "items"))


@dataclass
class World:
    """A source, a target that upserts and deletes, and what is remembered of it."""

    folder: SnapshotFolder
    settings: Settings = field(default_factory=Settings)
    source: dict[int, int] = field(default_factory=dict)
    target: dict[int, int] = field(default_factory=dict)
    version: int = 0
    position: int = 0
    states: list[StoredState] = field(default_factory=list)
    wiped_runs: set[str] = field(default_factory=set)
    last_wipe: float = 0.0
    last_reset: int = 0
    ended: dict[str, bool] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    at_the_end: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def change(self, *changes: tuple[str, int]) -> None:
        for what, key in changes:
            self.version += 1
            if what == "put":
                self.source[key] = self.version
            else:
                self.source.pop(key, None)

    def begin(self, *, pulls_nothing: bool = False) -> Run:
        """A run that has loaded what it starts from, and read the source."""
        run_id = f"run-{len(self.ended)}"
        self.ended[run_id] = False
        pushes = EarlierPushes(self.folder, run_id, self.outcome_in_run)
        failed, obsolete = pushes.ended()
        states = sorted(self.states, key=lambda state: -state.position)
        loaded = starting_point(
            states, lambda after: self.last_reset if self.last_reset > after else 0, self.last_wipe, failed
        )
        config, entity = self.settings.config(), self.settings.entity()
        before, push = load_start(loaded, config, "/".join(entity.source_key), run_id)
        context = RunContext(
            run_id, "shop/b/items", pushes.outcome_of, self.notes.append, lambda: None, Redactor(), obsolete
        )
        recording = Recording(entity, config, before, self.folder, context, push)
        rows = {} if pulls_nothing else dict(self.source)
        return Run(self, replace(self.settings), run_id, loaded, before, recording, rows)

    def outcome_in_run(self, run_id: str) -> Outcome:
        if any(state.run_id == run_id for state in self.states):
            return "pushed"
        if run_id in self.wiped_runs:
            return "wiped"
        return "ended" if self.ended.get(run_id, True) else "running"

    def materialize(self) -> Run:
        """A run from beginning to end, with nothing between."""
        run = self.begin()
        run.push()
        run.store()
        return run

    def wipe(self) -> None:
        """The target is emptied, and the asset wiped in the UI."""
        self.target.clear()
        self.wiped_runs |= {state.run_id for state in self.states}
        self.states.clear()
        self.last_wipe += 1

    def reset(self) -> None:
        """The target is emptied, and `custom-store state reset` called."""
        self.target.clear()
        self.position += 1
        self.last_reset = self.position
        pushes = EarlierPushes(self.folder, "", self.outcome_in_run)
        names = [name for kind in (SNAPSHOT, PUSH, ORPHAN) for name in self.folder.names(kind)]
        self.folder.remove([name for name in names if pushes.outcome_of(run_of(name)) != "running"])

    def delete_run(self, run_id: str) -> None:
        self.states = [state for state in self.states if state.run_id != run_id]
        self.wiped_runs.discard(run_id)
        self.ended[run_id] = True

    def check(self) -> None:
        """An empty source is taken for a glitch: it deletes nothing."""
        if self.source:
            assert self.target == self.source


@dataclass
class Run:
    """One run: it pushes once, and then stores its state, fails, or is killed."""

    world: World
    settings: Settings
    id: str
    loaded: LoadedState
    before: EntityState
    recording: Recording
    rows: dict[int, int]
    under_way: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    recorded: PulledData | None = None

    def compare(self) -> None:
        """All that comes before the push."""
        is_incremental = self.settings.load_type == "incremental"
        since = (is_incremental and self.before.watermarks.get("version")) or 0
        data: Any = self._frame({key: version for key, version in self.rows.items() if version > since})
        if self.settings.in_chunks:
            data = [data[at : at + 2] for at in range(0, max(len(data), 1), 2)]
        of = self.recording.record(read_pulled(data, DataFormat()), self._pull_keys if is_incremental else None)
        self.world.at_the_end.callback(self.under_way.close)  # of runs that are killed, too
        self.recorded = self.under_way.enter_context(of)

    def _pull_keys(self) -> contextlib.nullcontext[PulledData]:
        keys = self._frame(self.rows)[[self.settings.key]]
        return contextlib.nullcontext(read_pulled(keys, DataFormat()))

    @staticmethod
    def _frame(rows: dict[int, int]) -> pd.DataFrame:
        data = [(key, f"c{key}", version) for key, version in rows.items()]
        return pd.DataFrame(data, columns=["id", "code", "version"])

    def push(self, *, half_way: bool = False) -> None:
        """What the target's driver does; its transaction comes at the end. Half-way there are no deletes."""
        if self.recorded is None:
            self.compare()
        assert self.recorded is not None
        config, target = self.settings.config(), self.world.target
        frame, deletes = self.recorded.stream.joined(), self.recorded.deletes
        if config.write_mode == "overwrite":
            target.clear()
        target |= dict(zip(frame["id"], frame["version"], strict=True))
        if deletes is not None and not half_way:
            codes = deletes["id"] if "id" in deletes else deletes["code"].str.removeprefix("c").astype(int)
            for key in codes:
                target.pop(key, None)

    def store(self) -> None:
        """The materialization; without state if what the run began from was taken back meanwhile."""
        self.under_way.close()
        world, base = self.world, self.loaded
        if base.state is None or any(state.position == base.position for state in world.states):
            world.position += 1
            content = self.recording.state().to_json()
            world.states.append(StoredState(content, world.position, self.id, datetime.now(UTC)))
            self.recording.clean_up(world.notes.append)
        else:
            world.notes.append("taken back")
        world.ended[self.id] = True

    def fail(self) -> None:
        self.under_way.close()
        self.world.ended[self.id] = True

    def time_out(self) -> None:
        """The run ends, and its thread goes on; :meth:`fail` is its end."""
        self.recording.mark_orphan()
        self.world.ended[self.id] = True


@contextlib.contextmanager
def world(folder: Path, **settings: Any) -> Iterator[World]:
    found = World(SnapshotFolder(str(folder), ("items",)), Settings(**settings))
    with found.at_the_end:
        yield found


def reason(run: Run) -> CustomStoreError | None:
    """Why a run could not even begin to push, or None."""
    try:
        run.compare()
    except CustomStoreError as error:
        run.fail()
        return error
    return None

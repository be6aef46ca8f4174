"""Random histories of a source, with runs that fail, crash, pull nothing, or overlap: target and source end equal."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from custom_store_pipeline.config.models import MappingConfig
from custom_store_pipeline.redaction import Redactor
from custom_store_pipeline.results import DataFormat, PulledData, in_one_piece, read_pulled
from custom_store_pipeline.state.recording import Recording
from custom_store_pipeline.state.remembered import Remembered
from custom_store_pipeline.state.snapshots import SnapshotFolder
from custom_store_pipeline.state.surroundings import RunStatus, Surroundings
from tests.state.test_recording import ENTITY, STORES

CHANGES = st.lists(st.tuples(st.sampled_from(["put", "put", "drop"]), st.integers(1, 8)), max_size=5)
ENDS = st.sampled_from(
    ["succeeds", "succeeds", "pulls nothing", "breaks", "breaks half-way", "is killed", "is killed and seems to run"]
)


@dataclass
class World:
    """A source, a target that upserts and deletes, and what is remembered."""

    folder: SnapshotFolder
    config: MappingConfig
    in_chunks: bool
    source: dict[int, int] = field(default_factory=dict)
    target: dict[int, int] = field(default_factory=dict)
    remembered: Remembered = field(default_factory=Remembered)
    statuses: dict[str, RunStatus] = field(default_factory=dict)
    version: int = 0

    def change(self, changes: list[tuple[str, int]]) -> None:
        for what, key in changes:
            self.version += 1
            if what == "put":
                self.source[key] = self.version
            else:
                self.source.pop(key, None)

    @contextlib.contextmanager
    def run(self, *, pulls_nothing: bool = False) -> Iterator[Run]:
        """A run up to the push."""
        run_id = f"run-{len(self.statuses)}"
        self.statuses[run_id] = "running"
        surroundings = Surroundings(
            run_id, lambda other: self.statuses[other], lambda _: None, lambda: None, Redactor()
        )
        is_incremental = self.config.load_type == "incremental"
        since = (is_incremental and self.remembered.watermarks.get("version")) or 0
        source = {} if pulls_nothing else dict(self.source)
        frame = pd.DataFrame([row for row in source.items() if row[1] > since], columns=["id", "version"])
        data: Any = [frame[at : at + 2] for at in range(0, max(len(frame), 1), 2)] if self.in_chunks else frame
        recording = Recording(ENTITY, self.config, self.remembered, self.folder, surroundings)

        def pull_keys() -> contextlib.nullcontext[PulledData]:
            return contextlib.nullcontext(read_pulled(pd.DataFrame({"id": list(source)}), DataFormat()))

        with recording.of(read_pulled(data, DataFormat()), pull_keys if is_incremental else None) as recorded:
            yield Run(self, run_id, recording, recorded)

    def materialize(self) -> None:
        with self.run() as run:
            run.push()
        run.remember()

    def check(self) -> None:
        """An empty source is taken for a glitch: it deletes nothing."""
        if self.source:
            assert self.target == self.source


@dataclass
class Run:
    world: World
    id: str
    recording: Recording
    recorded: PulledData

    def push(self, *, half_way: bool = False) -> None:
        target, frame = self.world.target, in_one_piece(self.recorded)
        target |= dict(zip(frame["id"], frame["version"], strict=True))
        deletes = self.recorded.deletes
        for key in [] if deletes is None or half_way else deletes["id"]:
            target.pop(key, None)

    def remember(self) -> None:
        self.world.remembered = Remembered.from_json(self.recording.remembered().to_json())
        self.world.statuses[self.id] = "succeeded"
        self.recording.clean_up(print)


@contextlib.contextmanager
def world(load_type: str, *, in_chunks: bool) -> Iterator[World]:
    keys = {"delete_type": "keys", "max_delete_fraction": 1.0, "write_mode": "upsert", "load_type": load_type}
    source = {"store": {"file_name": "a"}, "offset": {"offset_columns": ["version"]}}
    config = MappingConfig.model_validate(STORES | keys | {"from": source})
    with tempfile.TemporaryDirectory() as folder:
        yield World(SnapshotFolder(folder, ("items",)), config, in_chunks)


@settings(max_examples=30, deadline=None)
@given(
    steps=st.lists(st.tuples(CHANGES, ENDS), min_size=1, max_size=8),
    load_type=st.sampled_from(["full", "incremental"]),
    in_chunks=st.booleans(),
)
def test_after_each_run_that_succeeds_the_target_is_the_source(
    steps: list[Any], load_type: str, in_chunks: bool
) -> None:
    with world(load_type, in_chunks=in_chunks) as found:
        for changes, end in steps:
            found.change(changes)
            with found.run(pulls_nothing=end == "pulls nothing") as run:
                if end != "breaks":
                    run.push(half_way=end == "breaks half-way")
            if end in ("succeeds", "pulls nothing"):
                run.remember()
            elif end != "is killed and seems to run":
                found.statuses[run.id] = "ended"
            if end == "succeeds":
                found.check()
        found.materialize()
        found.check()


@settings(max_examples=30, deadline=None)
@given(
    steps=st.lists(st.tuples(CHANGES, CHANGES, st.permutations([0, 1]), st.permutations([0, 1])), max_size=6),
    in_chunks=st.booleans(),
)
def test_the_run_after_two_at_once_makes_them_equal(steps: list[Any], in_chunks: bool) -> None:
    """Full loads; how watermarks of runs at once are taken back is told in tests/test_history.py."""
    with world("full", in_chunks=in_chunks) as found:
        for changes, meanwhile, pushed, remembered in steps:
            found.change(changes)
            with found.run() as one:
                found.change(meanwhile)
                with found.run() as two:
                    for number in pushed:
                        (one, two)[number].push()
            for number in remembered:
                (one, two)[number].remember()
            found.materialize()
            found.check()

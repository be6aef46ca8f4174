"""What pushes leave for other runs: what they began from, whether their process is there, and late ones."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from custom_store_pipeline.state.deletions.snapshot_folder import ORPHAN, PUSH, SnapshotFolder, file_name
from custom_store_pipeline.state.pushes import EarlierPushes, Process, PushRecord, this_process
from custom_store_pipeline.state.run_context import Outcome
from tests.state.test_recording import Target, keys_compared, rows

GONE = Process(this_process().host, 2**22 + 1, 0.0)
ELSEWHERE = replace(GONE, host="another machine")


@pytest.fixture
def folder(tmp_path: Path) -> SnapshotFolder:
    return SnapshotFolder(str(tmp_path), ("items",))


def earlier(folder: SnapshotFolder, outcome: Outcome) -> EarlierPushes:
    return EarlierPushes(folder, "this run", lambda _: outcome)


def leave(folder: SnapshotFolder, process: Process, kind: str = PUSH, run: str = "other") -> PushRecord:
    push = PushRecord(run, 5, {"at": pd.Timestamp("2024-01-01", tz="UTC")}, {"page": 3}, 1.5, True, process)
    folder.write(file_name(run, kind), push.to_bytes())
    return push


def test_this_process_is_there_and_others_that_ended_are_gone() -> None:
    assert not this_process().is_gone()
    assert replace(this_process(), started=1.0).is_gone()  # another one had the same id
    assert GONE.is_gone()
    assert not ELSEWHERE.is_gone()
    code = "from custom_store_pipeline.state.pushes import this_process; print(*vars(this_process()).values(), sep='|')"
    host, pid, started = subprocess.check_output([sys.executable, "-c", code], text=True).strip().split("|")
    assert Process(host, int(pid), float(started)).is_gone()


def test_a_push_comes_back_from_its_file(folder: SnapshotFolder) -> None:
    push = leave(folder, this_process())

    assert PushRecord.from_bytes(folder.read(folder.names(PUSH)[0]) or b"") == push
    assert earlier(folder, "ended").ended() == ([push], folder.names(PUSH))


@pytest.mark.parametrize(
    ("in_dagster", "process", "outcome"),
    [
        ("running", this_process(), "running"),
        ("running", ELSEWHERE, "running"),
        ("running", GONE, "ended"),  # killed, and Dagster was not told
        ("ended", this_process(), "ended"),
        ("pushed", GONE, "pushed"),
        ("wiped", GONE, "wiped"),
    ],
)
def test_a_run_whose_process_is_gone_has_ended(
    folder: SnapshotFolder, in_dagster: Outcome, process: Process, outcome: Outcome
) -> None:
    leave(folder, process)

    assert earlier(folder, in_dagster).outcome_of("other") == outcome


def test_a_run_that_has_left_nothing_yet_may_be_about_to_push(folder: SnapshotFolder) -> None:
    assert earlier(folder, "running").outcome_of("other") == "running"


@pytest.mark.parametrize(("process", "outcome"), [(this_process(), "running"), (ELSEWHERE, "running"), (GONE, "ended")])
def test_a_push_that_was_cancelled_may_come_as_long_as_its_process_lives(
    folder: SnapshotFolder, process: Process, outcome: Outcome
) -> None:
    leave(folder, process)
    leave(folder, process, ORPHAN)

    assert earlier(folder, "ended").outcome_of("other") == outcome
    failed, needless = earlier(folder, "ended").ended()
    assert (len(failed), len(needless)) == ((0, 0) if outcome == "running" else (1, 2))


def test_a_file_that_is_cut_off_is_not_a_push(folder: SnapshotFolder) -> None:
    leave(folder, GONE)
    (name,) = folder.names(PUSH)
    folder.write(name, (folder.read(name) or b"")[:30])

    assert earlier(folder, "ended").ended() == ([], [name])


def test_the_pushes_of_this_run_have_ended(folder: SnapshotFolder) -> None:
    leave(folder, this_process(), run="this run")

    assert earlier(folder, "running").outcome_of("this run") == "ended"


def _give_up(folder: Path) -> None:
    """What a step does whose entity timed out: its thread is left behind in the push."""
    target, begun = Target(folder), threading.Event()

    def hang(_: object) -> None:
        begun.set()
        time.sleep(600)

    target.push = hang
    threading.Thread(target=lambda: target.run(rows(1), keys_compared()), daemon=True).start()
    assert begun.wait(30)
    target.recordings[0].mark_orphan()
    assert len(target.folder.names(ORPHAN)) == 1


@pytest.mark.parametrize("method", ["forkserver", "spawn"])
def test_the_mark_of_a_push_that_was_cancelled_goes_with_its_process(tmp_path: Path, method: str) -> None:
    process = multiprocessing.get_context(method).Process(target=_give_up, args=(tmp_path,))
    process.start()
    process.join(60)

    assert process.exitcode == 0
    assert Target(tmp_path).folder.names(ORPHAN) == []
    assert os.listdir(tmp_path / "shop/b/items")

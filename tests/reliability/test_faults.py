"""What breaks around a run: the target, the disk, the state's place, another run. The next run makes all equal."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.world.ledger import KEY, MODES, Ledger, finished
from tests.world.processes import asset_keys, dagster_dev, launch, terminate, wait_until
from tests.world.projects_folder import ProjectsFolder, require


@pytest.fixture(params=list(MODES))
def ledger(projects: ProjectsFolder, request: pytest.FixtureRequest) -> Ledger:
    """A source that has changed since its last run: a row came, one changed, one went."""
    found = Ledger(projects, request.param)
    found.upsert(1, 2, 3, 4, 5)
    assert found.run() == 0, found.log()
    found.upsert(6, 2)
    found.delete(1)
    return found


def check_that_the_next_run_makes_them_equal(ledger: Ledger) -> None:
    ledger.delete(6)  # may have reached the target, without being remembered
    ledger.upsert(7)
    assert ledger.run() == 0, ledger.log()
    assert ledger.missing_or_wrong() == set()


@pytest.mark.parametrize("fault", ["BREAK_TARGET", "BREAK_TARGET_AFTER_COMMIT"])
def test_a_target_that_breaks(ledger: Ledger, fault: str) -> None:
    assert ledger.run(**{fault: "1"}) == 1

    check_that_the_next_run_makes_them_equal(ledger)


def test_a_source_that_suddenly_seems_empty_deletes_nothing(ledger: Ledger) -> None:
    before = ledger.rows(ledger.target)

    assert ledger.run(EMPTY_PULL="1") == 0, ledger.log()

    assert ledger.rows(ledger.target) == before
    check_that_the_next_run_makes_them_equal(ledger)


def test_a_state_url_that_cannot_be_written(ledger: Ledger) -> None:
    (ledger.projects.root / "a file").touch()
    state = f"{ledger.projects.root}/a file/state"
    before = ledger.rows(ledger.target)

    assert ledger.run(CUSTOM_STORE_STATE_URL=state) == 1

    assert "make sure that CUSTOM_STORE_STATE_URL is the same as before" in ledger.log()
    assert ledger.rows(ledger.target) == before
    check_that_the_next_run_makes_them_equal(ledger)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk that holds a few kilobytes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], check=False, capture_output=True
    )
    require(mounted.returncode == 0, "root, which may make a small disk")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def test_a_disk_of_the_state_that_is_full(ledger: Ledger, small_disk: Path) -> None:
    kept = ledger.projects.home / "storage/custom_store_state"
    shutil.copytree(kept, small_disk, dirs_exist_ok=True)
    fill(small_disk)
    before = ledger.rows(ledger.target)

    assert ledger.run(CUSTOM_STORE_STATE_URL=str(small_disk)) == 1

    assert "No space left on device" in ledger.log()
    assert ledger.rows(ledger.target) == before
    check_that_the_next_run_makes_them_equal(ledger)


def test_a_disk_for_temporary_files_that_is_full(ledger: Ledger, small_disk: Path) -> None:
    ledger.upsert(*random.Random(0).sample(range(100, 10**9), 2000))  # more keys than a page of the disk holds
    fill(small_disk, leave=4096)  # with nothing left, Python would look for another folder
    before = ledger.rows(ledger.target)

    assert ledger.run(TMPDIR=str(small_disk)) == 1

    assert "set TMPDIR to a larger disk" in ledger.log()
    assert ledger.rows(ledger.target) == before
    check_that_the_next_run_makes_them_equal(ledger)


def fill(disk: Path, leave: int = 0) -> None:
    found = os.statvfs(disk)
    (disk / "filler").write_bytes(b"x" * (found.f_bavail * found.f_bsize - leave))


@pytest.mark.parametrize("waits_at", ["push: before its transaction", "push: committed"])
def test_two_runs_at_once(ledger: Ledger, waits_at: str) -> None:
    """The first run waits in its push, or after it, until a second one, which sees another source, is through."""
    go_on = ledger.projects.root / "go on"
    first = ledger.start(WAIT_AT=waits_at, WAIT_FOR=str(go_on))
    wait_until(Path(f"{go_on}.waiting").exists)
    ledger.upsert(2, 8)
    ledger.delete(6, 3)
    assert ledger.run() == 0, ledger.log()
    go_on.touch()
    assert finished(first) == 0, ledger.log()

    check_that_the_next_run_makes_them_equal(ledger)


def test_the_second_of_two_runs_at_once_is_killed(ledger: Ledger) -> None:
    go_on = ledger.projects.root / "go on"
    first = ledger.start(WAIT_AT="push: committed", WAIT_FOR=str(go_on))
    wait_until(Path(f"{go_on}.waiting").exists)
    ledger.upsert(8)
    assert ledger.run(KILL_AT="push: committed") == -9
    go_on.touch()
    assert finished(first) == 0, ledger.log()
    ledger.delete(8)

    check_that_the_next_run_makes_them_equal(ledger)


@pytest.mark.parametrize("ledger", ["incremental"], indirect=True)
def test_a_run_that_is_terminated_in_the_ui(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = ledger.projects.root / "go on"
    monkeypatch.setenv("WAIT_AT", "push: committed")
    monkeypatch.setenv("WAIT_FOR", str(go_on))
    folder = ledger.projects
    with dagster_dev(folder.home, folder.path, folder.root / "dev.log", folder.root) as address:
        asset_keys(address)
        run_id = launch(address, KEY)
        wait_until(Path(f"{go_on}.waiting").exists)
        terminate(address, run_id, seconds=30)
    monkeypatch.delenv("WAIT_AT")

    check_that_the_next_run_makes_them_equal(ledger)

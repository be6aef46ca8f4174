"""A run is killed at every point; the next one makes source and target equal. The table in the docs comes from here."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pytest

from tests.reliability.kill_points import POINTS, arm
from tests.world.ledger import MODES, Ledger
from tests.world.projects_folder import CHECKOUT, ProjectsFolder
from tests.world.written_table import check_table

DOC = CHECKOUT / "docs/reliability.md"
BEGIN, END = "<!-- table of kill points, written by tests/reliability -->\n", "<!-- end of table -->\n"


class Outcome(NamedTuple):
    lost: int
    sent_again: int


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Outcome]:
    """What became of each kill, by point and mode."""
    found: dict[tuple[str, str], Outcome] = {}
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # the threads only wait for the processes
        for mode in MODES:
            folder = tmp_path_factory.mktemp("ledger")
            before = _with_a_history(ProjectsFolder(folder), mode)
            kills = {
                point: pool.submit(_killed, before.copy(folder.with_name(f"{folder.name}_{number}")), point)
                for number, point in enumerate(POINTS)
            }
            found |= {(point, mode): kill.result() for point, kill in kills.items()}
    return found


def _with_a_history(projects: ProjectsFolder, mode: str) -> Ledger:
    """Enough runs for old snapshots to be cleaned up by the next one."""
    ledger = Ledger(projects, mode)
    ledger.upsert(*range(1, 11))
    for key in range(11, 15):
        ledger.upsert(key)
        assert ledger.run() == 0, ledger.log()
    assert ledger.missing_or_wrong() == set()
    return ledger


def _killed(ledger: Ledger, point: str) -> Outcome:
    """Kills a run, lets the source move on, and runs again."""
    ledger.upsert(3, 20, 21, 22)
    ledger.delete(4, 5)
    assert ledger.run(arm, KILL_AT=point) == -9, f"{point} was not reached: {ledger.log()}"
    sent = len(journal := ledger.journal())
    killed_run = journal[-1][0] if len({run for run, _, _ in journal}) == 5 else None
    # 20 may be in the target by now, and in no state; 4 comes back.
    ledger.delete(20, 6)
    ledger.upsert(4, 21)
    assert ledger.run() == 0, f"{point}: {ledger.log()}"
    committed = {(key, version) for run, key, version in journal if run == killed_run}
    again = [1 for _, key, version in ledger.journal()[sent:] if (key, version) in committed]
    return Outcome(len(ledger.missing_or_wrong()), len(again))


@pytest.mark.parametrize("mode", MODES)
def test_nothing_keeps_being_sent(projects: ProjectsFolder, mode: str) -> None:
    ledger = Ledger(projects, mode)
    ledger.upsert(1, 2, 3, 4)
    ledger.run()
    ledger.upsert(5)
    ledger.run(KILL_AT="push: committed")
    ledger.delete(5, 1)
    # A killed run still looks as if it were running, so its snapshot is compared with twice.
    assert [ledger.run(), ledger.run()] == [0, 0]
    sent = len(ledger.journal())

    assert ledger.run() == 0

    assert [entry for entry in ledger.journal()[sent:] if entry[2] == -1] == []
    assert ledger.missing_or_wrong() == set()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mode", MODES)
def test_nothing_is_lost(outcomes: dict[tuple[str, str], Outcome], mode: str) -> None:
    assert {point: outcomes[point, mode].lost for point in POINTS} == dict.fromkeys(POINTS, 0)


@pytest.mark.timeout(600)
def test_the_table_in_the_docs_is_that_of_this_run(outcomes: dict[tuple[str, str], Outcome]) -> None:
    table = "".join(f"{line}\n" for line in _table(outcomes))

    check_table(DOC, BEGIN, END, table)


def _table(outcomes: dict[tuple[str, str], Outcome]) -> Iterator[str]:
    yield f"| | killed at | {' | '.join(f'{mode}: lost | sent again' for mode in MODES)} |"
    yield f"| --- | --- |{' --- | --- |' * len(MODES)}"
    for number, point in enumerate(POINTS, start=1):
        cells = [f"{outcomes[point, mode].lost} | {outcomes[point, mode].sent_again}" for mode in MODES]
        yield f"| {number} | {point} | {' | '.join(cells)} |"

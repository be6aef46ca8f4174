"""Random histories of eight steps through `dagster asset materialize`, each run a process of its own."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.world.ledger import MODES, Ledger
from tests.world.projects_folder import ProjectsFolder

STEPS = 8
# What happens in a run, besides what happens in the source: each once, in random order, among runs that succeed.
FAULTS: list[dict[str, str]] = [
    {"BREAK_TARGET": "1"},
    {"BREAK_TARGET_AFTER_COMMIT": "1"},
    {"KILL_AT": "push: committed"},
    {"EMPTY_PULL": "1"},
]


@pytest.mark.timeout(300)
def test_source_and_target_end_equal(tmp_path_factory: pytest.TempPathFactory) -> None:
    with ThreadPoolExecutor(len(MODES)) as pool:
        histories = {
            mode: pool.submit(_history, ProjectsFolder(tmp_path_factory.mktemp("ledger")), mode, seed)
            for seed, mode in enumerate(MODES)
        }

    assert {mode: found for mode, history in histories.items() if (found := history.result())} == {}


def _history(projects: ProjectsFolder, mode: str, seed: int) -> list[str]:
    """Plays one history; returns after which runs that succeeded source and target differed, and how."""
    chance = random.Random(seed)
    ledger = Ledger(projects, mode)
    faults = [{}, *chance.sample(FAULTS + [{}] * (STEPS - 2 - len(FAULTS)), STEPS - 2), {}]
    differences = []
    for step, fault in enumerate(faults):
        ledger.upsert(*chance.sample(range(1, 20), 4))
        ledger.delete(*chance.sample(range(1, 20), 3))
        done = projects.materialize_by_cli(**fault)
        expected = {"KILL_AT": -9, "EMPTY_PULL": 0}.get(next(iter(fault), "EMPTY_PULL"), 1)
        assert done.returncode == expected, f"{mode}, step {step}: {fault}\n{done.stderr[-3000:]}"
        if not fault and (found := ledger.missing_or_wrong()):
            differences.append(f"seed {seed}, step {step}: {sorted(found)}")
    return differences

from __future__ import annotations

import pytest

from tests.conftest import ProjectsFolder
from tests.reliability.ledger import MODES, Ledger


@pytest.mark.parametrize("mode", MODES)
def test_quick(projects: ProjectsFolder, mode: str) -> None:
    ledger = Ledger(projects, mode)
    ledger.upsert(1, 2, 3, 4, 5, 6)
    assert ledger.run() == 0, ledger.log()
    assert ledger.missing_or_wrong() == set(), ledger.log()
    ledger.upsert(7, 2)
    ledger.delete(3)
    assert ledger.run() == 0, ledger.log()
    assert ledger.missing_or_wrong() == set(), ledger.log()
    ledger.upsert(3, 8)
    assert ledger.run(KILL_AT="push: committed") == -9
    ledger.delete(8)
    assert ledger.run() == 0, ledger.log()
    assert ledger.missing_or_wrong() == set(), ledger.log()

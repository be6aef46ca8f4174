"""The driver of docs/reliability.md: it appends, and has each row once although its runs are killed."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import CHECKOUT, ProjectsFolder
from tests.reliability.kill_points import arm
from tests.reliability.ledger import Ledger
from tests.test_docs import blocks

AFTER_THE_PUSH = "commit: pushed, nothing stored"


def _ledger(projects: ProjectsFolder, driver: str) -> Ledger:
    ledger = Ledger(projects, "incremental")
    projects.driver("events_store_driver", driver)
    path: Path = projects.path / "shop/mappings/items.yaml"
    text = path.read_text().replace("target_store_driver", "events_store_driver").replace("upsert", "append")
    path.write_text(text.replace("delete_type: keys", "delete_type: none"))
    ledger.upsert(1, 2, 3)
    assert ledger.run() == 0, ledger.log()
    ledger.upsert(4, 5)
    assert ledger.run(arm, KILL_AT=AFTER_THE_PUSH) == -9
    ledger.upsert(6)  # the next run brings what the killed one brought, and more
    assert ledger.run() == 0, ledger.log()
    return ledger


def _ids(ledger: Ledger) -> list[int]:
    return sorted(row[0] for row in ledger._execute(ledger.target, "SELECT id FROM items"))


def test_the_driver_of_the_docs_has_each_row_once(projects: ProjectsFolder) -> None:
    (driver,) = blocks((CHECKOUT / "docs/reliability.md").read_text(), "python")

    assert _ids(_ledger(projects, driver)) == [1, 2, 3, 4, 5, 6]


def test_without_the_key_rows_would_be_doubled(projects: ProjectsFolder) -> None:
    (driver,) = blocks((CHECKOUT / "docs/reliability.md").read_text(), "python")
    without = "\n".join(line for line in driver.splitlines() if "DELETE FROM" not in line)

    assert _ids(_ledger(projects, without)) == [1, 2, 3, 4, 4, 5, 5, 6]

"""The driver of docs/reliability.md: it appends, and has each row once although its runs are killed."""

from __future__ import annotations

from pathlib import Path

from tests.reliability.kill_points import arm
from tests.test_docs import blocks
from tests.world.ledger import Ledger, finished
from tests.world.processes import wait_until
from tests.world.projects_folder import CHECKOUT, ProjectsFolder

BEFORE_THE_PUSH = "push: before its transaction"
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


def test_two_runs_at_once_leave_each_row_once(projects: ProjectsFolder) -> None:
    (driver,) = blocks((CHECKOUT / "docs/reliability.md").read_text(), "python")
    waiting = driver.replace("import sqlite3", "import sqlite3\n\nfrom .source_store_driver import reach", 1).replace(
        '        load = config["idempotency_key"]',
        f'        reach("{BEFORE_THE_PUSH}")\n        load = config["idempotency_key"]',
    )
    ledger = _ledger(projects, waiting)
    go_on = projects.root / "go on"
    ledger.upsert(7)
    first = ledger.start(WAIT_AT=BEFORE_THE_PUSH, WAIT_FOR=str(go_on))
    wait_until(Path(f"{go_on}.waiting").exists)
    ledger.upsert(8)
    assert ledger.run() == 0, ledger.log()
    go_on.touch()
    assert finished(first) == 0, ledger.log()

    assert ledger.run() == 0, ledger.log()

    assert _ids(ledger) == [1, 2, 3, 4, 5, 6, 7, 8]


def test_an_empty_pull_does_no_harm(projects: ProjectsFolder) -> None:
    (driver,) = blocks((CHECKOUT / "docs/reliability.md").read_text(), "python")
    ledger = _ledger(projects, driver)

    assert ledger.run(EMPTY_PULL="1") == 0, ledger.log()

    assert _ids(ledger) == [1, 2, 3, 4, 5, 6]


def test_without_the_key_rows_would_be_duplicated(projects: ProjectsFolder) -> None:
    (driver,) = blocks((CHECKOUT / "docs/reliability.md").read_text(), "python")
    without = "\n".join(line for line in driver.splitlines() if "DELETE FROM" not in line)

    assert _ids(_ledger(projects, without)) == [1, 2, 3, 4, 4, 5, 5, 6]

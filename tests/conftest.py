"""Settings of all tests, and the fixtures that most of them use; what they consist of is in tests/world."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from custom_store_pipeline.engines.process_cache import clear_caches
from tests.world.projects_folder import SOURCE, ProjectsFolder, mapping

# Property tests draw the same examples each time, so what fails here fails everywhere; `make test-random` draws others.
settings.register_profile("pinned", derandomize=True, max_examples=200, deadline=None, print_blob=True)
settings.register_profile("random", max_examples=2000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "pinned"))

# A shell that starts the tests in the background has SIGINT ignored, which all processes inherit; each server would
# then be killed only after half a minute's wait for its end.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def projects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ProjectsFolder:
    """An empty projects folder; the working folder is the one that holds it, so paths are shown as `projects/…`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", "")
    monkeypatch.delenv("DAGSTER_HOME")
    monkeypatch.delenv("CUSTOM_STORE_PROJECTS_DIR", raising=False)
    clear_caches()  # of the definitions of another test's folder
    return ProjectsFolder(tmp_path)


@pytest.fixture
def shop(projects: ProjectsFolder) -> ProjectsFolder:
    """A projects folder with one mapping of one entity, `items`, into SQLite."""
    projects.driver("items_store_driver", SOURCE)
    projects.sqlite()
    projects.mapping(mapping())
    return projects


# Files of minutes, which begin first: a worker that came to one of them last would let the others wait. Those of
# servers are not next to each other, so that only a few of them run at a time.
_LONGEST = (
    "live/test_dagster_dev", "reliability/test_kill_points", "state/test_histories", "live/test_code_server",
    "testing/test_zoo", "reliability/test_faults", "engines/test_dask", "orchestration/test_partitions",
    "engines/test_celery", "ui/test_edits", "engines/test_postgres", "orchestration/test_run_consistency",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the longest files first; xdist takes files in this order (`--no-loadscope-reorder`)."""
    rank = {name: number for number, name in enumerate(_LONGEST)}
    here = Path(__file__).parent

    def place(item: pytest.Item) -> int:
        name = item.path.with_suffix("").relative_to(here).as_posix() if item.path.is_relative_to(here) else ""
        return rank.get(name, len(rank))

    items.sort(key=place)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Shows the figures that tests measured, also those of workers: `record_property("figure", …)`."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == "figure":
                terminalreporter.write_line(f"{report.nodeid.rpartition('::')[2]}: {value}")

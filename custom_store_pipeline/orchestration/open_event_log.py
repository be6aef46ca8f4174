"""Dagster's event log in SQLite, kept open while a step writes to it."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator

import dagster as dg

from custom_store_pipeline.orchestration.dagster_internals import paths_of_event_log


@contextlib.contextmanager
def kept_open(instance: dg.DagsterInstance, run_id: str) -> Iterator[None]:
    """Within it, an event takes less time to store.

    Dagster opens and closes its files for each event. When the last connection to a file is closed, SQLite copies its
    write-ahead log into it and removes the log. A connection that does nothing, and that nobody waits for, is enough
    that no other one is the last.
    """
    with contextlib.ExitStack() as at_the_end:
        for path in paths_of_event_log(instance, run_id):
            with contextlib.suppress(sqlite3.Error):  # Dagster will say it, if it concerns it too
                connection = sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, check_same_thread=False)
                at_the_end.callback(connection.close)
                connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()  # or SQLite would not open it yet
        yield

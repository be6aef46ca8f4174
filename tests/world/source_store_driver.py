"""A source that changes: the table of a SQLite file, read whole, in chunks, or only what is new. Dies when told to."""

import os
import signal
import sqlite3
import time
from pathlib import Path

import pandas as pd


class SourceStoreDriver:
    """`args: {path: …, chunk_rows: …}`; without `chunk_rows` a pull is one DataFrame."""

    def pull_data(self, mapping_config, entity):
        reach("pull: before the first row")
        since = mapping_config["offset"]["values"].get("version")
        where = "" if since is None else f"WHERE version > {since}"
        rows = self.read(mapping_config, f"SELECT id, name, version FROM items {where} ORDER BY id")
        size = mapping_config["args"].get("chunk_rows")
        if size is None:
            reach("pull: half of the rows")
            reach("pull: all rows")
            return rows
        return self.chunks(rows, size)

    def chunks(self, rows, size):
        for start in range(0, max(len(rows), 1), size):
            if start >= len(rows) / 2:
                reach("pull: half of the rows")
            yield rows[start : start + size]
        reach("pull: all rows")

    def pull_keys(self, mapping_config, entity):
        if os.environ.get("EMPTY_PULL"):
            return pd.DataFrame({"id": []})
        return self.read(mapping_config, "SELECT id FROM items ORDER BY id")

    def read(self, config, query):
        connection = sqlite3.connect(config["args"]["path"], timeout=60)
        rows = pd.read_sql(query, connection)
        connection.close()
        return rows[:0] if os.environ.get("EMPTY_PULL") else rows


def reach(point):
    """Dies at the point that KILL_AT names; waits at the one that WAIT_AT names, until the file WAIT_FOR is there."""
    if os.environ.get("KILL_AT") == point:
        os.kill(os.getpid(), signal.SIGKILL)
    if os.environ.get("WAIT_AT") == point:
        Path(os.environ["WAIT_FOR"] + ".waiting").touch()
        deadline = time.monotonic() + 60
        while not Path(os.environ["WAIT_FOR"]).exists() and time.monotonic() < deadline:
            time.sleep(0.02)

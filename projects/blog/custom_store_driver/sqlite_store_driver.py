"""Reads and writes tables of a SQLite file."""

import sqlite3
from pathlib import Path

import pandas as pd

from custom_store_pipeline import TerminalError


class SqliteStoreDriver:
    """A SQLite file as a store: an entity is a table. `args: {path: …}` says which file."""

    def pull_data(self, mapping_config, entity):
        """The table as a DataFrame."""
        self.connection = sqlite3.connect(mapping_config["args"]["path"], timeout=60)
        return pd.read_sql(f"SELECT * FROM {quoted(entity)}", self.connection)

    def push_data(self, config, entity, df, deletes_df=None):
        """Writes a table in one transaction: replaced, appended to, or with rows of the same key replaced."""
        mode, keys = config["write_mode"], config["primary_keys"]
        if mode not in ("overwrite", "append", "upsert") or (mode == "upsert" and not keys):
            raise TerminalError(f"write_mode '{mode}' with primary_keys {keys} is not possible in this driver")
        if mode == "overwrite" and config["partition"]:
            raise TerminalError("overwrite would replace all partitions by this one; use write_mode: upsert")
        path = Path(config["args"]["path"])
        path.parent.mkdir(parents=True, exist_ok=True)
        self.connection = sqlite3.connect(path, timeout=60, isolation_level=None)
        # From here on others wait: two partitions of an entity may be pushed at once, and both would make its table.
        self.connection.execute("BEGIN IMMEDIATE")
        if self.connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", [entity]).fetchone():
            for gone in (df if mode == "upsert" else None, deletes_df):
                if gone is not None:
                    same = " AND ".join(f"{quoted(key)} = ?" for key in keys)
                    rows = gone[keys].astype(object).itertuples(index=False, name=None)
                    self.connection.executemany(f"DELETE FROM {quoted(entity)} WHERE {same}", rows)
        df.to_sql(entity, self.connection, if_exists="replace" if mode == "overwrite" else "append", index=False)
        self.connection.commit()
        return {"location": f"{path}, table {entity}"}

    def close(self):
        """Called at the end, whatever happened; what was not committed is rolled back."""
        if hasattr(self, "connection"):
            self.connection.close()


def quoted(name):
    """A name as SQL takes it, whatever characters are in it."""
    return '"' + name.replace('"', '""') + '"'

"""A target that is a table of a SQLite file, with a journal of all that was ever committed. Breaks when told to."""

import os
import sqlite3

from .source_store_driver import reach


class TargetStoreDriver:
    """`args: {path: …}`. Rows are upserted, deletes deleted, in one transaction."""

    def push_data(self, config, entity, df, deletes_df=None):
        return self.push_chunks(config, entity, iter([df]), deletes_df)

    def push_chunks(self, config, entity, chunks, deletes_df=None):
        reach("push: before its transaction")
        if os.environ.get("BREAK_TARGET"):
            raise ConnectionError("the target is down")
        connection = sqlite3.connect(config["args"]["path"], timeout=60)
        connection.execute("CREATE TABLE IF NOT EXISTS items (id INTEGER PRIMARY KEY, name TEXT, version INTEGER)")
        connection.execute("CREATE TABLE IF NOT EXISTS journal (run TEXT, id INTEGER, version INTEGER)")
        rows = [row for chunk in chunks for row in zip(*(chunk[c].tolist() for c in chunk.columns), strict=True)]
        connection.executemany("INSERT OR REPLACE INTO items VALUES (?, ?, ?)", rows)
        gone = [] if deletes_df is None else deletes_df["id"].tolist()
        connection.executemany("DELETE FROM items WHERE id = ?", [(key,) for key in gone])
        connection.executemany(
            "INSERT INTO journal VALUES (?, ?, ?)",
            [(config["run_id"], key, version) for key, _, version in rows]
            + [(config["run_id"], key, -1) for key in gone],
        )
        reach("push: rows written, not committed")
        connection.commit()
        connection.close()
        reach("push: committed")
        if os.environ.get("BREAK_TARGET_AFTER_COMMIT"):
            raise ConnectionError("the target went away after it had committed")
        return {"deleted": len(gone)}

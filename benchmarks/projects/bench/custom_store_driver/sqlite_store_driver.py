"""A SQLite file as pandas writes it."""

import sqlite3
from pathlib import Path

from .clock import arrived, end
from .pieces import push_pieces


class SqliteStoreDriver:
    """Appends to a new file in one transaction; `args: {folder: …}` says where."""

    def push_data(self, config, entity, df, deletes_df=None):
        """Writes a table in one piece."""
        return push_pieces(self, config, entity, [df])

    def push_chunks(self, config, entity, chunks, deletes_df=None):
        """Writes a table chunk by chunk."""
        return push_pieces(self, config, entity, chunks)

    def write(self, config, entity, df):
        """Writes a piece."""
        if not hasattr(self, "connection"):
            path = Path(config["args"]["folder"]) / "target.sqlite"
            self.connection = sqlite3.connect(path, check_same_thread=False)
            self.connection.execute("PRAGMA synchronous = OFF")  # whose disk it is must not decide
        df.to_sql(entity, self.connection, if_exists="append", index=False)

    def finish(self, config, entity):
        """Commits, and only then, with the clock stopped, looks at what is there."""
        self.connection.commit()
        end(config["args"]["folder"])
        columns = [row[1] for row in self.connection.execute(f"PRAGMA table_info({entity})")]
        sums = ", ".join(f"count({name}), CAST(total({name}) AS INTEGER), sum(length({name}))" for name in columns)
        found = self.connection.execute(f"SELECT count(*), {sums} FROM {entity}").fetchone()
        arrived(config["args"]["folder"], entity, found)
        self.connection.close()

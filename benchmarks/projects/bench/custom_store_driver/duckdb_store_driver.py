"""A DuckDB file, written from Arrow."""

from pathlib import Path

import duckdb

from .clock import arrived, end


class DuckdbStoreDriver:
    """Appends to a new file in `args.folder`."""

    def push_arrow(self, config, entity, reader, deletes=None):
        """One table in one transaction."""
        folder = config["args"]["folder"]
        with duckdb.connect(str(Path(folder) / "target.duckdb")) as connection:
            connection.execute(f"CREATE TABLE {entity} AS SELECT * FROM reader")
            connection.execute("CHECKPOINT")
            end(folder)
            found = connection.execute(f"SELECT count(*), sum(id), sum(amount)::text, max(changed)::text FROM {entity}")
            arrived(folder, entity, found.fetchone())
        return True

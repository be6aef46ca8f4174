"""A DuckDB file as a source and a target."""

import threading
from pathlib import Path

import duckdb
import pyarrow as pa

from custom_store_pipeline import TerminalError

# Of two threads that open a file at the same moment, DuckDB may give one a database that is not ready yet.
OPENING = threading.Lock()


class DuckdbStoreDriver:
    """An entity is a table of the file that `args: {path: …}` names."""

    capabilities = {"overwrite", "upsert", "deletes", "overwrite_atomic"}

    def pull_data(self, mapping_config, entity):
        """The rows of the table, as Arrow."""
        with opened(mapping_config["args"]["path"]) as connection:
            return connection.table(quoted(entity)).to_arrow_table()

    def push_data(self, config, entity, df, deletes_df=None):
        """Writes the rows and deletes others, in one transaction: all of it arrives, or nothing changes."""
        mode, keys, table = config["write_mode"], config["primary_keys"], quoted(entity)
        if mode not in ("overwrite", "upsert") or (mode == "upsert" and not keys):
            raise TerminalError(f"write_mode '{mode}' with primary_keys {keys} is not possible in this driver")
        path = Path(config["args"]["path"])
        path.parent.mkdir(parents=True, exist_ok=True)
        with opened(path) as connection:
            connection.begin()
            if len(df.columns):  # an empty pull may not know its columns
                rows = pa.Table.from_pandas(df, preserve_index=False)
                create = "CREATE OR REPLACE TABLE" if mode == "overwrite" else "CREATE TABLE IF NOT EXISTS"
                connection.execute(f"{create} {table} AS SELECT * FROM rows LIMIT 0")
                if mode == "upsert":
                    delete(connection, table, keys, rows)
                connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM rows")
            if deletes_df is not None:
                delete(connection, table, keys, pa.Table.from_pandas(deletes_df, preserve_index=False))
            connection.commit()
        return {"location": f"{path}, table {entity}"}


def opened(path):
    """A connection to the file, which can be used in `with`."""
    with OPENING:
        return duckdb.connect(path)


def delete(connection, table, keys, rows):
    """Deletes the rows of the table that have the same keys as one of these rows."""
    same = " AND ".join(f"{table}.{quoted(key)} = gone.{quoted(key)}" for key in keys)
    connection.register("gone", rows)
    connection.execute(f"DELETE FROM {table} USING gone WHERE {same}")


def quoted(name):
    """A name as SQL takes it, whatever characters are in it."""
    return '"' + name.replace('"', '""') + '"'

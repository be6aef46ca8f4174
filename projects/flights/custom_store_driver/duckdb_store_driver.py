"""Reads and writes tables of a DuckDB file."""

from pathlib import Path

import duckdb

from custom_store_pipeline import TerminalError


class DuckdbStoreDriver:
    """A DuckDB file as a store: an entity is a table. `args: {path: …}` says which file."""

    def pull_data(self, mapping_config, entity):
        """The table, as a relation that is read batch by batch."""
        self.connection = duckdb.connect(mapping_config["args"]["path"])
        return self.connection.table(quoted(entity))

    def push_data(self, config, entity, df, deletes_df=None):
        """Writes a table in one piece."""
        return self.push_chunks(config, entity, iter([df]), deletes_df)

    def push_chunks(self, config, entity, chunks, deletes_df=None):
        """Writes a table chunk by chunk in one transaction: all of it arrives, or nothing changes."""
        mode, keys, table = config["write_mode"], config["primary_keys"], quoted(entity)
        if mode not in ("overwrite", "append", "upsert") or (mode == "upsert" and not keys):
            raise TerminalError(f"write_mode '{mode}' with primary_keys {keys} is not possible in this driver")
        if mode == "overwrite" and config["partition"]:
            raise TerminalError("overwrite would replace all partitions by this one; use write_mode: upsert")
        path = Path(config["args"]["path"])
        path.parent.mkdir(parents=True, exist_ok=True)
        self.connection = duckdb.connect(path)
        self.connection.begin()
        for number, chunk in enumerate(chunks):
            create = "CREATE OR REPLACE TABLE" if mode == "overwrite" and number == 0 else "CREATE TABLE IF NOT EXISTS"
            self.connection.execute(f"{create} {table} AS SELECT * FROM chunk LIMIT 0")
            if mode == "upsert":
                self.delete(table, keys, chunk)
            self.widen_integers(table, chunk)
            self.connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM chunk")
        if deletes_df is not None:
            self.delete(table, keys, deletes_df)
        rows = self.connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        self.connection.commit()
        return {"location": f"{path}, table {entity}", "rows_in_table": rows}

    def delete(self, table, keys, rows):
        """Deletes the rows of the table that have the same keys as one of these rows."""
        same = " AND ".join(f"{table}.{quoted(key)} = rows.{quoted(key)}" for key in keys)
        self.connection.execute(f"DELETE FROM {table} USING rows WHERE {same}")

    def widen_integers(self, table, chunk):
        """A column that looked like integers so far must not round the fractions of this chunk away."""
        relation = self.connection.table(table)
        types = dict(zip(relation.columns, relation.types, strict=True))
        for column in chunk.select_dtypes("float"):
            if str(types.get(column)).endswith("INT"):
                self.connection.execute(f"ALTER TABLE {table} ALTER {quoted(column)} TYPE DOUBLE")

    def close(self):
        """Called at the end, whatever happened; what was not committed is rolled back."""
        if hasattr(self, "connection"):
            self.connection.close()


def quoted(name):
    """A name as SQL takes it, whatever characters are in it."""
    return '"' + name.replace('"', '""') + '"'

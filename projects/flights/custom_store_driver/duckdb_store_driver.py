"""Reads and writes tables of a DuckDB file."""

import threading
from pathlib import Path

import duckdb
import pyarrow as pa

from custom_store_pipeline import TerminalError

# Of two threads that open a file at the same moment, DuckDB may give one a database that is not ready yet.
OPENING = threading.Lock()

# Within one of these rows a column may be widened, or values may be cast, as long as each of them stays what it is.
FAMILIES = [
    {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}
    | {"FLOAT", "DOUBLE", "DECIMAL"},
    {"DATE", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP", "TIMESTAMP_NS"},
]
# What DuckDB calls the type of a column that is null in each row.
NO_VALUES = '"NULL"'


class DuckdbStoreDriver:
    """A DuckDB file as a store: an entity is a table. `args: {path: …}` says which file."""

    capabilities = {"overwrite", "append", "upsert", "deletes", "overwrite_atomic", "new_columns"}

    def pull_data(self, mapping_config, entity):
        """The table, as a relation that is read batch by batch."""
        with OPENING:
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
        with OPENING:
            self.connection = duckdb.connect(path)
        self.connection.begin()
        is_new = mode == "overwrite"
        for frame in chunks:
            chunk = as_arrow(frame)
            if not chunk.num_columns:  # an empty pull may not even know its columns
                continue
            create = "CREATE OR REPLACE TABLE" if is_new else "CREATE TABLE IF NOT EXISTS"
            self.connection.execute(f"{create} {table} AS SELECT * FROM chunk LIMIT 0")
            is_new = False
            if not chunk.num_rows:  # whose types say nothing
                continue
            self.make_room_for(table, chunk)
            if mode == "upsert":
                self.delete(table, keys, chunk)
            self.connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM chunk")
        there = bool(self.types(table))
        if is_new and there:
            self.connection.execute(f"DELETE FROM {table}")
        if deletes_df is not None and there:
            self.delete(table, keys, as_arrow(deletes_df))
        rows = self.connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] if there else 0
        self.connection.commit()
        return {"location": f"{path}, table {entity}", "rows_in_table": rows}

    def delete(self, table, keys, rows):
        """Deletes the rows of the table that have the same keys as one of these rows."""
        same = " AND ".join(f"{table}.{quoted(key)} IS NOT DISTINCT FROM rows.{quoted(key)}" for key in keys)
        self.connection.execute(f"DELETE FROM {table} USING rows WHERE {same}")

    def make_room_for(self, table, chunk):
        """Adds the columns that the table lacks, and widens those that would change values of this chunk."""
        there = self.types(table)
        for column, new in self.types("chunk", chunk).items():
            old = there.get(column.lower())
            if old is None:
                kind = "INTEGER" if new == NO_VALUES else new
                self.connection.execute(f"ALTER TABLE {table} ADD COLUMN {quoted(column)} {kind}")
            elif new not in (old, NO_VALUES):
                wide = self.type_for_both(table, chunk, column, old, new)
                if wide != old:
                    self.connection.execute(f"ALTER TABLE {table} ALTER {quoted(column)} TYPE {wide}")

    def type_for_both(self, table, chunk, column, old, new):
        """A type that holds the values of the table and those of the chunk as they are."""
        name = quoted(column)
        if not self.connection.execute(f"SELECT count({name}) FROM {table}").fetchone()[0]:
            return new  # a column without any values has no type worth keeping
        if any({old.partition("(")[0], new.partition("(")[0]} <= family for family in FAMILIES):
            both = f"(SELECT {name} FROM {table} UNION ALL SELECT {name} FROM chunk)"
            for wide in (old, self.types(both, chunk)[column], new):
                if self.holds(wide, new, name, "chunk", chunk) and self.holds(wide, old, name, table, chunk):
                    return wide
        raise TerminalError(
            f"column '{column}' is {old} in the table and {new} in the data, and no type holds both as they are; cast "
            f"it in pull_data to what {old} holds, or replace the table once with write_mode: overwrite"
        )

    def holds(self, wide, own, name, source, chunk):
        """Whether each value comes back from a type as it was."""
        back = f"TRY_CAST(TRY_CAST({name} AS {wide}) AS {own})"
        changed = f"SELECT 1 FROM {source} WHERE {back} IS DISTINCT FROM {name} LIMIT 1"
        return self.connection.execute(changed).fetchone() is None

    def types(self, table, chunk=None):
        """The columns with their types, those of a table in lower case, as DuckDB compares; none if it is not there."""
        try:
            rows = self.connection.execute(f"DESCRIBE SELECT * FROM {table}").fetchall()
        except duckdb.CatalogException:
            return {}
        return {name if chunk is not None else name.lower(): kind for name, kind, *_ in rows}

    def close(self):
        """Called at the end, whatever happened; what was not committed is rolled back."""
        if hasattr(self, "connection"):
            self.connection.close()


def as_arrow(df):
    """The rows with one exact type a column; pandas' objects are looked at one by one, not as a sample."""
    try:
        table = pa.Table.from_pandas(df, preserve_index=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
        raise TerminalError(
            f"a column holds values of several types: {error}; let pull_data return one of them"
        ) from None
    for place, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            table = table.set_column(place, field.name, table.column(place).cast(field.type.value_type))
        elif pa.types.is_timestamp(field.type) and field.type.unit in ("s", "ms"):  # rare in DuckDB
            table = table.set_column(place, field.name, table.column(place).cast(pa.timestamp("us", field.type.tz)))
    return table


def quoted(name):
    """A name as SQL takes it, whatever characters are in it."""
    return '"' + str(name).replace('"', '""') + '"'

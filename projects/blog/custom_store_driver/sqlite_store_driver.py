"""Reads and writes tables of a SQLite file."""

import datetime
import decimal
import json
import sqlite3
import uuid
from pathlib import Path

import pandas as pd

from custom_store_pipeline import TerminalError


class SqliteStoreDriver:
    """A SQLite file as a store: an entity is a table. `args: {path: …}` says which file.

    Its columns have no type, as SQLite allows, so that each value stays what it is. Numbers, texts and bytes are stored
    as such; booleans as 0 and 1; dates, times, decimals and UUIDs as text; lists and dicts as JSON.
    """

    capabilities = {"overwrite", "append", "upsert", "deletes", "overwrite_atomic", "new_columns"}

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
        # Nothing is committed before all of it is written: isolation_level=None leaves that to us.
        self.connection = sqlite3.connect(path, timeout=60, isolation_level=None)
        # From here on others wait: two partitions of an entity may be pushed at once, and both would make its table.
        self.connection.execute("BEGIN IMMEDIATE")
        if mode == "overwrite":
            self.empty(entity, df)
        self.make_room_for(entity, df)
        if mode == "upsert":
            self.delete(entity, keys, df)
        if deletes_df is not None:
            self.delete(entity, keys, deletes_df)
        if len(df.columns):
            columns, marks = ", ".join(map(quoted, df.columns)), ", ".join("?" * len(df.columns))
            self.connection.executemany(f"INSERT INTO {quoted(entity)} ({columns}) VALUES ({marks})", plain_rows(df))
        self.connection.commit()
        return {"location": f"{path}, table {entity}"}

    def empty(self, entity, df):
        """Takes all rows away; with the table, if this load says what columns it has."""
        if len(df.columns):
            self.connection.execute(f"DROP TABLE IF EXISTS {quoted(entity)}")
        elif self.columns(entity):
            self.connection.execute(f"DELETE FROM {quoted(entity)}")

    def make_room_for(self, entity, df):
        """Makes the table, or the columns that it lacks."""
        there = self.columns(entity)
        if not there and len(df.columns):
            self.connection.execute(f"CREATE TABLE {quoted(entity)} ({', '.join(map(quoted, df.columns))})")
        for column in df.columns if there else ():
            if column.lower() not in there:
                self.connection.execute(f"ALTER TABLE {quoted(entity)} ADD COLUMN {quoted(column)}")
            elif there[column.lower()]:
                check_type(column, there[column.lower()], df[column])

    def delete(self, entity, keys, rows):
        """Deletes the rows that have the same keys as one of these."""
        if not len(rows) or not self.columns(entity):
            return
        index = quoted(f"{entity} by key")  # without it, each delete would look through the whole table
        self.connection.execute(
            f"CREATE INDEX IF NOT EXISTS {index} ON {quoted(entity)} ({', '.join(map(quoted, keys))})"
        )
        same = " AND ".join(f"{quoted(key)} IS ?" for key in keys)
        self.connection.executemany(f"DELETE FROM {quoted(entity)} WHERE {same}", plain_rows(rows[keys]))

    def columns(self, entity):
        """The table's columns, in lower case as SQLite compares them, with their types; none if there is no table."""
        return {row[1].lower(): row[2] for row in self.connection.execute(f"PRAGMA table_info({quoted(entity)})")}

    def close(self):
        """Called at the end, whatever happened; what was not committed is rolled back."""
        if hasattr(self, "connection"):
            self.connection.close()


def plain_rows(df):
    """The rows with values that SQLite has."""
    return zip(*(plain_column(df[name]) for name in df.columns), strict=True)


def plain_column(values):
    """The values of a column; those of numpy's own integers need no look at each."""
    if values.dtype == "int64":
        return values.tolist()
    return [plain(value, values.name) for value in values.astype(object)]


def plain(value, column):
    """One value as SQLite stores it, without changing it."""
    if isinstance(value, str | bytes):
        return value
    if isinstance(value, list | tuple | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    if pd.isna(value):
        return None
    if isinstance(value, int):  # which booleans are, too
        if not -(2**63) <= value < 2**63:
            raise TerminalError(f"column '{column}' holds {value}, and SQLite's integers have 64 bits; pull it as text")
        return int(value)
    if isinstance(value, float):
        return value
    if isinstance(value, datetime.datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, decimal.Decimal | uuid.UUID | datetime.timedelta):
        return str(value)
    if hasattr(value, "tolist"):  # numpy's own numbers and arrays
        return plain(value.tolist(), column)
    raise TerminalError(
        f"column '{column}' holds {type(value).__name__}, which SQLite has no type for; pull it as text"
    )


def check_type(column, declared, values):
    """A column of a table that was made elsewhere may have a type, and would turn texts into numbers or the reverse."""
    kinds = {type(value) for value in plain_column(values)}
    holds_text = any(word in declared.upper() for word in ("CHAR", "CLOB", "TEXT"))
    holds_numbers = any(word in declared.upper() for word in ("INT", "REAL", "FLOA", "DOUB", "NUM", "DEC"))
    if (str in kinds and holds_numbers) or (kinds & {int, float} and holds_text):
        raise TerminalError(
            f"column '{column}' is {declared} in the table and {values.dtype} in the data, so SQLite would change its "
            "values; pull it as the table has it, or replace the table once with write_mode: overwrite"
        )


def quoted(name):
    """A name as SQL takes it, whatever characters are in it."""
    return '"' + str(name).replace('"', '""') + '"'

"""A driver that does all that the contract kit asks for; tests break it in one place at a time."""

import datetime
import decimal
import hashlib
import json
import sqlite3

import pandas as pd

from custom_store_pipeline import TerminalError


class GoodStoreDriver:
    """A SQLite file: an entity is a table, and each value is kept as JSON."""

    capabilities = {
        "overwrite",
        "append",
        "upsert",
        "deletes",
        "soft_deletes",
        "overwrite_atomic",
        "idempotent_append",
        "new_columns",
        "incremental",
    }

    def __init__(self):
        self.connection = None

    def open(self, config):
        self.connection = sqlite3.connect(config["args"]["path"], timeout=30, isolation_level=None)
        self.connection.execute("CREATE TABLE IF NOT EXISTS keys (entity, key, PRIMARY KEY (entity, key))")

    def pull_data(self, mapping_config, entity):
        self.open(mapping_config)
        columns = self.columns(entity)
        if not columns:
            raise TerminalError(f"no entity '{entity}'; there are: {', '.join(self.list_entities(mapping_config))}")
        found = self.connection.execute(f"SELECT {', '.join(map(quoted, columns))} FROM {quoted(entity)}").fetchall()
        rows = [[restored(value) for value in row] for row in found]
        for column, reached in mapping_config["offset"]["values"].items():
            rows = [row for row in rows if row[columns.index(column)] >= reached]
        yield pd.DataFrame(rows, columns=columns, dtype=object)

    def pull_keys(self, mapping_config, entity):
        for frame in self.pull_data({**mapping_config, "offset": {"values": {}}}, entity):
            yield frame[mapping_config["primary_keys"] or ["id"]]

    def fingerprint(self, config, entity):
        self.open(config)
        rows = self.connection.execute(f"SELECT * FROM {quoted(entity)}").fetchall()
        return hashlib.sha256(repr(rows).encode()).digest()

    def list_entities(self, config):
        self.open(config)
        names = self.connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return [name for (name,) in names if name != "keys"]

    def check(self, config):
        self.open(config)
        return True

    def push_data(self, config, entity, df, deletes_df=None):
        return self.push_chunks(config, entity, iter([df]), deletes_df)

    def push_chunks(self, config, entity, chunks, deletes_df=None):
        mode = config["write_mode"]
        if mode not in self.capabilities:
            raise TerminalError(f"write_mode {mode} is not possible")
        self.open(config)
        self.connection.execute("BEGIN IMMEDIATE")
        sent = self.connection.execute("INSERT OR IGNORE INTO keys VALUES (?, ?)", (entity, config["idempotency_key"]))
        if mode == "append" and not sent.rowcount:
            for _ in chunks:  # a push reads all that it gets, or it fails
                pass
            return True
        if mode == "overwrite":
            self.connection.execute(f"DROP TABLE IF EXISTS {quoted(entity)}")
        for df in chunks:
            self.write(config, entity, df)
        if deletes_df is not None:
            self.delete(config, entity, deletes_df)
        self.connection.commit()
        return True

    def write(self, config, entity, df):
        if not len(df.columns):
            return
        there = self.columns(entity)
        if not there:
            self.connection.execute(f"CREATE TABLE {quoted(entity)} ({', '.join(map(quoted, df.columns))})")
        for column in [column for column in df.columns if there and column not in there]:
            self.connection.execute(f"ALTER TABLE {quoted(entity)} ADD COLUMN {quoted(column)}")
        if config["write_mode"] == "upsert":
            self.remove(entity, df[config["primary_keys"]])
        columns, marks = ", ".join(map(quoted, df.columns)), ", ".join("?" * len(df.columns))
        self.connection.executemany(f"INSERT INTO {quoted(entity)} ({columns}) VALUES ({marks})", stored_rows(df))

    def delete(self, config, entity, deletes_df):
        keys = config["primary_keys"]
        if config["delete_mode"] != "soft_delete":
            self.remove(entity, deletes_df[keys])
            return
        marks = [column for column in deletes_df.columns if column not in keys]
        sets = ", ".join(f"{quoted(mark)} = ?" for mark in marks)
        same = " AND ".join(f"{quoted(key)} IS ?" for key in keys)
        self.connection.executemany(
            f"UPDATE {quoted(entity)} SET {sets} WHERE {same}", stored_rows(deletes_df[[*marks, *keys]])
        )

    def remove(self, entity, keys):
        same = " AND ".join(f"{quoted(key)} IS ?" for key in keys.columns)
        self.connection.executemany(f"DELETE FROM {quoted(entity)} WHERE {same}", stored_rows(keys))

    def columns(self, entity):
        return [row[1] for row in self.connection.execute(f"PRAGMA table_info({quoted(entity)})")]

    def close(self):
        if self.connection is not None:
            self.connection.close()


def stored_rows(df):
    columns = [[stored(value) for value in df[name].astype(object)] for name in df.columns]
    return list(zip(*columns, strict=True))


def stored(value):
    if value is None or (not isinstance(value, list | dict) and pd.isna(value)):
        return None
    if isinstance(value, decimal.Decimal):
        return json.dumps({"decimal": str(value)})
    if isinstance(value, datetime.datetime):
        return json.dumps({"time": value.isoformat()})
    if isinstance(value, datetime.date):
        return json.dumps({"date": value.isoformat()})
    return json.dumps(value)


def restored(text):
    value = None if text is None else json.loads(text)
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    makers = {"decimal": decimal.Decimal, "time": datetime.datetime.fromisoformat, "date": datetime.date.fromisoformat}
    return makers[kind](content)


def quoted(name):
    return '"' + str(name).replace('"', '""') + '"'

"""The sinks that people copy: each value arrives as it was, or the push fails and says what to do; all or nothing."""

from __future__ import annotations

import contextlib
import datetime as dt
import importlib.util
import json
import sqlite3
import uuid
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from custom_store_pipeline import TerminalError
from tests.world.projects_folder import CHECKOUT, ProjectsFolder

BERLIN = pd.Timestamp("2024-03-31 04:30:00.123456", tz="Europe/Berlin")

# Values by kind, and what SQLite has of each; None where it is the value itself. DuckDB has a type for each of them.
VALUES: dict[str, tuple[list[Any], Callable[[Any], Any] | None]] = {
    "int": ([1, -(2**63), 2**63 - 1], None),
    "int with gap": ([pd.array([1, None, 2**53 + 1], dtype="Int64")[i] for i in range(3)], None),
    "float": ([1.5, -0.1, 1e300], None),
    "bool": ([True, False, True], int),
    "text": (["01", "ü\n\0'\"", ""], None),
    "bytes": ([b"\0\xff", b"", b"x"], None),
    "decimal": ([Decimal("10.55"), Decimal("-0.01"), Decimal("1234567890123456789.12")], str),
    "date": ([dt.date(2024, 2, 29), dt.date(1, 1, 1), dt.date(9999, 12, 31)], str),
    "time of day": ([dt.time(1, 2, 3, 4), dt.time(0), dt.time(23, 59, 59, 999999)], str),
    "timestamp": ([pd.Timestamp("2024-01-01 01:02:03.000004"), pd.Timestamp("1969-12-31")], str),
    "nanoseconds": ([pd.Timestamp("2024-01-01 01:02:03.000000004"), pd.Timestamp("2024-01-02").as_unit("ns")], str),
    "zoned timestamp": ([BERLIN, BERLIN + pd.Timedelta(hours=5)], str),
    "uuid": ([uuid.UUID(int=1), uuid.UUID(int=2**127)], str),
    "list": ([[1, 2], [], [3]], json.dumps),
    "dict": ([{"a": 1}, {"a": 2}], json.dumps),
}  # fmt: skip


class Sink:
    """One of the two drivers, called as the pipeline calls it."""

    def __init__(self, module: ModuleType, name: str, path: Path) -> None:
        self.module, self.name, self.path = module, name, path

    def push(
        self,
        frame: Any,
        mode: str = "upsert",
        deletes: Any = None,
        keys: tuple[str, ...] = ("id",),
        entity: str = "items",
    ) -> Any:
        config = {"args": {"path": str(self.path)}, "write_mode": mode, "primary_keys": list(keys), "partition": None}
        with contextlib.closing(self.driver()) as driver:
            return driver.push_data(
                config, entity, pd.DataFrame(frame), None if deletes is None else pd.DataFrame(deletes)
            )

    def driver(self) -> Any:
        return getattr(self.module, f"{self.name.title()}StoreDriver")()

    def rows(self, entity: str = "items") -> list[tuple[Any, ...]]:
        if self.name == "duckdb":
            with duckdb.connect(self.path) as connection:
                return connection.sql(f'SELECT * FROM "{entity}" ORDER BY 1').fetchall()
        with contextlib.closing(sqlite3.connect(self.path)) as connection:
            return connection.execute(f'SELECT * FROM "{entity}" ORDER BY 1').fetchall()


def made(name: str, folder: Path) -> Sink:
    project = {"sqlite": "blog", "duckdb": "flights"}[name]
    path = CHECKOUT / f"projects/{project}/custom_store_driver/{name}_store_driver.py"
    spec = importlib.util.spec_from_file_location(f"copied_{name}", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return Sink(module, name, folder / "target.db")


@pytest.fixture(params=["sqlite", "duckdb"])
def sink(request: pytest.FixtureRequest, tmp_path: Path) -> Sink:
    return made(request.param, tmp_path)


def expected(sink: Sink, kind: str, values: list[Any]) -> list[Any]:
    in_sqlite = VALUES[kind][1]
    plain = [None if pd.isna(value) is True else value for value in values]
    if sink.name == "sqlite":
        return [value if value is None or in_sqlite is None else in_sqlite(value) for value in plain]
    return [
        value.to_pydatetime() if isinstance(value, pd.Timestamp) and kind != "nanoseconds" else value for value in plain
    ]


def read_back(sink: Sink, kind: str) -> list[Any]:
    if sink.name == "duckdb" and kind == "nanoseconds":
        with duckdb.connect(sink.path) as connection:
            return list(connection.sql("SELECT value FROM items ORDER BY id").df()["value"])
    return [row[1] for row in sink.rows()]


@pytest.mark.parametrize("mode", ["overwrite", "append", "upsert"])
@pytest.mark.parametrize("kind", VALUES)
def test_every_value_arrives_as_it_was(sink: Sink, kind: str, mode: str) -> None:
    values = VALUES[kind][0]
    column: Any = pd.array(values, dtype="Int64") if kind == "int with gap" else values
    frame = {"id": range(len(values)), "value": column}

    sink.push(frame, mode)
    if mode != "append":
        sink.push(frame, mode)

    assert read_back(sink, kind) == expected(sink, kind, values)


@pytest.mark.parametrize("kind", [kind for kind in VALUES if kind not in ("list", "dict", "int with gap", "bool")])
def test_a_key_of_any_kind_is_replaced_and_deleted(sink: Sink, kind: str) -> None:
    values = VALUES[kind][0]
    frame = {"key": values, "n": range(len(values))}
    for _ in range(3):
        sink.push(frame, keys=("key",))
    assert len(sink.rows()) == len(values)

    sink.push({"key": values[:0], "n": []}, deletes={"key": values[:1]}, keys=("key",))

    assert len(sink.rows()) == len(values) - 1


def test_unsigned_integers_of_64_bits(sink: Sink) -> None:
    frame = {"id": pd.Series([1, 2**64 - 1], dtype="uint64")}
    if sink.name == "duckdb":
        sink.push(frame)
        assert sink.rows() == [(1,), (2**64 - 1,)]
    else:
        with pytest.raises(
            TerminalError, match=r"column 'id' holds 18446744073709551615, and SQLite's integers have 64"
        ):
            sink.push(frame)


@pytest.mark.parametrize("empty", [pd.DataFrame(), pd.DataFrame({"id": []}, dtype="int64")])
@pytest.mark.parametrize("mode", ["overwrite", "append", "upsert"])
def test_an_empty_pull(sink: Sink, mode: str, empty: pd.DataFrame) -> None:
    sink.push(empty, mode)
    sink.push({"id": [1, 2]}, mode)

    sink.push(empty, mode, deletes={"id": [2]})

    assert sink.rows() == {"overwrite": [], "append": [(1,)], "upsert": [(1,)]}[mode]
    sink.push({"id": [3]}, mode)
    assert (3,) in sink.rows()


def test_a_failed_overwrite_leaves_the_old_rows(sink: Sink) -> None:
    sink.push({"id": [1, 2]}, "overwrite")

    with pytest.raises(Exception, match="value"):
        sink.push({"id": [3, 4], "value": [object(), object()]}, "overwrite")

    assert sink.rows() == [(1,), (2,)]


def test_a_failed_upsert_leaves_the_old_rows(sink: Sink) -> None:
    sink.push({"id": [1], "value": [1]})

    with pytest.raises(Exception, match="value"):
        sink.push({"id": [1, 2], "value": [5, object()]}, deletes={"id": [1]})

    assert sink.rows() == [(1, 1)]


def test_new_columns_are_added_and_missing_ones_are_null(sink: Sink) -> None:
    sink.push({"id": [1], "a": ["x"]})
    sink.push({"id": [2], "b": [0.5]})
    sink.push({"id": [3], 'ID ü"': [None]})

    assert sink.rows() == [(1, "x", None, None), (2, None, 0.5, None), (3, None, None, None)]


def test_a_column_that_was_null_at_first_takes_any_type(sink: Sink) -> None:
    sink.push({"id": [1, 2], "value": [None, None]})

    sink.push({"id": [3], "value": ["text"]})

    assert sink.rows() == [(1, None), (2, None), (3, "text")]


WIDENED: dict[str, tuple[Any, Any]] = {
    "integers, then fractions": ([1], [1.5]),
    "integers, then larger ones": (np.array([1], "int8"), [2**40]),
    "integers, then unsigned ones": ([-1], np.array([2**64 - 1], "uint64")),
    "integers, then decimals": ([7], [Decimal("1.5")]),
    "decimals, then longer ones": ([Decimal("123.4")], [Decimal("10.55")]),
    "decimals, then integers": ([Decimal("1.5")], [2**40]),
    "dates, then times": ([dt.date(2024, 1, 1)], [pd.Timestamp("2024-01-01 10:00:00.000001")]),
    "seconds, then microseconds": (np.array(["2024-01-01T00:00:01"], "M8[s]"), [pd.Timestamp("2024-01-01 00:00:01.5")]),
    "micro-, then nanoseconds": ([pd.Timestamp("2024-01-01")], np.array(["2024-01-01T00:00:00.00000001"], "M8[ns]")),
}  # fmt: skip


@pytest.mark.parametrize("case", WIDENED)
def test_a_column_of_duckdb_is_widened_where_nothing_is_lost(tmp_path: Path, case: str) -> None:
    sink = made("duckdb", tmp_path)
    before, after = WIDENED[case]

    sink.push({"id": [1], "value": before})
    sink.push({"id": [2], "value": after})

    with duckdb.connect(sink.path) as connection:
        frame = pd.DataFrame({"value": pd.Series(after)})  # noqa: F841  # DuckDB sees it
        same = connection.execute(
            "SELECT (SELECT value FROM items WHERE id = 2) IS NOT DISTINCT FROM (SELECT value FROM frame), count(*) "
            "FROM items"
        ).fetchone()
    assert same == (True, 2)


REFUSED: dict[str, tuple[Any, Any]] = {
    "integers that no float holds": ([2**53 + 1], [0.5]),
    "a number in a column of booleans": ([True], [5]),
    "a boolean in a column of numbers": ([5], [True]),
    "text in a column of numbers": ([5], ["05"]),
    "a number in a column of text": (["05"], [5]),
    "a zoned time in a column without zones": ([pd.Timestamp("2024-01-01")], [BERLIN]),
    "a time without a zone among zoned ones": ([BERLIN], [pd.Timestamp("2024-01-01")]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_column_of_duckdb_is_never_changed_in_silence(tmp_path: Path, case: str) -> None:
    sink = made("duckdb", tmp_path)
    before, after = REFUSED[case]
    sink.push({"id": [1], "value": before})
    rows = sink.rows()

    with pytest.raises(TerminalError, match=r"column 'value' is \S+.* in the table and \S+.* in the data, and no type"):
        sink.push({"id": [2], "value": after})

    assert sink.rows() == rows


@pytest.mark.parametrize(
    ("declared", "value"), [("INTEGER", "01"), ("REAL", "1e5"), ("TEXT", 5), ("VARCHAR(10)", 0.5), ("NUMERIC", "1.50")]
)
def test_a_typed_column_of_sqlite_is_never_changed_in_silence(tmp_path: Path, declared: str, value: Any) -> None:
    sink = made("sqlite", tmp_path)
    with contextlib.closing(sqlite3.connect(sink.path)) as connection:
        connection.execute(f"CREATE TABLE items (id INTEGER, value {declared})")
    with pytest.raises(TerminalError) as raised:
        sink.push({"id": [1], "value": [value]})

    assert f"column 'value' is {declared} in the table and" in str(raised.value)


@pytest.mark.parametrize("pulled", ["[]", "iter(())"])
@pytest.mark.parametrize(("project", "driver"), [("blog", "sqlite"), ("flights", "duckdb")])
def test_an_empty_pull_through_the_pipeline(projects: ProjectsFolder, project: str, driver: str, pulled: str) -> None:
    source = CHECKOUT / f"projects/{project}/custom_store_driver/{driver}_store_driver.py"
    projects.driver(f"{driver}_store_driver", source.read_text())
    projects.driver(
        "empty_store_driver",
        f"class EmptyStoreDriver:\n    def pull_data(self, mapping_config, entity):\n        return {pulled}\n",
    )
    projects.mapping(
        f"""
        mappings:
          - mapping:
              from: {{store: {{file_name: empty_store_driver}}, entity: {{include: [items], primary_keys: [id]}}}}
              to: {{file_name: {driver}_store_driver, args: {{path: target.db}}}}
              write_mode: upsert
        """
    )

    run = projects.materialize()

    assert run.success, run.summary

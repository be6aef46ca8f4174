"""docs/types.md: what becomes of each type of Arrow and of PostgreSQL on its way through pandas and through Arrow.

To write the tables anew after a change on purpose: `ACCEPT_TABLE=1 pytest tests/test_types.py`, and read the diff.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import adbc_driver_postgresql.dbapi
import pandas as pd
import psycopg2
import psycopg2.extras
import pyarrow as pa
import pytest

from custom_store_pipeline.data.pulled import DataFormat
from custom_store_pipeline.data.record_batches import record_batch_reader
from custom_store_pipeline.drivers.endpoint import as_frames, open_data
from custom_store_pipeline.errors import CustomStoreError
from custom_store_pipeline.redaction import Redactor
from tests.world.arrow_types import ARROW_TYPES, are_same, values_of
from tests.world.projects_folder import CHECKOUT
from tests.world.services import postgres
from tests.world.written_table import check_table

DOC = CHECKOUT / "docs/types.md"
WHO, REDACTOR = "pull_data", Redactor([])

# What is another value afterwards, and why; everything else must be what it was, or be refused.
AN_OFFSET = "a `pandas.DateOffset` of the same months, days and nanoseconds"
CHANGES_IN_PANDAS = {"month_day_nano_interval": AN_OFFSET}
POSTGRES_TYPES = {
    "smallint": "32767",
    "integer": "2147483647",
    "bigint": "9223372036854775807",
    "numeric(12,2)": "1.50",
    "numeric": "12345678901234567890.123456789",
    "real": "0.1",
    "double precision": "0.1",
    "double precision (NaN)": "NaN",
    "money": "1.50",
    "boolean": "true",
    "text": "ü",
    "varchar(10)": "ü",
    "char(4)": "ab",
    "bytea": r"\x00ff",
    "date": "9999-12-31",
    "time": "23:59:59.999999",
    "timetz": "23:59:59.999999+02",
    "timestamp": "0001-01-01 00:00:00.000001",
    "timestamptz": "2024-07-01 12:30:15.123456+02",
    "interval": "90 seconds",
    "uuid": "00000000-0000-0000-0000-000000000001",
    "json": '{"b": 1, "a": [null, 9007199254740993]}',
    "jsonb": '{"b": 1, "a": [null, 9007199254740993]}',
    "xml": "<a/>",
    "inet": "127.0.0.1",
    "macaddr": "08:00:2b:01:02:03",
    "bit(3)": "101",
    "int[]": "{1,NULL}",
    "text[]": "{a,NULL}",
    "int4range": "[1,10)",
    "point": "(1,2)",
}


def to_pandas(returned: Any) -> pd.Series:
    """The column x of what a driver returned, as a driver with `push_data` gets it."""
    with open_data(lambda: returned, DataFormat(), WHO, REDACTOR) as pulled:
        return as_frames(pulled, WHO, REDACTOR).stream.joined()["x"]


def to_arrow(returned: Any) -> pa.ChunkedArray:
    """The same, as a driver with `push_arrow` gets it."""
    with open_data(lambda: returned, DataFormat(), WHO, REDACTOR, as_arrow=True) as pulled:
        assert pulled.stream.schema is not None
        return record_batch_reader(pulled.stream.schema, iter(pulled.stream)).read_all().column("x")


def cell(way: Callable[[Any], Any], name: str, returned: Any, sent: list[Any], changes: Mapping[str, str]) -> str:
    """What the table says of a column that went this way: its type then, and whether its values are what they were."""
    try:
        arrived = way(returned)
    except CustomStoreError as error:
        return f"error: {error}"
    in_pandas = isinstance(arrived, pd.Series)
    is_same = are_same(arrived.tolist() if in_pandas else values_of(arrived), sent)
    assert is_same != (name in changes), f"{name}: changed without a word in the documentation, or no longer"
    return f"`{arrived.dtype if in_pandas else arrived.type}`, {'as it was' if is_same else changes[name]}"


@pytest.mark.parametrize("array", ARROW_TYPES.values(), ids=ARROW_TYPES)
def test_arrow_through_arrow_is_what_it_was(array: pa.Array) -> None:
    table = pa.table({"x": array})

    for returned in (table, iter([table]), iter([table, table])):  # the latter two wait on disk
        arrived = to_arrow(returned)
        assert arrived.type == array.type
        assert are_same(values_of(arrived[: len(array)]), values_of(array))


def test_the_table_of_arrow_types() -> None:
    assert len(ARROW_TYPES) >= 45
    rows = [
        [
            re.sub(r"^(.+?)( \(\D.*|)$", r"`\1`\2", name),
            cell(to_pandas, name, pa.table({"x": array}), values_of(array), CHANGES_IN_PANDAS),
            cell(to_arrow, name, pa.table({"x": array}), values_of(array), {}),
        ]
        for name, array in ARROW_TYPES.items()
    ]
    check("arrow", ["Arrow", "`push_data`, `push_chunks`", "`push_arrow`"], rows)


ROWS_IN_PANDAS = {"double precision (NaN)": "null is NaN too: pandas means no value by NaN"}
ROWS_IN_ARROW = {
    "json": "JSON text",
    "jsonb": "JSON text",
    "double precision (NaN)": "null: pandas means no value by NaN",
    "timetz": "ISO text, because Arrow's times have no time zone",
}


@pytest.fixture(scope="module")
def uri() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder, postgres(Path(folder)) as port:
        yield f"postgresql://dagster:secret%20of%20dagster@127.0.0.1:{port}/postgres"


def test_the_table_of_postgresql_types(uri: str) -> None:
    assert len(POSTGRES_TYPES) >= 25
    rows = []
    with psycopg2.connect(uri) as psycopg, adbc_driver_postgresql.dbapi.connect(uri) as adbc:
        for name, value in POSTGRES_TYPES.items():
            kind = name.removesuffix(" (NaN)")
            query = f"SELECT '{value}'::{kind} AS x UNION ALL SELECT NULL"
            with psycopg.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
                cursor.execute(query)
                records = [dict(row) for row in cursor]
            with adbc.cursor() as cursor:
                cursor.execute(query)
                table = cursor.fetch_arrow_table()
            sent, columns = [row["x"] for row in records], table.column("x").to_pylist()
            rows.append(
                [
                    f"`{name}`",
                    f"`{type(sent[0]).__name__}`",
                    cell(to_pandas, name, records, sent, ROWS_IN_PANDAS),
                    cell(to_arrow, name, records, sent, ROWS_IN_ARROW),
                    cell(to_pandas, name, table, columns, {"interval": AN_OFFSET}),
                    cell(to_arrow, name, table, columns, {}),
                ]
            )
    header = [
        "PostgreSQL",
        "psycopg2 gives",
        "to `push_data`",
        "to `push_arrow`",
        "ADBC to `push_data`",
        "to `push_arrow`",
    ]
    check("postgresql", header, rows)


def check(name: str, header: list[str], rows: list[list[str]]) -> None:
    """Compares a table with that of the documentation, or writes it there."""
    lines = [header, ["---"] * len(header), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    check_table(DOC, f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->", table)

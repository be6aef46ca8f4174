"""Arrow from end to end, against the bare loop over the same driver calls, dlt, and sling."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.measuring import Measured, in_turn, materialize, measured, ratios, transfer_rows, transfers_of
from benchmarks.postgres_server import postgres_server
from benchmarks.report import Goal, Section

ROWS_IN_POSTGRES, ROWS_IN_PARQUET, ROWS_TWICE = 3_000_000, 10_000_000, 1_000_000
ROUNDS = 3

COLUMNS = """
    {n}::int8 AS id, ({n} % 50000)::int4 AS customer, 'order number ' || {n} AS name,
    (({n} % 1000000) / 100.0)::numeric(12, 2) AS amount, {data} AS data,
    TIMESTAMPTZ '2024-01-01 00:00:00+00' + {n} * INTERVAL '1 second' AS changed
"""
JSON = '(\'{"n": \' || {n} || \', "tags": ["a", "b"]}\')::jsonb'

TEXT = f"""\
The target's driver has `push_arrow`; nothing becomes pandas. *Transfer* is from when the source is asked to when the
target has committed.

- *plain loop*: Python that calls the driver's `pull_data`, and its `push_arrow` with the reader that it returned.
- *ours*: `dagster asset materialize`; *with state* has `offset_columns` and `load_type: incremental`.
- *dlt*: `pipeline.run` with the same source of Arrow and dlt's own destination, Parquet as the format of its files
  (PostgreSQL loads these by ADBC, and upserts by `merge`). All rows are on disk before the first one is loaded.
- *sling*: `sling run` from table to table, `incremental` with a primary key; its start is in its transfer.

PostgreSQL: {ROWS_IN_POSTGRES:,} rows of `int8`, `int4`, `text`, `numeric(12, 2)`, `jsonb` and `timestamptz`, read by
ADBC, written by binary COPY into a staging table and from there by `INSERT … ON CONFLICT DO UPDATE`, in one
transaction. The target has a primary key. It is empty, or has {ROWS_TWICE:,} rows, all of which come again. Parquet:
{ROWS_IN_PARQUET:,} rows with the same columns but `jsonb`."""


UNLIKE = (
    "dlt writes into a table of its own without a primary key, in which `jsonb` is text: there is no index to keep. "
    "The others, sling too, write into a table with a key. The goal is beyond PostgreSQL: see "
    "[performance.md](performance.md#what-is-not-ours)."
)


@dataclass(frozen=True)
class Way:
    """A mapping of ``arrow.yaml``: what is moved, its asset, the most that we may take, and who else moves it.

    ``source`` is the schema of PostgreSQL that the rows are in. With ``twice``, they are moved before, unmeasured.
    """

    mapping: str
    label: str
    asset: str
    of_plain_loop: float
    peers: tuple[str, ...] = ("dlt",)
    source: str = "public"
    twice: bool = False


WAYS = (
    Way(
        "PostgreSQL to PostgreSQL",
        f"PostgreSQL → PostgreSQL, {ROWS_IN_POSTGRES:,} rows, upsert with state",
        "postgres_target",
        1.5,
        ("dlt", "sling"),
    ),
    Way(
        "PostgreSQL to PostgreSQL",
        f"PostgreSQL → PostgreSQL, {ROWS_TWICE:,} rows that are all there, upsert with state",
        "postgres_target",
        1.5,
        ("dlt", "sling"),
        source="few",
        twice=True,
    ),
    Way("Parquet to DuckDB", f"Parquet → DuckDB, {ROWS_IN_PARQUET:,} rows", "duckdb_target", 1.15),
    Way("Parquet to Delta", f"Parquet → Delta, {ROWS_IN_PARQUET:,} rows", "delta_target", 1.15, ()),
)


def measure() -> Section:
    """Measures each way."""
    rows: list[list[str]] = []
    goals: list[Goal] = []
    with sources() as (uri, parquet):
        for way in WAYS:
            print(f" {way.label}", flush=True)
            found = in_turn(contenders(way, uri, parquet), ROUNDS, only_once=("dlt", "sling"))
            rows += transfer_rows(way.label, found, ("plain loop",))
            transfers = transfers_of(found)
            for peer, at_most in (("plain loop", way.of_plain_loop), ("dlt", 0.5)):
                if peer in found:
                    taken = ratios(transfers["ours"], transfers[peer])
                    tried = UNLIKE if (peer, way.asset) == ("dlt", "postgres_target") else ""
                    goals.append(Goal(f"{way.label}: of the time of {peer}", taken, at_most, tried=tried))
    return Section("Arrow", TEXT, ["", "contender", "transfer", "of the plain loop", "process"], rows, goals)


@contextmanager
def sources() -> Iterator[tuple[str, Path]]:
    """The tables that are moved: the URI of a server with one, and a Parquet file."""
    import adbc_driver_postgresql.dbapi as postgresql
    import duckdb

    with tempfile.TemporaryDirectory(prefix="bench_arrow_") as name, postgres_server() as uri:
        columns = COLUMNS.format(n="n", data=JSON.replace("{n}", "n"))
        with postgresql.connect(uri, autocommit=True) as connection, connection.cursor() as cursor:
            numbers = f"generate_series(1, {ROWS_IN_POSTGRES}) AS numbers(n)"
            cursor.execute(f"CREATE TABLE orders AS SELECT {columns} FROM {numbers}")
            cursor.execute("CREATE SCHEMA few")
            cursor.execute(f"CREATE TABLE few.orders AS SELECT * FROM orders WHERE id <= {ROWS_TWICE}")
            cursor.execute("VACUUM ANALYZE")
        parquet = Path(name) / "orders.parquet"
        columns = COLUMNS.format(n="n", data="'text ' || n % 100")
        duckdb.sql(f"COPY (SELECT {columns} FROM range({ROWS_IN_PARQUET}) AS numbers(n)) TO '{parquet}'")
        yield uri, parquet


def contenders(way: Way, uri: str, parquet: Path) -> dict[str, Callable[[], Measured]]:
    """What runs each contender, with an empty target."""

    def run(command: list[str | Path], schema: str, module: str = "") -> Measured:
        if way.asset == "postgres_target":
            empty_target(uri, schema)
        python = [sys.executable, "-m", f"benchmarks.contenders.{module}", way.mapping]
        environment = {
            "BENCH_POSTGRES": uri,
            "BENCH_PARQUET": str(parquet),
            "BENCH_SOURCE": way.source,
            "BENCH_SCHEMA": schema,
        }
        if way.twice:
            measured(command or python, environment, timeout=900)
        return measured(command or python, environment, timeout=900)

    ours = list(materialize(f'key:"bench/{way.asset}/orders"'))
    found: dict[str, Callable[[], Measured]] = {
        "plain loop": partial(run, [], "plain", "plain_arrow"),
        "ours": partial(run, ours, "ours"),
    }
    if "dlt" in way.peers:
        found["dlt"] = partial(run, [], "dlt", "arrow_with_dlt")
    if "sling" in way.peers:
        found["sling"] = partial(run, [], "sling", "arrow_with_sling")
    return found


def empty_target(uri: str, schema: str) -> None:
    """An empty table with a primary key; dlt makes its own."""
    import adbc_driver_postgresql.dbapi as postgresql

    with postgresql.connect(uri, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        cursor.execute(f"DROP SCHEMA IF EXISTS {schema}_staging CASCADE")
        if schema != "dlt":
            cursor.execute(f"CREATE SCHEMA {schema}")
            cursor.execute(f"CREATE TABLE {schema}.orders (LIKE public.orders, PRIMARY KEY (id))")
        cursor.execute("CHECKPOINT")

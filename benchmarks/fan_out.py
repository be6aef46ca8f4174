"""Many small entities: what each costs beyond its own time."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from benchmarks.made_projects import make_project, slow_mapping
from benchmarks.measuring import OURS as OUR_MODULE
from benchmarks.measuring import FailedRunError, in_turn, materialize, measured, ratios, spread
from benchmarks.report import Goal, Section

CONCURRENCY = 16

OURS, HAND, LINEAGE = "ours", "hand-written", "hand-written with lineage"
DLT, SIDE_BY_SIDE = "dagster-dlt", "dagster-dlt side by side"
MODULES = {
    OURS: OUR_MODULE,
    HAND: "benchmarks.contenders.hand_written",
    LINEAGE: "benchmarks.contenders.hand_written",
    DLT: "benchmarks.contenders.with_dagster_dlt",
    SIDE_BY_SIDE: "benchmarks.contenders.with_dagster_dlt",
}
MORE = {LINEAGE: {"BENCH_LINEAGE": "1"}, SIDE_BY_SIDE: {"BENCH_WORKERS": str(CONCURRENCY)}}

TEXT = f"""\
Entities of ten rows, whole processes of `dagster asset materialize`, in-process executor.

- *ours*: one mapping with `concurrency: {CONCURRENCY}` and the default `entities_per_step`.
- *hand-written*: an `@asset` an entity that calls the same driver, as one writes it; *with lineage* has an external
  asset upstream of each, as ours has: Dagster looks for its latest version in each run.
- *dagster-dlt*: `@dlt_assets` with a resource an entity; *side by side* has `parallelized=True` and {CONCURRENCY}
  workers.

Dagster stores three events for an entity of ours: that it is planned, its output, its materialization; and it looks for
the version of its source. That is 21 ms of the 24 that one of 1,000 takes; 3 are pull, push and all that we do (py-spy,
see [performance.md](performance.md#what-a-small-entity-costs)). Hand-written assets without lineage are spared the last
query, 4 ms, and pay for a step each.

Tried against the misses: to log materializations past the outputs saves 4 ms an entity, but loses Dagster's tags of
code and data versions, and what lies downstream in the same run; `concurrency: 1`, pausing the garbage collector, and
steps of more entities gain nothing; Dagster's SQLite storage writes events one by one however they come."""

TRIED = "What is left is stored by Dagster; what was tried: [Fan-out](#fan-out)."
MORE_THAN_ASKED = f"The goal is for dagster-dlt as it comes, see above. {TRIED}"


def measure() -> Section:
    """Measures 100 slow entities, and 300 and 1,000 that answer at once."""
    rows: list[list[str]] = []
    slow = compared(rows, 100, 0.2, [HAND, DLT, SIDE_BY_SIDE], rounds=2, only_once=[DLT])
    some = compared(rows, 300, 0, [HAND, LINEAGE, DLT], rounds=2, only_once=[LINEAGE])
    many = compared(rows, 1_000, 0, [HAND], rounds=2)
    rows.append(["1,000 entities", DLT, with_a_thousand_resources(), "", ""])
    goals = [
        goal("100 entities × 200 ms", slow, HAND, 0.25, TRIED),
        goal("100 entities × 200 ms", slow, DLT, 0.5),
        goal("100 entities × 200 ms", slow, SIDE_BY_SIDE, 0.5, MORE_THAN_ASKED),
        goal("300 entities", some, HAND, 0.75, TRIED),
        goal("300 entities", some, LINEAGE, 0.75, TRIED),
        goal("300 entities", some, DLT, 0.6, TRIED),
        goal("1,000 entities", many, HAND, 0.75, TRIED),
    ]
    return Section("Fan-out", TEXT, ["", "contender", "process", "of hand-written", "an entity"], rows, goals)


def goal(what: str, seconds: Mapping[str, Sequence[float]], peer: str, at_most: float, tried: str = "") -> Goal:
    """Our time as a part of a peer's."""
    return Goal(f"{what}: of the time of {peer}", ratios(seconds[OURS], seconds[peer]), at_most, "", tried)


def compared(
    rows: list[list[str]],
    entities: int,
    latency: float,
    peers: Sequence[str],
    rounds: int,
    only_once: Sequence[str] = (),
) -> dict[str, list[float]]:
    """The seconds of each contender; adds their rows to the table."""
    what = f"{entities:,} entities" + f" × {latency * 1000:.0f} ms" * bool(latency)
    print(f" {what}", flush=True)
    with tempfile.TemporaryDirectory(prefix="bench_fan_out_") as name:
        projects = make_project(Path(name), {"fan_out": slow_mapping(range(entities), CONCURRENCY)})
        environment = {
            "BENCH_LATENCY": str(latency),
            "BENCH_ENTITIES": str(entities),
            "CUSTOM_STORE_PROJECTS_DIR": str(projects),
        }
        contenders = {
            contender: partial(measured, materialize("*", MODULES[contender]), environment | MORE.get(contender, {}))
            for contender in (OURS, *peers)
        }
        found = in_turn(contenders, rounds, only_once)
    seconds = {contender: [one.seconds for one in runs] for contender, runs in found.items()}
    for contender, values in seconds.items():
        each = [1000 * value / entities for value in values]
        rows.append([what, contender, spread(values, "s"), spread(ratios(values, seconds[HAND])), spread(each, "ms")])
    return seconds


def with_a_thousand_resources() -> str:
    """What becomes of dagster-dlt with 1,000 resources."""
    environment = {"BENCH_LATENCY": "0", "BENCH_ENTITIES": "1000"}
    try:
        run = measured(materialize("*", MODULES[DLT]), environment)
    except FailedRunError as error:
        reason = re.findall(r"^\S*(?:Error|Exception)\b", str(error), re.MULTILINE)
        return f"fails: {reason[-1] if reason else 'see its log'}"
    return spread([run.seconds], "s")

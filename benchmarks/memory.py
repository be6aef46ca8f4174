"""The memory that a run takes as its rows grow tenfold."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from benchmarks.made_projects import make_project
from benchmarks.measuring import measured, spread
from benchmarks.projects.bench.custom_store_driver.wide_store_driver import write_csv
from benchmarks.report import Goal, Section

SMALL = 1_000
KINDS = (
    ("chunks", "dataframe", (2_000_000, 20_000_000)),
    ("Arrow", "arrow", (2_000_000, 20_000_000)),
    ("CSV", "csv", (1_500_000, 15_000_000)),
)
RUNS = 2

MAPPING = """
mappings:
  - mapping:
      from:
        store:
          file_name: wide_store_driver
          name: source
          args: {{rows: {{small: {small}, large: {large}}}, folder_of_csv: {folder}, as_arrow: {as_arrow}}}
        data_format: {{type: {format}}}
        entity: {{include: [small, large], primary_keys: [id]}}
        offset: {{offset_columns: [id]}}
      to: {{file_name: {target}, name: target, args: {{folder: "${{BENCH_FOLDER}}"}}}}
      load_type: incremental
      write_mode: upsert
      delete_type: keys
"""

TEXT = """\
Two runs of one entity, in chunks through `push_chunks` or in batches through `push_arrow`, with a watermark and
`delete_type: keys`: the second run compares all its keys with those of the first. *Above the start* is the peak above
what the process had after the same mapping's entity of 1,000 rows: everything is imported and was used once, so what is
left is what the rows take.
*Above the imports* counts from before that: what is more are Dagster's storage and pages of the libraries' code."""

TRIED = "DuckDB has 80 MB of it for the keys; with 64 MB comparisons took 1.3 times as long, and they must be fast too."
GROWTH = (
    "The keys of the fewer rows fit into what DuckDB may have, 80 MB, those of the more do not and go to the disk: "
    "it is that limit that the peak grows towards, not with the rows."
)


def measure() -> Section:
    """Measures chunks, Arrow and a CSV."""
    rows: list[list[str]] = []
    goals: list[Goal] = []
    for what, format_name, sizes in KINDS:
        peaks = []
        for size in sizes:
            label, found = measured_runs(format_name, size)
            above_imports, above_start, seconds = ([run[index] for run in found] for index in range(3))
            rows.append([label, spread(above_start, "MB"), spread(above_imports, "MB"), spread(seconds, "s")])
            peaks.append(above_start)
        goals.append(Goal(f"{label}: peak above the start", peaks[-1], 120, "MB", TRIED))
        growth = [large / small for small, large in zip(*peaks, strict=True)]
        goals.append(Goal(f"{what}: peak of tenfold rows, as a ratio", growth, 1.1, "", GROWTH))
    return Section("Memory", TEXT, ["", "above the start", "above the imports", "seconds"], rows, goals)


def measured_runs(format_name: str, size: int) -> tuple[str, list[list[float]]]:
    """What the entity is, and the figures of each run of it."""
    with tempfile.TemporaryDirectory(prefix="bench_rows_") as name:
        as_arrow = format_name == "arrow"
        label, folder = f"{size:,} rows × 10 columns in {'batches of Arrow' if as_arrow else 'chunks'} of 8 MB", ""
        if format_name == "csv":
            folder = name
            write_csv(Path(folder) / "small.csv", SMALL)
            label = f"{size:,} rows in a CSV of {write_csv(Path(folder) / 'large.csv', size):.1f} GB"
        settings = {
            "small": SMALL, "large": size, "folder": json.dumps(folder), "as_arrow": json.dumps(as_arrow),
            "format": "dataframe" if as_arrow else format_name,
            "target": "void_store_driver" if as_arrow else "nothing_store_driver",
        }  # fmt: skip
        projects = make_project(Path(name), {"memory": MAPPING.format(**settings)})
        environment = {"CUSTOM_STORE_PROJECTS_DIR": str(projects)}
        run = measured([sys.executable, "-m", "benchmarks.contenders.memory_of_runs", str(RUNS)], environment)
        found: list[list[float]] = json.loads(run.output.splitlines()[-1])
        print(f"  {label}: {found}", flush=True)
        return label, found

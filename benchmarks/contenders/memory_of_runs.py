"""How much memory runs of an entity take beyond what the process had before.

python -m benchmarks.contenders.memory_of_runs RUNS

Prints a JSON list with the figures of each run of the entity ``large``: its peak in MB above the process that has
loaded the definitions and all libraries; its peak above the same process after runs of the entity ``small``, when all
code that is needed has been used once; its seconds.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from pathlib import Path

import dagster as dg

from benchmarks.measuring import own_memory
from custom_store_pipeline.definitions import defs

LIBRARIES = ("pandas", "pyarrow.parquet", "duckdb", "fsspec.implementations.local")


def main(runs: int) -> None:
    """Runs the small entity twice, so that its keys have been compared too, and then the large one."""
    job = defs().resolve_implicit_global_asset_job_def()
    for library in LIBRARIES:
        importlib.import_module(library)
    loaded = own_memory("VmRSS")
    found = []
    with dg.DagsterInstance.get() as instance:

        def run(entity: str) -> float:
            Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far
            job.execute_in_process(instance=instance, asset_selection=[dg.AssetKey(["bench", "target", entity])])
            return own_memory("VmHWM")

        run("small")
        used = run("small")
        for _ in range(runs):
            begun = time.perf_counter()
            peak = run("large")
            found.append([peak - loaded, peak - used, time.perf_counter() - begun])
    print("\n" + json.dumps(found))


if __name__ == "__main__":
    main(int(sys.argv[1]))

"""100 entities with 200 ms of latency each: a mapping with `concurrency: 16` against hand-written in-process assets.

    python benchmarks/fan_out.py [RUNS]

Both are whole processes, `dagster asset materialize --select '*'`, run in turn on the same machine with the same driver
class; the ratio is taken pair by pair. A run that did not push every row is thrown out.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

ENTITIES = 100
LATENCY = 0.2
CONCURRENCY = 16

DRIVER = f"""
    import time
    from pathlib import Path

    import pandas as pd

    class SlowStoreDriver:
        def pull_data(self, mapping_config, entity):
            time.sleep({LATENCY})
            return pd.DataFrame({{"id": range(10)}})

        def push_data(self, config, entity, df, deletes_df=None):
            Path(f"{{entity}}.csv").write_text(df.to_csv())
            return True
"""

MAPPING = f"""
    mappings:
      - mapping:
          from:
            store: {{file_name: slow_store_driver, name: source}}
            entity: {{include: [{", ".join(f"e{number}" for number in range(ENTITIES))}]}}
          to: {{file_name: slow_store_driver, name: target}}
          concurrency: {CONCURRENCY}
          entities_per_step: {ENTITIES}
"""

HAND_WRITTEN = f"""
    import dagster as dg

    from projects.bench.custom_store_driver.slow_store_driver import SlowStoreDriver

    def make(entity):
        @dg.asset(name=entity)
        def asset() -> None:
            driver = SlowStoreDriver()
            driver.push_data({{}}, entity, driver.pull_data({{}}, entity))

        return asset

    defs = dg.Definitions(
        assets=[make(f"e{{number}}") for number in range({ENTITIES})], executor=dg.in_process_executor
    )
"""


def main(runs: int) -> None:
    """Prints each pair of runs, and the medians."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        project = root / "projects/bench"
        for path, text in (
            (project / "custom_store_driver/slow_store_driver.py", DRIVER),
            (project / "mappings/bench.yaml", MAPPING),
            (root / "hand_written.py", HAND_WRITTEN),
            (root / "home/dagster.yaml", "telemetry: {enabled: false}\n"),
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
        for module in ("custom_store_pipeline.definitions", "hand_written"):  # one run of each to write the bytecode
            seconds_of(module, root)
        pairs = []
        for number in range(1, runs + 1):
            mapping = seconds_of("custom_store_pipeline.definitions", root)
            hand_written = seconds_of("hand_written", root)
            pairs.append((mapping, hand_written, mapping / hand_written))
            print(f"{number}: mapping {mapping:.1f} s, hand-written {hand_written:.1f} s, ratio {pairs[-1][2]:.2f}")
        medians = [statistics.median(column) for column in zip(*pairs, strict=True)]
        print(f"median: mapping {medians[0]:.1f} s, hand-written {medians[1]:.1f} s, ratio {medians[2]:.2f}")


def seconds_of(module: str, root: Path) -> float:
    """Seconds of one whole process."""
    for path in root.glob("e*.csv"):
        path.unlink()
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    env |= {
        "DAGSTER_HOME": str(root / "home"),
        "CUSTOM_STORE_PROJECTS_DIR": str(root / "projects"),
        "PYTHONPATH": str(root),
    }
    command = [Path(sys.executable).parent / "dagster", "asset", "materialize", "--select", "*", "-m", module]
    begun = time.monotonic()
    subprocess.run(command, cwd=root, env=env, check=True, capture_output=True, timeout=300)
    seconds = time.monotonic() - begun
    written = len(list(root.glob("e*.csv")))
    if written != ENTITIES:
        raise RuntimeError(f"{module} wrote {written} of {ENTITIES} entities; its time means nothing")
    return seconds


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)

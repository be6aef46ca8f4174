"""What engines cost and bring, with two workers each: the table of docs/scaling.md.

    .venv/bin/python -m benchmarks.engines

Needs redis-server. The servers are those that the tests of the engines start; see there.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.world.projects_folder import ProjectsFolder
from tests.world.services import celery_workers, dask_cluster

DRIVER = """
    import time

    class WorkStoreDriver:
        def pull_data(self, mapping_config, entity):
            args = mapping_config["args"]
            time.sleep(args["latency"])
            end = time.process_time() + args["work"]  # seconds of this process's CPU, the same on every machine
            while time.process_time() < end:
                pass
            return [{"id": 1}]

        def push_data(self, config, entity, df, deletes_df=None):
            return True
"""

MAPPING = """
    mappings:
      - mapping:
          from:
            store: {{file_name: work_store_driver, name: {name}, args: {{latency: {latency}, work: {work}}}}}
            entity: {{include: [{entities}]}}
          to: {{file_name: work_store_driver, name: {name}_target, project_name: shop}}
          entities_per_step: {per_step}
"""

# name: (entities, entities_per_step, latency, work)
LOADS = {
    "waiting": (200, 25, 0.1, 0),
    "computing": (8, 1, 0, 4),
    "one_step": (1, 1, 0, 0),
    "forty_steps": (40, 1, 0, 0),
}


@contextlib.contextmanager
def engine(name: str, projects: ProjectsFolder) -> Iterator[dict[str, str]]:
    """The settings of an engine, while what it needs is running."""
    settings = {"CUSTOM_STORE_EXECUTOR": name}
    if name in ("in_process", "multiprocess"):
        yield settings
    else:
        with {"dask": dask_cluster, "celery": celery_workers}[name](projects) as config:
            yield settings | {"CUSTOM_STORE_EXECUTOR_CONFIG": str(config)}


def measured(name: str) -> dict[str, float]:
    """The seconds of each load, each a whole `dagster asset materialize`, after one that warms the workers."""
    with tempfile.TemporaryDirectory(prefix="engines_") as folder:
        projects = ProjectsFolder(Path(folder))
        projects.driver("work_store_driver", DRIVER)
        for load, (count, per_step, latency, work) in LOADS.items():
            names = ", ".join(f"e{number}" for number in range(count))
            settings = {"name": load, "entities": names, "per_step": per_step, "latency": latency, "work": work}
            projects.mapping(MAPPING.format(**settings), name=load)
        projects.materialize_by_cli(selection("one_step"))  # makes Dagster's files
        with engine(name, projects) as environment:
            projects.materialize_by_cli(selection("waiting"), **environment)
            return {load: seconds(projects, load, environment) for load in LOADS}


def seconds(projects: ProjectsFolder, load: str, environment: dict[str, str]) -> float:
    """How long a run took."""
    begun = time.perf_counter()
    done = projects.materialize_by_cli(selection(load), **environment)
    if done.returncode:
        raise RuntimeError(done.stderr[-3000:])
    return time.perf_counter() - begun


def selection(load: str) -> str:
    """The assets of a load."""
    return f'key:"shop/{load}_target/*"'


def main() -> None:
    """Prints the table."""
    print("| engine, two workers | 200 entities × 100 ms, 8 steps | 8 entities × 4 s of CPU | overhead per step |")
    print("| --- | --- | --- | --- |")
    for name in ("in_process", "multiprocess", "dask", "celery"):
        found = measured(name)
        step = (found["forty_steps"] - found["one_step"]) / 39
        print(f"| {name} | {found['waiting']:.1f} s | {found['computing']:.1f} s | {step:.2f} s |", flush=True)


if __name__ == "__main__":
    main()

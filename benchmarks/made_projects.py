"""Projects that are made for one measurement: the drivers of ``benchmarks/projects`` with mappings of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from benchmarks.measuring import PROJECTS

SLOW = """
mappings:
  - mapping:
      from:
        store: {{file_name: slow_store_driver, name: source, args: {{latency: "${{BENCH_LATENCY}}"}}}}
        entity: {{include: [{names}]}}
      to: {{file_name: slow_store_driver, name: target, args: {{folder: "${{BENCH_FOLDER}}"}}}}
      concurrency: {concurrency}
"""


def slow_mapping(numbers: Iterable[int], concurrency: int = 1) -> str:
    """A mapping file of the entities ``e0``, ``e1``, … that take ``BENCH_LATENCY`` seconds each."""
    return SLOW.format(names=", ".join(f"e{number}" for number in numbers), concurrency=concurrency)


def make_project(root: Path, mappings: Mapping[str, str]) -> Path:
    """Makes the projects folder ``root/projects`` with one project, ``bench``; returns the folder.

    Args:
        root: a folder.
        mappings: the content of each mapping file, by its name without ``.yaml``.
    """
    project = root / "projects/bench"
    drivers = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PROJECTS / "bench/custom_store_driver", project / "custom_store_driver", ignore=drivers)
    (project / "mappings").mkdir()
    for name, text in mappings.items():
        (project / f"mappings/{name}.yaml").write_text(text)
    return root / "projects"

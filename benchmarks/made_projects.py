"""Projects that are made for one measurement: the drivers of ``benchmarks/projects`` with mappings of its own."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from benchmarks.measuring import PROJECTS


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

"""The benchmarks name modules and functions of the package; nothing else would notice when these move."""

from __future__ import annotations

import importlib

import pytest

from tests.world.projects_folder import CHECKOUT

MODULES = sorted(path.stem for path in (CHECKOUT / "benchmarks").glob("*.py") if not path.stem.startswith("__"))


@pytest.mark.parametrize("name", MODULES)
def test_a_benchmark_can_be_imported(name: str) -> None:
    importlib.import_module(f"benchmarks.{name}")


def test_what_the_snapshot_benchmark_measures_is_there() -> None:
    snapshot = importlib.import_module("benchmarks.snapshot")

    assert [name for owner, name, _ in snapshot.CLOCKS if not hasattr(owner, name)] == []

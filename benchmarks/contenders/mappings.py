"""The settings of a mapping of ``benchmarks/projects``, and its drivers, for those who call them by themselves."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from custom_store_pipeline.config.environment_variables import Resolution, resolve

PROJECT = Path(__file__).parent.parent / "projects/bench"


class Side(NamedTuple):
    """A store: its driver's class, and the config that its methods are called with."""

    driver: type[Any]
    config: dict[str, Any]


def sides_of(mapping_name: str, file: str = "throughput") -> tuple[Side, Side]:
    """Source and sink of a mapping of a file, with ``${…}`` taken from the environment."""
    text = (PROJECT / f"mappings/{file}.yaml").read_text()
    document: dict[str, Any] = {"defaults": {"to": {}}, **yaml.safe_load(text)}
    document = resolve(document, os.environ, Resolution())
    for item in document["mappings"]:
        mapping = item["mapping"]
        if mapping["mapping_name"] == mapping_name:
            return _side(mapping["from"]["store"]), _side({**document["defaults"]["to"], **mapping["to"]})
    raise LookupError(mapping_name)


def _side(store: dict[str, Any]) -> Side:
    module = importlib.import_module(f"benchmarks.projects.bench.custom_store_driver.{store['file_name']}")
    name = store["file_name"].title().replace("_", "")
    return Side(getattr(module, name), {"args": store["args"]})

"""Code versions: hashes of what decides which rows arrive, so that a change of it can be told from any other."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from custom_store_pipeline.config.lineage import SIDES
from custom_store_pipeline.config.loading import AssetPath, LoadedMapping
from custom_store_pipeline.projects import Projects

# Keys of a mapping that say when and how its entities run, or what they are called in the UI: changing them changes
# no row, so they are no part of the code version.
_NOT_IN_CODE_VERSION = frozenset(
    {"mapping_name", "concurrency", "entities_per_step", "retries", "timeout", "schedule", "timezone", "pool", "tags",
     "owners", "description", "auto_materialize", "on_source_change"}
)  # fmt: skip


@dataclass(frozen=True)
class CodeVersions:
    """The code versions of a projects folder.

    Attributes:
        entities: of each entity, by its asset key; changes only with what concerns this entity.
        mappings: of each mapping as a whole, by project and name; changes when that of an entity does, and when an
            entity comes or goes.
    """

    entities: Mapping[AssetPath, str]
    mappings: Mapping[tuple[str, str], str]


def code_versions(projects: Projects) -> CodeVersions:
    """The code versions of everything in a projects folder. ``${…}`` is hashed as it is written."""
    entities: dict[AssetPath, str] = {}
    mappings: dict[tuple[str, str], str] = {}
    for mapping in projects.mappings:
        version = _settings_version(mapping, projects)
        entities.update((entity.target_key, _short(f"{version}\0{entity}")) for entity in mapping.entities)
        mappings[mapping.project, mapping.name] = _short(f"{version}\0{mapping.entities}")
    return CodeVersions(entities, mappings)


def _settings_version(mapping: LoadedMapping, projects: Projects) -> str:
    """A hash of the settings and the drivers, but for the entities."""
    document = {key: value for key, value in mapping.document.items() if key not in _NOT_IN_CODE_VERSION}
    # An entity's version must not change because another one came or went.
    document["from"] = {key: value for key, value in document["from"].items() if key != "entity"}
    digests = [projects.driver_version(mapping, side).digest or "no such driver" for side in SIDES]
    return hashlib.sha256(repr((_in_order(document), digests)).encode()).hexdigest()


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _in_order(value: Any) -> Any:
    """The value with the keys of its dicts sorted, whatever types YAML gave them."""
    if isinstance(value, Mapping):
        return sorted(((repr(key), _in_order(item)) for key, item in value.items()), key=lambda pair: pair[0])
    if isinstance(value, list):
        return [_in_order(item) for item in value]
    return value

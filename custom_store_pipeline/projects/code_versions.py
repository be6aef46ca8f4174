"""Code versions: hashes of everything that decides which rows arrive."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from custom_store_pipeline.config.entity import SIDES, AssetPath
from custom_store_pipeline.config.mapping import LoadedMapping
from custom_store_pipeline.projects.loading import Projects

# Keys of a mapping that say when and how its entities run, or what they are called in the UI: changing them changes
# no row, so they are not part of the code version.
_NOT_IN_CODE_VERSION = frozenset(
    {"mapping_name", "concurrency", "entities_per_step", "retries", "timeout", "schedule", "timezone", "pool", "tags",
     "owners", "description", "auto_materialize", "on_source_change"}
)  # fmt: skip


def code_versions(projects: Projects) -> dict[AssetPath, str]:
    """The code version of each entity of a projects folder, by its asset key. ``${…}`` is hashed as it is written."""
    versions = {}
    for mapping in projects.mappings:
        settings = _settings_version(mapping, projects)
        for entity in mapping.entities:
            versions[entity.target_key] = hashlib.sha256(f"{settings}\0{entity}".encode()).hexdigest()[:16]
    return versions


def _settings_version(mapping: LoadedMapping, projects: Projects) -> str:
    """A hash of the settings and the drivers, without the entities."""
    document = {key: value for key, value in mapping.document.items() if key not in _NOT_IN_CODE_VERSION}
    # An entity's version must not change because another one came or went.
    document["from"] = {key: value for key, value in document["from"].items() if key != "entity"}
    digests = [projects.driver_version(mapping, side).digest or "no such driver" for side in SIDES]
    return hashlib.sha256(repr((_in_order(document), digests)).encode()).hexdigest()


def _in_order(value: Any) -> Any:
    """The value with what has no order sorted, whatever types YAML gave it."""
    if isinstance(value, Mapping):
        return sorted(((repr(key), _in_order(item)) for key, item in value.items()), key=lambda pair: pair[0])
    if isinstance(value, list):
        return [_in_order(item) for item in value]
    if isinstance(value, set):  # YAML's !!set
        return sorted(map(repr, value))
    return value

"""What the arguments of the command choose."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from custom_store_pipeline.config.entity import Entity
from custom_store_pipeline.errors import ConfigurationError, did_you_mean
from custom_store_pipeline.projects.loading import load_projects
from custom_store_pipeline.settings import projects_folder


def folder_of_projects() -> Path:
    """The projects folder of the settings."""
    try:
        return projects_folder()
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from None


def chosen(names: Sequence[str]) -> list[Entity]:
    """The entities with these names; all of them without names."""
    entities = [entity for mapping in load_projects(folder_of_projects()).mappings for entity in mapping.entities]
    wanted: list[Entity] = []
    for name in names:
        found = [entity for entity in entities if "/".join(entity.target_key) == name] or [
            entity for entity in entities if name in (entity.name, entity.target_name)
        ]
        keys = ["/".join(entity.target_key) for entity in found or entities]
        if not found and (removed := _removed(name)):
            found = [removed]
        if not found:
            raise click.ClickException(f"no entity '{name}'{did_you_mean(name, keys)}; there are: {', '.join(keys)}")
        if len(found) > 1:
            raise click.ClickException(f"'{name}' is the name of several entities; say which: {', '.join(keys)}")
        wanted += found
    return list(dict.fromkeys(wanted)) if names else entities


def _removed(name: str) -> Entity | None:
    """The entity of an asset key that Dagster still knows and no mapping has any more."""
    from custom_store_pipeline.cli.state import is_known  # with Dagster

    parts = name.split("/", 2)
    if len(parts) < 3 or not is_known(key := (parts[0], parts[1], parts[2])):
        return None
    return Entity(key[2], key[2], (), key, key)

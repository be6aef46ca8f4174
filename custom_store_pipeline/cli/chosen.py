"""What the arguments of the command choose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

import click

from custom_store_pipeline.config.entity import Entity
from custom_store_pipeline.config.mapping import LoadedMapping
from custom_store_pipeline.errors import ConfigurationError, did_you_mean
from custom_store_pipeline.projects.loading import Projects, load_projects
from custom_store_pipeline.settings import projects_folder

Chosen = tuple[LoadedMapping, Entity]


def folder_of_projects() -> Path:
    """The projects folder of the settings."""
    try:
        return projects_folder()
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from None


def selected(projects: Projects, patterns: Sequence[str]) -> list[Chosen]:
    """The entities of projects that patterns select, each with its mapping; all of them without patterns.

    A pattern is an asset key (``project/store/entity``), its beginning (``project``, ``project/store``), the name of an
    entity, or one of these with ``*``, ``?`` and ``[…]``. One that selects nothing is an error.
    """
    entities = [(mapping, entity) for mapping in projects.mappings for entity in mapping.entities]
    if not entities:
        raise click.ClickException("no mapping can be used; see: custom-store validate")
    found: dict[Entity, Chosen] = {}
    for pattern in patterns:
        chosen = [(mapping, entity) for mapping, entity in entities if _matches(entity, pattern)]
        if not chosen:
            known = [name for _, entity in entities for name in ("/".join(entity.target_key), entity.name)]
            keys = ", ".join(known[::2][:20]) + (", …" if len(entities) > 20 else "")
            raise click.UsageError(f"'{pattern}' selects no entity{did_you_mean(pattern, known)}; there are: {keys}")
        found |= {entity: (mapping, entity) for mapping, entity in chosen}
    return list(found.values()) if patterns else entities


def selected_one(projects: Projects, pattern: str, partition: str | None) -> Chosen:
    """The one entity that a pattern selects, or one partition of it."""
    chosen = selected(projects, [pattern])
    if len(chosen) > 1:
        keys = ", ".join("/".join(entity.target_key) for _, entity in chosen)
        raise click.UsageError(f"'{pattern}' selects {len(chosen)} entities; name one of them: {keys}")
    [(mapping, entity)] = in_partition(chosen, partition)
    return mapping, entity


def in_partition(chosen: Sequence[Chosen], partition: str | None) -> list[Chosen]:
    """The entities, or one partition of each of them if they have some."""
    from custom_store_pipeline.orchestration.partitions import partition as partition_of
    from custom_store_pipeline.orchestration.partitions import partitions_of

    found = []
    for mapping, entity in chosen:
        key, definition = "/".join(entity.target_key), partitions_of(mapping)
        if definition is None:
            if partition is not None:
                raise click.UsageError(f"{key} has no partitions; leave out --partition, or select only what has some")
            found.append((mapping, entity))
            continue
        if partition is None:
            raise click.UsageError(f"{key} has partitions; say which one with --partition")
        if not definition.has_partition_key(partition):
            known = definition.get_partition_keys()
            there = f"{known[0]} to {known[-1]}" if known else "none yet"
            hint = did_you_mean(partition, known)
            raise click.UsageError(f"{key} has no partition '{partition}'{hint}; there are: {there}")
        found.append((mapping, replace(entity, partition=partition_of(definition, partition))))
    return found


def _matches(entity: Entity, pattern: str) -> bool:
    key = "/".join(entity.target_key)
    names = (key, *("/".join(entity.target_key[:length]) for length in (1, 2)), entity.name, entity.target_name)
    return pattern in names or any(fnmatchcase(name, pattern) for name in (key, entity.name, entity.target_name))


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

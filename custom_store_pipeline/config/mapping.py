"""A mapping as it was loaded: its settings, its entities, and where each key of it is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from custom_store_pipeline.config.entity import Entity, Side
from custom_store_pipeline.config.models import MappingConfig, Store
from custom_store_pipeline.config.yaml_file import KeyPath, YamlFile, dotted, has_path
from custom_store_pipeline.errors import Problem


@dataclass(frozen=True)
class LoadedMapping:
    """A valid mapping, and where it came from.

    Attributes:
        project: the project of the file.
        name: the mapping's name, unique in the project.
        file: the file.
        index: its place in the file's list, from 0.
        config: its settings.
        document: the mapping as written, merged with the defaults, ``to`` in its long form. ``${…}`` is unresolved.
        warnings: keys of it that have no effect.
        pattern_positions: where there are patterns in ``include``: which of its items each entity comes from.
    """

    project: str
    name: str
    file: YamlFile
    index: int
    config: MappingConfig
    document: dict[str, Any] = field(repr=False)
    warnings: tuple[Problem, ...] = ()
    pattern_positions: Mapping[str, int] = field(default_factory=dict, repr=False)

    def store(self, side: Side) -> Store:
        """The settings of one side's store."""
        return self.config.from_.store if side == "from" else self.config.to.store

    def store_project(self, side: Side) -> str:
        """The project whose driver serves one side."""
        return self.store(side).project_name or self.project

    @cached_property
    def entities(self) -> tuple[Entity, ...]:
        """The mapping's entities in the order of the YAML; one, named like the mapping, if it names none."""
        chosen = self.config.from_.entity
        excluded, keys, template = set(chosen.exclude), chosen.primary_keys, self.config.to.entity.name
        source = (self.store_project("from"), self.store("from").label)
        target = (self.store_project("to"), self.store("to").label)
        entities = []
        for name in chosen.include or (self.name,):
            if name in excluded:
                continue
            target_name = template.replace("{${entity}$}", name).replace("{entity}", name)
            own = keys.get(name, []) if isinstance(keys, dict) else keys
            columns = (own,) if isinstance(own, str) else tuple(own)
            entities.append(Entity(name, target_name, columns, (*source, name), (*target, target_name)))
        return tuple(entities)

    @cached_property
    def include_positions(self) -> Mapping[str, int]:
        """The position of each entity in ``from.entity.include``."""
        names = self.config.from_.entity.include or ()
        return self.pattern_positions or {name: index for index, name in enumerate(names)}

    def problem(self, key_path: KeyPath, message: str, *, at_key: bool = False) -> Problem:
        """A problem at a key of this mapping, written in the mapping itself or in the file's defaults."""
        return place_problem(self.file, self.index, key_path, message, at_key=at_key)

    def line(self) -> int:
        """The line in which the mapping begins."""
        return self.file.item_lines[self.index]


def place_problem(file: YamlFile, index: int, key_path: KeyPath, message: str, *, at_key: bool = False) -> Problem:
    """A problem at a key of the merged, long-form mapping, placed where the key was written.

    That is in the mapping or in the file's defaults, in the long or the short form.
    """
    mapping: KeyPath = ("mappings", index, "mapping")
    bases: list[KeyPath] = [mapping, ("defaults",)]
    short = key_path[:1] + key_path[2:] if key_path[:2] == ("to", "store") else key_path
    for length in range(len(key_path), 0, -1):
        for base in bases:
            for path in (key_path[:length], short[:length]):
                if has_path(file.content, base + path):
                    written = short if not has_path(file.content, (*base, *key_path[:2])) else key_path
                    return file.problem(base + path, message, at_key=at_key, shown_key=dotted(written))
    return file.problem(mapping, message, at_key=True, shown_key=dotted(key_path))

"""What only all mappings together show: keys written twice, stores read into themselves, cycles."""

from __future__ import annotations

import graphlib
from collections.abc import Iterable, Iterator

from custom_store_pipeline.config.entity import SIDES, AssetPath, Entity
from custom_store_pipeline.config.mapping import LoadedMapping
from custom_store_pipeline.config.yaml_file import KeyPath
from custom_store_pipeline.errors import Problem

Finding = tuple[LoadedMapping, Problem]


def check_together(mappings: Iterable[LoadedMapping]) -> list[Finding]:
    """Problems between mappings; each is laid at the later of the two, so that dropping its file solves it.

    Args:
        mappings: all valid mappings, in the order of their files.
    """
    mappings = list(mappings)
    return [
        *_same_names(mappings),
        *_stores_with_two_drivers(mappings),
        *_self_targets(mappings),
        *_chains_in_one_mapping(mappings),
        *_keys_written_twice(mappings),
        *_cycles(mappings),
    ]


def _same_names(mappings: list[LoadedMapping]) -> Iterator[Finding]:
    first: dict[tuple[str, str], LoadedMapping] = {}
    for mapping in mappings:
        other = first.setdefault((mapping.project, mapping.name), mapping)
        if other is not mapping:
            message = (
                f"'{mapping.name}' is the name of another mapping of this project ({_at(other)}); "
                "choose another mapping_name"
            )
            yield mapping, mapping.problem(("mapping_name",), message)


def _stores_with_two_drivers(mappings: list[LoadedMapping]) -> Iterator[Finding]:
    first: dict[tuple[str, str], tuple[LoadedMapping, str]] = {}
    for mapping in mappings:
        for side in SIDES:
            store = mapping.store(side)
            other, driver = first.setdefault((mapping.store_project(side), store.label), (mapping, store.file_name))
            if driver != store.file_name:
                message = (
                    f"the store '{store.label}' has the driver '{driver}' already ({_at(other)}), and a store has one "
                    "driver; give this store another name, or put both methods into one driver"
                )
                yield mapping, mapping.problem((side, "store", "name" if store.name else "file_name"), message)


def _self_targets(mappings: list[LoadedMapping]) -> Iterator[Finding]:
    for mapping in filter(_stays_in_one_store, mappings):
        for entity in mapping.entities:
            if entity.source_key == entity.target_key:
                message = (
                    f"'{entity.name}' would be read from and written to the same store, '{entity.target_key[1]}'; "
                    "if these are two stores, give one of them a 'name'"
                )
                yield mapping, mapping.problem(("to", "store"), message)
                break  # the other entities have the same reason


def _stays_in_one_store(mapping: LoadedMapping) -> bool:
    source, target = ((mapping.store_project(side), mapping.store(side).label) for side in SIDES)
    return source == target


def _chains_in_one_mapping(mappings: list[LoadedMapping]) -> Iterator[Finding]:
    for mapping in filter(_stays_in_one_store, mappings):
        written = {entity.target_key: entity for entity in mapping.entities}
        for entity in mapping.entities:
            before = written.get(entity.source_key)
            if before is not None and before is not entity:
                message = (
                    f"'{entity.name}' is read from what this mapping writes for '{before.name}', and the entities of "
                    "one mapping have no order; move it to a mapping of its own"
                )
                yield mapping, mapping.problem(_include_path(mapping, entity), message)


def _keys_written_twice(mappings: list[LoadedMapping]) -> Iterator[Finding]:
    first: dict[AssetPath, tuple[LoadedMapping, Entity]] = {}
    for mapping in mappings:
        for entity in mapping.entities:
            other, other_entity = first.setdefault(entity.target_key, (mapping, entity))
            if other_entity is not entity:
                message = (
                    f"'{entity.name}' would be written to {'/'.join(entity.target_key)}, which {_at(other)} writes; "
                    "give the store a 'name', or the entity another name in 'to.entity.name'"
                )
                yield mapping, mapping.problem(_include_path(mapping, entity), message)


def _cycles(mappings: list[LoadedMapping]) -> Iterator[Finding]:
    made_by: dict[AssetPath, tuple[int, Entity]] = {}
    for number, mapping in enumerate(mappings):
        for entity in mapping.entities:
            if entity.source_key != entity.target_key:
                made_by.setdefault(entity.target_key, (number, entity))
    while True:
        # What nothing here makes is in no circle; most sources are so.
        graph = {key: [entity.source_key] for key, (_, entity) in made_by.items() if entity.source_key in made_by}
        try:
            graphlib.TopologicalSorter(graph).prepare()
        except graphlib.CycleError as error:
            cycle: list[AssetPath] = error.args[1]
            number, entity = max((made_by[key] for key in cycle), key=lambda found: found[0])
            mapping = mappings[number]
            path = " → ".join("/".join(key) for key in cycle)
            message = f"the entities form a circle: {path}; break it at one of these mappings"
            yield mapping, mapping.problem(_include_path(mapping, entity), message)
            # One circle is reported for each mapping, or many entities would be sorted many times.
            made_by = {key: made for key, made in made_by.items() if made[0] != number}
        else:
            return


def _include_path(mapping: LoadedMapping, entity: Entity) -> KeyPath:
    index = mapping.include_positions.get(entity.name)
    return ("from", "entity") if index is None else ("from", "entity", "include", index)


def _at(mapping: LoadedMapping) -> str:
    return f"{mapping.file.shown}:{mapping.line()}"

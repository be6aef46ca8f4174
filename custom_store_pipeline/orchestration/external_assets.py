"""External assets: what mappings read and nothing in the graph writes; observable if drivers report changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set

import dagster as dg

from custom_store_pipeline.config.entity import Entity
from custom_store_pipeline.config.mapping import LoadedMapping
from custom_store_pipeline.drivers.static_check import check_driver, defines
from custom_store_pipeline.errors import DriverError
from custom_store_pipeline.identifiers import dagster_identifier, kind_of
from custom_store_pipeline.orchestration.io_manager import io_manager_key
from custom_store_pipeline.orchestration.source_observation import (
    build_observation,
    observe_now_and_then,
    source_changes,
)
from custom_store_pipeline.orchestration.step_outcomes import in_batches
from custom_store_pipeline.projects.loading import Projects


def build_sources(
    mappings: Sequence[LoadedMapping], projects: Projects, written: Set[dg.AssetKey]
) -> Iterator[dg.AssetsDefinition | dg.AssetSpec]:
    """An external asset for each source entity that nothing in the graph writes; some are observable.

    Args:
        mappings: the mappings that are in the graph.
        projects: the projects folder.
        written: what something in the graph writes.
    """
    seen = set(written)
    of_others = {dg.AssetKey(key) for key in projects.keys_of_other_projects}
    wanted = _observed_sources(mappings, written | of_others)
    for mapping in mappings:
        entities = {dg.AssetKey(entity.source_key): entity for entity in mapping.entities}
        new = [key for key in entities if key not in seen]
        seen.update(new)
        # What another location's runs write is not for this one to observe.
        yield from (_external_asset(mapping, entities[key], is_observed=False) for key in new if key in of_others)
        new = [key for key in new if key not in of_others]
        is_observable = bool(new) and _is_observable(mapping, projects, is_wanted=not wanted.isdisjoint(new))
        specs = [
            (entities[key], _external_asset(mapping, entities[key], is_observed=is_observable and key in wanted))
            for key in new
        ]
        if not is_observable:
            yield from (spec for _, spec in specs)
            continue
        for number, batch in enumerate(in_batches(specs, mapping.config.entities_per_step), start=1):
            # "__" before the number would make it the name of a step of a mapping called so.
            name = dagster_identifier(mapping.project, mapping.name, f"observation_{number}")
            yield build_observation(name, mapping, batch)


def _observed_sources(mappings: Sequence[LoadedMapping], written: Set[dg.AssetKey]) -> set[dg.AssetKey]:
    """The sources that are to be observed now and then, because a mapping wants to run when they change."""
    keys = (
        dg.AssetKey(entity.source_key)
        for mapping in mappings
        if mapping.config.on_source_change
        for entity in mapping.entities
    )
    return {key for key in keys if key not in written}


def source_sensors(mappings: Sequence[LoadedMapping], written: Set[dg.AssetKey]) -> list[dg.SensorDefinition]:
    """The sensor that observes sources and runs what follows them, if a mapping has ``on_source_change``.

    Args:
        mappings: the mappings that are in the graph.
        written: what something in the graph writes.
    """
    targets = {
        dg.AssetKey(entity.target_key)
        for mapping in mappings
        if mapping.config.on_source_change
        for entity in mapping.entities
    }
    return [source_changes(targets | _observed_sources(mappings, written))] if targets else []


def _is_observable(mapping: LoadedMapping, projects: Projects, *, is_wanted: bool) -> bool:
    """Whether the source's driver has a fingerprint; where the source code does not show it, whether one is wanted."""
    driver = projects.driver(mapping, "from")
    if driver is None:
        return False
    try:
        if is_wanted:
            check_driver(driver, "fingerprint")
            return True
        return defines(driver, "fingerprint")
    except DriverError:
        return False


def _external_asset(mapping: LoadedMapping, entity: Entity, *, is_observed: bool) -> dg.AssetSpec:
    key = entity.source_key
    return dg.AssetSpec(
        key=key,
        automation_condition=observe_now_and_then() if is_observed else None,
        group_name=mapping.store_project("from"),
        description=f"`{key[2]}` in the store `{key[1]}`, which mappings read.",
        kinds={kind_of(mapping.store("from").file_name)},
        # Lets hand-written assets load it as an input.
        metadata={"dagster/io_manager_key": io_manager_key(mapping, "from")},
    )

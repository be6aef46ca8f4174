"""Mappings → Dagster: one asset an entity, steps of several entities, external assets for their sources."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from custom_store_pipeline.config.entity import AssetPath, Entity, Side
from custom_store_pipeline.config.loading import LoadedFile
from custom_store_pipeline.config.mapping import LoadedMapping
from custom_store_pipeline.errors import Problem
from custom_store_pipeline.identifiers import dagster_identifier, kind_of
from custom_store_pipeline.orchestration.external_assets import build_sources, source_sensors
from custom_store_pipeline.orchestration.partitions import PARTITIONED_TAG, partitions_of
from custom_store_pipeline.orchestration.placeholder_assets import build_placeholders
from custom_store_pipeline.orchestration.run_consistency import step_versions
from custom_store_pipeline.orchestration.schedules import build_schedules
from custom_store_pipeline.orchestration.source_observation import materialize_on_source_change
from custom_store_pipeline.orchestration.step import build_step
from custom_store_pipeline.orchestration.step_outcomes import in_batches
from custom_store_pipeline.projects.loading import Projects


@dataclass(frozen=True)
class BuiltAssets:
    """The assets of a projects folder.

    Attributes:
        assets: the steps of its mappings, external assets for their sources, and placeholders.
        schedules: the schedules of its mappings.
        sensors: the sensor on source changes, if a mapping wants it.
        mappings: the mappings that the steps belong to.
        problems: everything that is wrong with the other files, and with drivers.
    """

    assets: list[dg.AssetsDefinition | dg.AssetSpec]
    schedules: list[dg.ScheduleDefinition]
    sensors: list[dg.SensorDefinition]
    mappings: list[LoadedMapping]
    problems: list[Problem]


def build_assets(projects: Projects, versions: Mapping[AssetPath, str], external_keys: Set[AssetPath]) -> BuiltAssets:
    """Builds what Dagster shows of a projects folder.

    Args:
        projects: the projects folder.
        versions: the code version of each entity; see :mod:`~custom_store_pipeline.projects.code_versions`.
        external_keys: keys of hand-written assets, which mappings may read from.

    Returns:
        The steps of all mappings with their schedules, an external asset for each source entity that nothing in the
        graph writes, and a placeholder for each file that cannot be used.
    """
    steps: list[dg.AssetsDefinition] = []
    schedules: list[dg.ScheduleDefinition] = []
    broken = list(projects.broken_files)
    built: list[LoadedMapping] = []
    for mapping in projects.mappings:
        try:
            new_steps = list(_steps(mapping, projects, versions, versions.keys() | external_keys))
            new_schedules = build_schedules(mapping)
        except Exception as error:
            # The checks should have found it; a mistake that they miss must not stop all other mappings.
            message = f"this mapping cannot be turned into assets: {type(error).__name__}: {error}"
            broken.append(LoadedFile(mapping.project, mapping.file.path, (), (mapping.problem((), message),)))
            continue
        built.append(mapping)
        steps += new_steps
        schedules += new_schedules
    written = {key for step in steps for key in step.keys} | {dg.AssetKey(key) for key in external_keys}
    return BuiltAssets(
        [*steps, *build_sources(built, projects, written), *build_placeholders(broken)],
        schedules,
        source_sensors(built, written | {dg.AssetKey(key) for key in projects.keys_of_other_projects}),
        built,
        sorted({*projects.problems, *(problem for file in broken for problem in file.problems)}),
    )


def _steps(
    mapping: LoadedMapping, projects: Projects, versions: Mapping[AssetPath, str], written: Set[AssetPath]
) -> Iterator[dg.AssetsDefinition]:
    """The mapping's entities, ``entities_per_step`` at a time."""
    batches = list(in_batches(mapping.entities, mapping.config.entities_per_step))
    of_steps = step_versions([[versions[entity.target_key] for entity in batch] for batch in batches])
    references = _code_references(mapping, projects)
    partitions = partitions_of(mapping)
    for number, (batch, version) in enumerate(zip(batches, of_steps, strict=True), start=1):
        # Every step has a number: where Dagster splits a step to break a circle it appends "_2", which without a number
        # would be the name of the step of a mapping called so.
        name = dagster_identifier(mapping.project, mapping.name, str(number))
        specs = {
            dagster_identifier("to", entity.target_name): (
                entity,
                _spec(mapping, entity, versions[entity.target_key], references, partitions),
            )
            for entity in batch
        }
        yield build_step(name, mapping, version, specs, written)


def _spec(
    mapping: LoadedMapping,
    entity: Entity,
    version: str,
    references: dg.CodeReferencesMetadataValue,
    partitions: dg.PartitionsDefinition[str] | None,
) -> dg.AssetSpec:
    settings = mapping.config
    return dg.AssetSpec(
        key=entity.target_key,
        deps=[dg.AssetKey(entity.source_key)],
        description=settings.description
        or f"`{entity.name}` of {'/'.join(entity.source_key[:2])}, by the mapping `{mapping.name}`.",
        group_name=mapping.project,
        code_version=version,
        owners=list(settings.owners),
        tags={**settings.tags, **({PARTITIONED_TAG: ""} if partitions else {})},
        kinds={kind_of(mapping.store("to").file_name)},
        metadata={"dagster/code_references": references},
        partitions_def=partitions,
        automation_condition=materialize_on_source_change() if settings.on_source_change else None,
    )


def _code_references(mapping: LoadedMapping, projects: Projects) -> dg.CodeReferencesMetadataValue:
    references = [
        dg.LocalFileCodeReference(file_path=str(mapping.file.path), line_number=mapping.line(), label="mapping")
    ]
    drivers: dict[Path, list[str]] = {}
    sides: dict[Side, str] = {"from": "source", "to": "target"}
    for side, label in sides.items():
        if driver := projects.driver(mapping, side):
            drivers.setdefault(driver.path, []).append(label)
    # A driver of both sides has one link instead of two: every asset carries them to the webserver.
    references += [
        dg.LocalFileCodeReference(file_path=str(path), line_number=1, label=f"{' and '.join(labels)} driver")
        for path, labels in drivers.items()
    ]
    return dg.CodeReferencesMetadataValue(code_references=list(references))

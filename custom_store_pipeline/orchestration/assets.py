"""Mappings → Dagster: one asset an entity, steps of several entities, external assets for what lies upstream."""

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

import dagster as dg

from custom_store_pipeline.config.mapping import SIDES, AssetPath, Entity, LoadedMapping, Side
from custom_store_pipeline.config.models import BROKEN_FILES, is_plain_name
from custom_store_pipeline.drivers.calls import StoreDriver
from custom_store_pipeline.errors import ConfigurationError, Problem
from custom_store_pipeline.identifiers import dagster_identifier, kind_of
from custom_store_pipeline.orchestration.external_assets import build_sources, source_sensors
from custom_store_pipeline.orchestration.io_manager import CustomStoreIOManager, Use, io_manager_key
from custom_store_pipeline.orchestration.partitions import PARTITIONED_TAG, partitions_of, scheduled_partitions
from custom_store_pipeline.orchestration.run_consistency import step_versions
from custom_store_pipeline.orchestration.source_observation import materialize_on_source_change
from custom_store_pipeline.orchestration.step import build_step
from custom_store_pipeline.orchestration.step_outcomes import in_batches
from custom_store_pipeline.projects.loading import BrokenFile, Projects


@dataclass(frozen=True)
class BuiltAssets:
    """The assets of a projects folder.

    Attributes:
        assets: the steps of its mappings, what lies upstream of them, and placeholders.
        schedules: the schedules of its mappings.
        sensors: the sensor on source changes, if a mapping wants it.
        mappings: the mappings that the steps are of.
        problems: all that is wrong with the other files, and with drivers.
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
        versions: the code version of each entity, see :func:`~.code_versions.code_versions`.
        external_keys: keys of hand-written assets, which mappings may read from.

    Returns:
        The steps of all mappings with their schedules, an external asset for each source entity that nothing in the
        graph makes, and a placeholder for each file that cannot be used.
    """
    to_wait_for = versions.keys() | external_keys
    steps: list[dg.AssetsDefinition] = []
    schedules: list[dg.ScheduleDefinition] = []
    broken = list(projects.broken_files)
    built: list[LoadedMapping] = []
    for mapping in projects.mappings:
        try:
            of_mapping = list(_steps(mapping, projects, versions, to_wait_for)), list(_schedules(mapping))
        except Exception as error:
            # The checks should have found it; a mistake that they overlook must not take all other mappings down.
            message = f"this mapping cannot be turned into assets: {type(error).__name__}: {error}"
            broken.append(BrokenFile(mapping.project, mapping.file.path, (mapping.problem((), message),)))
            continue
        built.append(mapping)
        steps += of_mapping[0]
        schedules += of_mapping[1]
    made = {key for step in steps for key in step.keys} | {dg.AssetKey(key) for key in external_keys}
    return BuiltAssets(
        [*steps, *build_sources(built, projects, made), *_placeholders(broken)],
        schedules,
        source_sensors(built, made | {dg.AssetKey(key) for key in projects.keys_of_other_projects}),
        built,
        sorted({*projects.problems, *(problem for file in broken for problem in file.problems)}),
    )


def build_io_managers(projects: Projects) -> dict[str, CustomStoreIOManager]:
    """One I/O manager a store, by its resource key: ``<project>__<store name>``."""
    uses: dict[str, list[Use]] = {}
    drivers: dict[str, StoreDriver] = {}
    for mapping in projects.mappings:
        for side in SIDES:
            key = io_manager_key(mapping, side)
            uses.setdefault(key, []).append((mapping, side))
            drivers[key] = StoreDriver(projects.driver_version(mapping, side))
    return {key: CustomStoreIOManager(drivers[key], uses[key]) for key in uses}


def _steps(
    mapping: LoadedMapping, projects: Projects, versions: Mapping[AssetPath, str], made: Set[AssetPath]
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
        yield build_step(name, mapping, version, specs, made)


def _schedules(mapping: LoadedMapping) -> Iterator[dg.ScheduleDefinition]:
    """The mapping's schedule, if it has one. It is on from the start: the YAML says that it is to run."""
    if not mapping.config.schedule:
        return
    partitions = partitions_of(mapping)

    def requests(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
        if partitions is None:
            yield dg.RunRequest()
            return
        now = context.scheduled_execution_time
        for key in scheduled_partitions(partitions, now):
            yield dg.RunRequest(run_key=f"{now:%Y-%m-%dT%H:%M%z} {key}", partition_key=key)

    yield dg.ScheduleDefinition(
        name=dagster_identifier(mapping.project, mapping.name, "schedule"),
        cron_schedule=mapping.config.schedule,
        execution_timezone=mapping.config.timezone,
        target=dg.AssetSelection.assets(*(entity.target_key for entity in mapping.entities)),
        execution_fn=requests,
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )


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
    labels: dict[Side, str] = {"from": "source driver", "to": "target driver"}
    for side, label in labels.items():
        if driver := projects.driver(mapping, side):
            references.append(dg.LocalFileCodeReference(file_path=str(driver.path), line_number=1, label=label))
    return dg.CodeReferencesMetadataValue(code_references=list(references))


def _placeholders(broken_files: Sequence[BrokenFile]) -> Iterator[dg.AssetsDefinition]:
    """One asset for each file that cannot be used: visible in the graph, and failing with the reason."""
    seen: set[tuple[str, str]] = set()
    for file in broken_files:
        name = file.path.stem
        if (file.project, name) in seen:  # posts.yml beside posts.yaml, or a file in a folder below
            name = file.path.as_posix().partition(f"/{file.project}/mappings/")[2]
        if (file.project, name) not in seen:
            seen.add((file.project, name))
            yield _placeholder(file, name)


def _as_markdown(problems: Sequence[Problem]) -> str:
    """A list of the problems; what is special in Markdown is escaped, because a block of code would not be wrapped."""
    return "\n".join("- " + re.sub(r"([\\`*_{}\[\]<>#|~$&])", r"\\\1", str(problem)) for problem in problems)


def _placeholder(file: BrokenFile, name: str) -> dg.AssetsDefinition:
    line = max(file.problems[0].line, 1)
    reference = dg.LocalFileCodeReference(file_path=str(file.path), line_number=line, label="mapping")
    spec = dg.AssetSpec(
        key=[file.project, BROKEN_FILES, name],
        description=f"This mapping file cannot be used:\n\n{_as_markdown(file.problems)}",
        group_name=file.project if is_plain_name(file.project) else dagster_identifier(file.project),
        metadata={"dagster/code_references": dg.CodeReferencesMetadataValue(code_references=[reference])},
    )

    @dg.multi_asset(
        name=dagster_identifier(file.project, BROKEN_FILES, "file", name),
        outs={dagster_identifier("to", name): dg.AssetOut.from_spec(spec)},
    )
    def placeholder() -> None:
        raise ConfigurationError(file.problems)

    return placeholder

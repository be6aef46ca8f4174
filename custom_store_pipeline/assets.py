"""Mappings → Dagster: one asset an entity, steps of several entities, external assets for what lies upstream."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import dagster as dg

from custom_store_pipeline.config.lineage import SIDES
from custom_store_pipeline.config.loading import AssetPath, Entity, LoadedMapping, Side
from custom_store_pipeline.drivers.source import source_digest
from custom_store_pipeline.errors import ConfigurationError, DriverNotFoundError
from custom_store_pipeline.io_manager import CustomStoreIOManager, Use, io_manager_key
from custom_store_pipeline.names import dagster_identifier
from custom_store_pipeline.partitions import partitions_of, scheduled_partitions
from custom_store_pipeline.projects import BrokenFile, Projects, driver_of
from custom_store_pipeline.steps import build_step
from custom_store_pipeline.stores import StoreDriver

# Keys of a mapping that say when and how its entities run, or what they are called in the UI: changing them changes
# no row, so they are no part of the code version.
_NOT_IN_CODE_VERSION = frozenset(
    {"mapping_name", "concurrency", "entities_per_step", "retries", "timeout", "schedule", "timezone", "pool", "tags",
     "owners", "description", "auto_materialize"}
)  # fmt: skip


@dataclass(frozen=True)
class BuiltAssets:
    """The assets of a projects folder, and the schedules of its mappings."""

    assets: list[dg.AssetsDefinition | dg.AssetSpec]
    schedules: list[dg.ScheduleDefinition]


def build_assets(projects: Projects, defined_elsewhere: Set[dg.AssetKey]) -> BuiltAssets:
    """Builds what Dagster shows of a projects folder.

    Args:
        projects: the projects folder.
        defined_elsewhere: keys of hand-written assets, for which no external asset must be made.

    Returns:
        The steps of all mappings with their schedules, an external asset for each source entity that nothing in the
        graph makes, and a placeholder for each file that cannot be used.
    """
    steps: list[dg.AssetsDefinition] = []
    schedules: list[dg.ScheduleDefinition] = []
    broken = list(projects.broken_files)
    built: list[LoadedMapping] = []
    for mapping in projects.mappings:
        try:
            of_mapping = list(_steps(mapping, projects)), list(_schedules(mapping))
        except dg.DagsterError as error:
            # The checks should have found it; a mistake that they overlook must not take all other mappings down.
            message = f"Dagster refuses this mapping: {error}"
            broken.append(BrokenFile(mapping.project, mapping.file.path, (mapping.problem((), message),)))
            continue
        built.append(mapping)
        steps += of_mapping[0]
        schedules += of_mapping[1]
    made = {key for step in steps for key in step.keys} | defined_elsewhere
    external = {
        key: _external_asset(entity.source_key, mapping)
        for mapping in built
        for entity in mapping.entities
        if (key := dg.AssetKey(entity.source_key)) not in made
    }
    return BuiltAssets([*steps, *external.values(), *_placeholders(broken)], schedules)


def build_io_managers(projects: Projects) -> dict[str, CustomStoreIOManager]:
    """One I/O manager a store, by its resource key: ``<project>__<store name>``."""
    uses: dict[str, list[Use]] = {}
    drivers: dict[str, StoreDriver] = {}
    for mapping in projects.mappings:
        for side in SIDES:
            key = io_manager_key(mapping, side)
            uses.setdefault(key, []).append((mapping, side))
            drivers[key] = StoreDriver(projects.folder, mapping.store_project(side), mapping.store(side).file_name)
    return {key: CustomStoreIOManager(drivers[key], uses[key]) for key in uses}


def _steps(mapping: LoadedMapping, projects: Projects) -> Iterator[dg.AssetsDefinition]:
    """The mapping's entities, ``entities_per_step`` at a time."""
    size = mapping.config.entities_per_step
    version = _code_version(mapping, projects)
    references = _code_references(mapping, projects)
    partitions = partitions_of(mapping)
    for number, start in enumerate(range(0, len(mapping.entities), size), start=1):
        # Every step has a number: where Dagster splits a step to break a circle it appends "_2", which without a number
        # would be the name of the step of a mapping called so.
        name = dagster_identifier(mapping.project, mapping.name, str(number))
        specs = {
            dagster_identifier("to", entity.target_name): (
                entity,
                _spec(mapping, entity, version, references, partitions),
            )
            for entity in mapping.entities[start : start + size]
        }
        yield build_step(name, mapping, specs)


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
        description=settings.description
        or f"`{entity.name}` of {'/'.join(entity.source_key[:2])}, by the mapping `{mapping.name}`.",
        group_name=mapping.project,
        code_version=hashlib.sha256(f"{version}\0{entity}".encode()).hexdigest()[:16],
        owners=list(settings.owners),
        tags=settings.tags,
        kinds={_kind(mapping, "to")},
        metadata={"dagster/code_references": references},
        partitions_def=partitions,
    )


def _external_asset(key: AssetPath, mapping: LoadedMapping) -> dg.AssetSpec:
    return dg.AssetSpec(
        key=key,
        group_name=mapping.store_project("from"),
        description=f"`{key[2]}` in the store `{key[1]}`, which mappings read.",
        kinds={_kind(mapping, "from")},
        # Lets hand-written assets load it as an input.
        metadata={"dagster/io_manager_key": io_manager_key(mapping, "from")},
    )


def _kind(mapping: LoadedMapping, side: Side) -> str:
    """What the UI labels an asset with: ``sqlite_store_driver`` → ``sqlite``."""
    file_name = mapping.store(side).file_name
    return (file_name.removesuffix("_driver").removesuffix("_store") or file_name)[:50]


def _code_version(mapping: LoadedMapping, projects: Projects) -> str:
    """A hash of what decides which rows arrive, but for the entity: settings (``${…}`` as it is) and drivers."""
    document = {key: value for key, value in mapping.document.items() if key not in _NOT_IN_CODE_VERSION}
    # An entity's version must not change because another one came or went.
    document["from"] = {key: value for key, value in document["from"].items() if key != "entity"}
    digests = []
    for side in SIDES:
        try:
            digests.append(source_digest(driver_of(projects.folder, mapping, side)))
        except DriverNotFoundError:
            digests.append("no such driver")
    return hashlib.sha256(repr((_in_order(document), digests)).encode()).hexdigest()


def _in_order(value: Any) -> Any:
    """The value with the keys of its dicts sorted, whatever types YAML gave them."""
    if isinstance(value, Mapping):
        return sorted(((repr(key), _in_order(item)) for key, item in value.items()), key=lambda pair: pair[0])
    if isinstance(value, list):
        return [_in_order(item) for item in value]
    return value


def _code_references(mapping: LoadedMapping, projects: Projects) -> dg.CodeReferencesMetadataValue:
    references = [
        dg.LocalFileCodeReference(file_path=str(mapping.file.path), line_number=mapping.line(), label="mapping")
    ]
    labels: dict[Side, str] = {"from": "source driver", "to": "target driver"}
    for side, label in labels.items():
        try:
            path = driver_of(projects.folder, mapping, side).path
        except DriverNotFoundError:
            continue
        references.append(dg.LocalFileCodeReference(file_path=str(path), line_number=1, label=label))
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


def _placeholder(file: BrokenFile, name: str) -> dg.AssetsDefinition:
    error = ConfigurationError(file.problems)
    line = max(file.problems[0].line, 1)
    reference = dg.LocalFileCodeReference(file_path=str(file.path), line_number=line, label="mapping")
    spec = dg.AssetSpec(
        key=[file.project, "invalid", name],
        description=f"This mapping file cannot be used:\n\n```\n{error}\n```",
        group_name=dagster_identifier(file.project),
        metadata={"dagster/code_references": dg.CodeReferencesMetadataValue(code_references=[reference])},
    )

    @dg.multi_asset(
        name=dagster_identifier(file.project, "invalid", name),
        outs={dagster_identifier("to", name): dg.AssetOut.from_spec(spec)},
    )
    def placeholder() -> None:
        raise ConfigurationError(file.problems)

    return placeholder

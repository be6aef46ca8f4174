"""Mappings → Dagster: one asset an entity, steps of several entities, external assets for what lies upstream."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import dagster as dg

from custom_store_pipeline.config.driver_config import redactor_of
from custom_store_pipeline.config.lineage import SIDES
from custom_store_pipeline.config.loading import AssetPath, Entity, LoadedMapping, Side
from custom_store_pipeline.drivers.source import source_digest
from custom_store_pipeline.errors import ConfigurationError, DriverNotFoundError, EntitiesFailedError
from custom_store_pipeline.io_manager import CustomStoreIOManager, Use
from custom_store_pipeline.metadata import metadata_of
from custom_store_pipeline.names import dagster_identifier
from custom_store_pipeline.projects import BrokenFile, Projects, driver_of
from custom_store_pipeline.redaction import redacted_output
from custom_store_pipeline.stores import StoreDriver
from custom_store_pipeline.transfer.batch import FailedEntity, Note, transfer_batch
from custom_store_pipeline.transfer.entity import Transferred, Watch, transfer_entity

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


def io_manager_key(mapping: LoadedMapping, side: Side) -> str:
    """The resource key of a store's I/O manager, such as ``blog__sqlite_store_driver``."""
    return dagster_identifier(mapping.store_project(side), mapping.store(side).label)


def _steps(mapping: LoadedMapping, projects: Projects) -> Iterator[dg.AssetsDefinition]:
    """The mapping's entities, ``entities_per_step`` at a time."""
    size = mapping.config.entities_per_step
    version = _code_version(mapping, projects)
    references = _code_references(mapping, projects)
    for number, start in enumerate(range(0, len(mapping.entities), size), start=1):
        # Every step has a number: where Dagster splits a step to break a circle it appends "_2", which without a number
        # would be the name of the step of a mapping called so.
        name = dagster_identifier(mapping.project, mapping.name, str(number))
        specs = {
            dagster_identifier("to", entity.target_name): (entity, _spec(mapping, entity, version, references))
            for entity in mapping.entities[start : start + size]
        }
        yield _step(name, mapping, specs)


def _schedules(mapping: LoadedMapping) -> Iterator[dg.ScheduleDefinition]:
    """The mapping's schedule, if it has one. It is on from the start: the YAML says that it is to run."""
    if mapping.config.schedule:
        yield dg.ScheduleDefinition(
            name=dagster_identifier(mapping.project, mapping.name, "schedule"),
            cron_schedule=mapping.config.schedule,
            execution_timezone=mapping.config.timezone,
            target=dg.AssetSelection.assets(*(entity.target_key for entity in mapping.entities)),
            default_status=dg.DefaultScheduleStatus.RUNNING,
        )


def _step(name: str, mapping: LoadedMapping, specs: Mapping[str, tuple[Entity, dg.AssetSpec]]) -> dg.AssetsDefinition:
    """One subsettable multi_asset over some entities of a mapping.

    A step that pulls and pushes many entities, instead of a step for each: with Dagster's default executor a step is a
    process of its own and costs seconds. Pushing happens in here and not in ``handle_output``, because an exception
    there would end the whole step.
    """
    source_key, target_key = io_manager_key(mapping, "from"), io_manager_key(mapping, "to")

    @dg.multi_asset(
        name=name,
        # Dagster would make invalid names of entities such as "ä b.c", and refuses names such as "input" and "class".
        ins={
            dagster_identifier("from", entity.name): dg.AssetIn(entity.source_key, dagster_type=dg.Nothing)
            for entity, _ in specs.values()
        },
        outs={
            out: dg.AssetOut.from_spec(spec, is_required=False, dagster_type=dg.Any, io_manager_key=target_key)
            for out, (_, spec) in specs.items()
        },
        internal_asset_deps={out: {dg.AssetKey(entity.source_key)} for out, (entity, _) in specs.items()},
        can_subset=True,
        required_resource_keys={source_key, target_key},
        pool=mapping.config.pool,
    )
    def step(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
        source: CustomStoreIOManager = getattr(context.resources, source_key)
        target: CustomStoreIOManager = getattr(context.resources, target_key)
        selected = context.op_execution_context.selected_output_names
        entities = [entity for out, (entity, _) in specs.items() if out in selected]
        yield from _materialize(context, mapping, entities, source, target)

    return step


def _materialize(
    context: dg.AssetExecutionContext,
    mapping: LoadedMapping,
    entities: Sequence[Entity],
    source: CustomStoreIOManager,
    target: CustomStoreIOManager,
) -> Iterator[dg.MaterializeResult[Any]]:
    redactor = redactor_of(mapping)
    run_id = context.run.run_id

    def transfer(entity: Entity, watch: Watch) -> Transferred:
        return transfer_entity(
            entity,
            pull=lambda entity: source.pull(mapping, entity, run_id, redactor),
            push=lambda entity, pulled: target.push(mapping, entity, pulled, run_id, redactor),
            retries=mapping.config.retries,
            watch=watch,
        )

    failed: list[FailedEntity] = []
    with redacted_output(redactor) as redact_until_the_end:
        for outcome in transfer_batch(
            entities,
            transfer,
            concurrency=mapping.config.concurrency,
            timeout=mapping.config.timeout,
            redact=redactor.text,
        ):
            if isinstance(outcome, Note):
                (context.log.warning if outcome.is_warning else context.log.info)(outcome.text)
            elif isinstance(outcome, FailedEntity):
                failed.append(outcome)
                if outcome.left_behind:
                    redact_until_the_end()
                context.log.error(f"{outcome.entity.name}: {outcome.reason}\n{outcome.driver_traceback}".rstrip())
            else:
                if outcome.warning:
                    context.log.warning(f"{outcome.entity.name}: {outcome.warning}")
                yield dg.MaterializeResult(asset_key=outcome.entity.target_key, metadata=metadata_of(outcome, redactor))
    if failed:
        raise _summary(failed, len(entities))


def _summary(failed: Sequence[FailedEntity], total: int) -> dg.Failure:
    """A Failure whose cause lists the reasons: Dagster prints a cause last, so they are the run's last lines."""
    headline = f"{len(failed)} of {total} entities failed"
    failure = dg.Failure(f"{headline}: {', '.join(outcome.entity.name for outcome in failed)}", allow_retries=False)
    arrived = "; the others are materialised" if len(failed) < total else ""
    reasons = "".join(f"\n  {outcome.entity.name}: " + outcome.reason.replace("\n", "\n    ") for outcome in failed)
    again = " or ".join(f'key:"{_quoted("/".join(outcome.entity.target_key))}"' for outcome in failed)
    failure.__cause__ = EntitiesFailedError(
        f"{headline}{arrived}. Mend what is wrong and materialise these again, with --select '{again}':{reasons}"
    )
    return failure


def _quoted(key: str) -> str:
    return key.replace("\\", "\\\\").replace('"', '\\"')


def _spec(
    mapping: LoadedMapping, entity: Entity, version: str, references: dg.CodeReferencesMetadataValue
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

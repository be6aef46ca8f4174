"""One Dagster step: some entities of a mapping, pulled and pushed, each materialized as it arrives."""

# No `from __future__ import annotations` here: Dagster looks at the annotation of `context` itself.
import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from typing import Any

import dagster as dg

from custom_store_pipeline.config.entity import AssetPath, Entity
from custom_store_pipeline.config.mapping import LoadedMapping
from custom_store_pipeline.data.stream import PulledData
from custom_store_pipeline.drivers.call_config import redactor_of
from custom_store_pipeline.identifiers import dagster_identifier
from custom_store_pipeline.orchestration.io_manager import CustomStoreIOManager, io_manager_key
from custom_store_pipeline.orchestration.materialization_metadata import metadata_of
from custom_store_pipeline.orchestration.open_event_log import kept_open
from custom_store_pipeline.orchestration.partitions import partition, partitions_of
from custom_store_pipeline.orchestration.run_config import StepConfig
from custom_store_pipeline.orchestration.run_consistency import StepVersion, check_run_version
from custom_store_pipeline.orchestration.step_outcomes import fail_step, results_of
from custom_store_pipeline.orchestration.step_state import StepState
from custom_store_pipeline.redaction import Redactor
from custom_store_pipeline.transfer.batch import TransferFailure
from custom_store_pipeline.transfer.progress import Progress
from custom_store_pipeline.transfer.pull_and_push import TransferResult, transfer_entity

# Many partitions in one run: each of them still has a driver call, a state and a materialization of its own, and none
# pays for the start of a process.
_BACKFILLS = dg.BackfillPolicy.single_run()


def build_step(
    name: str,
    mapping: LoadedMapping,
    version: StepVersion,
    specs: Mapping[str, tuple[Entity, dg.AssetSpec]],
    written: Set[AssetPath],
) -> dg.AssetsDefinition:
    """One subsettable step over some entities of a mapping.

    A step pulls and pushes many entities, instead of a step for each: with Dagster's default executor a step is a
    process of its own and costs seconds. Pushing happens in here and not in ``handle_output``, because an exception
    there would end the whole step.

    Args:
        name: the step's name, unique in the code location.
        mapping: the mapping.
        version: what the step must have in common with the definitions that its run began with.
        specs: the entities with their assets, by the name of the output.
        written: the assets that something in the graph writes.
    """
    source_key, target_key = io_manager_key(mapping, "from"), io_manager_key(mapping, "to")

    # One In and one Out for all; Dagster's decorator for assets would create each of them, and each spec, again.
    order, out = dg.In(dg.Nothing), dg.Out(dg.Any, is_required=False, io_manager_key=target_key)
    # The lineage is in the specs. An input makes a run wait, and there is nothing to wait for in other sources.
    inputs = {
        dagster_identifier("from", entity.name): dg.AssetKey(entity.source_key)
        for entity, _ in specs.values()
        if entity.source_key in written
    }

    @dg.op(
        name=name,
        ins=dict.fromkeys(inputs, order),
        out=dict.fromkeys(specs, out),
        required_resource_keys={source_key, target_key},
        pool=mapping.config.pool,
    )
    def step(context: dg.AssetExecutionContext, config: StepConfig) -> Iterator[dg.MaterializeResult[Any]]:
        check_run_version(context, mapping, version)
        selected = context.op_execution_context.selected_output_names
        entities = [entity for out, (entity, _) in specs.items() if out in selected]
        parts = [part for entity in entities for part in _parts(entity, mapping, context)]
        yield from _materialize(context, config.applied_to(mapping), parts, config)

    return dg.AssetsDefinition(
        node_def=step,
        keys_by_input_name=inputs,
        keys_by_output_name={output: spec.key for output, (_, spec) in specs.items()},
        specs=[spec for _, spec in specs.values()],
        can_subset=True,
        backfill_policy=_BACKFILLS if mapping.config.partitions else None,
    )


def _parts(entity: Entity, mapping: LoadedMapping, context: dg.AssetExecutionContext) -> list[Entity]:
    """The partitions of an entity that the run is for, or the entity itself if it has none."""
    definition = partitions_of(mapping)
    if definition is None:
        return [entity]
    return [replace(entity, partition=partition(definition, key)) for key in context.partition_keys]


def _materialize(
    context: dg.AssetExecutionContext, mapping: LoadedMapping, entities: Sequence[Entity], config: StepConfig
) -> Iterator[dg.MaterializeResult[Any]]:
    """Transfers entities, or partitions of them.

    Dagster stores a materialization for each partition of the run when an entity's result is yielded, so that is done
    when all its partitions have arrived. If one has not, the others are stored one by one.
    """
    redactor = redactor_of(mapping)
    state = StepState(
        context.instance,
        mapping,
        context.run.run_id,
        redactor,
        warn=context.log.warning,
        is_sample=config.limit is not None,
    )
    transfer = _transfer(context, mapping, state, redactor, config.limit)

    import pandas  # noqa: F401  # or its import would count against the timeout of the first entities

    failed: list[TransferFailure] = []
    arrived: dict[AssetPath, dict[Entity, dict[str, Any]]] = {}
    expected = Counter(entity.target_key for entity in entities)
    with contextlib.ExitStack() as at_the_end:
        at_the_end.enter_context(kept_open(context.instance, context.run.run_id))
        at_the_end.callback(state.mark_orphans)
        for entity, result in results_of(mapping, entities, transfer, context.log, redactor, failed):
            if result.warning:
                context.log.warning(f"{entity.label}: {result.warning}")
            parts = arrived.setdefault(entity.target_key, {})
            parts[entity] = metadata_of(entity, result, redactor, {**state.metadata(entity), **config.metadata()})
            if len(parts) == expected[entity.target_key]:
                yield _result(context, parts)
                for part in arrived.pop(entity.target_key):
                    state.clean_up(part)
    for parts in arrived.values():
        for part, metadata in parts.items():
            context.log_event(dg.AssetMaterialization(part.target_key, metadata=metadata, partition=part.partition_key))
            state.clean_up(part)
    if failed:
        fail_step(failed, len(entities), "materialize", "with --select", lambda entity: entity.target_key)


def _transfer(
    context: dg.AssetExecutionContext, mapping: LoadedMapping, state: StepState, redactor: Redactor, limit: int | None
) -> Callable[[Entity, Progress], TransferResult]:
    """What a step does with each entity, in its thread; with a limit only with some of its rows."""
    sources: CustomStoreIOManager = getattr(context.resources, io_manager_key(mapping, "from"))
    targets: CustomStoreIOManager = getattr(context.resources, io_manager_key(mapping, "to"))
    config = mapping.config

    def transfer(entity: Entity, progress: Progress) -> TransferResult:
        run = state.load(entity, progress.warn)
        source = sources.endpoint(mapping, "from", entity, run, redactor)
        target = targets.endpoint(mapping, "to", entity, run, redactor)
        takes_arrow = target.has("push_arrow")
        has_keys = config.compares_keys and (config.is_incremental or source.has("pull_keys"))

        @contextlib.contextmanager
        def pull() -> Iterator[PulledData]:
            pull_keys = (lambda: source.pull("pull_keys")) if has_keys else None
            with (
                source.pull(as_arrow=takes_arrow) as pulled,
                state.record(entity, _sample(pulled, limit), pull_keys, progress) as recorded,
            ):
                yield recorded if takes_arrow else source.as_frames(recorded)

        result = transfer_entity(entity, pull, target.push, config.retries, progress, read_ahead=config.concurrency > 1)
        state.finish(entity)
        return result

    return transfer


def _sample(pulled: PulledData, limit: int | None) -> PulledData:
    return pulled if limit is None else replace(pulled, stream=pulled.stream.first(limit), deletes=None)


def _result(context: dg.AssetExecutionContext, parts: Mapping[Entity, Mapping[str, Any]]) -> dg.MaterializeResult[Any]:
    """The result of an entity. The metadata goes another way, because Dagster would store a result's twice."""
    for part, metadata in parts.items():
        context.add_asset_metadata(metadata, part.target_key, part.partition_key)
    return dg.MaterializeResult(asset_key=next(iter(parts)).target_key)

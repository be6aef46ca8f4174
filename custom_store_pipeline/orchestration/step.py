"""One Dagster step: some entities of a mapping, pulled and pushed, each materialised as it arrives."""

# No `from __future__ import annotations` here: Dagster looks at the annotation of `context` itself.
import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import replace
from functools import partial
from typing import Any

import dagster as dg

from custom_store_pipeline.config.mapping import AssetPath, Entity, LoadedMapping
from custom_store_pipeline.data.pulled import PulledData
from custom_store_pipeline.drivers.call_config import redactor_of
from custom_store_pipeline.identifiers import dagster_identifier
from custom_store_pipeline.orchestration.io_manager import CustomStoreIOManager, io_manager_key
from custom_store_pipeline.orchestration.materialization_metadata import metadata_of
from custom_store_pipeline.orchestration.partitions import partition, partitions_of
from custom_store_pipeline.orchestration.run_config import StepConfig
from custom_store_pipeline.orchestration.run_consistency import StepVersion, check_run_version
from custom_store_pipeline.orchestration.step_outcomes import Deed, each_done, step_failure
from custom_store_pipeline.orchestration.step_state import StepState
from custom_store_pipeline.transfer.batch import TransferFailure
from custom_store_pipeline.transfer.entity import Progress, TransferResult, transfer_entity

# Many partitions in one run: each of them still has a driver call, a state and a materialisation of its own, and none
# pays for the start of a process.
_BACKFILLS = dg.BackfillPolicy.single_run()

_MATERIALIZE = Deed("materialised", "materialise", "with --select", lambda entity: entity.target_key)


def build_step(
    name: str,
    mapping: LoadedMapping,
    version: StepVersion,
    specs: Mapping[str, tuple[Entity, dg.AssetSpec]],
    made: Set[AssetPath],
) -> dg.AssetsDefinition:
    """One subsettable step over some entities of a mapping.

    A step that pulls and pushes many entities, instead of a step for each: with Dagster's default executor a step is a
    process of its own and costs seconds. Pushing happens in here and not in ``handle_output``, because an exception
    there would end the whole step.

    Args:
        name: the step's name, unique in the code location.
        mapping: the mapping.
        version: what the step must have in common with the definitions that its run began with.
        specs: the entities with their assets, by the name of the output.
        made: what something in the graph makes.
    """
    source_key, target_key = io_manager_key(mapping, "from"), io_manager_key(mapping, "to")

    # One In and one Out for all of them; Dagster's decorator for assets would make each of them, and each spec, anew.
    order, out = dg.In(dg.Nothing), dg.Out(dg.Any, is_required=False, io_manager_key=target_key)
    # The lineage is in the specs. An input is what makes a run wait, and there is nothing to wait for in other sources.
    inputs = {
        dagster_identifier("from", entity.name): dg.AssetKey(entity.source_key)
        for entity, _ in specs.values()
        if entity.source_key in made
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
        source: CustomStoreIOManager = getattr(context.resources, source_key)
        target: CustomStoreIOManager = getattr(context.resources, target_key)
        selected = context.op_execution_context.selected_output_names
        entities = [entity for out, (entity, _) in specs.items() if out in selected]
        parts = [part for entity in entities for part in _parts(entity, mapping, context)]
        yield from _materialize(context, mapping, parts, source, target, config)

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
    context: dg.AssetExecutionContext,
    mapping: LoadedMapping,
    entities: Sequence[Entity],
    source: CustomStoreIOManager,
    target: CustomStoreIOManager,
    config: StepConfig,
) -> Iterator[dg.MaterializeResult[Any]]:
    """Transfers entities, or partitions of them.

    Dagster stores a materialisation for each partition of the run when an entity's result is yielded, so that is done
    when all its partitions have arrived. If one has not, the others are stored one by one.
    """
    mapping = config.applied_to(mapping)
    redactor = redactor_of(mapping)
    state = StepState(context.instance, mapping, context.run.run_id, redactor, warn=context.log.warning)

    def transfer(entity: Entity, watch: Progress) -> TransferResult:
        run = state.load(entity, watch.note)
        pull_keys = None
        if mapping.config.compares_keys and (mapping.config.is_incremental or source.can_pull_keys(redactor)):
            pull_keys = partial(source.pull_keys, mapping, entity, run, redactor)

        @contextlib.contextmanager
        def pull(entity: Entity) -> Iterator[PulledData]:
            with (
                source.pull(mapping, entity, run, redactor) as pulled,
                state.recorded(entity, pulled, pull_keys, watch) as recorded,
            ):
                yield recorded

        outcome = transfer_entity(
            entity,
            pull=pull,
            push=lambda entity, pulled: target.push(mapping, entity, pulled, run, redactor),
            retries=mapping.config.retries,
            watch=watch,
            read_ahead=mapping.config.concurrency > 1,
        )
        state.conclude(entity)
        return outcome

    import pandas  # noqa: F401  # or its import would count against the timeout of the first entities

    failed: list[TransferFailure] = []
    arrived: dict[AssetPath, dict[Entity, dict[str, Any]]] = {}
    expected = Counter(entity.target_key for entity in entities)
    with contextlib.ExitStack() as at_the_end:
        at_the_end.callback(state.mark_orphans)
        for outcome in each_done(mapping, entities, transfer, context.log, redactor, failed):
            entity = outcome.entity
            if outcome.warning:
                context.log.warning(f"{entity.label}: {outcome.warning}")
            parts = arrived.setdefault(entity.target_key, {})
            parts[entity] = metadata_of(outcome, redactor, {**state.metadata(entity), **config.metadata()})
            if len(parts) == expected[entity.target_key]:
                yield _result(context, parts)
                for part in arrived.pop(entity.target_key):
                    state.clean_up(part)
    for parts in arrived.values():
        for part, metadata in parts.items():
            context.log_event(_materialization(part, metadata))
            state.clean_up(part)
    if failed:
        raise step_failure(failed, len(entities), _MATERIALIZE)


def _result(context: dg.AssetExecutionContext, parts: Mapping[Entity, Mapping[str, Any]]) -> dg.MaterializeResult[Any]:
    """The result of an entity. The metadata goes another way, because Dagster would store a result's twice."""
    for part, metadata in parts.items():
        context.add_asset_metadata(metadata, part.target_key, part.partition_key)
    return dg.MaterializeResult(asset_key=next(iter(parts)).target_key)


def _materialization(part: Entity, metadata: Mapping[str, Any]) -> dg.AssetMaterialization:
    return dg.AssetMaterialization(part.target_key, metadata=metadata, partition=part.partition_key)

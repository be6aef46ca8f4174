"""One Dagster step: some entities of a mapping, pulled and pushed, each materialised as it arrives."""

# No `from __future__ import annotations` here: Dagster looks at the annotation of `context` itself.
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from custom_store_pipeline.config.driver_config import redactor_of
from custom_store_pipeline.config.loading import Entity, LoadedMapping
from custom_store_pipeline.errors import EntitiesFailedError
from custom_store_pipeline.io_manager import CustomStoreIOManager, io_manager_key
from custom_store_pipeline.metadata import metadata_of
from custom_store_pipeline.names import dagster_identifier
from custom_store_pipeline.redaction import redacted_output
from custom_store_pipeline.transfer.batch import FailedEntity, Note, transfer_batch
from custom_store_pipeline.transfer.entity import Transferred, Watch, transfer_entity


def build_step(
    name: str, mapping: LoadedMapping, specs: Mapping[str, tuple[Entity, dg.AssetSpec]]
) -> dg.AssetsDefinition:
    """One subsettable multi_asset over some entities of a mapping.

    A step that pulls and pushes many entities, instead of a step for each: with Dagster's default executor a step is a
    process of its own and costs seconds. Pushing happens in here and not in ``handle_output``, because an exception
    there would end the whole step.

    Args:
        name: the step's name, unique in the code location.
        mapping: the mapping.
        specs: the entities with their assets, by the name of the output.
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

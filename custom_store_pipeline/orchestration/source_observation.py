"""Sources whose drivers say when their data has changed: observable in Dagster, and what is materialized then."""

# No `from __future__ import annotations` here: Dagster looks at the annotation of `context` itself.
from collections.abc import Iterator, Sequence, Set
from hashlib import sha256
from typing import Any

import dagster as dg

from custom_store_pipeline.config.entity import Entity
from custom_store_pipeline.config.mapping import LoadedMapping
from custom_store_pipeline.drivers.call_config import RunValues, redactor_of
from custom_store_pipeline.identifiers import dagster_identifier
from custom_store_pipeline.orchestration.dagster_internals import AssetExecutionType
from custom_store_pipeline.orchestration.io_manager import CustomStoreIOManager, io_manager_key
from custom_store_pipeline.orchestration.step_outcomes import fail_step, results_of
from custom_store_pipeline.settings import read_settings
from custom_store_pipeline.transfer.batch import TransferFailure
from custom_store_pipeline.transfer.progress import Progress

SENSOR_NAME = "source_changes"

_IN_THE_UI = "in the UI (button Observe), with the selection"
_LONGEST_SHOWN = 200


def materialize_on_source_change() -> dg.AutomationCondition[Any]:
    """The condition of an entity with ``on_source_change``: its source was seen with another fingerprint, or was made.

    It holds until a run is asked for: a change that is seen while an older run is at work may be no part of that.
    """
    updated = dg.AutomationCondition.any_deps_updated()
    # Where both happen in one tick, Dagster lets the request win, and the change would be lost.
    changed = updated.since(dg.AutomationCondition.newly_requested() & ~updated)
    return (changed & ~dg.AutomationCondition.in_progress()).with_label("on_source_change")


def observe_now_and_then() -> dg.AutomationCondition[Any]:
    """The condition of a source that entities with ``on_source_change`` read."""
    schedule = read_settings().observe_schedule
    return dg.AutomationCondition.cron_tick_passed(schedule) & ~dg.AutomationCondition.in_progress()


def source_changes(keys: Set[dg.AssetKey]) -> dg.AutomationConditionSensorDefinition:
    """The sensor that observes sources, and materializes what reads them; Dagster's own, which evaluates conditions."""
    return dg.AutomationConditionSensorDefinition(
        SENSOR_NAME,
        target=dg.AssetSelection.assets(*sorted(keys)),
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=read_settings().sensor_interval,
        description="Observes sources, and materializes entities with on_source_change when theirs has changed.",
    )


def build_observation(
    name: str, mapping: LoadedMapping, specs: Sequence[tuple[Entity, dg.AssetSpec]]
) -> dg.AssetsDefinition:
    """Sources of one mapping, observed in one step; one that fails does not stop the others.

    Args:
        name: the step's name, unique in the code location.
        mapping: the mapping whose settings of the store are used.
        specs: the entities with the assets of their sources.
    """
    source_key = io_manager_key(mapping, "from")
    # Dagster's decorator would make invalid names of entities such as "ä b.c".
    keys = {dagster_identifier("from", entity.name): spec.key for entity, spec in specs}

    @dg.op(
        name=name,
        out={out: dg.Out(dg.Nothing, is_required=False) for out in keys},
        required_resource_keys={source_key},
    )
    def observation(context: dg.OpExecutionContext) -> Iterator[dg.ObserveResult]:
        source: CustomStoreIOManager = getattr(context.resources, source_key)
        redactor = redactor_of(mapping)
        run = RunValues(context.run.run_id, context.run.run_id)
        entities = [entity for entity, spec in specs if spec.key in context.selected_asset_keys]

        def observe(entity: Entity, progress: Progress) -> str:
            progress.phase = "asking for the fingerprint"
            return source.endpoint(mapping, "from", entity, run, redactor).fingerprint()

        failed: list[TransferFailure] = []
        for entity, fingerprint in results_of(mapping, entities, observe, context.log, redactor, failed):
            yield _result(entity, fingerprint)
        if failed:
            fail_step(failed, len(entities), "observe", _IN_THE_UI, lambda entity: entity.source_key)

    return dg.AssetsDefinition(
        node_def=observation,
        keys_by_output_name=keys,
        specs=[spec for _, spec in specs],
        can_subset=True,
        execution_type=AssetExecutionType.OBSERVATION,
    )


def _result(entity: Entity, fingerprint: str) -> dg.ObserveResult:
    # Fingerprints may be of any length; a data version is stored with every event that depends on it.
    version = sha256(fingerprint.encode()).hexdigest()[:16]
    return dg.ObserveResult(
        asset_key=entity.source_key,
        data_version=dg.DataVersion(version),
        metadata={"fingerprint": fingerprint[:_LONGEST_SHOWN]},
    )

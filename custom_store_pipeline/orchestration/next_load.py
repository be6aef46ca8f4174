"""What the next run of an entity would do, for those who look before it runs: no run, nothing pushed or stored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import dagster as dg

from custom_store_pipeline.config.entity import Entity
from custom_store_pipeline.config.mapping import LoadedMapping
from custom_store_pipeline.drivers.call_config import RunValues, redactor_of
from custom_store_pipeline.drivers.endpoint import Endpoint, endpoint_of
from custom_store_pipeline.orchestration.step_state import StepState
from custom_store_pipeline.projects.loading import Projects
from custom_store_pipeline.redaction import Redactor


@dataclass(frozen=True)
class NextLoad:
    """The next load of an entity, or of one partition of it.

    Attributes:
        mapping: its mapping.
        entity: the entity.
        run: what the run would add to the config of the drivers: the watermarks, the driver's own state.
        source: where it would be pulled from.
        target: where it would be pushed to.
        redactor: masks the secrets of both.
    """

    mapping: LoadedMapping
    entity: Entity
    run: RunValues
    source: Endpoint
    target: Endpoint
    redactor: Redactor


def next_load(
    projects: Projects,
    mapping: LoadedMapping,
    entity: Entity,
    instance: dg.DagsterInstance,
    warn: Callable[[str], None],
) -> NextLoad:
    """The next load of an entity, from the state that is stored now.

    Args:
        projects: the projects folder of the mapping.
        mapping: the mapping.
        entity: one of its entities, or one partition of it.
        instance: Dagster's instance.
        warn: logs a warning.

    Raises:
        StateError: the stored state cannot be read, or ``lookback`` does not fit a watermark.
    """
    redactor = redactor_of(mapping)
    run = StepState(instance, mapping, "", redactor, warn).load(entity, warn)
    source, target = (
        endpoint_of(projects.driver_version(mapping, side), mapping, side, entity, run, redactor)
        for side in ("from", "to")
    )
    return NextLoad(mapping, entity, run, source, target, redactor)

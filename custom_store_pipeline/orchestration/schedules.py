"""A mapping's schedule."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg

from custom_store_pipeline.config.mapping import LoadedMapping
from custom_store_pipeline.identifiers import dagster_identifier
from custom_store_pipeline.orchestration.partitions import partitions_of, scheduled_partitions


def build_schedules(mapping: LoadedMapping) -> list[dg.ScheduleDefinition]:
    """The mapping's schedule, if it has one. It is on from the start: the YAML says that it is to run."""
    if not mapping.config.schedule:
        return []
    partitions = partitions_of(mapping)

    def requests(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
        if partitions is None:
            yield dg.RunRequest()
            return
        now = context.scheduled_execution_time
        for key in scheduled_partitions(partitions, now):
            yield dg.RunRequest(run_key=f"{now:%Y-%m-%dT%H:%M%z} {key}", partition_key=key)

    return [
        dg.ScheduleDefinition(
            name=dagster_identifier(mapping.project, mapping.name, "schedule"),
            cron_schedule=mapping.config.schedule,
            execution_timezone=mapping.config.timezone,
            target=dg.AssetSelection.assets(*(entity.target_key for entity in mapping.entities)),
            execution_fn=requests,
            default_status=dg.DefaultScheduleStatus.RUNNING,
        )
    ]

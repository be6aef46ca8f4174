"""Partitions of a mapping's entities: as Dagster has them, and as drivers get them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import dagster as dg

from custom_store_pipeline.config.entity import Partition
from custom_store_pipeline.config.mapping import LoadedMapping

# On assets with partitions: Dagster has no selection of those, and refuses to run them together with others unless a
# partition is named.
PARTITIONED_TAG = "custom_store/partitioned"


def partitions_of(mapping: LoadedMapping) -> dg.PartitionsDefinition[str] | None:
    """The partitions that a mapping's entities have in Dagster; None if they have none.

    Those that are times begin where ``start`` does, so that no hour of it is left out: a week begins on the weekday of
    ``start``, a month on its day. Their time zone is the mapping's.
    """
    partitions, zone = mapping.config.partitions, mapping.config.timezone
    if partitions is None:
        return None
    start = partitions.start
    if start is None:
        return dg.StaticPartitionsDefinition(list(partitions.keys))
    minute, hour = start.minute, start.hour
    if partitions.type == "hourly":
        return dg.HourlyPartitionsDefinition(start, minute_offset=minute, timezone=zone)
    if partitions.type == "daily":
        return dg.DailyPartitionsDefinition(start, minute_offset=minute, hour_offset=hour, timezone=zone)
    if partitions.type == "weekly":
        sunday_is_0 = start.isoweekday() % 7
        return dg.WeeklyPartitionsDefinition(
            start, minute_offset=minute, hour_offset=hour, day_offset=sunday_is_0, timezone=zone
        )
    return dg.MonthlyPartitionsDefinition(
        start, minute_offset=minute, hour_offset=hour, day_offset=start.day, timezone=zone
    )


def partition(definition: dg.PartitionsDefinition[str], key: str) -> Partition:
    """One partition as drivers get it: its key, and for times its beginning and its end."""
    if not isinstance(definition, dg.TimeWindowPartitionsDefinition):
        return Partition(key)
    window = definition.time_window_for_partition_key(key)
    return Partition(key, window.start, window.end)


def scheduled_partitions(definition: dg.PartitionsDefinition[str], now: datetime) -> Sequence[str]:
    """The partitions that a schedule's tick is to load: all of a list, or the latest of a time that is over."""
    if not isinstance(definition, dg.TimeWindowPartitionsDefinition):
        return definition.get_partition_keys()
    with dg.partition_loading_context(effective_dt=now):
        latest = definition.get_last_partition_key()
    return [] if latest is None else [latest]

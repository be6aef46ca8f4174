"""An entity of a mapping, or one partition of it, and the asset keys of its two sides."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Side = Literal["from", "to"]
AssetPath = tuple[str, str, str]

SIDES: tuple[Side, Side] = ("from", "to")


@dataclass(frozen=True)
class Partition:
    """One partition of an entity.

    Attributes:
        key: its key in Dagster.
        start: the beginning of its time, with the mapping's time zone; None for partitions that are not times.
        end: the beginning of the next one's time, or None.
    """

    key: str
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True)
class Entity:
    """One entity of a mapping, or one partition of it.

    Attributes:
        name: what it is called in the source.
        target_name: what it is called in the target.
        primary_keys: its primary key columns; empty when the mapping names none.
        source_key: the asset key of the source side: project, store, entity.
        target_key: the asset key of the target side: where the data lives after the push.
        partition: the partition that is meant; None for the entity as a whole.
    """

    name: str
    target_name: str
    primary_keys: tuple[str, ...]
    source_key: AssetPath
    target_key: AssetPath
    partition: Partition | None = None

    @property
    def partition_key(self) -> str | None:
        """The partition's key in Dagster, or None."""
        return self.partition.key if self.partition else None

    @property
    def label(self) -> str:
        """What messages call it: ``posts``, or ``posts (2024-01-01)`` for a partition."""
        return self.name if self.partition is None else f"{self.name} ({self.partition.key})"

"""What is remembered of an entity, or of one partition of it, when a push has succeeded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from custom_store_pipeline.errors import StateError
from custom_store_pipeline.state.values import decode, encode

_VERSION = 1


@dataclass(frozen=True)
class SnapshotRecord:
    """Which key snapshots hold the keys that the target may have.

    Attributes:
        files: the snapshots of the push that is remembered, by their names in the entity's folder.
        accounted: snapshots that were compared with before that push, or before an earlier one, so that they need not
            be looked at again.
        carried: snapshots that were compared with too, but of runs that had not ended; they are looked at once more.
        keys: how many keys ``files`` hold.
        bytes: how large ``files`` are.
    """

    files: tuple[str, ...] = ()
    accounted: tuple[str, ...] = ()
    carried: tuple[str, ...] = ()
    keys: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class Remembered:
    """What is remembered of an entity.

    Attributes:
        watermarks: the greatest value of each offset column.
        driver_state: what the source's driver returned as ``Pulled(state=…)``.
        snapshot: the keys that were pushed, or None if deletions are not looked for.
        begun_after: the position in Dagster's event log of what was known when the run that pushed began, or 0;
            shows whether two runs overlapped.
        source: the asset key of the source that it was pulled from, its parts joined by ``/``.
    """

    watermarks: Mapping[str, Any] = field(default_factory=dict)
    driver_state: Any = None
    snapshot: SnapshotRecord | None = None
    begun_after: int = 0
    source: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON, for the metadata of a materialisation."""
        return {
            "version": _VERSION,
            "watermarks": encode(dict(self.watermarks)),
            "driver_state": encode(self.driver_state),
            "snapshot": None if self.snapshot is None else encode(_with_lists(asdict(self.snapshot))),
            "begun_after": self.begun_after,
            "source": self.source,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Remembered:
        """What :meth:`to_json` was called on.

        Raises:
            StateError: a newer version of this package wrote it.
        """
        if stored.get("version") != _VERSION:
            raise StateError(
                f"what is remembered was written by another version of custom_store_pipeline (format "
                f"{stored.get('version')}, this one reads {_VERSION}); use that version, or forget it: "
                "custom-store state reset ENTITY"
            )
        snapshot = stored["snapshot"]
        return cls(
            decode(stored["watermarks"]),
            decode(stored["driver_state"]),
            None if snapshot is None else SnapshotRecord(**_with_tuples(decode(snapshot))),
            stored["begun_after"],
            stored["source"],
        )


def _with_lists(values: dict[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _with_tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}

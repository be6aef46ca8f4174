"""The state of an entity, or of one partition of it, that is stored when a push has succeeded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from custom_store_pipeline.errors import StateError
from custom_store_pipeline.state.serialization import decode, encode

_VERSION = 2
_READABLE = (1, _VERSION)


@dataclass(frozen=True)
class SnapshotRecord:
    """Which key snapshots hold the keys that the target may have.

    Three things are not the same. *Nothing yet*: an empty record, so every snapshot that is there counts. *Never
    compared*: ``unrecorded``. *Wiped*: an empty record again, and the snapshots of the runs whose materializations were
    wiped do not count (:data:`~custom_store_pipeline.state.run_context.Outcome`).

    Attributes:
        files: the snapshots of the push whose state this is, by their names in the entity's folder.
        accounted: snapshots that were compared with before that push, or before an earlier one, so they need not
            be compared again.
        carried: snapshots that were compared with too, but of pushes that had not ended and may come late. They stay in
            the comparison until their push has ended and a later run has compared with them after that.
        keys: how many keys ``files`` hold.
        bytes: how large ``files`` are.
        unrecorded: rows were pushed since without their keys (``delete_type: none``), so no snapshot has them.
    """

    files: tuple[str, ...] = ()
    accounted: tuple[str, ...] = ()
    carried: tuple[str, ...] = ()
    keys: int = 0
    bytes: int = 0
    unrecorded: bool = False


@dataclass(frozen=True)
class EntityState:
    """The state of an entity.

    Attributes:
        watermarks: the greatest value of each offset column.
        driver_state: what the source's driver returned as ``Pulled(state=…)``.
        snapshot: the keys that were pushed.
        begun_after: the position in Dagster's event log of what was known when the run that pushed began, or 0;
            shows whether two runs overlapped.
        source: the asset key of the source that it was pulled from, its parts joined by ``/``.
        wiped_at: when the asset had last been wiped as the run that pushed began, in seconds since 1970; 0 for never,
            None if that is not known. Shows whether it was wiped during that run.
    """

    watermarks: Mapping[str, Any] = field(default_factory=dict)
    driver_state: Any = None
    snapshot: SnapshotRecord = SnapshotRecord()
    begun_after: int = 0
    source: str = ""
    wiped_at: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON, for the metadata of a materialization."""
        return {
            "version": _VERSION,
            "watermarks": encode(dict(self.watermarks)),
            "driver_state": encode(self.driver_state),
            "snapshot": encode(_with_lists(asdict(self.snapshot))),
            "begun_after": self.begun_after,
            "source": self.source,
            "wiped_at": self.wiped_at,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> EntityState:
        """What :meth:`to_json` was called on.

        Raises:
            StateError: a newer version of this package wrote it.
        """
        if stored.get("version") not in _READABLE:
            raise StateError(
                f"the stored state was written by another version of custom_store_pipeline (format "
                f"{stored.get('version')}, this one reads up to {_VERSION}); use that version, or reset it: "
                "custom-store state reset ENTITY"
            )
        snapshot = stored["snapshot"]
        return cls(
            decode(stored["watermarks"]),
            decode(stored["driver_state"]),
            # Version 1 had no record where no keys had been compared.
            SnapshotRecord(unrecorded=True) if snapshot is None else SnapshotRecord(**_with_tuples(decode(snapshot))),
            stored["begun_after"],
            stored["source"],
            stored.get("wiped_at"),
        )


def _with_lists(values: dict[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _with_tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}

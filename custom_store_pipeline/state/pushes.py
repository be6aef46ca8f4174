"""What each push began from, written before it begins and removed when it has been remembered.

A push that fails, is killed or comes late may have reached the target all the same, and may have put older rows over
newer ones. What it left here tells the next run where to begin, so that these rows are sent again.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from custom_store_pipeline.state.deletions.snapshot_folder import ORPHAN, PUSH, SnapshotFolder, run_of
from custom_store_pipeline.state.run_context import Outcome
from custom_store_pipeline.state.serialization import decode, encode


@dataclass(frozen=True)
class Process:
    """The process that pushes.

    Attributes:
        host: the machine and, where the system has them, the namespace in which ``pid`` counts.
        pid: its id.
        started: when it started, in seconds since 1970: ids are given again.
    """

    host: str
    pid: int
    started: float

    def is_gone(self) -> bool:
        """Whether it has ended; False for a process of another machine, of which nothing is known."""
        import psutil

        if self.host != _host():
            return False
        try:
            return abs(psutil.Process(self.pid).create_time() - self.started) > 1
        except psutil.NoSuchProcess:
            return True
        except psutil.AccessDenied:
            return False


def this_process() -> Process:
    """The process that asks."""
    import psutil

    return Process(_host(), os.getpid(), psutil.Process().create_time())


@dataclass(frozen=True)
class PushRecord:
    """One push of an entity.

    Attributes:
        run_id: the run.
        position: the position in Dagster's event log of the state that it began from; 0 for a load of everything.
        watermarks: the watermarks that it began from.
        driver_state: the driver's own state that it began from.
        wiped_at: when the asset had last been wiped as it began, in seconds since 1970; 0 for never.
        with_keys: whether a key snapshot tells of its rows.
        process: the process that pushes.
    """

    run_id: str
    position: int = 0
    watermarks: Mapping[str, Any] = field(default_factory=dict)
    driver_state: Any = None
    wiped_at: float = 0.0
    with_keys: bool = False
    process: Process = field(default_factory=this_process)

    def to_bytes(self) -> bytes:
        """The content of its file."""
        return json.dumps(
            {
                "run_id": self.run_id,
                "position": self.position,
                "watermarks": encode(dict(self.watermarks)),
                "driver_state": encode(self.driver_state),
                "wiped_at": self.wiped_at,
                "with_keys": self.with_keys,
                "process": [self.process.host, self.process.pid, self.process.started],
            }
        ).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> PushRecord | None:
        """What :meth:`to_bytes` was called on; None for a file that was not written completely.

        Such a push never began, because its file is complete before it does.
        """
        try:
            stored = json.loads(content)
            return cls(
                stored["run_id"],
                stored["position"],
                decode(stored["watermarks"]),
                decode(stored["driver_state"]),
                stored["wiped_at"],
                stored["with_keys"],
                Process(*stored["process"]),
            )
        except (ValueError, KeyError, TypeError):
            return None


def _host() -> str:
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        namespace = ""
    return f"{socket.gethostname()} {namespace}".strip()


@dataclass(frozen=True)
class EarlierPushes:
    """The pushes of an entity, or of one partition of it, in other runs.

    Attributes:
        folder: where they left what they began from.
        run_id: this run, whose own earlier pushes have ended: a step is done again when its worker is gone.
        outcome_in_run: what became of the entity in a run, as far as Dagster knows.
    """

    folder: SnapshotFolder
    run_id: str
    outcome_in_run: Callable[[str], Outcome]

    def outcome_of(self, run_id: str) -> Outcome:
        """What became of the entity in a run.

        A run whose process was killed has ended, even if Dagster does not know; a push that was given up in a process
        that lives on has not, even if its run has.

        Raises:
            StateStorageError: the folder cannot be read.
        """
        if run_id == self.run_id:
            return "ended"
        outcome = self.outcome_in_run(run_id)
        if outcome == "running":
            found = self._records(PUSH, run_id)
            return "ended" if found and all(push.process.is_gone() for push in found) else "running"
        if outcome == "ended" and any(not push.process.is_gone() for push in self._records(ORPHAN, run_id)):
            return "running"
        return outcome

    def ended(self) -> tuple[list[PushRecord], list[str]]:
        """The pushes that have ended without a state, and all files that the next state makes needless.

        Raises:
            StateStorageError: the folder cannot be read.
        """
        failed: list[PushRecord] = []
        needless: list[str] = []
        for name in self.folder.names(PUSH):
            outcome = self.outcome_of(run_of(name))
            if outcome == "running":
                continue
            needless += [name, *(orphan for orphan in self.folder.names(ORPHAN) if run_of(orphan) == run_of(name))]
            push = PushRecord.from_bytes(self.folder.read(name) or b"")
            if outcome == "ended" and push is not None:
                failed.append(push)
        return failed, needless

    def _records(self, suffix: str, run_id: str) -> list[PushRecord]:
        contents = (self.folder.read(name) for name in self.folder.names(suffix) if run_of(name) == run_id)
        return [push for content in contents if (push := PushRecord.from_bytes(content or b"")) is not None]

"""What each push started from, written before it begins and removed when its state is stored.

A push that fails, is killed or comes late may still have reached the target, and may have put older rows over newer
ones. From what it recorded here, the next run knows where to start, so that these rows are sent again.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing.util
import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from custom_store_pipeline.errors import StateStorageError
from custom_store_pipeline.state.deletions.snapshot_folder import ORPHAN, PUSH, SnapshotFolder, file_name, run_of
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
        with_keys: whether a key snapshot has its keys.
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

        A run whose process was killed has ended, even if Dagster does not know; an orphaned push in a process
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
        """The pushes that have ended without a state, and all files that are obsolete once the next state is stored.

        Raises:
            StateStorageError: the folder cannot be read.
        """
        failed: list[PushRecord] = []
        obsolete: list[str] = []
        for name in self.folder.names(PUSH):
            outcome = self.outcome_of(run_of(name))
            if outcome == "running":
                continue
            obsolete += [name, *(orphan for orphan in self.folder.names(ORPHAN) if run_of(orphan) == run_of(name))]
            push = PushRecord.from_bytes(self.folder.read(name) or b"")
            if outcome == "ended" and push is not None:
                failed.append(push)
        return failed, obsolete

    def _records(self, suffix: str, run_id: str) -> list[PushRecord]:
        contents = (self.folder.read(name) for name in self.folder.names(suffix) if run_of(name) == run_id)
        return [push for content in contents if (push := PushRecord.from_bytes(content or b"")) is not None]


class PushMarks:
    """The files by which one push tells other runs that it began, and that it may still come.

    Attributes:
        push_file: the name of the file that says what it started from.
    """

    def __init__(self, folder: SnapshotFolder | None, push: PushRecord) -> None:
        """Writes nothing yet; ``folder`` is None if nothing can be stored."""
        self.push_file = file_name(push.run_id, PUSH)
        self._orphan_file = file_name(push.run_id, ORPHAN)
        self._folder = folder
        self._push = push
        self._lock = threading.Lock()
        self._is_under_way = False
        self._is_orphan = False

    @contextlib.contextmanager
    def under_way(self) -> Iterator[None]:
        """Within it the push is under way, so that its thread can be marked as orphaned."""
        self._is_under_way = True
        try:
            yield
        finally:
            self._unmark()

    def write(self) -> None:
        """Writes what the push starts from.

        Raises:
            StateStorageError: it cannot be written.
        """
        if self._folder is not None:
            self._folder.write(self.push_file, self._push.to_bytes())

    def mark_orphan(self) -> None:
        """Tells other runs that the push may still come, if it is under way.

        The mark is removed when the thread returns, or its process ends.

        Raises:
            StateStorageError: the mark cannot be written.
        """
        with self._lock:
            if not self._is_under_way or self._is_orphan or self._folder is None:
                return
            self._folder.write(self._orphan_file, self._push.to_bytes())
            self._is_orphan = True
        # Not atexit, whose functions are not called in the processes that multiprocessing starts.
        multiprocessing.util.Finalize(None, self._unmark, exitpriority=1)

    def _unmark(self) -> None:
        with self._lock:
            is_marked, self._is_orphan, self._is_under_way = self._is_orphan, False, False
        if is_marked and self._folder is not None:
            with contextlib.suppress(StateStorageError):  # its snapshot is compared with once more than necessary
                self._folder.remove([self._orphan_file])

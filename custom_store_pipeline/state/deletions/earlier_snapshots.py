"""The key snapshots of an entity that a run finds: which of them count, and what can be read of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from custom_store_pipeline.errors import DamagedSnapshotError, StateStorageError
from custom_store_pipeline.state.deletions.key_files import Keys, read_keys
from custom_store_pipeline.state.deletions.snapshot_folder import SnapshotFolder, run_of
from custom_store_pipeline.state.entity_state import SnapshotRecord
from custom_store_pipeline.state.run_context import Outcome, RunContext


@dataclass(frozen=True)
class EarlierSnapshots:
    """The snapshots that are there as a run compares.

    Attributes:
        folder: where they are.
        before: what the stored state says of them.
        run: the run that compares.
        temp: a local folder for copies.
    """

    folder: SnapshotFolder
    before: SnapshotRecord
    run: RunContext
    temp: Path

    @cached_property
    def names(self) -> Sequence[str]:
        """All that are there."""
        return self.folder.names()

    @cached_property
    def outcomes(self) -> dict[str, Outcome]:
        """What became of the pushes of those that no stored state accounts for."""
        known = {*self.before.files, *self.before.accounted}
        return {name: self.run.outcome_of(run_of(name)) for name in self.names if name not in known}

    def record(self) -> SnapshotRecord:
        """What to store when they have been compared with: all except those whose push may still come."""
        carried = [name for name, outcome in self.outcomes.items() if outcome == "running"]
        for run_id in sorted({run_of(name) for name in carried if name in self.before.carried}):
            self.run.warn(
                f"run {run_id} has not ended in Dagster, so the keys that it may still push are compared with in each "
                "run; if it is gone, terminate it there"
            )
        return SnapshotRecord(
            accounted=tuple(name for name in self.names if name not in carried), carried=tuple(carried)
        )

    def read(self) -> dict[str, Keys]:
        """The keys that the target may have, by their snapshot.

        Raises:
            StateStorageError: one that counts is gone, damaged, or cannot be read.
        """
        found = {}
        for name in [*self._stored(), *(name for name, outcome in self.outcomes.items() if outcome != "wiped")]:
            try:
                found[name] = read_keys(self.folder.fetch(name, self.temp))
            except DamagedSnapshotError as error:
                self.pass_over(name, error)
            except PermissionError as error:
                raise StateStorageError(f"cannot read the key snapshot {self.folder.url(name)}: {error}") from None
        return found

    def _stored(self) -> Sequence[str]:
        """The snapshots of the stored state.

        Those that a later push made obsolete are removed. If the run of that push was deleted in Dagster since, an
        older state counts again, and the snapshots of the deleted runs have what is in the target.
        """
        files = self.before.files
        gone = [name for name in files if name not in self.names]
        if not gone or not any(name > max(gone) for name in self.names):
            return files
        self.run.warn(
            f"the key snapshot {gone[-1]} was cleaned up by a later run that was deleted in Dagster since; the "
            "snapshots that are there are compared with instead"
        )
        return [name for name in files if name in self.names]

    def pass_over(self, name: str, error: DamagedSnapshotError) -> None:
        """Says that a damaged snapshot does not count, if its push never ended well.

        A snapshot is complete on the disk before its push begins, so such a push mostly never began.

        Raises:
            StateStorageError: its push ended well, so it is needed.
        """
        place = self.folder.url(name)
        if self.outcomes.get(name, "pushed") == "pushed":
            raise StateStorageError(
                f"the key snapshot {place} is damaged ({error.reason}), so what was deleted since is not known; "
                "restore the file, or reset the state (the next run loads everything and deletes nothing): "
                f"custom-store state reset {self.run.entity}"
            )
        self.run.warn(
            f"the key snapshot {place} is damaged ({error.reason}); it is skipped, because the run that wrote it "
            "never finished its push"
        )

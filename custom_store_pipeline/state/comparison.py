"""The keys that a pull has against those that the target may have: deletions, guards, the next snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from custom_store_pipeline.errors import PullError, TooManyDeletesError
from custom_store_pipeline.state.deletions import (
    check_unique,
    common_keys,
    comparable,
    count_distinct,
    missing_keys,
    one_database,
)
from custom_store_pipeline.state.keys import Keys, KeyWriter, read_keys
from custom_store_pipeline.state.remembered import SnapshotRecord
from custom_store_pipeline.state.snapshots import SnapshotFolder, run_of, snapshot_name
from custom_store_pipeline.state.surroundings import Surroundings

if TYPE_CHECKING:
    import pandas as pd


class KeyComparison:
    """Compares the keys of one pull.

    Attributes:
        deletes: the keys that are gone, or None.
        snapshot: what to remember of the snapshots once the push has succeeded.
    """

    def __init__(
        self,
        primary_keys: Sequence[str],
        before: SnapshotRecord | None,
        folder: SnapshotFolder | None,
        run: Surroundings,
        temp: Path,
        *,
        max_fraction: float,
        ignore_before: bool,
    ) -> None:
        """Reads nothing yet.

        Args:
            primary_keys: the key columns.
            before: what is remembered of the snapshots.
            folder: where they are; None if nothing can be kept.
            run: the run.
            temp: a local folder that is removed after the push.
            max_fraction: the share of the known keys that may be deleted.
            ignore_before: compare with nothing this time, and start anew.
        """
        self.deletes: pd.DataFrame | None = None
        self.snapshot = before
        self._primary_keys = primary_keys
        self._before = before
        self._folder = folder
        self._run = run
        self._temp = temp
        self._max_fraction = max_fraction
        self._ignore_before = ignore_before
        self._keys: Keys | None = None

    def writer(self, name: str, method: str = "pull_data") -> KeyWriter:
        """A writer of keys, which a driver's method returned, into the local folder."""
        return KeyWriter(self._temp / f"{name}.parquet", self._primary_keys, method)

    def compare(self, keys: Keys | None, pushed: Keys | None = None) -> None:
        """Finds the deletions, and writes the snapshot aside if they pass the guards.

        Args:
            keys: all keys that the source has; None for an empty pull, which deletes nothing and changes no snapshot.
            pushed: the keys of rows that are pushed, and so are not deleted whatever ``keys`` says.

        Raises:
            UnusableKeysError: a key occurs twice.
            TooManyDeletesError: more would be deleted than the mapping allows.
            StateStorageError: the snapshots cannot be read or written.
        """
        self._keys = keys
        self._check_same_columns(pushed)
        if keys is not None:
            with one_database(self._temp):
                self._compare(keys, pushed)

    def _compare(self, keys: Keys, pushed: Keys | None) -> None:
        check_unique(keys, self._temp)
        if self._folder is None:
            return
        names = self._folder.names()
        compared = [] if self._ignore_before else self._to_compare(names)
        old = [read_keys(self._folder.fetch(name, self._temp)) for name in compared]
        usable = [file for file in old if comparable(file, keys)]
        if len(usable) < len(old):
            changed = next(file for file in old if not comparable(file, keys))
            self._run.note(
                f"the primary keys were {_described(changed)} and are {_described(keys)} now, so what was deleted in "
                "between cannot be told; the key snapshot starts anew"
            )
        if usable:
            deletes = missing_keys(usable, [keys] if pushed is None else [keys, pushed], self._temp)
            self._guard(len(deletes), count_distinct(usable, self._temp), keys.count)
            self.deletes = deletes if len(deletes) else None
        carried = self._still_running(compared)
        self.snapshot = SnapshotRecord(
            accounted=tuple(name for name in names if name not in carried), carried=tuple(carried)
        )
        self._write_aside(keys)

    def keep_what_came_between(self, rows: Keys | None) -> None:
        """Takes care of rows that ``pull_keys`` knew nothing of, because the source changed between the two calls.

        Args:
            rows: the keys of all rows that are pushed; called before the push of the last of them ends.

        Raises:
            PullError: a row came back that is about to be deleted, or both methods tell of different keys.
            StateStorageError: the snapshots cannot be written.
        """
        self._check_same_columns(rows)
        if rows is None or self._keys is None:
            return
        if self.deletes is not None:
            deletes = self.writer("deletes")
            deletes.add(self.deletes)
            came_back = common_keys([_closed(deletes)], [rows], self._temp)
            if len(came_back):
                raise PullError(
                    f"the source changed while it was read: {len(came_back):,} rows that pull_keys did not have came "
                    "back in pull_data; run it again"
                )
        new = missing_keys([rows], [self._keys], self._temp)
        if len(new) and self._folder is not None:
            between = self.writer("between")
            between.add(new)
            self._write_aside(_closed(between))

    def _check_same_columns(self, rows: Keys | None) -> None:
        if rows is not None and (self._keys is None or not comparable(rows, self._keys)):
            keys = "no keys" if self._keys is None else f"the keys {_described(self._keys)}"
            raise PullError(
                f"pull_keys returned {keys}, but pull_data rows with {_described(rows)}; "
                "both must tell of the same rows, with keys of the same types"
            )

    def _to_compare(self, names: Sequence[str]) -> list[str]:
        """The snapshots whose keys the target may have."""
        if self._before is None:
            # Those of successful runs were remembered once and have been forgotten since: the asset was wiped.
            return [name for name in names if self._run.status_of(run_of(name)) != "succeeded"]
        looked_at = {*self._before.accounted, *self._before.files}
        return [*self._before.files, *(name for name in names if name not in looked_at)]

    def _still_running(self, compared: Sequence[str]) -> list[str]:
        """Snapshots of runs that may push after us. Once, for a run that was killed may seem to be running forever."""
        seen = (*self._before.files, *self._before.carried) if self._before else ()
        others = (name for name in compared if name not in seen and run_of(name) != self._run.run_id)
        return [name for name in others if self._run.status_of(run_of(name)) == "running"]

    def _guard(self, deletes: int, known: int, pulled: int) -> None:
        if deletes > self._max_fraction * known:
            raise TooManyDeletesError(
                f"{deletes:,} of {known:,} known keys ({deletes / known:.0%}) are not among the {pulled:,} that were "
                f"pulled, and max_delete_fraction is {self._max_fraction:g}; nothing was pushed. Find out why the "
                "source lacks them; if they were deleted there, raise max_delete_fraction for one run (1 allows all)"
            )

    def _write_aside(self, keys: Keys) -> None:
        if self._folder is None or self.snapshot is None:
            return
        self._run.check()
        name = snapshot_name(self._run.run_id)
        self._folder.put(keys.path, name)
        self.snapshot = replace(
            self.snapshot,
            files=(*self.snapshot.files, name),
            keys=self.snapshot.keys + keys.count,
            bytes=self.snapshot.bytes + keys.path.stat().st_size,
        )


def _closed(writer: KeyWriter) -> Keys:
    keys = writer.close()
    assert keys is not None  # noqa: S101  # for the type checker: it was given rows
    return keys


def _described(keys: Keys) -> str:
    return ", ".join(f"{column.name} ({column.kind})" for column in keys.columns)

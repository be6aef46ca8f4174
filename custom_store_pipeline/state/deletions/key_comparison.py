"""The keys that a pull has against those that the target may have: deletions, guards, the next snapshot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from custom_store_pipeline.config.models import MappingConfig
from custom_store_pipeline.errors import DamagedSnapshotError, PullError
from custom_store_pipeline.state.deletions.delete_guard import check_deletes
from custom_store_pipeline.state.deletions.earlier_snapshots import EarlierSnapshots
from custom_store_pipeline.state.deletions.key_files import Keys, KeyWriter, first_keys
from custom_store_pipeline.state.deletions.key_queries import (
    check_unique,
    common_keys,
    comparable,
    count_distinct,
    examples,
    missing_keys,
    one_database,
    write_without,
)
from custom_store_pipeline.state.deletions.snapshot_folder import SnapshotFolder, file_name
from custom_store_pipeline.state.entity_state import SnapshotRecord
from custom_store_pipeline.state.run_context import RunContext

if TYPE_CHECKING:
    import pandas as pd

_UNTOLD = "load everything once with write_mode: overwrite, or delete them in the target"


class KeyComparison:
    """Compares the keys of one pull.

    Attributes:
        deletes: the keys that are gone, or None.
        snapshot: what to store of the snapshots once the push has succeeded. It is what was stored before until keys
            have been compared: an empty pull keeps what it found.
    """

    def __init__(
        self,
        primary_keys: Sequence[str],
        config: MappingConfig,
        before: SnapshotRecord,
        folder: SnapshotFolder | None,
        run: RunContext,
        temp: Path,
    ) -> None:
        """Reads nothing yet.

        Args:
            primary_keys: the key columns.
            config: the mapping's settings.
            before: what the stored state says of the snapshots.
            folder: where they are; None if nothing can be kept.
            run: the run.
            temp: a local folder that is removed after the push.
        """
        self.deletes: pd.DataFrame | None = None
        self.snapshot = before
        self._primary_keys = primary_keys
        self._config = config
        self._before = before
        self._folder = folder
        self._run = run
        self._temp = temp
        self._keys: Keys | None = None
        # The keys that no stored push has brought to the target; None if there are none, or it is not known.
        self._not_in_target: Keys | None = None

    def writer(self, name: str, method: str = "pull_data") -> KeyWriter:
        """A writer of keys, which a driver's method returned, into the local folder."""
        return KeyWriter(self._temp / f"{name}.parquet", self._primary_keys, method)

    def compare(self, keys: Keys | None, pushed: Keys | None = None, *, of_all_rows: bool = True) -> None:
        """Finds the deletions, and writes the snapshot aside if they pass the guards.

        Args:
            keys: all keys that the source has; None for an empty pull, which deletes nothing and changes no snapshot.
            pushed: the keys of rows that are pushed, and so are not deleted whatever ``keys`` says.
            of_all_rows: every key has its row among those that are pushed; not so for keys from ``pull_keys``.

        Raises:
            UnusableKeysError: a key occurs twice.
            TooManyDeletesError: more would be deleted than the mapping allows.
            StateStorageError: the snapshots cannot be read or written.
        """
        self._keys = keys
        self._check_same_columns(pushed)
        if keys is not None:
            with one_database(self._temp):
                known = self._compare(keys, pushed)
                if not of_all_rows and known is not None:
                    path = self._temp / "not_in_target.parquet"
                    self._not_in_target = write_without(keys, known, path, self._temp) if known else keys

    def _compare(self, keys: Keys, pushed: Keys | None) -> Sequence[Keys] | None:
        """Returns the keys that are known to be in the target; None if not all of them are known."""
        check_unique(keys, self._temp)
        if self._folder is None:
            return None
        earlier = EarlierSnapshots(self._folder, self._before, self._run, self._temp)
        known: Sequence[Keys] | None = []
        if not self._config.first_load:
            files = earlier.read()
            known = self._known(files, keys)
            self._find_deletes(earlier, files, [keys] if pushed is None else [keys, pushed])
        self.snapshot = earlier.record()
        self._write_aside(keys)
        return known

    def keep_what_came_between(self, rows: Keys | None) -> None:
        """Handles rows that only one of ``pull_keys`` and ``pull_data`` returned.

        Rows that ``pull_keys`` lacks came into the source between the two calls. Keys whose rows were neither pulled
        nor pushed before are not in the target, so they stay out of the snapshot.

        Args:
            rows: the keys of all rows that are pushed; called before the push of the last of them ends.

        Raises:
            PullError: a row came back that is about to be deleted, or both methods returned different keys.
            StateStorageError: the snapshots cannot be written.
        """
        self._check_same_columns(rows)
        if self._keys is None:
            return
        with one_database(self._temp):
            self._leave_out_what_is_not_pushed(self._keys, rows)
            if rows is not None:
                self._add_what_came_between(self._keys, rows)

    def _add_what_came_between(self, keys: Keys, rows: Keys) -> None:
        if self.deletes is not None:
            deletes = self.writer("deletes")
            deletes.add(self.deletes)
            came_back = common_keys([_closed(deletes)], [rows], self._temp)
            if len(came_back):
                raise PullError(
                    f"the source changed while it was read: {len(came_back):,} rows that pull_keys did not have came "
                    "back in pull_data; run it again"
                )
        new = missing_keys([rows], [keys], self._temp)
        if len(new) and self._folder is not None:
            between = self.writer("between")
            between.add(new)
            self._write_aside(_closed(between))

    def _leave_out_what_is_not_pushed(self, keys: Keys, rows: Keys | None) -> None:
        absent = self._not_in_target
        if absent and rows:
            absent = write_without(absent, [rows], self._temp / "absent.parquet", self._temp)
        if self._folder is None or absent is None:
            return
        self._run.warn(
            f"{absent.count:,} keys that pull_keys returned are neither in the target nor in what pull_data returned, "
            f"such as {examples(first_keys(absent))}: rows that came late, or were restored with an old value of an "
            "offset column, are missing in the target. Pull them with from.offset.lookback, or load everything once "
            "with first_load: true. Rows that came while the source was read are in the next run"
        )
        # What was written before the push has too many keys.
        files = self.snapshot.files
        self.snapshot = replace(self.snapshot, files=(), keys=0, bytes=0, accounted=(*self.snapshot.accounted, *files))
        pushed = write_without(keys, [absent], self._temp / "pushed.parquet", self._temp)
        if pushed:
            self._write_aside(pushed)

    def _check_same_columns(self, rows: Keys | None) -> None:
        if rows is not None and (self._keys is None or not comparable(rows, self._keys)):
            keys = "no keys" if self._keys is None else f"the keys {_described(self._keys)}"
            raise PullError(
                f"pull_keys returned {keys}, but pull_data rows with {_described(rows)}; "
                "both must return the same rows, with keys of the same types"
            )

    def _known(self, files: Mapping[str, Keys], keys: Keys) -> Sequence[Keys] | None:
        """The keys that stored pushes have brought; None, with a warning, if some are not known."""
        changed = next((file for file in files.values() if not comparable(file, keys)), None)
        if changed:
            self._run.warn(
                f"the primary keys were {_described(changed)} and are {_described(keys)} now, so what was deleted in "
                f"between is not known; the key snapshot starts again{self._remedy}"
            )
            return None
        if self._before.unrecorded:
            if not self._config.replaces_target:
                self._run.warn(
                    "rows were pushed while delete_type was none, and their keys were not recorded; those that were "
                    f"deleted in the source since are not known{self._remedy}"
                )
            return None
        known = [files[name] for name in self._before.files if name in files]
        return known if len(known) == len(self._before.files) else None

    def _find_deletes(self, earlier: EarlierSnapshots, files: Mapping[str, Keys], now: Sequence[Keys]) -> None:
        usable = {name: file for name, file in files.items() if comparable(file, now[0])}
        while usable:
            try:
                self._compare_with(usable, now)
                return
            except DamagedSnapshotError as error:
                damaged = next((name for name, file in usable.items() if file.path == error.path), None)
                if damaged is None:
                    raise
                earlier.pass_over(damaged, error)
                del usable[damaged]

    @property
    def _remedy(self) -> str:
        return "" if self._config.replaces_target else f". If there are any, {_UNTOLD}"

    def _compare_with(self, usable: Mapping[str, Keys], now: Sequence[Keys]) -> None:
        deletes = missing_keys(list(usable.values()), now, self._temp)
        # What a run before has compared with already, and only waits for a late push, passed the guard then.
        first_time = [file for name, file in usable.items() if name not in self._before.carried]
        if first_time:
            lost = deletes if len(first_time) == len(usable) else missing_keys(first_time, now, self._temp)
            check_deletes(
                len(lost),
                count_distinct(first_time, self._temp),
                pulled=now[0].count,
                max_fraction=self._config.max_delete_fraction,
            )
        self.deletes = deletes if len(deletes) else None

    def _write_aside(self, keys: Keys) -> None:
        if self._folder is None:
            return
        self._run.check()
        name = file_name(self._run.run_id)
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

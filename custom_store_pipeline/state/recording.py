"""Records the state of one entity while it is pulled and pushed, and finds what was deleted.

::

    pulled ──► watermarks ──► keys ──► compared with what the target may have ──► guard ──► snapshot written ──► push
                                                                                                                  │
    stored in the materialization's metadata: watermarks, the driver's state, which snapshots hold ◄──────────────┘

A snapshot is written *before* its push, because a push that crashed may have reached the target. So the keys that the
target may have are those of the stored snapshots, and of every later snapshot that no successful run has compared with
after its push had ended. That also covers two runs at once, and pushes that come late. For the same reason each push
records, before it begins, what it started from (:mod:`.pushes`).
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from custom_store_pipeline.config.entity import Entity
from custom_store_pipeline.config.models import MappingConfig
from custom_store_pipeline.data.frames import join_chunks
from custom_store_pipeline.data.spool import Spool, temporary_files
from custom_store_pipeline.data.stream import DataStream, PulledData
from custom_store_pipeline.errors import StateStorageError, UnusableDataError
from custom_store_pipeline.state.deletions.key_comparison import KeyComparison
from custom_store_pipeline.state.deletions.snapshot_folder import SnapshotFolder
from custom_store_pipeline.state.entity_state import EntityState
from custom_store_pipeline.state.pushes import PushMarks, PushRecord
from custom_store_pipeline.state.run_context import RunContext
from custom_store_pipeline.state.serialization import UnknownTypeError, decode, encode
from custom_store_pipeline.state.watermarks import Watermarks

if TYPE_CHECKING:
    import pandas as pd

    from custom_store_pipeline.data.pieces import Piece

PullKeys = Callable[[], AbstractContextManager[PulledData]]

_SNAPSHOTS_KEPT = 3


class Recording:
    """Records one entity, or one partition of it, during one run. Each pull starts from the same state again."""

    def __init__(
        self,
        entity: Entity,
        config: MappingConfig,
        before: EntityState,
        folder: SnapshotFolder | None,
        run: RunContext,
        push: PushRecord,
    ) -> None:
        """Reads nothing yet.

        Args:
            entity: the entity.
            config: its mapping's settings.
            before: the state that the load starts from.
            folder: where its key snapshots are; None if nothing can be stored (``DAGSTER_HOME`` is not set).
            run: the run.
            push: what its push starts from.
        """
        self._entity = entity
        self._config = config
        self._before = before
        self._folder = folder
        self._run = run
        self._marks = PushMarks(folder, push)
        self._start_again()

    def _start_again(self) -> None:
        self._watermarks = Watermarks(
            self._config.from_.offset.offset_columns,
            self._before.watermarks,
            self._run.warn,
            restart=not self._config.is_incremental,
        )
        self._driver_state: Any = None
        self._comparison: KeyComparison | None = None
        self._has_rows = False
        # What else is done with each piece on its way, and when the last one has passed.
        self._see: list[Callable[[Piece], None]] = []
        self._at_the_end: list[Callable[[], None]] = []

    @contextlib.contextmanager
    def record(self, pulled: PulledData, pull_keys: PullKeys | None) -> Iterator[PulledData]:
        """What is to be pushed: the same rows, and with them what was deleted in the source.

        Args:
            pulled: what was pulled.
            pull_keys: pulls all keys that the source has now; None if its driver cannot, which is excluded for an
                incremental load with ``delete_type: keys``.

        Raises:
            StateError: a watermark is not known, keys are null or duplicate, too much would be deleted, or the state
                cannot be read or written.
            PullError: ``pull_keys`` raised, or the source changed while it was read.
        """
        self._start_again()
        with self._marks.under_way(), contextlib.ExitStack() as until_pushed:
            if self._folder is not None:
                self._run.check()
                self._marks.write()
            if self._config.compares_keys:
                with temporary_files():
                    pulled = self._compare(pulled, pull_keys, until_pushed)
            yield replace(
                pulled,
                deletes=self._with_log_columns(pulled.deletes),
                stream=pulled.stream.through(lambda pieces: self._watched(pieces, pulled)),
            )

    def state(self) -> EntityState:
        """The state to store now that the push has succeeded."""
        watermarks = self._watermarks.after()
        driver_state = self._before.driver_state if self._driver_state is None else self._driver_state
        if self._config.is_incremental and not watermarks and driver_state is None:
            self._run.warn(
                "load_type is incremental, but the mapping has no offset_columns and pull_data returned no "
                "Pulled(state=…), so the next run will load everything again"
            )
        if self._comparison:
            snapshot = self._comparison.snapshot
        else:  # the older keys are still known when delete_type is switched on again
            before = self._before.snapshot
            snapshot = replace(before, unrecorded=before.unrecorded or self._has_rows)
        return replace(
            self._before,
            watermarks=watermarks,
            driver_state=driver_state,
            snapshot=snapshot,
            source="/".join(self._entity.source_key),
        )

    def clean_up(self, warn: Callable[[str], None]) -> None:
        """Removes files that nobody needs after the state is stored; the newest few snapshots stay.

        Args:
            warn: logs that they cannot be removed.
        """
        if self._folder is None:
            return
        old: list[str] = []
        if self._comparison:
            snapshot = self._comparison.snapshot
            keep = max(_SNAPSHOTS_KEPT - len(snapshot.files), 1)
            old = sorted(set(snapshot.accounted) - set(snapshot.files))[:-keep]
        try:
            self._folder.remove([*old, *self._run.obsolete, self._marks.push_file])
        except StateStorageError as error:
            warn(f"old key snapshots stay where they are: {error}")

    def mark_orphan(self) -> None:
        """Tells other runs that the push may still come, if it is under way; for a thread that is orphaned.

        Raises:
            StateStorageError: the mark cannot be written.
        """
        self._marks.mark_orphan()

    def _watched(self, pieces: Iterator[Piece], pulled: PulledData) -> Iterator[Piece]:
        """The one stage that pieces pass: what is stored of them is known before the last one is pushed."""
        for piece in pieces:
            self._watermarks.see(piece)
            self._has_rows |= len(piece) > 0
            for see in self._see:
                see(piece)
            yield piece
            del piece  # or it would stay in memory while the next one is waited for
        for finish in self._at_the_end:
            finish()
        # Only now is it complete: a generator may fill in its state as it goes.
        self._driver_state = self._copied(pulled.state)

    def _copied(self, state: Any) -> Any:
        """The driver's own state as it will come back; what cannot be stored must not be pushed."""
        who = f"pull_data of '{self._entity.name}' returned Pulled(state=…)"
        try:
            encoded = encode(state)
        except UnknownTypeError as error:
            raise UnusableDataError(
                f"{who} with a value of the type {error}, which cannot be stored; "
                "use dicts, lists, strings, numbers, dates and times"
            ) from None
        readable = repr(state)  # of bytes too
        if self._run.redactor.value(encoded) != encoded or self._run.redactor.text(readable) != readable:
            raise UnusableDataError(
                f"{who} with a value that came from ${{…}}; state is stored in clear, so leave such values out"
            )
        return decode(encoded)

    def _with_log_columns(self, deletes: pd.DataFrame | None) -> pd.DataFrame | None:
        """With ``soft_delete``: the columns that mark rows as deleted, beside those that identify the rows."""
        if deletes is None or self._config.delete_mode != "soft_delete":
            return deletes
        marked = deletes.copy(deep=False)
        for log in self._config.delete_log_columns:
            marked[log.column] = [log.value] * len(marked)
        return marked

    def _compare(
        self, pulled: PulledData, pull_keys: PullKeys | None, until_pushed: contextlib.ExitStack
    ) -> PulledData:
        temp = Path(until_pushed.enter_context(tempfile.TemporaryDirectory(prefix="custom_store_")))
        before = self._before.snapshot
        comparison = KeyComparison(self._entity.primary_keys, self._config, before, self._folder, self._run, temp)
        self._comparison = comparison
        if pull_keys is not None and (self._config.is_incremental or not pulled.stream.is_repeatable):
            self._compare_pulled_keys(pulled.stream, pull_keys, comparison)
            return replace(pulled, deletes=self._merged(pulled.deletes, comparison.deletes))
        # Deletions must be known before the push begins, and are known when the last piece has been read.
        spool = None if pulled.stream.is_repeatable else until_pushed.enter_context(Spool())
        keys = comparison.writer("keys")
        for piece in pulled.stream:
            self._run.check()
            keys.add(piece)
            if spool:
                spool.add(piece)
        comparison.compare(keys.close())
        stream = DataStream.once(spool.pieces(), pulled.stream.schema) if spool else pulled.stream
        return replace(pulled, stream=stream, deletes=self._merged(pulled.deletes, comparison.deletes))

    def _compare_pulled_keys(self, stream: DataStream, pull_keys: PullKeys, comparison: KeyComparison) -> None:
        """The keys come from ``pull_keys``, the rows are those that changed; they were not read at one moment."""
        keys, rows = comparison.writer("keys", "pull_keys"), comparison.writer("rows")
        with pull_keys() as source:
            for piece in source.stream:
                self._run.check()
                keys.add(piece)
        if stream.is_repeatable:
            for piece in stream:
                rows.add(piece)
            pushed = rows.close()
            comparison.compare(keys.close(), pushed, of_all_rows=False)
            comparison.keep_what_came_between(pushed)
            return
        comparison.compare(keys.close(), of_all_rows=False)
        self._see.append(temporary_files()(rows.add))
        self._at_the_end.append(temporary_files()(lambda: comparison.keep_what_came_between(rows.close())))

    def _merged(self, own: pd.DataFrame | None, found: pd.DataFrame | None) -> pd.DataFrame | None:
        """The driver's own deletes and those that were found, each row once."""
        if own is None or found is None:
            return found if own is None else own
        names = list(self._entity.primary_keys)
        absent = [name for name in names if name not in own.columns]
        if absent:
            raise UnusableDataError(
                f"the deletes that pull_data of '{self._entity.name}' returned have no column {', '.join(absent)}, so "
                "they cannot be combined with those found by comparing keys; add it"
            )
        known = set(own[names].itertuples(index=False, name=None))
        others = [row not in known for row in found.itertuples(index=False, name=None)]
        return join_chunks([own, found[others]])

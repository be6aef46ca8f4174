"""Watches one entity on its way, so that it can be remembered when it has arrived, and finds what was deleted.

::

    pulled ──► watermarks ──► keys ──► compared with what the target may have ──► guards ──► snapshot written ──► push
                                                                                                                   │
    remembered, by the materialisation's metadata: watermarks, the driver's state, which snapshots hold ◄──────────┘

A snapshot is written *before* its push, because a push that ended in a crash may have reached the target all the same.
So the keys that the target may have are those of the snapshots remembered, and of every snapshot since then that no
successful run has compared with after its push had ended. That also covers two runs at once, and pushes that come late.
For the same reason each push leaves, before it begins, what it began from (:mod:`.pushes`).
"""

from __future__ import annotations

import contextlib
import multiprocessing.util
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from custom_store_pipeline.config.mapping import Entity
from custom_store_pipeline.config.models import MappingConfig
from custom_store_pipeline.data.frames import join_chunks
from custom_store_pipeline.data.pulled import PulledData
from custom_store_pipeline.errors import StateStorageError, UnusableDataError
from custom_store_pipeline.state.deletions.key_comparison import ComparisonRules, KeyComparison
from custom_store_pipeline.state.deletions.snapshot_folder import ORPHAN, PUSH, SnapshotFolder, file_name
from custom_store_pipeline.state.deletions.spool import Spool
from custom_store_pipeline.state.entity_state import EntityState
from custom_store_pipeline.state.pushes import PushRecord
from custom_store_pipeline.state.run_context import RunContext
from custom_store_pipeline.state.serialization import UnknownTypeError, decode, encode
from custom_store_pipeline.state.watermarks import Watermarks

if TYPE_CHECKING:
    import pandas as pd

PullKeys = Callable[[], AbstractContextManager[PulledData]]

_SNAPSHOTS_KEPT = 3


@dataclass
class _Attempt:
    """What one pull brought; another attempt begins with a new one."""

    watermarks: Watermarks
    driver_state: Any = None
    comparison: KeyComparison | None = None
    has_rows: bool = False


class Recording:
    """Records one entity, or one partition of it, during one run."""

    def __init__(
        self,
        entity: Entity,
        config: MappingConfig,
        before: EntityState,
        folder: SnapshotFolder | None,
        run: RunContext,
        push: PushRecord,
        covered: Sequence[str] = (),
    ) -> None:
        """Reads nothing yet.

        Args:
            entity: the entity.
            config: its mapping's settings.
            before: what was remembered when the run began.
            folder: where its key snapshots are; None if nothing can be kept (``DAGSTER_HOME`` is not set).
            run: the run.
            push: what its push begins from.
            covered: the files of earlier pushes that are of no use any more when this one has been remembered.
        """
        self._entity = entity
        self._config = config
        self._before = before
        self._folder = folder
        self._run = run
        self._push = push
        self._covered = covered
        self._push_file = file_name(run.run_id, PUSH)
        self._orphan_file = file_name(run.run_id, ORPHAN)
        self._lock = threading.Lock()
        self._is_under_way = False
        self._is_orphan = False
        self._attempt = self._new_attempt()

    @contextlib.contextmanager
    def of(self, pulled: PulledData, pull_keys: PullKeys | None) -> Iterator[PulledData]:
        """What is to be pushed: the same rows, and with them what was deleted in the source.

        Args:
            pulled: what was pulled.
            pull_keys: pulls all keys that the source has now; None if its driver cannot, which an incremental load
                that looks for deletions rules out.

        Raises:
            StateError: a watermark cannot be told, keys are null or double, too much would be deleted, or the state
                cannot be read or written.
            PullError: ``pull_keys`` raised, or the source changed while it was read.
        """
        self._attempt = self._new_attempt()
        with self._under_way(), contextlib.ExitStack() as until_pushed:
            if self._folder is not None:
                self._run.check()
                self._folder.write(self._push_file, self._push.to_bytes())
            if self._config.compares_keys:
                with _temporary_files():
                    pulled = self._compared(pulled, pull_keys, until_pushed)
            yield self._watched(replace(pulled, deletes=self._marked(pulled.deletes)))

    def remembered(self) -> EntityState:
        """What to remember now that the push has succeeded."""
        attempt = self._attempt
        watermarks = attempt.watermarks.after()
        driver_state = self._before.driver_state if attempt.driver_state is None else attempt.driver_state
        if self._config.is_incremental and not watermarks and driver_state is None:
            self._run.note(
                "load_type is incremental, but the mapping has no offset_columns and pull_data returned no "
                "Pulled(state=…), so the next run will load everything again"
            )
        if attempt.comparison:
            snapshot = attempt.comparison.snapshot
        else:  # the older keys are kept in mind, for when delete_type is switched on again
            before = self._before.snapshot
            snapshot = replace(before, unrecorded=before.unrecorded or attempt.has_rows)
        return replace(
            self._before,
            watermarks=watermarks,
            driver_state=driver_state,
            snapshot=snapshot,
            source="/".join(self._entity.source_key),
        )

    def clean_up(self, warn: Callable[[str], None]) -> None:
        """Removes what is of no use any more, but for the newest few snapshots; after the push is remembered.

        Args:
            warn: tells the user that it stays.
        """
        if self._folder is None:
            return
        old: list[str] = []
        if self._attempt.comparison:
            snapshot = self._attempt.comparison.snapshot
            keep = max(_SNAPSHOTS_KEPT - len(snapshot.files), 1)
            old = sorted(set(snapshot.accounted) - set(snapshot.files))[:-keep]
        try:
            self._folder.remove([*old, *self._covered, self._push_file])
        except StateStorageError as error:
            warn(f"old key snapshots stay where they are: {error}")

    def mark_orphan(self) -> None:
        """Says to other runs that the push may still come, if it is under way; for a thread that is given up.

        The mark goes when the thread returns, or its process ends.

        Raises:
            StateStorageError: the mark cannot be written.
        """
        with self._lock:
            if not self._is_under_way or self._is_orphan or self._folder is None:
                return
            self._folder.write(self._orphan_file, self._push.to_bytes())
            self._is_orphan = True
        # Not atexit, whose functions are not called in the processes that multiprocessing starts.
        multiprocessing.util.Finalize(None, self._unmark_orphan, exitpriority=1)

    def _unmark_orphan(self) -> None:
        with self._lock:
            is_marked, self._is_orphan, self._is_under_way = self._is_orphan, False, False
        if is_marked and self._folder is not None:
            with contextlib.suppress(StateStorageError):  # its snapshot is compared with once more than it need be
                self._folder.remove([self._orphan_file])

    @contextlib.contextmanager
    def _under_way(self) -> Iterator[None]:
        self._is_under_way = True
        try:
            yield
        finally:
            self._unmark_orphan()

    def _new_attempt(self) -> _Attempt:
        columns = self._config.from_.offset.offset_columns
        restart = not self._config.is_incremental
        return _Attempt(Watermarks(columns, self._before.watermarks, self._run.note, restart=restart))

    def _watched(self, pulled: PulledData) -> PulledData:
        """The data, whose watermarks and state are taken before it is pushed, or before its last chunk is."""
        watermarks = self._attempt.watermarks
        if pulled.frame is not None:
            watermarks.see(pulled.frame)
            self._attempt.has_rows = not pulled.frame.empty
            self._attempt.driver_state = self._copied(pulled.state)
            return pulled

        def watched(chunks: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
            for chunk in chunks:
                watermarks.see(chunk)
                self._attempt.has_rows |= not chunk.empty
                yield chunk
            # Only now is it complete: a generator may fill in its state as it goes.
            self._attempt.driver_state = self._copied(pulled.state)

        return replace(pulled, chunks=watched(pulled.chunks or iter(())))

    def _copied(self, state: Any) -> Any:
        """The driver's own state as it will come back; what cannot be remembered must not be pushed."""
        who = f"pull_data of '{self._entity.name}' returned Pulled(state=…)"
        try:
            encoded = encode(state)
        except UnknownTypeError as error:
            raise UnusableDataError(
                f"{who} with a value of the type {error}, which cannot be remembered; "
                "use dicts, lists, texts, numbers, dates and times"
            ) from None
        readable = repr(state)  # of bytes too
        if self._run.redactor.value(encoded) != encoded or self._run.redactor.text(readable) != readable:
            raise UnusableDataError(
                f"{who} with a value that came from ${{…}}; state is stored in clear, so leave such values out"
            )
        return decode(encoded)

    def _marked(self, deletes: pd.DataFrame | None) -> pd.DataFrame | None:
        """With ``soft_delete``: the columns that mark rows as deleted, beside those that say which rows are meant."""
        if deletes is None or self._config.delete_mode != "soft_delete":
            return deletes
        marked = deletes.copy(deep=False)
        for log in self._config.delete_log_columns:
            marked[log.column] = [log.value] * len(marked)
        return marked

    def _compared(
        self, pulled: PulledData, pull_keys: PullKeys | None, until_pushed: contextlib.ExitStack
    ) -> PulledData:
        temp = Path(until_pushed.enter_context(tempfile.TemporaryDirectory(prefix="custom_store_")))
        rules = ComparisonRules(
            self._entity.primary_keys,
            max_fraction=self._config.max_delete_fraction,
            ignore_before=self._config.first_load,
            replaces_target=self._config.replaces_target,
        )
        comparison = KeyComparison(rules, self._before.snapshot, self._folder, self._run, temp)
        self._attempt.comparison = comparison
        if pull_keys is not None and (self._config.is_incremental or pulled.frame is None):
            pulled = self._beside_pulled_keys(pulled, pull_keys, comparison)
        elif pulled.frame is not None:
            keys = comparison.writer("keys")
            keys.add(pulled.frame)
            comparison.compare(keys.close())
        else:
            pulled = self._spooled(pulled, comparison, until_pushed.enter_context(Spool()))
        return replace(pulled, deletes=self._merged(pulled.deletes, comparison.deletes))

    def _spooled(self, pulled: PulledData, comparison: KeyComparison, spool: Spool) -> PulledData:
        """Deletions must be known before the push begins, and are known when the last chunk has been seen."""
        keys = comparison.writer("keys")
        for chunk in pulled.chunks or ():
            self._run.check()
            keys.add(chunk)
            spool.add(chunk)
        comparison.compare(keys.close())
        return replace(pulled, chunks=spool.chunks())

    def _beside_pulled_keys(self, pulled: PulledData, pull_keys: PullKeys, comparison: KeyComparison) -> PulledData:
        """The keys come from ``pull_keys``, the rows are those that changed; both were not read at one moment."""
        keys, rows = comparison.writer("keys", "pull_keys"), comparison.writer("rows")
        with pull_keys() as source:
            for chunk in [source.frame] if source.frame is not None else source.chunks or ():
                self._run.check()
                keys.add(chunk)
        if pulled.frame is not None:
            rows.add(pulled.frame)
            pushed = rows.close()
            comparison.compare(keys.close(), pushed, of_all_rows=False)
            comparison.keep_what_came_between(pushed)
            return pulled
        comparison.compare(keys.close(), of_all_rows=False)

        def counted(chunks: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
            for chunk in chunks:
                with _temporary_files():
                    rows.add(chunk)
                yield chunk
            with _temporary_files():
                comparison.keep_what_came_between(rows.close())

        return replace(pulled, chunks=counted(pulled.chunks or iter(())))

    def _merged(self, own: pd.DataFrame | None, found: pd.DataFrame | None) -> pd.DataFrame | None:
        """The driver's own deletes and those that were found, each row once."""
        if own is None or found is None:
            return found if own is None else own
        names = list(self._entity.primary_keys)
        absent = [name for name in names if name not in own.columns]
        if absent:
            raise UnusableDataError(
                f"the deletes that pull_data of '{self._entity.name}' returned have no column {', '.join(absent)}, so "
                "they cannot be put together with those found by comparing keys; add it"
            )
        known = set(own[names].itertuples(index=False, name=None))
        others = [row not in known for row in found.itertuples(index=False, name=None)]
        return join_chunks([own, found[others]])


@contextlib.contextmanager
def _temporary_files() -> Iterator[None]:
    """What the disk refuses, as an error that says what to do; the drivers' own errors are none of these."""
    try:
        yield
    except OSError as error:
        raise StateStorageError(
            f"keys and chunks cannot be kept in {tempfile.gettempdir()} while they are compared: {error}; free "
            "space, or set TMPDIR to a larger disk"
        ) from None

"""What the next run of an entity starts from: the newest state that counts, or an earlier one.

Runs may overlap, fail after they have pushed, push late, be deleted, and meet a wipe. A push that may have put older
rows over newer ones in the target makes the next run start where that push started. So these rows are sent again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from custom_store_pipeline.config.models import MappingConfig
from custom_store_pipeline.errors import StateError
from custom_store_pipeline.state.entity_state import EntityState
from custom_store_pipeline.state.pushes import PushRecord


@dataclass(frozen=True)
class StoredState:
    """State in a materialization, as it was stored.

    Attributes:
        content: the JSON of :meth:`~custom_store_pipeline.state.entity_state.EntityState.to_json`.
        position: where it is in Dagster's event log.
        run_id: the run that pushed.
        when: when it was stored, in UTC.
    """

    content: Any
    position: int
    run_id: str
    when: datetime

    @property
    def begun_after(self) -> int:
        """The position of what was known when its run began."""
        found = self.content.get("begun_after") if isinstance(self.content, dict) else None
        return found if isinstance(found, int) else self.position

    def met_a_wipe(self, last_wipe: float) -> bool:
        """Whether the asset was wiped during its run, so that what it pushed may be gone."""
        seen = self.content.get("wiped_at") if isinstance(self.content, dict) else None
        return seen is not None and seen != last_wipe

    def decoded(self) -> EntityState:
        """The state.

        Raises:
            StateError: it cannot be read, or another version of this package wrote it.
        """
        try:
            return EntityState.from_json(self.content)
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
            raise StateError(
                f"the stored state cannot be read ({type(error).__name__}: {error}); reset it: "
                "custom-store state reset ENTITY"
            ) from None


@dataclass(frozen=True)
class LoadedState:
    """The state that was loaded for the next run.

    Attributes:
        state: what the next run starts from; None for nothing.
        position: where it was found in the event log: changes with each successful push and each reset.
        starts_from: the position of the state that the next run starts from; an earlier one after runs that overlapped.
        run_id: the run that pushed; empty after a reset.
        when: when it was stored, in UTC; None for nothing.
        overlapped: two runs of the entity overlapped, so the next one starts where the earlier of them started.
        wiped_at: when the asset was last wiped, in seconds since 1970; 0 for never.
        repeats: the run whose push failed, or was late, so that the next run starts where it started; or empty.
        unrecorded: such a push may have left rows whose keys are in no snapshot.
    """

    state: EntityState | None = None
    position: int = 0
    starts_from: int = 0
    run_id: str = ""
    when: datetime | None = None
    overlapped: bool = False
    wiped_at: float = 0.0
    repeats: str = ""
    unrecorded: bool = False


def starting_point(
    states: Iterable[StoredState],
    reset_after: Callable[[int], int],
    last_wipe: float,
    failed: Sequence[PushRecord] = (),
) -> LoadedState:
    """What the next run starts from.

    Args:
        states: the states that are stored, newest first; those that were wiped or deleted are not among them.
        reset_after: the position of the newest reset after a position; 0 if there is none.
        last_wipe: when the asset was last wiped, in seconds since 1970; 0 for never.
        failed: the pushes that have ended without stored state.

    Raises:
        StateError: a newer version of this package wrote the state.
    """
    states = iter(states)
    latest = next(states, None)
    unrecorded = any(not push.with_keys for push in failed)
    since = latest.begun_after if latest else 0
    # The state of a run during which there was a reset does not count either.
    reset_position = reset_after(since)
    if latest is None or reset_position or latest.met_a_wipe(last_wipe):
        position = max(reset_position, latest.position if latest else 0)
        return LoadedState(position=position, starts_from=position, wiped_at=last_wipe, unrecorded=unrecorded)
    found = LoadedState(
        latest.decoded(),
        latest.position,
        latest.position,
        latest.run_id,
        latest.when,
        wiped_at=last_wipe,
        unrecorded=unrecorded,
    )
    found = _before_overlap(found, since, states)
    if not failed or found.state is None:
        return found
    reset_since = any(push.wiped_at != last_wipe or reset_after(push.position) for push in failed)
    return _before_failed_pushes(found, failed, reset_since=reset_since)


def _before_overlap(found: LoadedState, since: int, earlier_states: Iterator[StoredState]) -> LoadedState:
    """Runs that began before the latest one had pushed, and that pushed before it was stored.

    Which of them wrote a row last cannot be known, so the next run starts where the earliest of them did.
    """
    began, overlapped, before = since, False, EntityState()
    for earlier in earlier_states:
        if earlier.position <= began:
            before = earlier.decoded() if earlier.position == began else before
            break
        overlapped = True
        began = min(began, earlier.begun_after)
    if not overlapped or found.state is None:
        return found
    state = replace(found.state, watermarks=before.watermarks, driver_state=before.driver_state)
    return replace(found, state=state, starts_from=began, overlapped=True)


def _before_failed_pushes(found: LoadedState, failed: Sequence[PushRecord], *, reset_since: bool) -> LoadedState:
    """The next run starts where the earliest of the pushes started, or lower.

    A later state may have lower watermarks (a full load of an older source, a load after a wipe), so it is each
    column's lowest that counts. For the driver's own state it is not known which one is lower.
    """
    state, earliest = found.state or EntityState(), min(failed, key=lambda push: push.position)
    watermarks: Mapping[str, Any] = state.watermarks
    for push in failed:
        watermarks = _lowest(watermarks, push.watermarks)
    driver_state = state.driver_state
    if earliest.position < found.starts_from or reset_since:
        driver_state = None if reset_since else earliest.driver_state
    if watermarks == state.watermarks and driver_state == state.driver_state:
        return found
    state = replace(state, watermarks=watermarks, driver_state=driver_state)
    starts_from = min(found.starts_from, earliest.position)
    return replace(found, state=state, starts_from=starts_from, repeats=earliest.run_id)


def _lowest(some: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    """Each column's lower value; none for a column that is not in both, or whose values have no order."""
    lowest = {}
    for column, value in some.items():
        other = others.get(column)
        if value is not None and other is not None:
            with contextlib.suppress(TypeError):
                lowest[column] = min(value, other)
    return lowest


def load_start(loaded: LoadedState, config: MappingConfig, source: str, run_id: str) -> tuple[EntityState, PushRecord]:
    """The state that one load of an entity starts from, and what its push records for other runs.

    Args:
        loaded: the state of the entity that is stored.
        config: its mapping's settings.
        source: the asset key of its source, its parts joined by ``/``.
        run_id: the run.
    """
    before = loaded.state or EntityState()
    if before.source != source:
        # Watermarks of another source mean nothing here; what the target has from it can still be deleted.
        before = EntityState(snapshot=before.snapshot)
    if config.first_load:
        before = EntityState()
    snapshot = replace(before.snapshot, unrecorded=before.snapshot.unrecorded or loaded.unrecorded)
    before = replace(before, snapshot=snapshot, begun_after=loaded.position, wiped_at=loaded.wiped_at)
    push = PushRecord(run_id, wiped_at=loaded.wiped_at, with_keys=config.compares_keys)
    if config.is_incremental and not config.first_load:  # other loads may touch any row
        push = replace(
            push,
            position=loaded.starts_from,
            watermarks=before.watermarks,
            driver_state=before.driver_state,
        )
    return before, push

"""The points at which a run is killed, in the order in which a run reaches them."""

from __future__ import annotations

import functools
import importlib
import os
import signal
from collections.abc import Callable
from typing import Any, NamedTuple


class Call(NamedTuple):
    """A point just before or just after a call of one of our own, of fsspec's or of Dagster's functions."""

    owner: str
    method: str
    when: str


# None: the drivers of the ledger reach it themselves.
POINTS: dict[str, Call | None] = {
    "pull: before the first row": None,
    "pull: half of the rows": None,
    "pull: all rows": None,
    "snapshot: compared, nothing written": Call(
        "custom_store_pipeline.state.deletions.snapshot_folder:SnapshotFolder", "put", "before"
    ),
    "snapshot: written, not yet under its name": Call("fsspec.implementations.local:LocalFileSystem", "mv", "before"),
    "snapshot: written": Call("custom_store_pipeline.state.deletions.snapshot_folder:SnapshotFolder", "put", "after"),
    "push: before its transaction": None,
    "push: rows written, not committed": None,
    "push: committed": None,
    "commit: pushed, nothing stored": Call(
        "custom_store_pipeline.orchestration.step_state:StepState", "metadata", "before"
    ),
    "commit: stored with the run, not with the asset": Call(
        "dagster._core.storage.event_log.sql_event_log:SqlEventLogStorage", "_store_asset_event", "before"
    ),
    "commit: stored": Call("custom_store_pipeline.orchestration.step_state:StepState", "clean_up", "before"),
    "clean-up: one old snapshot removed": Call("fsspec.implementations.local:LocalFileSystem", "rm_file", "after"),
    "clean-up: done": Call("custom_store_pipeline.orchestration.step_state:StepState", "clean_up", "after"),
}


def arm(point: str) -> None:
    """Makes this process kill itself when it reaches a point; runs in the process that is to die."""
    call = POINTS.get(point)
    if call is None:
        return
    module, _, name = call.owner.partition(":")
    owner = getattr(importlib.import_module(module), name)
    original: Callable[..., Any] = getattr(owner, call.method)

    @functools.wraps(original)
    def deadly(*args: Any, **kwargs: Any) -> Any:
        is_another_event = call.method == "_store_asset_event" and not args[2].dagster_event.is_step_materialization
        result = original(*args, **kwargs) if is_another_event or call.when == "after" else None
        if not is_another_event:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, call.method, deadly)

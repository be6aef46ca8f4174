"""Entities that run out of time: cancelled, and their threads orphaned."""

from __future__ import annotations

import concurrent.futures.thread
import threading
from collections.abc import MutableMapping

from custom_store_pipeline.errors import EntityTimeoutError
from custom_store_pipeline.transfer.progress import Progress


def deadline_of(progress: Progress, timeout: float) -> float:
    """When an entity runs out of time, as :func:`time.monotonic` counts. ``timeout`` is in seconds."""
    return progress.started + timeout


def timeout_error(progress: Progress, timeout: float) -> EntityTimeoutError:
    """What to say of an entity that ran out of time."""
    return EntityTimeoutError(
        f"timed out after {timeout:g} s while {progress.phase} ({progress.rows:,} rows pulled); "
        "raise the mapping's timeout, or find out why the driver hangs"
    )


def cancel(progress: Progress) -> None:
    """Cancels an entity. The thread pools that its driver made do not keep the process from ending.

    Python joins the threads of every ThreadPoolExecutor at exit, even daemons. Those that a driver started in its
    thread are daemons, as that thread is. Other threads are left alone.
    """
    progress.cancel()
    pools: MutableMapping[threading.Thread, object] = getattr(concurrent.futures.thread, "_threads_queues", {})
    for thread in list(pools):
        if thread.daemon:
            pools.pop(thread, None)

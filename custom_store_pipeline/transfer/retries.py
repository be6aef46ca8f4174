"""How long to wait before a pull or a push is retried, and when to stop."""

from __future__ import annotations

import random
from collections.abc import Callable

from custom_store_pipeline.config.models import Retries
from custom_store_pipeline.errors import DriverCallError

_LONGEST_WAIT = 3600.0


def waiting_time(retries: Retries, attempt: int) -> float:
    """Seconds to wait after an attempt that failed.

    Args:
        retries: the mapping's ``retries``.
        attempt: which attempt failed, counted from 1.

    Returns:
        ``delay`` times 1, 2, 4, … (exponential), 1, 2, 3, … (linear) or 1 (constant), with ``jitter`` times a random
        factor from 0.5 to 1.5, so that entities that failed together do not come back together; at most an hour.
    """
    factor = {"exponential": 2.0 ** min(attempt - 1, 60), "linear": float(attempt), "constant": 1.0}[retries.backoff]
    jitter = random.uniform(0.5, 1.5) if retries.jitter else 1.0  # noqa: S311 - no secret depends on it
    return min(retries.delay * factor * jitter, _LONGEST_WAIT)


class Attempts:
    """Counts the attempts of one side of one entity, and waits between them."""

    def __init__(self, retries: Retries, wait: Callable[[float], None], warn: Callable[[str], None]) -> None:
        """Starts at the first attempt.

        Args:
            retries: the mapping's ``retries``.
            wait: waits for some seconds.
            warn: logs that an attempt failed, and when the next one starts.
        """
        self._retries = retries
        self._wait = wait
        self._warn = warn
        self.number = 1

    def next_or_raise(self, failure: DriverCallError) -> None:
        """Waits for the next attempt; raises the failure if it is terminal or the attempts are used up."""
        if failure.terminal or self.number >= self._retries.max_attempts:
            raise failure
        seconds = waiting_time(self._retries, self.number)
        self._warn(f"attempt {self.number} of {self._retries.max_attempts} failed, next in {seconds:.1f} s: {failure}")
        self.number += 1
        self._wait(seconds)

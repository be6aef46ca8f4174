"""Waiting times and when to give up."""

from __future__ import annotations

import pytest

from custom_store_pipeline.config.models import Retries
from custom_store_pipeline.errors import PullError
from custom_store_pipeline.transfer.retries import Attempts, waiting_time


@pytest.mark.parametrize(
    ("backoff", "seconds"), [("exponential", [2, 4, 8, 16]), ("linear", [2, 4, 6, 8]), ("constant", [2, 2, 2, 2])]
)
def test_waiting_times_grow_as_the_mapping_says(backoff: str, seconds: list[float]) -> None:
    retries = Retries(max_attempts=9, delay=2, backoff=backoff, jitter=False)

    assert [waiting_time(retries, attempt) for attempt in (1, 2, 3, 4)] == seconds


def test_jitter_spreads_them() -> None:
    times = {waiting_time(Retries(delay=10), 1) for _ in range(100)}

    assert len(times) > 50
    assert 5 <= min(times) <= max(times) <= 15


def test_attempts_are_counted_and_the_last_failure_is_raised() -> None:
    waited: list[float] = []
    notes: list[str] = []
    attempts = Attempts(Retries(max_attempts=3, delay=1, jitter=False), waited.append, notes.append)

    attempts.next_or_raise(PullError("first"))
    attempts.next_or_raise(PullError("second"))
    with pytest.raises(PullError, match="third"):
        attempts.next_or_raise(PullError("third"))

    assert waited == [1, 2]
    assert notes == [
        "attempt 1 of 3 failed, next in 1.0 s: first",
        "attempt 2 of 3 failed, next in 2.0 s: second",
    ]


def test_a_terminal_failure_is_not_retried() -> None:
    attempts = Attempts(Retries(max_attempts=3), pytest.fail, pytest.fail)

    with pytest.raises(PullError):
        attempts.next_or_raise(PullError("wrong password", terminal=True))

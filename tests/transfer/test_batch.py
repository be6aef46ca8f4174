"""Entities side by side."""

from __future__ import annotations

import threading
import time

from custom_store_pipeline.config.entity import Entity
from custom_store_pipeline.errors import PullError
from custom_store_pipeline.transfer.batch import LogMessage, TransferFailure, transfer_batch
from custom_store_pipeline.transfer.progress import Progress
from custom_store_pipeline.transfer.pull_and_push import TransferResult


def entity(name: str) -> Entity:
    return Entity(name, name, (), ("p", "s", name), ("p", "t", name))


ENTITIES = [entity(name) for name in "abcdef"]


def arrived(found: Entity) -> TransferResult:
    return TransferResult(0, 0, 1, 0.0, 0.0, {}, {}, None)


def run(transfer, entities=ENTITIES, **settings) -> list[str]:
    """What happened, in order: `a` arrived, `-a: reason` failed, `*text` was noted."""
    settings = {"concurrency": 2, "timeout": None, "redact": str, **settings}
    seen = []
    for outcome in transfer_batch(entities, transfer, **settings):
        if isinstance(outcome, LogMessage):
            seen.append(f"*{outcome.text}")
        elif isinstance(outcome, TransferFailure):
            seen.append(f"-{outcome.entity.name}: {outcome.reason}")
        else:
            seen.append(outcome[0].name)
    return seen


def test_one_at_a_time_keeps_the_order() -> None:
    assert run(lambda found, _: arrived(found), concurrency=1) == list("abcdef")


def test_no_more_than_asked_for_run_at_a_time() -> None:
    running, most, lock = set(), 0, threading.Lock()

    def transfer(found: Entity, _: Progress) -> TransferResult:
        nonlocal most
        with lock:
            running.add(found.name)
            most = max(most, len(running))
        time.sleep(0.02)
        with lock:
            running.remove(found.name)
        return arrived(found)

    assert sorted(run(transfer, concurrency=3)) == list("abcdef")
    assert most == 3


def test_a_failure_stops_no_other_and_keeps_its_reason() -> None:
    def transfer(found: Entity, _: Progress) -> TransferResult:
        if found.name == "b":
            raise PullError("the source is broken", "Traceback …")
        if found.name == "c":
            raise KeyError("a fault of ours")
        return arrived(found)

    seen = run(transfer, concurrency=1)

    assert seen == ["a", "-b: the source is broken", "-c: internal error: KeyError: 'a fault of ours'", "d", "e", "f"]


def test_past_its_timeout_an_entity_fails_and_its_place_is_free() -> None:
    never = threading.Event()
    abandoned = threading.Event()

    def transfer(found: Entity, progress: Progress) -> TransferResult:
        if found.name == "a":
            progress.rows = 1234
            never.wait(0.5)
            try:
                progress.check()
            except Exception:
                abandoned.set()
                raise
        return arrived(found)

    seen = run(transfer, concurrency=1, timeout=0.1)

    assert seen[0].startswith("-a: timed out after 0.1 s while pulling (1,234 rows pulled); ")
    assert seen[1:] == list("bcdef")
    assert abandoned.wait(5)


def test_who_stops_listening_cancels_what_runs() -> None:
    abandoned = threading.Event()

    def transfer(found: Entity, progress: Progress) -> TransferResult:
        if found.name == "b":
            try:
                progress.wait(60)
            except Exception:
                abandoned.set()
                raise
        return arrived(found)

    outcomes = transfer_batch(ENTITIES, transfer, concurrency=2, timeout=None, redact=str)
    next(outcomes)
    outcomes.close()

    assert abandoned.wait(5)


def test_long_work_says_how_far_it_is() -> None:
    def transfer(found: Entity, progress: Progress) -> TransferResult:
        progress.rows = 500
        time.sleep(0.25)
        return arrived(found)

    seen = run(transfer, entities=ENTITIES[:1], seconds_between_progress=0.1)

    assert seen[0].startswith("*a: pulling, 500 rows in 0 s (")
    assert seen[-1] == "a"


def test_warnings_from_threads_name_their_entity() -> None:
    def transfer(found: Entity, progress: Progress) -> TransferResult:
        progress.warn("retried")
        return arrived(found)

    assert run(transfer, entities=ENTITIES[:1]) == ["*a: retried", "a"]

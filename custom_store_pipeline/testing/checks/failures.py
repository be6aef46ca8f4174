"""What a store has after a push that failed, was killed, or was sent again because its answer was lost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from custom_store_pipeline.errors import CustomStoreError
from custom_store_pipeline.testing.check import NotForThisDriverError, check
from custom_store_pipeline.testing.checks.sample import NEW, OLD, Row, check_rows, frame
from custom_store_pipeline.testing.driver_under_test import DriverUnderTest
from custom_store_pipeline.testing.killed_push import Push, count_lines, kill_at, spread

if TYPE_CHECKING:
    import pandas as pd


# Each is a process of its own.
_MOST_KILLS = 5


class ChunkFailedError(Exception):
    """What the chunks of a check raise in the middle."""


@check("push")
def a_chunk_that_fails_fails_the_push(driver: DriverUnderTest) -> None:
    """A driver that catches what its chunks raise reports half of the data as all of it."""
    try:
        driver.push(_chunks_that_fail())
    except CustomStoreError:
        return
    raise AssertionError("the second chunk raised, and the push succeeded; let what chunks raise go on")


@check("read back", needs="overwrite_atomic")
def a_failed_overwrite_keeps_the_old_rows(driver: DriverUnderTest) -> None:
    """People read the table while it is loaded: half of it, or nothing, is worse than yesterday's rows."""
    driver.push(frame(OLD), mode="overwrite")
    try:
        driver.push(_chunks_that_fail(), mode="overwrite")
    except CustomStoreError:
        check_rows(driver.rows(), OLD, "an overwrite whose second chunk failed")
    for entity, place, _ in _killed(driver, "overwrite"):
        found = driver.rows(entity)
        is_done = set(found.get("id", ())) == {row["id"] for row in NEW}
        check_rows(found, NEW if is_done else OLD, f"an overwrite that was killed in {place}")


@check("read back")
def an_answer_that_was_lost_does_no_harm(driver: DriverUnderTest) -> None:
    """The store commits and the connection breaks: the push is sent again, with the same idempotency_key."""
    modes = [mode for mode in driver.write_modes if mode != "append"]
    if not modes:
        raise NotForThisDriverError("it only appends; idempotent_append is what shows this")
    for mode in modes:
        found = _sent_again(driver, mode)
        check_rows(found, NEW if mode == "overwrite" else [*OLD, *NEW], f"a push by {mode} that was sent twice")


@check("read back", needs="idempotent_append")
def an_append_whose_answer_was_lost_adds_nothing_twice(driver: DriverUnderTest) -> None:
    """With retries, it duplicates its rows; config['idempotency_key'] is the same both times."""
    if "append" not in driver.write_modes:
        raise NotForThisDriverError("it does not append")
    check_rows(_sent_again(driver, "append"), [*OLD, *NEW], "an append that was sent twice with one idempotency_key")


@check("read back")
def a_killed_push_can_be_run_again(driver: DriverUnderTest) -> None:
    """Machines die: whatever that leaves (half of the rows, a lock, a marker), the next run must get through."""
    for mode in driver.write_modes:
        for entity, place, key in _killed(driver, mode):
            after = f"a push by {mode} that was killed in {place} and run again"
            try:
                driver.push(_two_chunks(NEW), entity, mode=mode, idempotency_key=key)
            except CustomStoreError as error:
                raise AssertionError(f"{after}: {error}") from None
            found = driver.rows(entity)
            if mode == "append" and "id" in found.columns:  # twice is what idempotent_append is about
                found = found.drop_duplicates("id")
            check_rows(found, NEW if mode == "overwrite" else [*OLD, *NEW], after)


def _sent_again(driver: DriverUnderTest, mode: str) -> pd.DataFrame:
    entity = driver.name(mode)
    driver.push(frame(OLD), entity, mode=mode, idempotency_key="of the run before")
    for _ in range(2):
        driver.push(frame(NEW), entity, mode=mode, idempotency_key="of both attempts")
    return driver.rows(entity)


def _killed(driver: DriverUnderTest, mode: str) -> Iterator[tuple[str, str, str]]:
    """Pushes that were killed in several lines of the driver: the entity, the line, the idempotency key."""

    def push(number: int) -> tuple[str, Push]:
        entity = driver.name(f"{mode}_killed_{number}")
        driver.push(frame(OLD), entity, mode=mode)
        return entity, Push(entity, mode, [NEW[:2], NEW[2:]], f"of killed push {number}")

    for number in spread(count_lines(driver, push(0)[1]), _MOST_KILLS):
        entity, killed = push(number)
        place = kill_at(driver, killed, number)
        if place:
            yield entity, place, killed.idempotency_key


def _two_chunks(rows: Sequence[Row]) -> Iterator[pd.DataFrame]:
    return iter([frame(rows[:2]), frame(rows[2:])])


def _chunks_that_fail() -> Iterator[pd.DataFrame]:
    yield frame(NEW)
    raise ChunkFailedError("this chunk is to fail")

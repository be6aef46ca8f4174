"""One entity: what is tried again, and what must never be taken for success."""

from __future__ import annotations

import contextlib
import threading
from typing import Any

import pandas as pd
import pytest

from custom_store_pipeline.config.entity import Entity
from custom_store_pipeline.config.models import Retries
from custom_store_pipeline.data.pieces import ColumnType
from custom_store_pipeline.data.pulled import DataFormat, read_pulled
from custom_store_pipeline.drivers.push_status import PushStatus
from custom_store_pipeline.errors import PullError, PushError, PushReportedFailureError, UnusableDataError
from custom_store_pipeline.transfer.progress import EntityCancelledError, Progress
from custom_store_pipeline.transfer.pull_and_push import transfer_entity

ITEMS = Entity("items", "items", (), ("p", "s", "items"), ("p", "t", "items"))
THREE = Retries(max_attempts=3, delay=0)


@pytest.fixture(autouse=True, params=[False, True], ids=["in turn", "read ahead"])
def _both_ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stores, "read_ahead", request.param)


class Stores:
    """A source and a target whose failures are scripted: a list of exceptions, None for success."""

    read_ahead = False

    def __init__(self, data=lambda: [{"id": 1}], pulls=(), pushes=()) -> None:
        self.data, self.pulls, self.pushes = data, list(pulls), list(pushes)
        self.pulled = self.pushed = 0
        self.rows: list[int] = []
        self.notes: list[str] = []

    @contextlib.contextmanager
    def pull(self):
        self.pulled += 1
        if self.pulls and (failure := self.pulls.pop(0)):
            raise failure
        yield read_pulled(self.data(), DataFormat())

    def push(self, pulled):
        self.pushed += 1
        if self.pushes and (failure := self.pushes.pop(0)):
            raise failure
        self.rows = pd.concat(list(pulled.stream))["id"].tolist()
        return PushStatus({"by": "push"})

    def transfer(self, retries=THREE, progress=None):
        progress = progress or Progress(warn=self.notes.append)
        return transfer_entity(ITEMS, self.pull, self.push, retries, progress, read_ahead=self.read_ahead)


def chunks():
    yield [{"id": 1}]
    yield [{"id": 2}]


def test_what_arrived_is_counted() -> None:
    stores = Stores(chunks)

    outcome = stores.transfer()

    assert stores.rows == [1, 2]
    assert (outcome.rows, outcome.chunks, outcome.deletes) == (2, 2, 0)
    assert outcome.columns == {"id": ColumnType("int64")}
    assert outcome.metadata == {"by": "push"}
    assert outcome.pull_seconds >= 0
    assert outcome.push_seconds >= 0


def test_a_failed_pull_is_retried() -> None:
    stores = Stores(pulls=[PullError("1"), PullError("2")])

    stores.transfer()

    assert (stores.pulled, stores.pushed) == (3, 1)
    assert [note.split(",")[0] for note in stores.notes] == [
        "pull: attempt 1 of 3 failed",
        "pull: attempt 2 of 3 failed",
    ]


def test_data_in_one_piece_is_pulled_once_and_pushed_again() -> None:
    stores = Stores(pushes=[PushError("1"), PushError("2")])

    stores.transfer()

    assert (stores.pulled, stores.pushed) == (1, 3)


def test_chunks_are_retried_as_a_whole() -> None:
    stores = Stores(chunks, pushes=[PushError("1"), PushError("2")])

    stores.transfer()

    assert (stores.pulled, stores.pushed) == (3, 3)
    assert stores.rows == [1, 2]


def test_pulls_and_pushes_have_attempts_of_their_own() -> None:
    stores = Stores(pulls=[PullError("1"), PullError("2")], pushes=[PushError("1"), PushError("2")])

    stores.transfer()

    assert (stores.pulled, stores.pushed) == (3, 3)


@pytest.mark.parametrize(
    "scripted",
    [
        {"pulls": [PullError("x")] * 3},
        {"pushes": [PushError("x")] * 3},
        {"data": chunks, "pushes": [PushError("x")] * 3},
    ],
)
def test_attempts_are_used_up(scripted: dict[str, Any]) -> None:
    stores = Stores(**scripted)

    with pytest.raises((PullError, PushError), match="x"):
        stores.transfer()

    assert max(stores.pulled, stores.pushed) == 3


@pytest.mark.parametrize(
    "failure", [PushReportedFailureError("said False"), UnusableDataError("None"), PushError("x", terminal=True)]
)
def test_what_cannot_get_better_is_not_retried(failure: Exception) -> None:
    stores = Stores(pushes=[failure])

    with pytest.raises(type(failure)):
        stores.transfer()

    assert stores.pushed == 1


def breaking_chunks():
    yield [{"id": 1}]
    raise PullError("connection lost")


def test_a_target_that_swallows_the_sources_failure_has_not_succeeded() -> None:
    stores = Stores(breaking_chunks)

    def push(pulled):
        with contextlib.suppress(Exception):
            list(pulled.stream)
        return PushStatus({})

    stores.push = push
    with pytest.raises(PullError, match="connection lost"):
        stores.transfer()
    assert stores.pulled == 3


def test_a_target_that_wraps_the_sources_failure_is_not_blamed() -> None:
    stores = Stores(breaking_chunks)

    def push(pulled):
        try:
            list(pulled.stream)
        except PullError:
            raise PushError("could not insert") from None

    stores.push = push
    with pytest.raises(PullError, match="connection lost"):
        stores.transfer()


def test_an_entity_that_was_cancelled_is_not_pushed_any_more() -> None:
    stores = Stores()
    progress = Progress(warn=stores.notes.append)

    @contextlib.contextmanager
    def slow_pull():
        progress.cancel()  # the timeout passes while the driver pulls
        yield read_pulled([{"id": 1}], DataFormat())

    stores.pull = slow_pull
    with pytest.raises(EntityCancelledError):
        stores.transfer(progress=progress)
    assert stores.pushed == 0


def test_an_entity_that_was_cancelled_gets_no_further_chunk() -> None:
    stores = Stores()
    progress = Progress(warn=stores.notes.append)

    def chunks():
        yield [{"id": 1}]
        progress.cancel()
        yield [{"id": 2}]
        pytest.fail("went on")

    stores.data = chunks
    with pytest.raises(EntityCancelledError):
        stores.transfer(progress=progress)
    assert stores.rows == []


@pytest.mark.parametrize("swallows", [False, True])
def test_a_chunk_that_was_pulled_ahead_is_not_handed_over_any_more(swallows: bool) -> None:
    stores = Stores()
    progress = Progress(warn=stores.notes.append)
    waiting = threading.Event()
    got = []

    def chunks():
        yield [{"id": 1}]
        waiting.set()
        yield [{"id": 2}]

    def push(pulled):
        pieces = iter(pulled.stream)
        got.append(next(pieces))
        if Stores.read_ahead:
            assert waiting.wait(10)
        progress.cancel()  # the timeout passes while the first chunk is pushed
        with contextlib.suppress(EntityCancelledError) if swallows else contextlib.nullcontext():
            got.append(next(pieces))
        return PushStatus({})

    stores.data, stores.push = chunks, push
    with pytest.raises(EntityCancelledError):
        stores.transfer(progress=progress)
    assert len(got) == 1


def test_a_primary_key_that_was_not_pulled_is_warned_of() -> None:
    stores = Stores(chunks)
    entity = Entity("items", "items", ("id", "idd"), ("p", "s", "items"), ("p", "t", "items"))

    transfer_entity(entity, stores.pull, stores.push, THREE, Progress(warn=stores.notes.append))

    assert stores.notes == ["primary_keys has idd, which was not pulled; the columns are id"]

"""What the sensor's cursor knows, and how changed entities are shared among runs."""

from __future__ import annotations

import json

import pytest

from custom_store_pipeline.config.entity import AssetPath, Entity
from custom_store_pipeline.errors import CursorError
from custom_store_pipeline.orchestration.sensor_cursor import SensorCursor, in_runs

VERSIONS: dict[AssetPath, str] = {("shop", "db", "a"): "1", ("shop", "db", "b"): "1", ("shop", "ä b.c", "'\""): "1"}


def noted(versions: dict[AssetPath, str] = VERSIONS, when: str = "2026-01-01") -> SensorCursor:
    return SensorCursor.of(versions, when)


def test_what_is_new_and_what_has_another_version_is_changed() -> None:
    after = {**VERSIONS, ("shop", "db", "b"): "2", ("shop", "db", "c"): "1"}

    assert noted().changed(VERSIONS) == []
    assert noted().changed(after) == [("shop", "db", "b"), ("shop", "db", "c")]


def test_parts_of_a_key_are_not_run_together() -> None:
    assert noted({("a", "b", "c,d"): "1"}).changed({("a", "b,c", "d"): "1"}) == [("a", "b,c", "d")]


def test_what_is_not_there_any_more_may_be_carried_on() -> None:
    after = {("shop", "db", "b"): "2", ("shop", "db", "c"): "1"}

    carried = noted(after, "2026-01-02").with_others_of(noted())

    assert carried.changed(VERSIONS) == [("shop", "db", "b")]
    assert carried.changed(after) == []
    assert carried.when == "2026-01-02"


def test_a_cursor_comes_back_as_it_was() -> None:
    told = SensorCursor.of(VERSIONS, "2026-01-01", reloaded="abc")
    assert SensorCursor.from_cursor(told.to_cursor()) == told
    assert SensorCursor.from_cursor(noted({}).to_cursor()) == noted({})


def test_the_cursor_stays_small_at_10_000_entities() -> None:
    versions = {("shop", "warehouse", f"entity_{number}"): f"{number:016x}" for number in range(10_000)}
    cursor = noted(versions).to_cursor()

    # A text column of MySQL, the smallest of Dagster's storages, holds 65,535 bytes.
    assert len(cursor) < 60_000
    found = SensorCursor.from_cursor(cursor)
    assert found is not None
    assert found.changed(versions) == []
    assert found.changed({key: version + "x" for key, version in versions.items()}) == list(versions)


def test_a_cursor_of_another_version_is_distinguished() -> None:
    cursor = json.dumps({**json.loads(noted().to_cursor()), "format": 99})

    assert SensorCursor.from_cursor(cursor) is None


@pytest.mark.parametrize("cursor", ["x", "3", "[]", "{}", '{"format": 1}', '{"format": 1, "when": "", "hashes": "!"}'])
def test_a_cursor_that_is_none_is_refused_with_the_remedy(cursor: str) -> None:
    with pytest.raises(CursorError, match=r"cannot be read \(.*\); clear it on the sensor's page in the UI"):
        SensorCursor.from_cursor(cursor)


def test_the_same_change_seen_twice_in_one_cursor_has_one_run_key() -> None:
    assert noted().run_key(VERSIONS, "") == noted().run_key(VERSIONS, "")
    assert noted().run_key(VERSIONS, "") != noted().run_key(VERSIONS, "2026-01-01")


def test_a_version_that_comes_back_has_another_run_key() -> None:
    changed = {("shop", "db", "b"): "2"}

    assert noted(when="2026-01-01").run_key(changed, "") != noted(when="2026-01-02").run_key(changed, "")


def entity(name: str, source: str | None = None) -> Entity:
    return Entity(name, name, (), ("shop", "db" if source else "api", source or name), ("shop", "db", name))


def names(runs: list[list[Entity]]) -> list[list[str]]:
    return [[entity.name for entity in run] for run in runs]


def shared(entities: list[Entity], most: int) -> list[list[str]]:
    return names([list(run) for run in in_runs(entities, most)])


def test_runs_have_so_many_entities_at_most() -> None:
    runs = shared([entity(str(number)) for number in range(1_201)], 500)

    assert [len(run) for run in runs] == [500, 500, 201]
    assert sorted(name for run in runs for name in run) == sorted(str(number) for number in range(1_201))


def test_what_is_read_from_runs_first_and_in_the_same_run() -> None:
    entities = [entity("a"), entity("b"), entity("c2", "c1"), entity("d"), entity("c1", "c0"), entity("c0")]

    assert shared(entities, 4) == [["a", "b"], ["c0", "c1", "c2", "d"]]


def test_a_chain_that_no_run_holds_is_begun_at_its_source() -> None:
    chain = [entity(f"c{number}", f"c{number - 1}") for number in range(5, 0, -1)]

    assert shared(chain, 2) == [["c1", "c2"], ["c3", "c4"], ["c5"]]


def test_no_entities_are_no_run() -> None:
    assert shared([], 3) == []

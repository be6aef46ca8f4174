"""Runs beside each other, late pushes, wipes meanwhile, deleted runs: no row is lost, and none stays for ever."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from custom_store_pipeline.state.deletions.snapshot_folder import ORPHAN, PUSH
from tests.world.histories import World, world


@pytest.fixture(params=["full", "incremental"])
def found(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, load_type=request.param) as made:
        yield made


def put(found: World, *keys: int) -> None:
    found.change(*(("put", key) for key in keys))


def drop(found: World, *keys: int) -> None:
    found.change(*(("drop", key) for key in keys))


def test_an_empty_pull_beside_another_run_loses_none_of_its_keys(found: World) -> None:
    put(found, 2)
    one = found.begin()
    one.compare()
    empty = found.begin(pulls_nothing=True)
    empty.compare()
    for run in (one, empty):
        run.push()
        run.store()
    drop(found, 2)
    put(found, 1)

    found.materialize()

    assert found.target == found.source


def test_an_empty_pull_after_a_wipe_does_not_bring_back_what_was_wiped(found: World) -> None:
    put(found, 1, 2)
    found.materialize()
    found.wipe()
    empty = found.begin(pulls_nothing=True)
    empty.push()
    empty.store()
    drop(found, 2)

    run = found.begin()
    run.compare()

    assert run.recorded is not None
    assert run.recorded.deletes is None


@pytest.mark.parametrize("end", ["fails", "is killed"])
def test_a_push_that_comes_after_two_other_runs_is_repaired(found: World, end: str) -> None:
    put(found, 1, 8)
    late = found.begin()
    late.compare()
    drop(found, 8)
    put(found, 1)
    found.materialize()
    found.materialize()

    late.push()
    if end == "fails":
        late.fail()
    assert found.target != found.source

    found.materialize()
    if end == "is killed":  # Dagster says that it runs until somebody, or its monitoring, ends it
        late.fail()
        found.materialize()
    assert found.target == found.source


def test_what_a_late_push_may_bring_is_compared_with_until_a_run_after_its_end(found: World) -> None:
    put(found, 1, 8)
    late = found.begin()
    late.compare()
    drop(found, 8)
    for _ in range(3):
        run = found.materialize()
        assert list(run.recorded.deletes["id"]) == [8]
    assert any("has not ended in Dagster" in note for note in found.notes)

    late.fail()
    found.materialize()
    assert found.materialize().recorded.deletes is None
    assert found.folder.names(PUSH) == []


def test_what_waits_for_a_late_push_does_not_trip_the_guard_again(found: World) -> None:
    put(found, *range(1, 9))
    late = found.begin()
    late.compare()
    found.materialize()
    found.settings.max_delete_fraction = 0.5
    for keys in ((1, 2, 3, 4), (5, 6), (7,)):
        drop(found, *keys)
        found.materialize()

    assert set(found.target) == {8}


def test_a_push_that_timed_out_and_comes_later_in_a_process_that_lives_on_is_repaired(found: World) -> None:
    put(found, 1, 8)
    late = found.begin()
    late.compare()
    late.time_out()
    assert len(found.folder.names(ORPHAN)) == 1
    drop(found, 8)
    put(found, 1)
    found.materialize()
    found.materialize()

    late.push()
    late.fail()  # its thread has returned
    assert found.folder.names(ORPHAN) == []

    found.materialize()
    assert found.target == found.source


def test_a_late_push_without_keys_is_repaired_too(tmp_path: Path) -> None:
    with world(tmp_path, load_type="incremental", delete_type="none") as found:
        put(found, 1, 2)
        found.materialize()
        put(found, 1)
        late = found.begin()
        late.compare()
        put(found, 1)
        found.materialize()
        late.push()
        late.fail()
        assert found.target != found.source

        run = found.materialize()

        assert found.target == found.source
        assert run.loaded.repeats == late.id
        assert found.materialize().loaded.repeats == ""


def test_a_wipe_while_a_run_pushes_loses_no_row(found: World) -> None:
    put(found, 1, 2)
    found.materialize()
    put(found, 3)
    run = found.begin()
    run.push()
    found.wipe()
    run.store()

    found.materialize()

    assert found.target == found.source


def test_a_wipe_while_the_first_run_pushes_loses_no_row(found: World) -> None:
    put(found, 1, 2)
    run = found.begin()
    run.push()
    found.wipe()
    run.store()
    drop(found, 2)

    found.materialize()

    assert found.target == found.source


def test_keys_that_are_pushed_after_a_wipe_are_compared_with(found: World) -> None:
    put(found, 1, 2)
    run = found.begin()
    run.compare()
    found.wipe()
    run.push()
    run.store()
    drop(found, 2)

    found.materialize()

    assert found.target == found.source


def test_keys_that_are_pushed_after_a_reset_are_compared_with(found: World) -> None:
    put(found, 1, 2)
    run = found.begin()
    run.compare()
    found.reset()
    run.push()
    run.fail()
    drop(found, 2)

    found.materialize()

    assert found.target == found.source


def test_deleting_the_run_that_another_began_from_loses_no_row(found: World) -> None:
    put(found, 1, 2)
    found.materialize()
    put(found, 3)
    second = found.materialize()
    put(found, 4)
    third = found.begin()
    third.push()
    found.target.pop(3)  # taken back by hand, as is what the run remembered
    found.delete_run(second.id)
    third.store()

    found.materialize()

    assert found.target == found.source


def test_deleting_the_newest_runs_leaves_no_failure_behind(found: World) -> None:
    put(found, 1, 2, 3)
    runs = []
    for key in range(10, 16):
        put(found, key)
        runs.append(found.materialize())
    for run in runs[1:]:
        found.delete_run(run.id)
    drop(found, 1, 11)

    found.materialize()

    assert found.target == found.source
    assert any("was cleaned up by a later run that was deleted in Dagster since" in note for note in found.notes)


def test_first_load_beside_a_run_that_pushes_late_is_repaired(tmp_path: Path) -> None:
    with world(tmp_path) as found:
        put(found, 1, 8)
        late = found.begin()
        late.compare()
        drop(found, 8)
        found.settings.first_load = True
        found.materialize()
        found.settings.first_load = False
        late.push()
        late.fail()

        found.materialize()

        assert found.target == found.source


def test_another_source_of_the_same_target_is_compared_with_what_is_there(found: World) -> None:
    put(found, 1, 2)
    found.materialize()
    found.settings.source = "other_feed"
    drop(found, 2)

    run = found.materialize()

    assert found.target == found.source
    assert run.before.watermarks == {}


def test_what_was_pushed_without_its_keys_is_not_known_and_a_warning_says_so(found: World) -> None:
    put(found, 1)
    found.materialize()
    found.settings.delete_type = "none"
    put(found, 2)
    found.materialize()
    found.settings.delete_type = "keys"
    drop(found, 2)

    found.materialize()

    assert set(found.target) == {1, 2}
    assert found.notes == [
        "rows were pushed while delete_type was none, and their keys were not recorded; those that were deleted in the "
        "source since are not known. If there are any, load everything once with write_mode: overwrite, or delete "
        "them in the target"
    ]
    put(found, 3)
    drop(found, 1)
    found.materialize()
    assert set(found.target) == {2, 3}
    assert len(found.notes) == 1


def test_a_late_push_from_before_a_wipe_does_not_raise_the_watermark(tmp_path: Path) -> None:
    with world(tmp_path, load_type="incremental") as found:
        put(found, 1, 2)
        found.materialize()
        put(found, 3)
        late = found.begin()
        late.compare()
        found.wipe()
        empty = found.begin(pulls_nothing=True)
        empty.push()
        empty.store()
        late.push()
        late.fail()

        found.materialize()

        assert found.target == found.source


def test_a_late_push_does_not_hide_that_a_full_load_went_back(tmp_path: Path) -> None:
    with world(tmp_path, load_type="incremental") as found:
        put(found, 1, 2, 3)
        found.materialize()
        put(found, 4)
        late = found.begin()
        late.compare()
        found.source, found.version = {1: 1}, 1  # restored from a backup
        found.settings.load_type = "full"
        found.materialize()
        found.settings.load_type = "incremental"
        put(found, 2)
        late.push()
        late.fail()

        found.materialize()

        assert found.target == found.source

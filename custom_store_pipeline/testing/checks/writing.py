"""What a push does to the rows that are in the store already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from custom_store_pipeline.errors import CustomStoreError
from custom_store_pipeline.testing.check import NotForThisDriverError, check
from custom_store_pipeline.testing.checks.sample import NEW, OLD, check_rows, frame
from custom_store_pipeline.testing.driver_under_test import DriverUnderTest

if TYPE_CHECKING:
    import pandas as pd

_CHANGED = [{"id": 2, "name": "B"}, {"id": 4, "name": "d"}]


@check("push")
def push_returns_a_status(driver: DriverUnderTest) -> None:
    """What a push returns is shown with the materialization; None may be a forgotten return, or half of a push."""
    status = driver.push(frame(OLD))
    if status.warning:
        raise AssertionError(status.warning)


@check("read back", needs="overwrite")
def overwrite_replaces_all_rows(driver: DriverUnderTest) -> None:
    """A full load that leaves old rows behind shows what is gone in the source, for ever."""
    driver.push(frame(OLD), mode="overwrite")
    driver.push(frame(NEW), mode="overwrite")
    check_rows(driver.rows(), NEW, "an overwrite")


@check("read back", needs="append")
def append_adds_the_rows(driver: DriverUnderTest) -> None:
    """An append that replaces what is there loses the history."""
    driver.push(frame(OLD), mode="append")
    driver.push(frame(NEW), mode="append")
    check_rows(driver.rows(), [*OLD, *NEW], "an append")


@check("read back", needs="upsert")
def upsert_replaces_rows_of_the_same_key(driver: DriverUnderTest) -> None:
    """Incremental loads send changed rows again: the old version must go, and the others stay."""
    driver.push(frame(OLD), mode="upsert")
    driver.push(frame(_CHANGED), mode="upsert")
    check_rows(driver.rows(), [OLD[0], *_CHANGED, OLD[2]], "an upsert")


@check("read back", needs="upsert")
def upsert_compares_all_key_columns(driver: DriverUnderTest) -> None:
    """With two key columns, a row that shares only one of them is another row."""
    rows = [{"id": 1, "part": "x", "name": "a"}, {"id": 1, "part": "y", "name": "b"}]
    changed = [{"id": 1, "part": "y", "name": "B"}, {"id": 2, "part": "y", "name": "c"}]
    keys = ("id", "part")
    driver.push(frame(rows), mode="upsert", keys=keys)
    driver.push(frame(changed), mode="upsert", keys=keys)
    check_rows(driver.rows(), [rows[0], *changed], "an upsert with two key columns", by=keys)


@check("push")
def a_mode_that_it_has_not_is_refused(driver: DriverUnderTest) -> None:
    """A driver that takes one mode for another duplicates or deletes rows, and says that all is well."""
    others = [mode for mode in ("overwrite", "append", "upsert") if mode not in driver.write_modes]
    if not others:
        raise NotForThisDriverError("it has all of overwrite, append and upsert, or no capabilities that say otherwise")
    for mode in others:
        try:
            driver.push(frame(OLD), mode=mode)
        except CustomStoreError:
            continue
        raise AssertionError(
            f"write_mode: {mode} is not among its capabilities, and the push succeeded; raise an error"
        )


@check("read back")
def the_same_push_again_changes_nothing(driver: DriverUnderTest) -> None:
    """Delivery is at-least-once: after a crash the same rows come again, in a later run."""
    modes = [mode for mode in driver.write_modes if mode != "append"]
    if not modes:
        raise NotForThisDriverError("it only appends; see an_answer_that_was_lost_adds_nothing_twice")
    for mode in modes:
        entity = driver.name(mode)
        driver.push(frame(OLD), entity, mode=mode)
        driver.push(frame(OLD), entity, mode=mode)
        check_rows(driver.rows(entity), OLD, f"the same push by {mode} again")


@check("read back")
def entities_stay_apart(driver: DriverUnderTest) -> None:
    """A push of one entity must not touch another one, above all not one whose name begins the same."""
    driver.push(frame(OLD), driver.name("items"))
    driver.push(frame(NEW), driver.name("items_of_today"))
    check_rows(driver.rows(driver.name("items")), OLD, "a push of another entity")


@check("read back")
def all_chunks_arrive(driver: DriverUnderTest) -> None:
    """What does not fit into memory comes in chunks: each of them must be written, not only the first or the last."""
    driver.push(iter([frame(OLD), frame(NEW), frame([{"id": 7, "name": "g"}])]))
    check_rows(driver.rows(), [*OLD, *NEW, {"id": 7, "name": "g"}], "a push of three chunks")


@check("read back")
def empty_chunks_do_no_harm(driver: DriverUnderTest) -> None:
    """A page or a partition without rows is a chunk too."""
    driver.push(iter([frame([]), frame(OLD), frame([]), frame(NEW)]))
    check_rows(driver.rows(), [*OLD, *NEW], "a push with empty chunks")


@check("read back")
def columns_go_by_their_names(driver: DriverUnderTest) -> None:
    """A source may change the order of its columns; values written by position land in the wrong ones."""
    driver.push(frame([{"id": 1, "name": "a", "city": "x"}]), mode=_keeping(driver))
    driver.push(frame([{"city": "y", "name": "b", "id": 2}]), mode=_keeping(driver))
    expected = [{"id": 1, "name": "a", "city": "x"}, {"id": 2, "name": "b", "city": "y"}]
    check_rows(driver.rows(), expected, "a push with the columns in another order")


@check("read back")
def a_missing_column_is_null_or_an_error(driver: DriverUnderTest) -> None:
    """A source that drops a column must not shift the others, nor leave values of other rows."""
    mode = _keeping(driver)
    driver.push(frame([{"id": 1, "name": "a", "city": "x"}]), mode=mode)
    try:
        driver.push(frame([{"id": 2, "name": "b"}]), mode=mode)
    except CustomStoreError:
        return
    expected = [{"id": 1, "name": "a", "city": "x"}, {"id": 2, "name": "b", "city": None}]
    check_rows(driver.rows(), expected, "a push that lacks a column")


@check("read back")
def a_new_column_is_not_dropped_silently(driver: DriverUnderTest) -> None:
    """A source that adds a column must be seen: its values arrive, or the push fails and says why."""
    mode = _keeping(driver)
    driver.push(frame([{"id": 1, "name": "a"}]), mode=mode)
    try:
        driver.push(frame([{"id": 2, "name": "b", "city": "y"}]), mode=mode)
    except CustomStoreError:
        return
    check_rows(driver.rows(), [{"id": 1, "name": "a"}, {"id": 2, "name": "b", "city": "y"}], "a push with a new column")


@check("read back", needs="new_columns")
def a_new_column_is_added(driver: DriverUnderTest) -> None:
    """A target that adds columns needs nobody at night when the source has a new one."""
    mode = _keeping(driver)
    driver.push(frame([{"id": 1, "name": "a"}]), mode=mode)
    driver.push(frame([{"id": 2, "name": "b", "city": "y"}]), mode=mode)


@check("read back", needs="deletes")
def deletes_without_rows_are_done(driver: DriverUnderTest) -> None:
    """A run may find deletions and no new rows; a push that ends early because df is empty leaves them."""
    driver.push(frame(OLD), mode=_keeping(driver, "deletes"))
    driver.push(frame([]), mode=_keeping(driver, "deletes"), deletes=_keys(2))
    check_rows(driver.rows(), [OLD[0], OLD[2]], "a push with a row to delete and no others")


@check("read back", needs="deletes")
def deletes_and_rows_are_both_done(driver: DriverUnderTest) -> None:
    """Most runs have both."""
    driver.push(frame(OLD), mode=_keeping(driver, "deletes"))
    driver.push(frame([{"id": 4, "name": "d"}]), mode=_keeping(driver, "deletes"), deletes=_keys(1, 3))
    check_rows(driver.rows(), [OLD[1], {"id": 4, "name": "d"}], "a push with rows and rows to delete")


@check("read back", needs="deletes")
def deletes_of_unknown_keys_do_no_harm(driver: DriverUnderTest) -> None:
    """Deletes come again after a crash, and then the rows are gone already."""
    driver.push(frame(OLD), mode=_keeping(driver, "deletes"))
    driver.push(frame([]), mode=_keeping(driver, "deletes"), deletes=_keys(99))
    check_rows(driver.rows(), OLD, "a push with a row to delete that is not there")


@check("read back", needs="soft_deletes")
def soft_deletes_mark_the_rows(driver: DriverUnderTest) -> None:
    """With delete_mode: soft_delete people want to see what was deleted, so the row stays, marked."""
    settings: dict[str, Any] = {"delete_mode": "soft_delete", "delete_log_columns": [{"column": "deleted", "value": 1}]}
    mode = _keeping(driver, "soft_deletes")
    driver.push(frame([{**row, "deleted": 0} for row in OLD]), mode=mode, **settings)
    driver.push(frame([], columns=("id", "name", "deleted")), mode=mode, deletes=_keys(2).assign(deleted=1), **settings)
    expected = [{**row, "deleted": int(row["id"] == 2)} for row in OLD]
    check_rows(driver.rows(), expected, "a soft delete")


def _keeping(driver: DriverUnderTest, needs: str = "") -> str:
    """A mode that keeps the rows that are there."""
    mode = next((mode for mode in ("upsert", "append") if mode in driver.write_modes), "")
    if not mode:
        what = f"{needs} show" if needs else "this shows"
        raise NotForThisDriverError(f"{what} only in a mode that keeps rows, upsert or append, and it has neither")
    return mode


def _keys(*keys: int) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({"id": list(keys)})

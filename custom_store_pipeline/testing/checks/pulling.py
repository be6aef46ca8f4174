"""What comes out of a driver that is a source."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from custom_store_pipeline.errors import CustomStoreError
from custom_store_pipeline.testing.check import NotForThisDriverError, check
from custom_store_pipeline.testing.checks.sample import OLD, check_rows, frame, records
from custom_store_pipeline.testing.driver_under_test import DriverUnderTest

if TYPE_CHECKING:
    pass


@check("pull")
def pull_returns_data(driver: DriverUnderTest) -> None:
    """What is no table, no chunks and no document fails the entity: None, a dict, a Series."""
    _entity(driver)
    driver.pull()


@check("pull")
def pull_returns_the_same_rows_again(driver: DriverUnderTest) -> None:
    """A retry pulls again: what a first call used up, or left in the class, would be missing."""
    _entity(driver)
    first, second = driver.pull(), driver.pull()
    if list(first.columns) != list(second.columns) or len(first) != len(second):
        raise AssertionError(
            f"the first pull returned {len(first)} rows with the columns {list(first.columns)}, and the second one "
            f"{len(second)} rows with {list(second.columns)}"
        )


@check("pull")
def pull_of_an_unknown_entity_fails(driver: DriverUnderTest) -> None:
    """An empty table for a misspelled entity looks like a success, and empties the target when it is overwritten."""
    _entity(driver)
    with contextlib.suppress(CustomStoreError):
        found = driver.pull(driver.name("absent"))
        raise AssertionError(
            f"pull_data returned {len(found)} rows of an entity that the store does not have; raise an exception that "
            "names those that it has"
        )


@check("pull")
def pull_can_be_given_up(driver: DriverUnderTest) -> None:
    """A timeout or a failing target ends a pull after its first chunk; a generator must not raise when it is closed."""
    _entity(driver)
    endpoint = driver.endpoint("from")
    with endpoint.pull() as pulled:  # which is closed at the end
        next(iter(pulled.stream))


@check("pull")
def pull_keys_returns_the_keys_of_all_rows(driver: DriverUnderTest) -> None:
    """With delete_type: keys, a key that pull_keys leaves out is deleted in the target."""
    if not driver.has("pull_keys"):
        raise NotForThisDriverError("the driver has no pull_keys")
    keys = list(_keys(driver))
    endpoint = driver.endpoint("from", keys=keys)
    with endpoint.pull("pull_keys") as pulled:
        found = endpoint.as_frames(pulled).stream.joined()
    check_rows(found, records(driver.pull()[keys]), "pull_keys", by=keys)


@check("pull")
def fingerprint_stays_while_nothing_changes(driver: DriverUnderTest) -> None:
    """A fingerprint that changes by itself starts a run each time that the sensor looks."""
    if not driver.has("fingerprint"):
        raise NotForThisDriverError("the driver has no fingerprint")
    _entity(driver)
    first, second = driver.endpoint("from").fingerprint(), driver.endpoint("from").fingerprint()
    if first != second:
        raise AssertionError(f"fingerprint returned {first} and then {second}, and nothing had changed in between")


@check("pull")
def listed_entities_can_be_pulled(driver: DriverUnderTest) -> None:
    """`custom-store discover` makes an asset of each name that list_entities returns."""
    if not driver.has("list_entities"):
        raise NotForThisDriverError("the driver has no list_entities")
    name = _entity(driver)
    names = driver.endpoint("from").list_entities()
    if name not in names:
        raise AssertionError(f"list_entities returned {names[:20]}, without '{name}', which can be pulled")
    driver.pull(names[0])


@check("pull", needs="incremental")
def incremental_pull_returns_what_is_new(driver: DriverUnderTest) -> None:
    """Rows above the watermark must come, or they are lost; rows below it cost time in each run."""
    if driver.entity and not driver.offset_columns:
        raise NotForThisDriverError("the entity's offset columns are not known; set `offset_columns` in the test class")
    column = driver.offset_columns[0] if driver.offset_columns else "id"
    mode = next((mode for mode in driver.write_modes if mode != "overwrite"), "")
    settings: dict[str, Any] = {"mode": mode or "append", "load_type": "incremental"}
    _entity(driver)
    everything = driver.pull()
    values = sorted(everything[column].dropna().unique())
    if len(values) < 2:
        raise NotForThisDriverError(f"the entity has less than two values in '{column}'; choose one that has more")
    reached = values[len(values) // 2]
    found = driver.pull(watermarks={column: reached}, **settings)
    lost = [value for value in values if value > reached and value not in set(found[column])]
    old = [value for value in found[column] if value < reached]
    if lost or old:
        what = f"left out rows with {lost[0]}" if lost else f"returned rows with {old[0]}"
        raise AssertionError(f"with the watermark {reached} of '{column}', pull_data {what}")


def _entity(driver: DriverUnderTest) -> str:
    """An entity that can be pulled; pushed first, if none is known."""
    if driver.entity:
        return driver.entity
    driver.push(frame(OLD), driver.name())
    return driver.name()


def _keys(driver: DriverUnderTest) -> tuple[str, ...]:
    _entity(driver)
    if driver.entity and not driver.primary_keys:
        raise NotForThisDriverError("the entity's primary keys are not known; set `primary_keys` in the test class")
    return driver.primary_keys or ("id",)

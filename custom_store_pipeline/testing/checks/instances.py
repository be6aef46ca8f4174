"""What the class is, and what its objects share, show and leave open."""

from __future__ import annotations

import contextlib
import copy
import threading
from collections.abc import Callable, Iterator
from typing import Any

from custom_store_pipeline.drivers.calls import call_push, instance
from custom_store_pipeline.drivers.capabilities import claimed_capabilities
from custom_store_pipeline.drivers.endpoint import Endpoint
from custom_store_pipeline.drivers.static_check import SIGNATURES, check_driver, defines
from custom_store_pipeline.errors import CustomStoreError, PullError, PushError
from custom_store_pipeline.testing.check import NotForThisDriverError, check
from custom_store_pipeline.testing.checks.sample import OLD, check_rows, frame
from custom_store_pipeline.testing.driver_under_test import SECRET, SECRET_KEY, DriverUnderTest


@check("any")
def the_constructor_takes_no_arguments(driver: DriverUnderTest) -> None:
    """Each pull and each push makes an object of its own, and has nothing to give to its constructor."""
    if not (driver.pulls or driver.pushes):
        raise NotForThisDriverError("its methods cannot be called")
    with instance(driver.version, "pull_data" if driver.pulls else "push_data", PullError, _redactor(driver)) as made:
        if hasattr(made, "close"):  # what an object that was not used does when it is closed is a check of its own
            made.close = lambda: None


@check("any")
def methods_take_what_they_are_called_with(driver: DriverUnderTest) -> None:
    """A method with other arguments fails its entity in the middle of the night instead of now."""
    methods = [name for name in SIGNATURES if name != "__init__" and defines(driver.source, name)]
    if not {"pull_data", "push_data", "push_arrow"} & set(methods) and not (driver.pulls or driver.pushes):
        raise AssertionError("the driver has none of pull_data, push_data and push_arrow, so nothing can use it")
    for method in methods:
        check_driver(driver.source, method)


@check("any")
def capabilities_are_known(driver: DriverUnderTest) -> None:
    """A misspelled capability claims nothing, and `validate` would refuse mappings that the driver can serve."""
    if claimed_capabilities(driver.source) is None:
        raise NotForThisDriverError("the driver has no attribute capabilities")


@check("any")
def an_unused_object_can_be_closed(driver: DriverUnderTest) -> None:
    """close() comes after every call, also when the call failed before it had opened anything."""
    if not driver.has("close"):
        raise NotForThisDriverError("the driver has no close")
    with instance(driver.version, "close", PushError, _redactor(driver)):
        pass


@check("push")
def close_works_after_a_failed_push(driver: DriverUnderTest) -> None:
    """A close() that raises after a failure leaves connections and locks open, and the retry fails on them."""
    if not driver.has("close"):
        raise NotForThisDriverError("the driver has no close")
    endpoint = driver.endpoint("to", keys=("id",))
    with _instance_for(driver, endpoint) as (_, push), contextlib.suppress(Exception):
        push(endpoint.make_config(), _Unusable())  # and it is closed at the end


@check("push")
def the_config_is_not_changed(driver: DriverUnderTest) -> None:
    """A driver that changes its config is hard to read: what a method sees depends on what was called before."""
    endpoint = driver.endpoint("to", keys=("id",))
    config = endpoint.make_config()
    before = copy.deepcopy(config)
    with _instance_for(driver, endpoint) as (_, push):
        push(config, frame(OLD))
    changed = sorted(key for key in config.keys() | before.keys() if config.get(key) != before.get(key))
    if changed:
        raise AssertionError(f"the push changed config[{changed[0]!r}]; work on a copy")


@check("read back")
def two_objects_can_work_at_once(driver: DriverUnderTest) -> None:
    """With concurrency above 1 entities are pushed in threads; what is shared at class level mixes them up."""
    entities, failures = [driver.name("left"), driver.name("right")], []
    start = threading.Barrier(2)

    def push(entity: str, first: int) -> None:
        start.wait(30)
        try:
            for part in range(3):
                driver.push(frame([{"id": first + part, "name": entity}]), entity, mode=_keeping(driver))
        except CustomStoreError as error:
            failures.append(error)

    threads = [threading.Thread(target=push, args=(entity, 10 * place)) for place, entity in enumerate(entities)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if failures:
        raise failures[0]
    for place, entity in enumerate(entities):
        expected = [{"id": 10 * place + part, "name": entity} for part in range(3)]
        expected = expected if _keeping(driver) != "overwrite" else expected[-1:]
        check_rows(driver.rows(entity), expected, f"two threads pushed two entities, '{entity}' one of them,")


@check("any")
def its_repr_hides_the_config(driver: DriverUnderTest) -> None:
    """Tools print objects: an object that shows its config shows the passwords in it."""
    _need_secret(driver)
    shown = []
    if driver.pushes:
        endpoint = driver.endpoint("to", keys=("id",))
        with _instance_for(driver, endpoint) as (made, push):
            with contextlib.suppress(Exception):
                push(endpoint.make_config(), frame(OLD))
            shown.append(repr(made) + str(made))
    if driver.pulls:
        endpoint = driver.endpoint("from")
        with _closing(driver, "pull_data") as made:
            with contextlib.suppress(Exception):
                _read_all(made.pull_data(endpoint.make_config(), endpoint.entity))
            shown.append(repr(made) + str(made))
    if any(SECRET in text for text in shown):
        raise AssertionError(f"repr(driver) shows config['{SECRET_KEY}']; leave the config out of __repr__")


@check("any")
def its_messages_hide_the_config(driver: DriverUnderTest) -> None:
    """Messages of errors are stored by Dagster and sent to people; a whole config in one has all that is secret."""
    _need_secret(driver)
    texts = []
    if driver.pushes:
        texts.append(_message_of(lambda: _push_something_unusable(driver)))
    if driver.pulls:
        texts.append(_message_of(lambda: _pull_something_absent(driver)))
    shown = next((text for text in texts if SECRET in text), None)
    if shown:
        raise AssertionError(
            f"a message shows config['{SECRET_KEY}'] ({shown.replace(SECRET, '***')[:200]}); name the value that is "
            "wrong, not the whole config"
        )


@check("any")
def its_own_check_passes(driver: DriverUnderTest) -> None:
    """`custom-store check` tells people whether a store can be reached; one that raises on a good store misleads."""
    if not driver.has("check"):
        raise NotForThisDriverError("the driver has no check")
    endpoint = driver.endpoint("to" if driver.pushes else "from")
    with instance(driver.version, "check", PullError, endpoint.redactor) as made:
        found = made.check(endpoint.make_config())
    if found is False:
        raise AssertionError("check(config) returned False on a store that works; raise what is wrong, or return True")


class _Unusable:
    """Neither a DataFrame nor a reader nor an iterator: whatever a driver does with it fails."""

    def __getattr__(self, name: str) -> Any:
        raise ValueError("this push is to fail")


def _push_something_unusable(driver: DriverUnderTest) -> None:
    endpoint = driver.endpoint("to", keys=("id",))
    with _instance_for(driver, endpoint) as (_, push):
        push(endpoint.make_config(), _Unusable())


def _pull_something_absent(driver: DriverUnderTest) -> None:
    endpoint = driver.endpoint("from", driver.name("absent"))
    with _closing(driver, "pull_data") as made:
        _read_all(made.pull_data(endpoint.make_config(), endpoint.entity))


def _redactor(driver: DriverUnderTest) -> Any:
    return driver.endpoint("from").redactor


def _keeping(driver: DriverUnderTest) -> str:
    """A mode that keeps rows, if there is one."""
    return next((mode for mode in ("upsert", "append", "overwrite") if mode in driver.write_modes), "overwrite")


def _need_secret(driver: DriverUnderTest) -> None:
    if not driver.store.get("args"):
        raise NotForThisDriverError("the store has no args, so there is no place to put a secret beside them")


@contextlib.contextmanager
def _closing(driver: DriverUnderTest, method: str) -> Iterator[Any]:
    with instance(driver.version, method, PushError, _redactor(driver)) as made:
        yield made


@contextlib.contextmanager
def _instance_for(driver: DriverUnderTest, endpoint: Endpoint) -> Iterator[tuple[Any, Callable[[Any, Any], Any]]]:
    """An object of the driver, and what pushes a DataFrame through it without any of our own handling of errors."""
    method = "push_arrow" if endpoint.has("push_arrow") else "push_data"

    def push(config: dict[str, Any], data: Any) -> Any:
        import pyarrow as pa

        if method == "push_arrow" and not isinstance(data, _Unusable):
            data = pa.RecordBatchReader.from_stream(pa.Table.from_pandas(data, preserve_index=False))
        return call_push(getattr(made, method), config, endpoint.entity, data, None)

    with instance(driver.version, "push_data", PushError, endpoint.redactor) as made:
        yield made, push


def _read_all(returned: Any) -> None:
    if not isinstance(returned, str | bytes) and hasattr(returned, "__iter__"):
        for _ in returned:
            pass


def _message_of(function: Callable[[], Any]) -> str:
    try:
        function()
    except Exception as error:
        return f"{error} {error.__cause__ or ''}"
    return ""

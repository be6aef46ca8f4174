"""Calls into a driver: an instance for each call, and whatever it raises as one of our errors, without secrets."""

from __future__ import annotations

import contextlib
import inspect
import logging
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from custom_store_pipeline.drivers.loading import DriverVersion, load_driver_class
from custom_store_pipeline.drivers.tracebacks import reason_of, traceback_of
from custom_store_pipeline.errors import (
    CustomStoreError,
    DriverCallError,
    DriverSignatureError,
    PullError,
    PushError,
    PushReportedFailureError,
    TerminalError,
    UndecodableDataError,
    UnusableDataError,
)
from custom_store_pipeline.redaction import Redactor

Result = TypeVar("Result")

_log = logging.getLogger("custom_store_pipeline")


def call(function: Callable[[], Result], failure: type[DriverCallError], who: str, redactor: Redactor) -> Result:
    """Calls into a driver.

    Args:
        function: the call.
        failure: what to raise if the driver raises.
        who: what messages call it.
        redactor: masks secrets in what is raised.

    Raises:
        DriverCallError: the driver raised; its own exception is suppressed, because Dagster would store its text.
        ResultError: what it returned cannot be used.
    """
    try:
        return function()
    except (UnusableDataError, PushReportedFailureError) as error:
        raise type(error)(redactor.text(f"{who} {error}")) from None
    except UndecodableDataError as error:
        # A target that reads chunks passes on what the source's reader raised, which names the source already.
        text = f"{who} {error}" if str(error).startswith("returned ") else str(error)
        raise UndecodableDataError(redactor.text(text), redactor.text(error.driver_traceback)) from None
    except BaseException as error:  # also sys.exit() in a driver: it must fail its entity, not end a thread silently
        terminal = isinstance(error, TerminalError)
        if isinstance(error, CustomStoreError) and not terminal:
            raise
        reason, trace = reason_of(error, redactor.text), redactor.text(traceback_of(error))
        raise failure(f"{who} raised {reason}", trace, terminal=terminal) from None


@contextlib.contextmanager
def instance(version: DriverVersion, method: str, failure: type[DriverCallError], redactor: Redactor) -> Iterator[Any]:
    """A new instance of a driver, closed at the end. Entities share nothing, and a second attempt starts clean.

    Args:
        version: the driver.
        method: the method that it is for.
        failure: what to raise if the driver raises.
        redactor: masks secrets in what is raised.

    Raises:
        DriverError: the driver cannot be found, imported, created or closed, or has no such method.
    """
    found = load_driver_class(version, method, redactor)
    driver = call(found, failure, f"{found.__name__}()", redactor)
    try:
        call(lambda: _check_method(driver, method, version), failure, found.__name__, redactor)
        yield driver
    except BaseException:
        # The first error is what the user needs to know, not that closing failed after it.
        with contextlib.suppress(BaseException):
            _close(driver)
        raise
    try:
        call(lambda: _close(driver), failure, f"{found.__name__}.close()", redactor)
    except PullError as error:
        # All rows have arrived: a source that cannot be closed is no reason to push them again.
        _log.warning("%s", error)
    except PushError as error:
        # What a driver writes when it closes may be missing, but sending all rows again may duplicate the others.
        raise PushError(str(error), error.driver_traceback, terminal=True) from None


def call_push(push: Callable[..., Any], config: dict[str, Any], entity: str, data: Any, deletes: Any) -> Any:
    """Calls a driver's push; the argument for deletes is optional for drivers as long as there are none."""
    # A decorator decides itself what it takes, whatever it wraps.
    signature = inspect.signature(push, follow_wrapped=False)
    name = "deletes" if push.__name__ == "push_arrow" else "deletes_df"
    for arguments, by_name in (
        ((config, entity, data, deletes), {}),
        ((config, entity, data), {name: deletes}),
        *([((config, entity, data), {})] if deletes is None else []),
    ):
        try:
            signature.bind(*arguments, **by_name)
        except TypeError:
            continue
        return push(*arguments, **by_name)
    if deletes is None:
        called = f"(config, entity, data, {name})"
        raise DriverSignatureError(f"'{push.__name__}{signature}' cannot be called as it will be, with {called}")
    raise DriverSignatureError(
        f"there are {len(deletes)} rows to delete, and '{push.__name__}' does not take them; "
        f"add the argument {name}=None, and delete these rows"
    )


def _check_method(driver: Any, method: str, version: DriverVersion) -> None:
    """For methods that the source does not show: set in the constructor, inherited, made by a decorator."""
    if not callable(getattr(driver, method, None)):
        raise DriverSignatureError(f"{type(driver).__name__} of '{version.shown}' has no {method}; add it")


def _close(driver: Any) -> None:
    close: Callable[[], None] | None = getattr(driver, "close", None)
    if close is not None:
        close()

"""Reading and writing one entity through a store's driver; every failure comes out as one of ours, redacted."""

from __future__ import annotations

import contextlib
import inspect
import logging
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from custom_store_pipeline.data.pulled import DataFormat, PulledData, in_one_piece, read_pulled
from custom_store_pipeline.drivers.loading import DriverVersion, load_driver_class
from custom_store_pipeline.drivers.push_status import PushStatus, plain_value, read_fingerprint, read_status
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

if TYPE_CHECKING:
    import pandas as pd

Result = TypeVar("Result")

_log = logging.getLogger("custom_store_pipeline")


class StoreDriver:
    """A store's driver, loaded when it is used.

    Each call makes an instance of its own and closes it, so entities share nothing, and a second attempt starts clean.
    """

    def __init__(self, driver: DriverVersion) -> None:
        """Only takes note; nothing is imported yet."""
        self._driver = driver
        self._shown = f"{driver.project}/{driver.file_name}"

    def can(self, method: str, redactor: Redactor) -> bool:
        """Whether the driver has a method that drivers may leave out.

        Raises:
            DriverError: the driver cannot be found or loaded.
        """
        found = load_driver_class(self._driver, "pull_data", redactor)
        return callable(getattr(found, method, None))

    @contextlib.contextmanager
    def pull(
        self,
        config: dict[str, Any],
        entity: str,
        data_format: DataFormat,
        redactor: Redactor,
        method: Literal["pull_data", "pull_keys"] = "pull_data",
    ) -> Iterator[PulledData]:
        """Pulls an entity; the driver is closed when the context ends, so chunks are to be consumed within it.

        Args:
            config: the driver's config; see :func:`~custom_store_pipeline.drivers.call_config.driver_config`.
            entity: the entity's name in this store.
            data_format: how raw values are decoded.
            redactor: masks the secrets in whatever is raised or returned as metadata.
            method: ``pull_data`` for the rows, ``pull_keys`` for the primary keys of all rows.

        Raises:
            PullError: the driver raised; its chunks raise the same while they are consumed.
            ResultError: what it returned is no data.
            DriverError: the driver cannot be found or loaded.
        """
        with self._instance(method, PullError, redactor) as driver:
            who = f"{method} of '{self._shown}' for '{entity}'"
            with opened(lambda: getattr(driver, method)(config, entity), data_format, who, redactor) as pulled:
                yield pulled

    def fingerprint(self, config: dict[str, Any], entity: str, redactor: Redactor) -> str:
        """What the driver says that changes whenever the entity's data does.

        Args:
            config: the driver's config.
            entity: the entity's name in this store.
            redactor: masks the secrets in whatever is raised or returned.

        Raises:
            PullError: the driver raised.
            UnusableDataError: it returned something that is no fingerprint.
            DriverError: the driver cannot be found or loaded.
        """
        with self._instance("fingerprint", PullError, redactor) as driver:
            who = f"fingerprint of '{self._shown}' for '{entity}'"
            found = _call(lambda: read_fingerprint(driver.fingerprint(config, entity)), PullError, who, redactor)
            return redactor.text(found)

    def push(self, config: dict[str, Any], entity: str, pulled: PulledData, redactor: Redactor) -> PushStatus:
        """Pushes an entity: chunks through ``push_chunks`` if the driver has it, everything else in one piece.

        Args:
            config: the driver's config.
            entity: the entity's name in this store.
            pulled: the data.
            redactor: masks the secrets in whatever is raised or returned.

        Raises:
            PushError: the driver raised, or left chunks behind.
            PushReportedFailureError: it returned a status that says so.
            PullError: the data's own iterator raised.
            DriverError: the driver cannot be found or loaded.
        """
        with self._instance("push_data", PushError, redactor) as driver:
            in_chunks = pulled.chunks is not None and hasattr(type(driver), "push_chunks")
            method = "push_chunks" if in_chunks else "push_data"
            who = f"{method} of '{self._shown}' for '{entity}'"

            def push() -> PushStatus:
                data = pulled.chunks if in_chunks else in_one_piece(pulled)
                return read_status(_pushed(getattr(driver, method), config, entity, data, pulled.deletes))

            status = _call(push, PushError, who, redactor)
            if in_chunks and next(pulled.chunks or iter(()), None) is not None:
                raise PushError(
                    f"{who} returned before it had taken all chunks, so rows are missing in the target; "
                    "iterate over all of them",
                    terminal=True,
                )
            return PushStatus(redactor.value(status.metadata), status.warning)

    @contextlib.contextmanager
    def _instance(self, method: str, failure: type[DriverCallError], redactor: Redactor) -> Iterator[Any]:
        found = load_driver_class(self._driver, method, redactor)
        driver = _call(found, failure, f"{found.__name__}()", redactor)
        try:
            _call(lambda: self._check_method(driver, method), failure, found.__name__, redactor)
            yield driver
        except BaseException:
            # What went wrong first is what the user needs to know, not that closing failed after it.
            with contextlib.suppress(BaseException):
                _close(driver)
            raise
        try:
            _call(lambda: _close(driver), failure, f"{found.__name__}.close()", redactor)
        except PullError as error:
            # Everything has arrived by now: that the source cannot be closed is no reason to push it all again.
            _log.warning("%s", error)
        except PushError as error:
            # What a driver writes when it closes may be missing, but sending all rows again may double the others.
            raise PushError(str(error), error.driver_traceback, terminal=True) from None

    def _check_method(self, driver: Any, method: str) -> None:
        """For methods that the source could not tell: set in the constructor, inherited, made by a decorator."""
        if not callable(getattr(driver, method, None)):
            where = f"{type(driver).__name__} of '{self._shown}'"
            raise DriverSignatureError(f"{where} has no {method}; add it")


def _pushed(push: Callable[..., Any], config: dict[str, Any], entity: str, data: Any, deletes: Any) -> Any:
    """Calls a driver's push; ``deletes_df`` is optional for drivers as long as there are no deletes."""
    # A decorator decides itself what it takes, whatever it wraps.
    signature = inspect.signature(push, follow_wrapped=False)
    deletes = None if deletes is None else deletes.copy(deep=False)
    for arguments, by_name in (
        ((config, entity, data, deletes), {}),
        ((config, entity, data), {"deletes_df": deletes}),
        *([((config, entity, data), {})] if deletes is None else []),
    ):
        try:
            signature.bind(*arguments, **by_name)
        except TypeError:
            continue
        return push(*arguments, **by_name)
    if deletes is None:
        called = "(config, entity, data, deletes_df)"
        raise DriverSignatureError(f"'{push.__name__}{signature}' cannot be called as it will be, with {called}")
    raise DriverSignatureError(
        f"there are {len(deletes)} rows to delete, and '{push.__name__}' does not take them; "
        "add the argument deletes_df=None, and delete these rows"
    )


def _close(driver: Any) -> None:
    close: Callable[[], None] | None = getattr(driver, "close", None)
    if close is not None:
        close()


@contextlib.contextmanager
def opened(pull: Callable[[], Any], data_format: DataFormat, who: str, redactor: Redactor) -> Iterator[PulledData]:
    """What a call returns, read as pulled data whose failures come out as ours; its chunks are closed at the end.

    Args:
        pull: returns anything that ``pull_data`` may return.
        data_format: how raw values are decoded.
        who: whom to name in messages.
        redactor: masks secrets in what is raised and in the metadata.
    """

    def read() -> PulledData:
        pulled = read_pulled(pull(), data_format, lambda text: _log.warning("%s", redactor.text(f"{who} {text}")))
        return replace(pulled, metadata=redactor.value(plain_value(pulled.metadata)))

    pulled = _call(read, PullError, who, redactor)
    chunks = None if pulled.chunks is None else _guarded(pulled.chunks, who, redactor)
    try:
        yield replace(pulled, chunks=chunks)
    finally:
        if chunks is not None:
            chunks.close()


def _call(function: Callable[[], Result], failure: type[DriverCallError], who: str, redactor: Redactor) -> Result:
    """Calls into a driver; what it raises becomes our own error, with the secrets out of its text and its traceback."""
    found: BaseException
    try:
        return function()
    except TerminalError as error:
        found, terminal = error, True
    except (UnusableDataError, PushReportedFailureError) as error:
        raise type(error)(redactor.text(f"{who} {error}")) from None
    except UndecodableDataError as error:
        # A target that reads chunks passes on what the source's reader raised, which names the source already.
        text = f"{who} {error}" if str(error).startswith("returned ") else str(error)
        raise UndecodableDataError(redactor.text(text), redactor.text(error.driver_traceback)) from None
    except CustomStoreError:
        raise
    except BaseException as error:  # also sys.exit() in a driver: it must fail its entity, not end a thread in silence
        found, terminal = error, False
    reason, trace = reason_of(found, redactor.text), redactor.text(traceback_of(found))
    # Raised outside of the handler (and not from a context manager, which is a handler too): otherwise the driver's
    # exception would be the context of ours, and Dagster stores the text of contexts.
    raise failure(f"{who} raised {reason}", trace, terminal=terminal)


def _guarded(chunks: Iterator[pd.DataFrame], who: str, redactor: Redactor) -> Generator[pd.DataFrame]:
    try:
        while True:
            chunk = _call(lambda: next(chunks, None), PullError, who, redactor)
            if chunk is None:
                return
            yield chunk
    finally:
        close = getattr(chunks, "close", None)
        if close is not None:
            close()

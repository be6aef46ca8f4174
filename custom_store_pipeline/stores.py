"""Reading and writing one entity through a store's driver; every failure comes out as one of ours, redacted."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from custom_store_pipeline.drivers.failures import reason_of, traceback_of
from custom_store_pipeline.drivers.loading import load_driver_class
from custom_store_pipeline.errors import (
    CustomStoreError,
    DriverCallError,
    PullError,
    PushError,
    PushReportedFailureError,
    TerminalError,
    UnusableDataError,
)
from custom_store_pipeline.redaction import Redactor
from custom_store_pipeline.results import (
    DataFormat,
    PulledData,
    PushStatus,
    in_one_piece,
    plain_value,
    read_pulled,
    read_status,
)

if TYPE_CHECKING:
    import pandas as pd

Result = TypeVar("Result")


class StoreDriver:
    """A store's driver, loaded when it is used.

    Each call makes an instance of its own and closes it, so entities share nothing, and a second attempt starts clean.
    """

    def __init__(self, projects_dir: Path, project: str, file_name: str) -> None:
        """Only takes note; nothing is imported yet."""
        self._projects_dir = projects_dir
        self._project = project
        self._file_name = file_name

    @contextlib.contextmanager
    def pull(
        self, config: dict[str, Any], entity: str, data_format: DataFormat, redactor: Redactor
    ) -> Iterator[PulledData]:
        """Pulls an entity; the driver is closed when the context ends, so chunks are to be consumed within it.

        Args:
            config: the driver's config; see :func:`~custom_store_pipeline.config.driver_config.driver_config`.
            entity: the entity's name in this store.
            data_format: how raw values are decoded.
            redactor: masks the secrets in whatever is raised or returned as metadata.

        Raises:
            PullError: the driver raised; its chunks raise the same while they are consumed.
            ResultError: what it returned is no data.
            DriverError: the driver cannot be found or loaded.
        """
        with self._instance("pull_data", PullError, redactor) as driver:
            who = f"pull_data of '{self._project}/{self._file_name}' for '{entity}'"
            pulled = _call(lambda: read_pulled(driver.pull_data(config, entity), data_format), PullError, who, redactor)
            metadata = redactor.value(plain_value(pulled.metadata))
            chunks = None if pulled.chunks is None else _guarded(pulled.chunks, who, redactor)
            try:
                yield replace(pulled, metadata=metadata, chunks=chunks)
            finally:
                if chunks is not None:
                    chunks.close()

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
            in_chunks = pulled.chunks is not None and hasattr(driver, "push_chunks")
            method = "push_chunks" if in_chunks else "push_data"
            data = pulled.chunks if in_chunks else in_one_piece(pulled)
            who = f"{method} of '{self._project}/{self._file_name}' for '{entity}'"
            push = getattr(driver, method)
            returned = _call(lambda: push(config, entity, data, pulled.deletes), PushError, who, redactor)
            if in_chunks and next(pulled.chunks or iter(()), None) is not None:
                raise PushError(
                    "push_chunks returned before it had taken all chunks, so rows are missing in the target; "
                    "iterate over all of them",
                    terminal=True,
                )
        try:
            status = read_status(returned)
        except PushReportedFailureError as failure:
            said = redactor.text(str(failure))
        else:
            return PushStatus(redactor.value(status.metadata), status.warning)
        raise PushReportedFailureError(said)

    @contextlib.contextmanager
    def _instance(self, method: str, failure: type[DriverCallError], redactor: Redactor) -> Iterator[Any]:
        found = load_driver_class(self._projects_dir, self._project, self._file_name, method, redactor)
        driver = _call(found, failure, f"{found.__name__}()", redactor)
        try:
            yield driver
        except BaseException:
            # What went wrong first is what the user needs to know, not that closing failed after it.
            with contextlib.suppress(BaseException):
                _close(driver)
            raise
        _call(lambda: _close(driver), failure, f"{found.__name__}.close()", redactor)


def _close(driver: Any) -> None:
    close: Callable[[], None] | None = getattr(driver, "close", None)
    if close is not None:
        close()


def _call(function: Callable[[], Result], failure: type[DriverCallError], who: str, redactor: Redactor) -> Result:
    """Calls into a driver; what it raises becomes our own error, with the secrets out of its text and its traceback."""
    found: BaseException
    try:
        return function()
    except TerminalError as error:
        found, terminal = error, True
    except UnusableDataError as error:
        raise UnusableDataError(f"{who} {error}") from None
    except (CustomStoreError, GeneratorExit):
        raise
    except BaseException as error:  # also sys.exit() in a driver: it must fail its entity, not end a thread in silence
        found, terminal = error, False
    reason, trace = redactor.text(reason_of(found)), redactor.text(traceback_of(found))
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

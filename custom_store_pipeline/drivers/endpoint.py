"""One side of one entity, bound to its driver: what there is to pull from it, or to push to it."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from custom_store_pipeline.data.pulled import DataFormat, read_pulled
from custom_store_pipeline.data.stream import DataStream, PulledData
from custom_store_pipeline.drivers.calls import call, call_push, instance
from custom_store_pipeline.drivers.loading import DriverVersion, load_driver_class
from custom_store_pipeline.drivers.push_status import PushStatus, plain_value, read_fingerprint, read_status
from custom_store_pipeline.errors import PullError, PushError
from custom_store_pipeline.redaction import Redactor

if TYPE_CHECKING:
    import pandas as pd

_log = logging.getLogger("custom_store_pipeline")


@dataclass(frozen=True)
class Endpoint:
    """One side of one entity.

    Attributes:
        driver: the store's driver.
        entity: the entity's name in this store.
        make_config: makes the config of a call, a new one for each; see
            :func:`~custom_store_pipeline.drivers.call_config.driver_config`.
        redactor: masks the secrets in whatever is raised or returned as metadata.
        data_format: how raw values are decoded.
    """

    driver: DriverVersion
    entity: str
    make_config: Callable[[], dict[str, Any]]
    redactor: Redactor
    data_format: DataFormat = field(default_factory=DataFormat)

    def has(self, method: str) -> bool:
        """Whether the driver has a method that drivers may leave out.

        Raises:
            DriverError: the driver cannot be found or imported.
        """
        found = load_driver_class(self.driver, "pull_data", self.redactor)
        return callable(getattr(found, method, None))

    @contextlib.contextmanager
    def pull(self, method: Literal["pull_data", "pull_keys"] = "pull_data") -> Iterator[PulledData]:
        """Opens the entity's data. The driver is closed when the context ends, so the data must be read within it.

        Args:
            method: ``pull_data`` for the rows, ``pull_keys`` for the primary keys of all rows.

        Raises:
            PullError: the driver raised; the data raises the same while it is read.
            ResultError: what it returned is not data.
            DriverError: the driver cannot be found or imported.
        """
        config = self.make_config()
        with (
            instance(self.driver, method, PullError, self.redactor) as driver,
            open_data(
                lambda: getattr(driver, method)(config, self.entity), self.data_format, self._who(method), self.redactor
            ) as pulled,
        ):
            yield pulled

    def fingerprint(self) -> str:
        """What the driver says that changes whenever the entity's data does.

        Raises:
            PullError: the driver raised.
            UnusableDataError: it returned something that is not a fingerprint.
            DriverError: the driver cannot be found or imported.
        """
        config = self.make_config()
        with instance(self.driver, "fingerprint", PullError, self.redactor) as driver:
            found = call(
                lambda: read_fingerprint(driver.fingerprint(config, self.entity)),
                PullError,
                self._who("fingerprint"),
                self.redactor,
            )
            return self.redactor.text(found)

    def push(self, pulled: PulledData) -> PushStatus:
        """Pushes the entity: pieces through ``push_chunks`` if the driver has it, everything else as one DataFrame.

        Raises:
            PushError: the driver raised, or did not read all chunks.
            PushReportedFailureError: it returned a status that says so.
            PullError: the data raised while it was read.
            DriverError: the driver cannot be found or imported.
        """
        config = self.make_config()
        with instance(self.driver, "push_data", PushError, self.redactor) as driver:
            in_chunks = not pulled.stream.is_whole and hasattr(type(driver), "push_chunks")
            method = "push_chunks" if in_chunks else "push_data"
            chunks = iter(pulled.stream) if in_chunks else None

            def push() -> PushStatus:
                data = pulled.stream.joined() if chunks is None else chunks
                return read_status(call_push(getattr(driver, method), config, self.entity, data, pulled.deletes))

            status = call(push, PushError, self._who(method), self.redactor)
            if chunks is not None and next(chunks, None) is not None:
                raise PushError(
                    f"{self._who(method)} returned before it had read all chunks, so rows are missing in the target; "
                    "iterate over all of them",
                    terminal=True,
                )
            return PushStatus(self.redactor.value(status.metadata), status.warning)

    def _who(self, method: str) -> str:
        return f"{method} of '{self.driver.shown}' for '{self.entity}'"


@contextlib.contextmanager
def open_data(pull: Callable[[], Any], data_format: DataFormat, who: str, redactor: Redactor) -> Iterator[PulledData]:
    """Reads what a call returns as pulled data, whose failures become our errors; its iterator is closed at the end.

    Args:
        pull: returns anything that ``pull_data`` may return.
        data_format: how raw values are decoded.
        who: what messages call it.
        redactor: masks secrets in what is raised and in the metadata.
    """

    def warn(text: str) -> None:
        _log.warning("%s", redactor.text(f"{who} {text}"))

    def read() -> PulledData:
        pulled = read_pulled(pull(), data_format, warn)
        return replace(pulled, metadata=redactor.value(plain_value(pulled.metadata)))

    pulled = call(read, PullError, who, redactor)
    if pulled.stream.is_whole:
        yield pulled
        return
    with contextlib.closing(_guarded(iter(pulled.stream), who, redactor)) as pieces:
        yield replace(pulled, stream=DataStream.once(pieces))


def _guarded(pieces: Iterator[pd.DataFrame], who: str, redactor: Redactor) -> Generator[pd.DataFrame]:
    """The pieces; whatever the driver raises on the way becomes one of our errors."""
    try:
        while (piece := call(lambda: next(pieces, None), PullError, who, redactor)) is not None:
            yield piece
            del piece  # or it would stay in memory while the next one is waited for
    finally:
        close = getattr(pieces, "close", None)
        if close is not None:
            close()

"""One side of one entity, bound to its driver: what there is to pull from it, or to push to it."""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from custom_store_pipeline.config.entity import Entity, Side
from custom_store_pipeline.config.mapping import LoadedMapping
from custom_store_pipeline.data.pieces import as_frame
from custom_store_pipeline.data.pulled import DataFormat, read_pulled
from custom_store_pipeline.data.record_batches import deletes_table, in_batches, of_one_schema, record_batch_reader
from custom_store_pipeline.data.spool import Spool, temporary_files
from custom_store_pipeline.data.stream import DataStream, PulledData
from custom_store_pipeline.drivers.call_config import RunValues, driver_config
from custom_store_pipeline.drivers.calls import call, call_push, instance
from custom_store_pipeline.drivers.driver_args import WrongArg, args_model, secrets_of, wrong_arg_problem, wrong_args
from custom_store_pipeline.drivers.loading import DriverVersion, load_driver_class
from custom_store_pipeline.drivers.push_status import PushStatus, plain_value, read_fingerprint, read_names, read_status
from custom_store_pipeline.errors import ConfigurationError, DriverCallError, Problem, PullError, PushError
from custom_store_pipeline.redaction import Redactor, redacted_output

if TYPE_CHECKING:
    from custom_store_pipeline.data.pieces import Piece

Result = TypeVar("Result")

_log = logging.getLogger("custom_store_pipeline")


@dataclass(frozen=True)
class _Opened:
    """A driver during one call: with what it is called, and what becomes of its exceptions."""

    driver: Any
    config: dict[str, Any]
    redactor: Redactor
    failure: type[DriverCallError]

    def call(self, function: Callable[[], Result], who: str) -> Result:
        return call(function, self.failure, who, self.redactor)


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
        is_target: whether it is pushed to.
        problem_of: what is wrong with one of the store's args, with its place.
    """

    driver: DriverVersion
    entity: str
    make_config: Callable[[], dict[str, Any]]
    redactor: Redactor
    data_format: DataFormat = field(default_factory=DataFormat)
    is_target: bool = False
    problem_of: Callable[[WrongArg, Redactor], Problem] = lambda wrong, redactor: Problem(
        "", 0, 0, ".".join(map(str, wrong.location)), redactor.text(wrong.message)
    )

    def has(self, method: Literal["pull_keys", "push_arrow", "check", "list_entities"]) -> bool:
        """Whether the driver has a method that drivers may leave out.

        Raises:
            DriverError: the driver cannot be found or imported.
        """
        beside = "push_data" if self.is_target or method == "push_arrow" else "pull_data"
        found = load_driver_class(self.driver, beside, self.redactor)
        return callable(getattr(found, method, None))

    @contextlib.contextmanager
    def pull(
        self, method: Literal["pull_data", "pull_keys"] = "pull_data", *, as_arrow: bool = False
    ) -> Iterator[PulledData]:
        """Opens the entity's data. The driver is closed when the context ends, so the data must be read within it.

        Args:
            method: ``pull_data`` for the rows, ``pull_keys`` for the primary keys of all rows.
            as_arrow: all pieces are record batches of one schema. An Arrow stream that the driver returned is read as
                it comes; anything else is read at once and kept on disk, because the schema is known at its end.

        Raises:
            PullError: the driver raised; the data raises the same while it is read.
            ResultError: what it returned is not data.
            DriverError: the driver cannot be found or imported.
        """
        with (
            self._opened(method, PullError) as opened,
            open_data(
                lambda: getattr(opened.driver, method)(opened.config, self.entity),
                self.data_format,
                self._who(method),
                opened.redactor,
                as_arrow=as_arrow,
            ) as pulled,
        ):
            yield pulled

    @contextlib.contextmanager
    def returned(self) -> Iterator[Any]:
        """What ``pull_data`` returns, before anything is made of it; for people who look at it.

        Raises:
            PullError: the driver raised.
            DriverError: the driver cannot be found or imported.
        """
        with self._opened("pull_data", PullError) as opened:
            yield opened.call(lambda: opened.driver.pull_data(opened.config, self.entity), self._who("pull_data"))

    def as_frames(self, pulled: PulledData) -> PulledData:
        """What was pulled from here, in pieces of pandas; see :func:`as_frames`."""
        return as_frames(pulled, self._who("pull_data"), self.redactor)

    def fingerprint(self) -> str:
        """What the driver says that changes whenever the entity's data does.

        Raises:
            PullError: the driver raised.
            UnusableDataError: it returned something that is not a fingerprint.
            DriverError: the driver cannot be found or imported.
        """
        with self._opened("fingerprint", PullError) as opened:
            found = opened.call(
                lambda: read_fingerprint(opened.driver.fingerprint(opened.config, self.entity)),
                self._who("fingerprint"),
            )
            return opened.redactor.text(found)

    def list_entities(self) -> list[str]:
        """The names of all entities that the store has, as its driver lists them.

        Raises:
            PullError: the driver raised.
            UnusableDataError: it returned something else than different names.
            DriverError: the driver cannot be found or imported, or has no ``list_entities``.
        """
        with self._opened("list_entities", PullError) as opened:
            who = f"list_entities of '{self.driver.shown}'"
            return opened.call(lambda: read_names(opened.driver.list_entities(opened.config)), who)

    def check(self) -> PushStatus:
        """What the driver says of its store: that it can be reached, that its settings are right.

        Raises:
            PullError: the driver raised.
            PushReportedFailureError: it returned a status that says that something is wrong.
            DriverError: the driver cannot be found or imported, or has no ``check``.
        """
        with self._opened("check", PullError) as opened:
            who = f"check of '{self.driver.shown}'"
            status = opened.call(lambda: read_status(opened.driver.check(opened.config)), who)
            return PushStatus(opened.redactor.value(status.metadata))

    def push(self, pulled: PulledData) -> PushStatus:
        """Pushes the entity.

        Record batches of one schema go through ``push_arrow``; pieces of pandas through ``push_chunks`` if the driver
        has it, and everything else as one DataFrame through ``push_data``.

        Raises:
            PushError: the driver raised, or did not read all chunks.
            PushReportedFailureError: it returned a status that says so.
            PullError: the data raised while it was read.
            DriverError: the driver cannot be found or imported.
        """
        stream = pulled.stream
        takes_arrow = stream.schema is not None
        with self._opened("push_arrow" if takes_arrow else "push_data", PushError) as opened:
            in_chunks = not takes_arrow and not stream.is_repeatable and hasattr(type(opened.driver), "push_chunks")
            method = "push_arrow" if takes_arrow else "push_chunks" if in_chunks else "push_data"
            pieces = iter(stream) if takes_arrow or in_chunks else None

            def push() -> PushStatus:
                data: Any = stream.joined() if pieces is None else pieces
                deletes: Any = None if pulled.deletes is None else pulled.deletes.copy(deep=False)
                if stream.schema is not None:
                    data = record_batch_reader(stream.schema, data)
                    deletes = None if deletes is None else deletes_table(deletes, stream.schema)
                return read_status(call_push(getattr(opened.driver, method), opened.config, self.entity, data, deletes))

            status = opened.call(push, self._who(method))
            if pieces is not None and next(pieces, None) is not None:
                what = "all batches of the reader" if takes_arrow else "all chunks"
                raise PushError(
                    f"{self._who(method)} returned before it had read {what}, so rows are missing in the target; "
                    "iterate over all of them",
                    terminal=True,
                )
            return PushStatus(opened.redactor.value(status.metadata), status.warning)

    @contextlib.contextmanager
    def _opened(self, method: str, failure: type[DriverCallError]) -> Iterator[_Opened]:
        """A new instance of the driver for a call of a method, with the config of the call, whose args are right."""
        config, redactor = self.make_config(), self.redactor
        with contextlib.ExitStack() as until_closed:
            model = args_model(load_driver_class(self.driver, method, redactor))
            if model is not None:
                if wrong := wrong_args(model, config.get("args", {})):
                    raise ConfigurationError(self.problem_of(it, redactor) for it in wrong)
                secrets = Redactor(secrets_of(model, config.get("args", {})))
                until_closed.enter_context(redacted_output(secrets))
                redactor = Redactor(redactor.secrets | secrets.secrets)
            driver = until_closed.enter_context(instance(self.driver, method, failure, redactor))
            yield _Opened(driver, config, redactor, failure)

    def _who(self, method: str) -> str:
        return f"{method} of '{self.driver.shown}' for '{self.entity}'"


def endpoint_of(
    driver: DriverVersion, mapping: LoadedMapping, side: Side, entity: Entity, run: RunValues, redactor: Redactor
) -> Endpoint:
    """A driver as one side of an entity of a mapping."""
    data_format = mapping.config.from_.data_format
    return Endpoint(
        driver,
        entity.name if side == "from" else entity.target_name,
        lambda: driver_config(mapping, side, entity, run),
        redactor,
        # data_format belongs to the source; a store that mappings only write to gives DataFrames.
        DataFormat(data_format.type, data_format.options) if side == "from" else DataFormat(),
        is_target=side == "to",
        problem_of=lambda wrong, redactor: wrong_arg_problem(mapping, side, wrong, redactor),
    )


@contextlib.contextmanager
def open_data(
    pull: Callable[[], Any], data_format: DataFormat, who: str, redactor: Redactor, *, as_arrow: bool = False
) -> Iterator[PulledData]:
    """Reads what a call returns as pulled data, whose failures become our errors; its iterator is closed at the end.

    Args:
        pull: returns anything that ``pull_data`` may return.
        data_format: how raw values are decoded.
        who: what messages call it.
        redactor: masks secrets in what is raised and in the metadata.
        as_arrow: all pieces are record batches of one schema.
    """

    def warn(text: str) -> None:
        _log.warning("%s", redactor.text(f"{who} {text}"))

    def read() -> PulledData:
        pulled = read_pulled(pull(), data_format, warn)
        if as_arrow:
            pulled = replace(pulled, stream=in_batches(pulled.stream))
        return replace(pulled, metadata=redactor.value(plain_value(pulled.metadata)))

    pulled = call(read, PullError, who, redactor)
    if pulled.stream.is_repeatable:
        yield pulled
        return
    with contextlib.ExitStack() as until_pushed:
        pieces = until_pushed.enter_context(contextlib.closing(_guarded(iter(pulled.stream), who, redactor)))
        stream = DataStream.once(pieces, pulled.stream.schema)
        if as_arrow and stream.schema is None:
            spool = until_pushed.enter_context(Spool())
            with temporary_files():
                for piece in pieces:
                    spool.add(piece)
            stream = call(lambda: of_one_schema(spool), PullError, who, redactor)
        yield replace(pulled, stream=stream)


def as_frames(pulled: PulledData, who: str, redactor: Redactor) -> PulledData:
    """What was pulled, in pieces of pandas.

    Args:
        pulled: what was pulled.
        who: what messages call its source.
        redactor: masks secrets in what is raised.

    Raises:
        UnusableDataError: pandas cannot hold the values of a column; the data raises it while it is read.
    """

    def converted(pieces: Iterator[Piece]) -> Iterator[Piece]:
        for piece in pieces:
            yield call(functools.partial(as_frame, piece), PullError, who, redactor)
            del piece  # or it would stay in memory while the next one is waited for

    return replace(pulled, stream=replace(pulled.stream.through(converted), schema=None))


def _guarded(pieces: Iterator[Piece], who: str, redactor: Redactor) -> Generator[Piece]:
    """The pieces; whatever the driver raises on the way becomes one of our errors."""
    try:
        while (piece := call(lambda: next(pieces, None), PullError, who, redactor)) is not None:
            yield piece
            del piece  # or it would stay in memory while the next one is waited for
    finally:
        close = getattr(pieces, "close", None)
        if close is not None:
            close()

"""Dagster's I/O managers over stores: one a store, thin over its driver."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import dagster as dg

from custom_store_pipeline.config.mapping import Entity, LoadedMapping, Side
from custom_store_pipeline.config.models import NO_RETRIES
from custom_store_pipeline.data.pulled import DataFormat, PulledData, in_one_piece
from custom_store_pipeline.drivers.call_config import RunValues, driver_config, redactor_of
from custom_store_pipeline.drivers.calls import StoreDriver, opened
from custom_store_pipeline.drivers.push_status import PushStatus
from custom_store_pipeline.errors import (
    ConfigurationError,
    DriverCallError,
    DriverImportError,
    Problem,
)
from custom_store_pipeline.identifiers import dagster_identifier
from custom_store_pipeline.orchestration.materialization_metadata import metadata_of
from custom_store_pipeline.redaction import Redactor, redacted_output
from custom_store_pipeline.transfer.entity import Progress, transfer_entity

if TYPE_CHECKING:
    import pandas as pd

Use = tuple[LoadedMapping, Side]


class CustomStoreIOManager(dg.IOManager):
    """Reads and writes entities of one store.

    Mappings call :meth:`pull` and :meth:`push`. Hand-written assets go through ``load_input`` and ``handle_output``,
    which are thin over the same two.
    """

    def __init__(self, driver: StoreDriver, uses: Sequence[Use]) -> None:
        """Wraps a store.

        Args:
            driver: the store's driver.
            uses: the mappings that name the store, each with the side on which it does.
        """
        self._driver = driver
        self._uses = uses

    def pull(
        self, mapping: LoadedMapping, entity: Entity, run: RunValues, redactor: Redactor
    ) -> AbstractContextManager[PulledData]:
        """Opens the data of an entity of a mapping that reads from this store.

        Raises:
            CustomStoreError: see :meth:`~custom_store_pipeline.drivers.calls.StoreDriver.pull`.
        """
        return self._pull(mapping, "from", entity, run, redactor)

    def pull_keys(
        self, mapping: LoadedMapping, entity: Entity, run: RunValues, redactor: Redactor
    ) -> AbstractContextManager[PulledData]:
        """Opens the primary keys of all rows that an entity has in this store.

        Raises:
            CustomStoreError: see :meth:`~custom_store_pipeline.drivers.calls.StoreDriver.pull`.
        """
        config = driver_config(mapping, "from", entity, run)
        return self._driver.pull(config, entity.name, _decoding(mapping), redactor, "pull_keys")

    def fingerprint(self, mapping: LoadedMapping, entity: Entity, run: RunValues, redactor: Redactor) -> str:
        """What changes whenever the data of an entity does, as the driver of this store says.

        Raises:
            CustomStoreError: see :meth:`~custom_store_pipeline.drivers.calls.StoreDriver.fingerprint`.
        """
        return self._driver.fingerprint(driver_config(mapping, "from", entity, run), entity.name, redactor)

    def can_pull_keys(self, redactor: Redactor) -> bool:
        """Whether the store's driver has ``pull_keys``."""
        return self._driver.can("pull_keys", redactor)

    def push(
        self, mapping: LoadedMapping, entity: Entity, pulled: PulledData, run: RunValues, redactor: Redactor
    ) -> PushStatus:
        """Writes an entity of a mapping that writes to this store.

        Raises:
            CustomStoreError: see :meth:`~custom_store_pipeline.drivers.calls.StoreDriver.push`.
        """
        config = driver_config(mapping, "to", entity, run)
        return self._driver.push(config, entity.target_name, pulled, redactor)

    def load_input(self, context: dg.InputContext) -> pd.DataFrame:
        """The entity that a hand-written asset depends on, as one DataFrame."""
        mapping, side, entity = self._use_for(tuple(context.asset_key.path), "from")
        redactor = redactor_of(mapping)
        run_id = _run_id(context)
        with (
            redacted_output(redactor),
            _explained(context.log.error),
            self._pull(mapping, side, entity, RunValues(run_id, run_id), redactor) as pulled,
        ):
            return in_one_piece(pulled)

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Writes what a hand-written asset returned: anything that ``pull_data`` may return as data.

        The entity is named by the last part of the asset's key. All rows are replaced (``write_mode: overwrite``).
        """
        mapping, side, entity = self._use_for(tuple(context.asset_key.path), "to")
        name = entity.target_name if side == "to" else entity.name
        redactor = redactor_of(mapping)
        who = f"the asset {context.asset_key.to_user_string()}"

        def push(_: Entity, pulled: PulledData) -> PushStatus:
            run = RunValues(context.run_id, context.run_id)
            config = {**driver_config(mapping, side, entity, run), "write_mode": "overwrite"}
            return self._driver.push(config, name, pulled, redactor)

        with redacted_output(redactor), _explained(context.log.error):
            outcome = transfer_entity(
                entity,
                pull=lambda _: opened(lambda: obj, DataFormat(), who, redactor),
                push=push,
                retries=NO_RETRIES,
                watch=Progress(note=context.log.warning),
            )
        if outcome.warning:
            context.log.warning(outcome.warning)
        context.add_output_metadata(metadata_of(outcome, redactor, {}))

    def _pull(
        self, mapping: LoadedMapping, side: Side, entity: Entity, run: RunValues, redactor: Redactor
    ) -> AbstractContextManager[PulledData]:
        # data_format belongs to the source; a store that is only written to by mappings gives DataFrames.
        decoding = _decoding(mapping) if side == "from" else DataFormat()
        name = entity.name if side == "from" else entity.target_name
        return self._driver.pull(driver_config(mapping, side, entity, run), name, decoding, redactor)

    def _use_for(self, key: tuple[str, ...], prefer: Side) -> tuple[LoadedMapping, Side, Entity]:
        """The mapping whose settings of this store serve an asset key, and the entity."""
        for mapping, side in sorted(self._uses, key=lambda use: use[1] != prefer):
            for entity in mapping.entities:
                if key == (entity.target_key if side == "to" else entity.source_key):
                    return mapping, side, entity
        settings = [(mapping.store(side).args, mapping.store(side).model_extra) for mapping, side in self._uses]
        if any(other != settings[0] for other in settings):
            places = ", ".join(f"{mapping.file.shown}:{mapping.line()}" for mapping, _ in self._uses)
            message = (
                f"no mapping names the entity '{key[-1]}' of this store, and its mappings ({places}) set the store up "
                "differently, so it is not clear where the entity lives; give each store a 'name' of its own"
            )
            raise ConfigurationError([Problem("/".join(key), 0, 0, "", message)])
        mapping, side = self._uses[0]
        place = (mapping.store_project(side), mapping.store(side).label, key[-1])
        return mapping, side, Entity(key[-1], key[-1], (), place, place)


def io_manager_key(mapping: LoadedMapping, side: Side) -> str:
    """The resource key of a store's I/O manager, such as ``blog__sqlite_store_driver``."""
    return dagster_identifier(mapping.store_project(side), mapping.store(side).label)


def _decoding(mapping: LoadedMapping) -> DataFormat:
    data_format = mapping.config.from_.data_format
    return DataFormat(data_format.type, data_format.options)


def _run_id(context: dg.InputContext) -> str:
    try:
        return context.step_context.run_id
    except dg.DagsterInvariantViolationError:
        return ""  # loaded outside of a run, by Definitions.load_asset_value


@contextlib.contextmanager
def _explained(log_error: Callable[[str], None]) -> Iterator[None]:
    """Logs the driver's own traceback before the error goes on to Dagster, which has only its text."""
    try:
        yield
    except (DriverCallError, DriverImportError) as error:
        log_error(f"{error}\n{error.driver_traceback}")
        raise

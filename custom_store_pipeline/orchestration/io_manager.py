"""Dagster's I/O managers over stores: one a store, thin over its driver."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from custom_store_pipeline.config.entity import SIDES, Entity, Side
from custom_store_pipeline.config.mapping import LoadedMapping
from custom_store_pipeline.config.models import NO_RETRIES
from custom_store_pipeline.data.pulled import DataFormat
from custom_store_pipeline.data.stream import PulledData
from custom_store_pipeline.drivers.call_config import RunValues, driver_config, redactor_of
from custom_store_pipeline.drivers.endpoint import Endpoint, as_frames, endpoint_of, open_data
from custom_store_pipeline.drivers.loading import DriverVersion
from custom_store_pipeline.errors import ConfigurationError, DriverCallError, DriverImportError, Problem
from custom_store_pipeline.identifiers import dagster_identifier
from custom_store_pipeline.orchestration.materialization_metadata import metadata_of
from custom_store_pipeline.projects.loading import Projects
from custom_store_pipeline.redaction import Redactor, redacted_output
from custom_store_pipeline.transfer.progress import Progress
from custom_store_pipeline.transfer.pull_and_push import transfer_entity

if TYPE_CHECKING:
    import pandas as pd


class CustomStoreIOManager(dg.IOManager):
    """Reads and writes entities of one store.

    Mappings use its endpoints. Hand-written assets go through ``load_input`` and ``handle_output``, which are thin over
    the same endpoints.
    """

    def __init__(self, driver: DriverVersion, uses: Sequence[tuple[LoadedMapping, Side]]) -> None:
        """Wraps a store.

        Args:
            driver: the store's driver; it is imported when it is used.
            uses: the mappings that name the store, each with the side on which it does.
        """
        self._driver = driver
        self._uses = uses

    def endpoint(
        self, mapping: LoadedMapping, side: Side, entity: Entity, run: RunValues, redactor: Redactor
    ) -> Endpoint:
        """This store as one side of an entity of a mapping."""
        return endpoint_of(self._driver, mapping, side, entity, run, redactor)

    def load_input(self, context: dg.InputContext) -> pd.DataFrame:
        """The entity that a hand-written asset depends on, as one DataFrame."""
        mapping, side, entity = self._use_for(tuple(context.asset_key.path), "from")
        redactor = redactor_of(mapping)
        run_id = _run_id(context)
        endpoint = self.endpoint(mapping, side, entity, RunValues(run_id, run_id), redactor)
        with redacted_output(redactor), _explained(context.log.error), endpoint.pull() as pulled:
            return endpoint.as_frames(pulled).stream.joined()

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Writes what a hand-written asset returned: anything that ``pull_data`` may return as data.

        The entity is named by the last part of the asset's key. All rows are replaced (``write_mode: overwrite``).
        """
        mapping, side, entity = self._use_for(tuple(context.asset_key.path), "to")
        redactor = redactor_of(mapping)
        run = RunValues(context.run_id, context.run_id)
        endpoint = Endpoint(
            self._driver,
            entity.target_name if side == "to" else entity.name,
            lambda: {**driver_config(mapping, side, entity, run), "write_mode": "overwrite"},
            redactor,
        )
        who = f"the asset {context.asset_key.to_user_string()}"

        @contextlib.contextmanager
        def pull() -> Iterator[PulledData]:
            takes_arrow = endpoint.has("push_arrow")
            with open_data(lambda: obj, DataFormat(), who, redactor, as_arrow=takes_arrow) as pulled:
                yield pulled if takes_arrow else as_frames(pulled, who, redactor)

        with redacted_output(redactor), _explained(context.log.error):
            result = transfer_entity(
                entity,
                pull,
                endpoint.push,
                NO_RETRIES,
                Progress(warn=context.log.warning),
            )
        if result.warning:
            context.log.warning(result.warning)
        context.add_output_metadata(metadata_of(entity, result, redactor, {}))

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


def build_io_managers(projects: Projects) -> dict[str, CustomStoreIOManager]:
    """One I/O manager a store, by its resource key: ``<project>__<store name>``."""
    uses: dict[str, list[tuple[LoadedMapping, Side]]] = {}
    drivers: dict[str, DriverVersion] = {}
    for mapping in projects.mappings:
        for side in SIDES:
            key = io_manager_key(mapping, side)
            uses.setdefault(key, []).append((mapping, side))
            drivers[key] = projects.driver_version(mapping, side)
    return {key: CustomStoreIOManager(drivers[key], uses[key]) for key in uses}


def io_manager_key(mapping: LoadedMapping, side: Side) -> str:
    """The resource key of a store's I/O manager, such as ``blog__sqlite_store_driver``."""
    return dagster_identifier(mapping.store_project(side), mapping.store(side).label)


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

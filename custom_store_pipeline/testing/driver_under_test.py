"""A driver and a store to test it on, called as a step of the pipeline calls it."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from custom_store_pipeline.config.entity import Entity, Side
from custom_store_pipeline.config.loading import load_mapping_files
from custom_store_pipeline.config.mapping import LoadedMapping
from custom_store_pipeline.data.pulled import DataFormat
from custom_store_pipeline.drivers.call_config import RunValues, redactor_of
from custom_store_pipeline.drivers.capabilities import claimed_capabilities
from custom_store_pipeline.drivers.driver_files import DriverSource, digest_of, read_sources
from custom_store_pipeline.drivers.endpoint import Endpoint, endpoint_of, open_data
from custom_store_pipeline.drivers.loading import DriverVersion, load_driver_class
from custom_store_pipeline.drivers.push_status import PushStatus
from custom_store_pipeline.errors import ConfigurationError, DriverSignatureError

if TYPE_CHECKING:
    import pandas as pd

ReadBack = Callable[[dict[str, Any], str], "pd.DataFrame"]

# A store may have keys that we do not know, so each driver gets this one, and no message may show it.
SECRET_KEY, SECRET = "contract_secret", "sesame-7f3a91"  # it is secret to nobody


@dataclass(frozen=True, eq=False)
class DriverUnderTest:
    """A driver, and a store of it that a check may do anything with.

    Attributes:
        source: the driver's file.
        version: the driver as it is now.
        store: the keys of the store, as a mapping has them below ``store``.
        folder: an empty folder of this check.
        entity: an entity that can be pulled; empty if a check must push one first.
        primary_keys: the primary keys of that entity.
        offset_columns: its offset columns.
        data_format: how what ``pull_data`` returns is decoded.
        read_back: reads an entity for a driver that cannot pull; None if there is no such way.
        prefix: begins the names of the entities that checks push.
    """

    source: DriverSource
    version: DriverVersion
    store: Mapping[str, Any]
    folder: Path
    entity: str = ""
    primary_keys: tuple[str, ...] = ()
    offset_columns: tuple[str, ...] = ()
    data_format: Mapping[str, Any] = field(default_factory=dict)
    read_back: ReadBack | None = None
    prefix: str = field(default_factory=lambda: f"contract_{uuid.uuid4().hex[:6]}")

    @classmethod
    def of(cls, source: DriverSource, **more: Any) -> DriverUnderTest:
        """The driver as its file is now."""
        projects_dir = source.path.parents[2]
        version = DriverVersion(projects_dir, source.project, source.file_name, digest_of(read_sources(source)))
        return cls(source, version, **more)

    @property
    def pulls(self) -> bool:
        """Whether the driver can read."""
        return self.has("pull_data")

    @property
    def pushes(self) -> bool:
        """Whether the driver can write."""
        return self.has("push_data") or self.has("push_arrow")

    @property
    def is_readable(self) -> bool:
        """Whether what was pushed can be read again."""
        return self.pulls or self.read_back is not None

    @functools.cached_property
    def claims(self) -> frozenset[str] | None:
        """The driver's ``capabilities``; None if it has none, or if they cannot be read: that is a check of its own."""
        try:
            return claimed_capabilities(self.source)
        except DriverSignatureError:
            return None

    @property
    def write_modes(self) -> list[str]:
        """The modes that the driver says it has; all of them if it says nothing."""
        modes = ["overwrite", "upsert", "append"]
        return modes if self.claims is None else [mode for mode in modes if mode in self.claims]

    @functools.cache  # noqa: B019  # as short-lived as the check
    def has(self, method: str) -> bool:
        """Whether the driver has a method with the right arguments.

        Raises:
            DriverError: the driver cannot be found or imported.
        """
        try:
            found = load_driver_class(self.version, method, redactor_of(self.mapping()))
        except DriverSignatureError:
            return False
        return callable(getattr(found, method, None))

    def name(self, suffix: str = "rows") -> str:
        """The name of an entity that only this check has."""
        return f"{self.prefix}_{suffix}"

    def push(
        self,
        data: pd.DataFrame | Iterable[pd.DataFrame],
        entity: str = "",
        *,
        mode: str = "",
        keys: Sequence[str] = ("id",),
        deletes: pd.DataFrame | None = None,
        idempotency_key: str = "",
        **settings: Any,
    ) -> PushStatus:
        """Pushes an entity.

        Args:
            data: a DataFrame in one piece, or an iterable of chunks.
            entity: its name; by default ``name()``.
            mode: the ``write_mode``; by default the first one that the driver has.
            keys: its primary keys.
            deletes: rows to delete.
            idempotency_key: of the push; by default one that no other push has.
            settings: further keys of the mapping.

        Raises:
            CustomStoreError: the push failed.
        """
        endpoint = self.endpoint("to", entity, mode, keys, idempotency_key, **settings)
        as_arrow = endpoint.has("push_arrow")
        with open_data(lambda: data, DataFormat(), "the check", endpoint.redactor, as_arrow=as_arrow) as pulled:
            return endpoint.push(replace(pulled, deletes=deletes))

    def pull(self, entity: str = "", **settings: Any) -> pd.DataFrame:
        """All rows that ``pull_data`` returns of an entity, by default of ``entity`` or ``name()``.

        Raises:
            CustomStoreError: the pull failed.
        """
        endpoint = self.endpoint("from", entity, **settings)
        with endpoint.pull() as pulled:
            return endpoint.as_frames(pulled).stream.joined()

    def rows(self, entity: str = "") -> pd.DataFrame:
        """What the store has of an entity that was pushed."""
        entity = entity or self.name()
        if self.read_back is not None:
            return self.read_back(self.endpoint("to", entity).make_config(), entity)
        return self.pull(entity)

    def endpoint(
        self,
        side: Side,
        entity: str = "",
        mode: str = "",
        keys: Sequence[str] = (),
        idempotency_key: str = "",
        watermarks: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> Endpoint:
        """One side of an entity, as a step would make it."""
        name = entity or (self.entity if side == "from" else "") or self.name()
        mapping = self.mapping(mode=mode, **settings)
        key = (self.source.project, "contract", name)
        thing = Entity(name, name, tuple(keys) or self.primary_keys, key, key)
        run = RunValues("contract-run", idempotency_key or uuid.uuid4().hex, watermarks or {})
        return endpoint_of(self.version, mapping, side, thing, run, redactor_of(mapping))

    def mapping(self, *, mode: str = "", **settings: Any) -> LoadedMapping:
        """A mapping from the store to itself, which nothing runs: it is what config is made of.

        Raises:
            ConfigurationError: the store, or a setting, is not one that a mapping file may have.
        """
        store = {
            "file_name": self.source.file_name,
            "project_name": self.source.project,
            **self.store,
            # Without args, the keys beside them are the args, and a driver may refuse one that it does not know.
            **({SECRET_KEY: SECRET} if self.store.get("args") else {}),
        }
        source: dict[str, Any] = {"store": store, "entity": {"include": ["contract"]}}
        if self.data_format:
            source["data_format"] = dict(self.data_format)
        if self.offset_columns:
            source["offset"] = {"offset_columns": list(self.offset_columns)}
        document = {
            "from": source,
            "to": {"store": {**store, "name": "contract_target"}},
            "write_mode": mode or next(iter(self.write_modes), "overwrite"),
            **settings,
        }
        folder = self.folder / "mappings" / uuid.uuid4().hex  # of its own, for threads may call this
        path = folder / self.source.project / "mappings" / "contract.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump({"mappings": [{"mapping": document}]}, allow_unicode=True))
        (file,) = load_mapping_files(path.parents[2])
        if file.problems:
            raise ConfigurationError(file.problems)
        return file.mappings[0]

"""The dialect of mapping files as frozen models: every key, its type, its default.

Only shapes and values live here. What a message about them says is :mod:`.problems`; how files are found, merged and
placed is :mod:`.loading`.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from custom_store_pipeline.config import values
from custom_store_pipeline.data.formats import DATAFRAME, FORMAT_NAMES

# The name of a store under which files that cannot be used are shown as assets.
BROKEN_FILES = "invalid"

Text = Annotated[str, Field(min_length=1)]
Name = Annotated[Text, AfterValidator(values.readable)]
Names = Annotated[tuple[Name, ...], Field(strict=False), AfterValidator(values.unique)]


class Section(BaseModel):
    """What all parts of a mapping have in common: frozen, no unknown keys, no silent conversions."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Store(Section):
    """A store: its driver, and what the driver needs. Keys that are not ours belong to the driver and are kept."""

    model_config = ConfigDict(extra="allow")

    type: Literal["custom"] = "custom"
    file_name: Annotated[Text, AfterValidator(values.file_name)]
    project_name: Annotated[Text, AfterValidator(values.identifier)] | None = None
    name: Annotated[Name, AfterValidator(values.not_from_the_environment)] | None = None
    args: dict[Any, Any] = {}

    @property
    def label(self) -> str:
        """The store's name in asset keys: ``name``, or else ``file_name``."""
        return self.name or self.file_name


class DataFormat(Section):
    """How raw values of ``pull_data`` are decoded; further keys are the reader's options."""

    model_config = ConfigDict(extra="allow")

    type: Literal[FORMAT_NAMES] = DATAFRAME  # type: ignore[valid-type]  # the registry in formats is the one list

    @property
    def options(self) -> Mapping[str, Any]:
        """The reader's options."""
        return self.model_extra or {}


class SourceEntities(Section):
    """Which entities of the source, and their primary keys."""

    include: Annotated[Names, Field(min_length=1)] | None = None
    exclude: Names = ()
    primary_keys: Annotated[str | list[str] | dict[str, str | list[str]], BeforeValidator(values.keys_by_entity)] = []


class Offset(Section):
    """The columns whose greatest values mark what was loaded already, and how far below them rows may still come."""

    offset_columns: Names = ()
    joining_condition: Literal["AND", "OR"] = "AND"
    lookback: dict[Text, Annotated[datetime.timedelta | int | float, BeforeValidator(values.lag)]] = {}


class Source(Section):
    """The ``from`` side."""

    store: Store
    data_format: DataFormat = DataFormat()
    entity: SourceEntities = SourceEntities()
    offset: Offset = Offset()


class TargetEntities(Section):
    """What the entities are called in the target."""

    name: Annotated[Name, AfterValidator(values.without_stray_placeholders)] = "{entity}"


class Target(Section):
    """The ``to`` side, in its long form."""

    store: Store
    entity: TargetEntities = TargetEntities()


class Retries(Section):
    """How often a failed pull or push is retried, and after how long."""

    max_attempts: int = Field(default=3, ge=1)
    delay: float = Field(default=1, ge=0, allow_inf_nan=False)
    backoff: Literal["exponential", "linear", "constant"] = "exponential"
    jitter: bool = True


NO_RETRIES = Retries(max_attempts=1)


class LogColumn(Section):
    """A column that marks a row as deleted, and its value."""

    column: Name
    value: Any


class Partitions(Section):
    """The partitions of a mapping's entities."""

    type: Literal["daily", "hourly", "weekly", "monthly", "static"]
    start: Annotated[datetime.datetime | None, BeforeValidator(values.start)] = None
    keys: Annotated[
        tuple[Annotated[Text, AfterValidator(values.partition_key)], ...],
        Field(strict=False),
        AfterValidator(values.unique),
    ] = ()


class MappingConfig(Section):
    """One mapping: from which store, to which store, which entities, how.

    Source: docs/custom_store_driver.md, "Example YAML Configuration", and docs/mapping.md, which lists each key.
    """

    mapping_name: Name | None = None
    from_: Source = Field(alias="from")
    to: Target
    load_type: Literal["full", "full_load", "incremental"] = "full"
    first_load: bool = False
    write_mode: Literal["overwrite", "append", "upsert", "upsert_only", "append_delete"] = "overwrite"
    delete_type: Literal["none", "keys"] = "none"
    delete_mode: Literal["hard_delete", "soft_delete"] = "hard_delete"
    delete_log_columns: Annotated[tuple[LogColumn, ...], Field(strict=False)] = ()
    max_delete_fraction: float = Field(default=0.5, ge=0, le=1)
    concurrency: int = Field(default=1, ge=1)
    entities_per_step: int = Field(default=50, ge=1)
    retries: Retries = NO_RETRIES
    timeout: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    schedule: Annotated[str, AfterValidator(values.cron)] | None = None
    timezone: Annotated[str, AfterValidator(values.timezone)] = "UTC"
    pool: Annotated[str, AfterValidator(values.pool)] | None = None
    tags: Annotated[dict[str, str], AfterValidator(values.tags)] = {}
    owners: tuple[Annotated[str, AfterValidator(values.owner)], ...] = Field(default=(), strict=False)
    description: Text | None = None
    partitions: Partitions | None = None
    auto_materialize: bool = True
    on_source_change: bool = False

    @property
    def is_incremental(self) -> bool:
        """Whether a run pulls what is newer than the watermarks, not everything."""
        return self.load_type == "incremental"

    @property
    def compares_keys(self) -> bool:
        """Whether deletions are found by comparing primary keys."""
        return self.delete_type == "keys"

    @property
    def replaces_target(self) -> bool:
        """Whether each push replaces all rows, so that nothing in the target is older than the load."""
        return not self.is_incremental and self.write_mode == "overwrite"

    @property
    def needs_state(self) -> bool:
        """Whether a run stores something for the next one. Mappings that need no state pay nothing for it."""
        return self.is_incremental or self.compares_keys or bool(self.from_.offset.offset_columns)

"""The dialect of mapping files as frozen models: every key, its type, its default.

Only shapes and values live here. What a message about them says is :mod:`.problems`; how files are found, merged and
placed is :mod:`.loading`.
"""

from __future__ import annotations

import datetime
import math
import re
import unicodedata
import zoneinfo
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from croniter import CroniterBadDateError, croniter
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from custom_store_pipeline.data.formats import DATAFRAME, FORMAT_NAMES
from custom_store_pipeline.errors import did_you_mean
from custom_store_pipeline.identifiers import module_name


def _refuse(message: str) -> PydanticCustomError:
    # The braces of a message such as "${NAME}" would be taken for pydantic's own placeholders.
    return PydanticCustomError("refused", "{message}", {"message": message})


def _identifier(value: str) -> str:
    if not is_plain_name(value):
        raise _refuse(f"'{value}' is not a plain name; use letters, digits and _ only (no folders, no dots, no spaces)")
    return value


def is_plain_name(value: str) -> bool:
    """Whether this may be the name of a project or a driver: what files, Python and Dagster all take."""
    return re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,99}", value) is not None


def _file_name(value: str) -> str:
    return _identifier(module_name(value))


def _cron(value: str) -> str:
    # Dagster runs schedules by the minute, so it refuses cron strings with a sixth field that croniter would take.
    if not croniter.is_valid(value) or (not value.startswith("@") and len(value.split()) != 5):
        raise _refuse(
            f"'{value}' is not a cron string of five fields (minute hour day month weekday), such as '0 6 * * *'"
        )
    try:
        croniter(value).get_next()
    except CroniterBadDateError:
        raise _refuse(f"'{value}' names a day that no month has") from None
    return value


def _timezone(value: str) -> str:
    if value not in zoneinfo.available_timezones():
        near = did_you_mean(value, zoneinfo.available_timezones())
        raise _refuse(f"'{value}' is not a time zone such as 'Europe/Berlin'{near}")
    return value


def _owner(value: str) -> str:
    if not re.fullmatch(r"team:.+|[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}", value):
        raise _refuse(f"'{value}' is not an owner; write an e-mail address, or a team as 'team:{value}'")
    return value


def _pool(value: str) -> str:
    if not re.fullmatch(r"\S+", value):
        raise _refuse(f"'{value}' is not the name of a pool; it must have no spaces")
    return value


def _tags(value: dict[str, str]) -> dict[str, str]:
    for key, text in value.items():
        if not re.fullmatch(r"([A-Za-z0-9_.-]{1,63}/)?[A-Za-z0-9_.-]{1,63}", key):
            raise _refuse(f"'{key}' is not a tag; use at most 63 letters, digits, _, . and -")
        if not re.fullmatch(r"[A-Za-z0-9_.-]{0,63}", text):
            raise _refuse(f"'{text}' is not the value of a tag; use at most 63 letters, digits, _, . and -")
    return value


def _unique(value: tuple[str, ...]) -> tuple[str, ...]:
    seen: set[str] = set()
    for name in value:
        if name in seen:
            raise _refuse(f"'{name}' stands twice in the list; keep it once")
        seen.add(name)
    return value


# Cc: control characters, Cs: half of a character, Zl and Zp: ends of lines and paragraphs.
_NOT_SHOWN = ("Cc", "Cs", "Zl", "Zp")
# They turn the direction of what follows round, so that a name reads as another one (unicode.org, UTS 55).
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def unreadable(name: str) -> str | None:
    """Why people could not tell a name from others, or None."""
    if not name.strip():
        return "a name must not be blank"
    for character in name:
        if character in _BIDI or unicodedata.category(character) in _NOT_SHOWN:
            return f"{name!a} has the invisible character U+{ord(character):04X} in it; take it out"
    return None


def _readable(value: str) -> str:
    if problem := unreadable(value):
        raise _refuse(problem)
    return value


def _keys_by_entity(value: Any) -> Any:
    """Both forms of ``primary_keys``: a list for all entities, or a list (or one name) for each."""
    for keys in value.values() if isinstance(value, dict) else [value]:
        columns = [keys] if isinstance(keys, str) else keys if isinstance(keys, list) else []
        texts = tuple(column for column in columns if isinstance(column, str))
        if not all(text.strip() for text in texts):
            raise _refuse("a column must not be blank; name it, or leave it out")
        _unique(texts)
    if isinstance(value, str) or (isinstance(value, list) and all(isinstance(key, str) for key in value)):
        return value
    if isinstance(value, dict) and all(
        isinstance(keys, str) or (isinstance(keys, list) and keys and all(isinstance(key, str) for key in keys))
        for keys in value.values()
    ):
        return value
    raise _refuse("must be a list of column names, such as [id], or a list for each entity, such as {posts: [id]}")


def _start(value: Any) -> Any:
    if isinstance(value, str):
        try:
            value = datetime.datetime.fromisoformat(value)
        except ValueError:
            raise _refuse(f"'{value}' is not a date; write it as 2024-01-31, or as 2024-01-31T06:00") from None
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return datetime.datetime.combine(value, datetime.time())
    if not isinstance(value, datetime.datetime | None):
        raise _refuse(f"'{value}' is not a date; write it as 2024-01-31, or as 2024-01-31T06:00")
    if value is not None and value.tzinfo is not None:
        raise _refuse(f"'{value}' has a time zone of its own; leave it out, and write the mapping's 'timezone'")
    return value


def _partition_key(value: str) -> str:
    if "..." in value or any(character < " " for character in value):
        raise _refuse(f"'{value}' is no key of a partition; it must not have ... or control characters in it")
    return value


_UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_DURATION = re.compile(r"(?:(\d{1,9})w)?(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?")


def _lag(value: Any) -> Any:
    """A duration such as ``1d12h``, or a number; above zero."""
    if isinstance(value, str) and value and (found := _DURATION.fullmatch(value)):
        value = datetime.timedelta(
            **{unit: int(number) for unit, number in zip(_UNITS.values(), found.groups(), strict=True) if number}
        )
        if value:
            return value
    elif isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf:
        return value
    raise _refuse(
        f"'{value}' is not a lag; write a duration such as 2h, 30m or 1d12h for a column of times, a number above zero "
        "for a column of numbers"
    )


def _without_stray_placeholders(value: str) -> str:
    rest = value.replace("{${entity}$}", "").replace("{entity}", "")
    if "{" in rest or "}" in rest:
        raise _refuse(
            f"'{value}' has a placeholder that is not known; the only one is {{entity}} (or {{${{entity}}$}})"
        )
    return value


def _not_from_the_environment(value: str) -> str:
    if "${" in value:
        raise _refuse(
            f"'{value}' is part of asset keys, which must not depend on the environment; write the name itself"
        )
    return value


# The name of a store under which files that cannot be used are shown as assets.
BROKEN_FILES = "invalid"

Text = Annotated[str, Field(min_length=1)]
Name = Annotated[Text, AfterValidator(_readable)]
Names = Annotated[tuple[Name, ...], Field(strict=False), AfterValidator(_unique)]


class Section(BaseModel):
    """What all parts of a mapping have in common: frozen, no unknown keys, no silent conversions."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Store(Section):
    """A store: its driver, and what the driver needs. Keys that are not ours belong to the driver and are kept."""

    model_config = ConfigDict(extra="allow")

    type: Literal["custom"] = "custom"
    file_name: Annotated[Text, AfterValidator(_file_name)]
    project_name: Annotated[Text, AfterValidator(_identifier)] | None = None
    name: Annotated[Name, AfterValidator(_not_from_the_environment)] | None = None
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
    primary_keys: Annotated[str | list[str] | dict[str, str | list[str]], BeforeValidator(_keys_by_entity)] = []


class Offset(Section):
    """The columns whose greatest values mark what was loaded already, and how far below them rows may still come."""

    offset_columns: Names = ()
    joining_condition: Literal["AND", "OR"] = "AND"
    lookback: dict[Text, Annotated[datetime.timedelta | int | float, BeforeValidator(_lag)]] = {}


class Source(Section):
    """The ``from`` side."""

    store: Store
    data_format: DataFormat = DataFormat()
    entity: SourceEntities = SourceEntities()
    offset: Offset = Offset()


class TargetEntities(Section):
    """What the entities are called in the target."""

    name: Annotated[Name, AfterValidator(_without_stray_placeholders)] = "{entity}"


class Target(Section):
    """The ``to`` side, in its long form."""

    store: Store
    entity: TargetEntities = TargetEntities()


class Retries(Section):
    """How often and how patiently a failed pull or push is tried again."""

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
    start: Annotated[datetime.datetime | None, BeforeValidator(_start)] = None
    keys: Annotated[
        tuple[Annotated[Text, AfterValidator(_partition_key)], ...], Field(strict=False), AfterValidator(_unique)
    ] = ()


class MappingConfig(Section):
    """One mapping: from which store, to which store, which entities, how.

    Source: custom_store_driver.md, "Example YAML Configuration", and docs/mapping.md, which lists each key.
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
    schedule: Annotated[str, AfterValidator(_cron)] | None = None
    timezone: Annotated[str, AfterValidator(_timezone)] = "UTC"
    pool: Annotated[str, AfterValidator(_pool)] | None = None
    tags: Annotated[dict[str, str], AfterValidator(_tags)] = {}
    owners: tuple[Annotated[str, AfterValidator(_owner)], ...] = Field(default=(), strict=False)
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

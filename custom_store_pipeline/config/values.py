"""What a value in a mapping file must be like: each function returns the value, or raises a ValueError."""

from __future__ import annotations

import datetime
import math
import re
import unicodedata
import zoneinfo
from typing import Any

from custom_store_pipeline.errors import did_you_mean
from custom_store_pipeline.identifiers import module_name


def identifier(value: str) -> str:
    """A plain name."""
    if not is_plain_name(value):
        raise ValueError(
            f"'{value}' is not a plain name; use letters, digits and _ only (no folders, no dots, no spaces)"
        )
    return value


def is_plain_name(value: str) -> bool:
    """Whether this may be the name of a project or a driver: what files, Python and Dagster all take."""
    return re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,99}", value) is not None


def file_name(value: str) -> str:
    """A driver's file, with or without ``.py``."""
    return identifier(module_name(value))


def cron(value: str) -> str:
    """A cron string."""
    from croniter import CroniterBadDateError, croniter  # not imported for mappings without a schedule

    # Dagster runs schedules by the minute, so it refuses cron strings with a sixth field that croniter would take.
    if not croniter.is_valid(value) or (not value.startswith("@") and len(value.split()) != 5):
        raise ValueError(
            f"'{value}' is not a cron string of five fields (minute hour day month weekday), such as '0 6 * * *'"
        )
    try:
        croniter(value).get_next()
    except CroniterBadDateError:
        raise ValueError(f"'{value}' names a day that no month has") from None
    return value


def timezone(value: str) -> str:
    """A time zone."""
    if value not in zoneinfo.available_timezones():
        near = did_you_mean(value, zoneinfo.available_timezones())
        raise ValueError(f"'{value}' is not a time zone such as 'Europe/Berlin'{near}")
    return value


def owner(value: str) -> str:
    """An owner, as Dagster takes it."""
    if not re.fullmatch(r"team:.+|[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}", value):
        raise ValueError(f"'{value}' is not an owner; write an e-mail address, or a team as 'team:{value}'")
    return value


def pool(value: str) -> str:
    """The name of a pool."""
    if not re.fullmatch(r"\S+", value):
        raise ValueError(f"'{value}' is not the name of a pool; it must have no spaces")
    return value


def tags(value: dict[str, str]) -> dict[str, str]:
    """Tags, as Dagster takes them."""
    for key, text in value.items():
        if not re.fullmatch(r"([A-Za-z0-9_.-]{1,63}/)?[A-Za-z0-9_.-]{1,63}", key):
            raise ValueError(f"'{key}' is not a tag; use at most 63 letters, digits, _, . and -")
        if not re.fullmatch(r"[A-Za-z0-9_.-]{0,63}", text):
            raise ValueError(f"'{text}' is not the value of a tag; use at most 63 letters, digits, _, . and -")
    return value


def unique(value: tuple[str, ...]) -> tuple[str, ...]:
    """A list without duplicates."""
    seen: set[str] = set()
    for name in value:
        if name in seen:
            raise ValueError(f"'{name}' occurs twice in the list; keep it once")
        seen.add(name)
    return value


# Cc: control characters, Cs: half of a character, Zl and Zp: ends of lines and paragraphs.
_NOT_SHOWN = ("Cc", "Cs", "Zl", "Zp")
# They turn the direction of what follows round, so that a name reads as another one (unicode.org, UTS 55).
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def unreadable(name: str) -> str | None:
    """Why people could not distinguish a name from others, or None."""
    if not name.strip():
        return "a name must not be blank"
    if name.isascii() and name.isprintable():  # most names, of which there are thousands
        return None
    for character in name:
        if character in _BIDI or unicodedata.category(character) in _NOT_SHOWN:
            return f"{name!a} contains the invisible character U+{ord(character):04X}; remove it"
    return None


def readable(value: str) -> str:
    """A name that people can read and distinguish from others."""
    if problem := unreadable(value):
        raise ValueError(problem)
    return value


def keys_by_entity(value: Any) -> Any:
    """Both forms of ``primary_keys``: a list for all entities, or a list (or one name) for each."""
    for keys in value.values() if isinstance(value, dict) else [value]:
        columns = [keys] if isinstance(keys, str) else keys if isinstance(keys, list) else []
        texts = tuple(column for column in columns if isinstance(column, str))
        if not all(text.strip() for text in texts):
            raise ValueError("a column must not be blank; name it, or leave it out")
        unique(texts)
    if isinstance(value, str) or (isinstance(value, list) and all(isinstance(key, str) for key in value)):
        return value
    if isinstance(value, dict) and all(
        isinstance(keys, str) or (isinstance(keys, list) and keys and all(isinstance(key, str) for key in keys))
        for keys in value.values()
    ):
        return value
    raise ValueError("must be a list of column names, such as [id], or a list for each entity, such as {posts: [id]}")


def start(value: Any) -> Any:
    """A date or a time without a time zone."""
    if isinstance(value, str):
        try:
            value = datetime.datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(f"'{value}' is not a date; write it as 2024-01-31, or as 2024-01-31T06:00") from None
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return datetime.datetime.combine(value, datetime.time())
    if not isinstance(value, datetime.datetime | None):
        message = f"'{value}' is not a date; write it as 2024-01-31, or as 2024-01-31T06:00"
        raise ValueError(message)  # noqa: TRY004  # pydantic makes messages of ValueErrors only
    if value is not None and value.tzinfo is not None:
        raise ValueError(f"'{value}' has a time zone of its own; leave it out, and write the mapping's 'timezone'")
    return value


def partition_key(value: str) -> str:
    """The key of a partition."""
    if "..." in value or any(character < " " for character in value):
        raise ValueError(f"'{value}' is not a partition key; it must not contain ... or control characters")
    return value


_UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_DURATION = re.compile(r"(?:(\d{1,9})w)?(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?")


def lag(value: Any) -> Any:
    """A duration such as ``1d12h``, or a number; above zero."""
    if isinstance(value, str) and value and (found := _DURATION.fullmatch(value)):
        value = datetime.timedelta(
            **{unit: int(number) for unit, number in zip(_UNITS.values(), found.groups(), strict=True) if number}
        )
        if value:
            return value
    elif isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf:
        return value
    raise ValueError(
        f"'{value}' is not a lag; write a duration such as 2h, 30m or 1d12h for a column of times, a number above zero "
        "for a column of numbers"
    )


def without_stray_placeholders(value: str) -> str:
    """A name with no other placeholder than the entity."""
    rest = value.replace("{${entity}$}", "").replace("{entity}", "")
    if "{" in rest or "}" in rest:
        raise ValueError(
            f"'{value}' has a placeholder that is not known; the only one is {{entity}} (or {{${{entity}}$}})"
        )
    return value


def not_from_the_environment(value: str) -> str:
    """A string without ``${…}``."""
    if "${" in value:
        raise ValueError(
            f"'{value}' is part of asset keys, which must not depend on the environment; write the name itself"
        )
    return value

"""What the shape of a mapping cannot say: values that must fit each other."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from custom_store_pipeline.config.entities_lock import is_pattern
from custom_store_pipeline.config.environment_variables import malformed_reference
from custom_store_pipeline.config.models import BROKEN_FILES, MappingConfig
from custom_store_pipeline.config.yaml_file import KeyPath
from custom_store_pipeline.errors import did_you_mean


class Finding(NamedTuple):
    """Something wrong at a key of a mapping.

    Attributes:
        key_path: where.
        message: what, and what to do.
        at_key: the key itself is wrong, not its value.
        is_warning: the mapping can still be used.
    """

    key_path: KeyPath
    message: str
    at_key: bool = False
    is_warning: bool = False


# What each run adds to a driver's config. A store's key of the same name would be shadowed, that is, ignored.
RUN_KEYS = frozenset(
    {
        "from",
        "to",
        "write_mode",
        "delete_mode",
        "primary_keys",
        "offset",
        "partition",
        "run_id",
        "idempotency_key",
        "state",
    }
)
_BESIDE_STORE = frozenset({"data_format", "entity", "offset"})


def check_mapping(config: MappingConfig, document: Mapping[str, Any], written: Mapping[str, Any]) -> list[Finding]:
    """Everything that is wrong with a mapping whose keys and types are right.

    Args:
        config: the mapping.
        document: the mapping, merged with the defaults of its file.
        written: the mapping without the defaults.
    """
    return [
        *_stores(config, document),
        *_variables(document),
        *_without_effect(config, written),
        *_entities(config),
        *_loads(config, document),
        *_deletions(config),
        *_partitions(config),
    ]


def _stores(config: MappingConfig, document: Mapping[str, Any]) -> Iterator[Finding]:
    for side, store in (("from", config.from_.store), ("to", config.to.store)):
        if store.label == BROKEN_FILES:
            message = f"'{store.label}' is where files that cannot be used are shown; give the store another 'name'"
            yield Finding((side, "store", "name" if store.name else "file_name"), message)
        for key in store.model_extra or {}:
            path: KeyPath = (side, "store", key)
            if key in _BESIDE_STORE:
                where = "belongs beside 'store'" if side == "from" or key == "entity" else "belongs in 'from'"
                yield Finding(path, f"'{key}' {where}, not in it; move it", at_key=True)
            elif key in RUN_KEYS:
                yield Finding(
                    path, f"'{key}' is added to the config by each run; give the store's key another name", at_key=True
                )
        for path, text in _with_variables(document[side]["store"], (side, "store")):
            if found := malformed_reference(text):
                remedy = "write ${NAME} or ${NAME:-default}, or $${ for a literal ${"
                yield Finding(path, f"'{found}' is not an environment variable; {remedy}")


def _variables(document: Mapping[str, Any]) -> Iterator[Finding]:
    """``${NAME}`` where nothing would fill it in."""
    for path, text in _with_variables(document, ()):
        of_store = path[1:2] == ("store",)
        if not of_store and path not in (("to", "entity", "name"), ("description",)):
            yield Finding(path, f"'{text}': variables are filled in only in stores; write the value itself")
    for path in _keys(document, ()):
        if "${" in str(path[-1]):
            yield Finding(
                path, f"'{path[-1]}': variables are filled in only in values; write the key itself", at_key=True
            )


def _keys(value: Any, path: KeyPath) -> Iterator[KeyPath]:
    for step, item in _items(value):
        if isinstance(value, dict):
            yield (*path, step)
        if not isinstance(item, str):
            yield from _keys(item, (*path, step))


def _without_effect(config: MappingConfig, written: Mapping[str, Any]) -> Iterator[Finding]:
    """Keys of the mapping itself that have no effect; in ``defaults`` they may be meant for other mappings."""
    offset = written.get("from", {}).get("offset", {})
    if "timezone" in written and config.schedule is None and config.partitions is None:
        message = "only 'schedule' and 'partitions' use the time zone; write one of these, or remove it"
        yield Finding(("timezone",), message, at_key=True, is_warning=True)
    if "delete_log_columns" in written and config.delete_mode != "soft_delete":
        message = (
            f"delete_mode is {config.delete_mode}, which marks no rows; write delete_mode: soft_delete, or remove it"
        )
        yield Finding(("delete_log_columns",), message, at_key=True, is_warning=True)
    if "max_delete_fraction" in written and not config.compares_keys:
        message = "only deletions that are found by comparing keys are limited; write delete_type: keys, or remove it"
        yield Finding(("max_delete_fraction",), message, at_key=True, is_warning=True)
    if "joining_condition" in offset and not config.from_.offset.offset_columns:
        message = "there are no offset_columns to join; write offset_columns, or remove it"
        yield Finding(("from", "offset", "joining_condition"), message, at_key=True, is_warning=True)


def _with_variables(value: Any, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    """The strings in which there may be a variable, with their places."""
    for step, item in _items(value):
        if isinstance(item, str):
            if "${" in item:
                yield (*path, step), item
        else:
            yield from _with_variables(item, (*path, step))


def _items(value: Any) -> Iterable[tuple[Any, Any]]:
    return value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()


def _entities(config: MappingConfig) -> Iterator[Finding]:
    chosen = config.from_.entity
    included = dict.fromkeys(chosen.include or ())
    if any(map(is_pattern, (*included, *chosen.exclude))):  # not resolved, because the store is asked first
        return
    for index, name in enumerate(chosen.exclude):
        if name not in included:
            message = f"'{name}' is not in include, so it excludes nothing{did_you_mean(name, included)}"
            yield Finding(("from", "entity", "exclude", index), message)
    if included and not set(included) - set(chosen.exclude):
        yield Finding(
            ("from", "entity", "exclude"), "all entities of include are excluded; leave one, or remove the mapping"
        )
    if isinstance(chosen.primary_keys, dict):
        for name in chosen.primary_keys:
            if name not in included:
                message = f"'{name}' is not in include{did_you_mean(name, included)}"
                yield Finding(("from", "entity", "primary_keys", name), message, at_key=True)
    if len(set(included) - set(chosen.exclude)) > 1 and not re.search(
        r"\{entity\}|\{\$\{entity\}\$\}", config.to.entity.name
    ):
        message = f"all entities would be written to '{config.to.entity.name}'; put {{entity}} into the name"
        yield Finding(("to", "entity", "name"), message)


def _loads(config: MappingConfig, document: Mapping[str, Any]) -> Iterator[Finding]:
    if config.is_incremental and config.write_mode == "overwrite":
        by_default = "" if "write_mode" in document else " by default"
        message = (
            f"load_type is incremental and write_mode overwrite{by_default}, which would leave nothing but the newest "
            "rows in the target; write write_mode: upsert (with primary_keys) or append"
        )
        yield Finding(("load_type",) if by_default else ("write_mode",), message)
    yield from _lookback(config)


def _lookback(config: MappingConfig) -> Iterator[Finding]:
    offset = config.from_.offset
    for column in offset.lookback:
        if column not in offset.offset_columns:
            near = did_you_mean(column, offset.offset_columns)
            message = f"'{column}' is not in offset_columns, so it has no watermark{near}"
            yield Finding(("from", "offset", "lookback", column), message, at_key=True)
    if offset.lookback and not config.is_incremental:
        message = "a full load pulls all rows, so lookback has no effect; remove it, or write load_type: incremental"
        yield Finding(("from", "offset", "lookback"), message)
    elif offset.lookback and config.write_mode not in ("upsert", "upsert_only"):
        message = (
            f"lookback pulls rows again that are in the target, and write_mode {config.write_mode} would have them "
            "twice; write write_mode: upsert (with primary_keys), or remove it"
        )
        yield Finding(("from", "offset", "lookback"), message)


def _deletions(config: MappingConfig) -> Iterator[Finding]:
    chosen = config.from_.entity
    if config.compares_keys:
        keys = chosen.primary_keys
        names = set(chosen.include or ()) - set(chosen.exclude)
        without = sorted(name for name in names if not keys.get(name)) if isinstance(keys, dict) else []
        if not keys or without:
            of = f" of {', '.join(without)}" if without else ""
            message = f"delete_type is keys, which compares primary keys; name those{of} here, such as [id]"
            yield Finding(("from", "entity", "primary_keys"), message)
    keys = chosen.primary_keys
    every = keys.values() if isinstance(keys, dict) else [keys]
    primary = {key for names in every for key in ([names] if isinstance(names, str) else names)}
    seen: set[str] = set()
    for index, log in enumerate(config.delete_log_columns):
        if log.column in primary:
            message = f"'{log.column}' is a primary key, which says what is deleted; choose another column"
            yield Finding(("delete_log_columns", index), message)
        if log.column in seen:
            yield Finding(
                ("delete_log_columns", index), f"the column '{log.column}' occurs twice in the list; keep one"
            )
        seen.add(log.column)


def _partitions(config: MappingConfig) -> Iterator[Finding]:
    partitions = config.partitions
    if partitions is None:
        return
    if config.on_source_change:
        message = "a change of the source does not show which partitions changed; remove it, or use schedule"
        yield Finding(("on_source_change",), message)
    if partitions.type == "static":
        if not partitions.keys:
            yield Finding(("partitions",), "static partitions need 'keys', a list of names, such as [north, south]")
        if partitions.start is not None:
            yield Finding(("partitions", "start"), "static partitions have no start; remove it, or write another type")
        return
    if partitions.start is None:
        message = f"{partitions.type} partitions need 'start', the day from which there is data, such as 2024-01-31"
        yield Finding(("partitions",), message)
    elif partitions.type == "monthly" and partitions.start.day > 28:
        message = (
            f"monthly partitions begin on the day of 'start', and not every month has a day {partitions.start.day}"
        )
        yield Finding(("partitions", "start"), f"{message}; choose a day up to the 28th")
    if partitions.keys:
        message = f"{partitions.type} partitions get their keys from the calendar; remove them, or write type: static"
        yield Finding(("partitions", "keys"), message)

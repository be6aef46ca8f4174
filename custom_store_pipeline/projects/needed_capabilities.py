"""What a mapping needs its drivers to do, against what they say in their ``capabilities``."""

from __future__ import annotations

from collections.abc import Iterator, Set

from custom_store_pipeline.config.entity import Side
from custom_store_pipeline.config.mapping import LoadedMapping
from custom_store_pipeline.config.yaml_file import KeyPath
from custom_store_pipeline.drivers.capabilities import CAPABILITIES
from custom_store_pipeline.errors import Problem

# What the push of each mode is made of.
_OF_MODE = {
    "overwrite": ("overwrite",),
    "append": ("append",),
    "upsert": ("upsert",),
    "upsert_only": ("upsert",),
    "append_delete": ("append", "deletes"),
}


def capability_problems(mapping: LoadedMapping, side: Side, claims: Set[str]) -> Iterator[Problem]:
    """What one side of a mapping needs and its driver does not claim, each at the key that needs it."""
    name = mapping.store(side).file_name
    for key_path, capability in _needed(mapping, side):
        if capability not in claims:
            can = f"it has {', '.join(sorted(claims))}" if claims else "it has none"
            yield mapping.problem(
                key_path,
                f"this needs '{capability}' ({CAPABILITIES[capability]}), which the capabilities of '{name}' do not "
                f"name; {can}; choose something that it can do, or add '{capability}' to its capabilities if it can",
            )


def capability_warnings(mapping: LoadedMapping, claims: Set[str]) -> Iterator[Problem]:
    """What a target's driver makes risky."""
    config = mapping.config
    if (
        config.retries.max_attempts > 1
        and "append" in _OF_MODE[config.write_mode]
        and "idempotent_append" not in claims
    ):
        yield mapping.problem(
            ("retries",),
            f"a retry after a push whose answer was lost appends its rows twice: the capabilities of "
            f"'{mapping.store('to').file_name}' do not name 'idempotent_append'; write write_mode: upsert, or "
            "max_attempts: 1",
        )


def _needed(mapping: LoadedMapping, side: Side) -> Iterator[tuple[KeyPath, str]]:
    config = mapping.config
    if side == "from":
        if config.is_incremental and config.from_.offset.offset_columns:
            yield ("from", "offset", "offset_columns"), "incremental"
        return
    for capability in _OF_MODE[config.write_mode]:
        yield ("write_mode",), capability
    if config.compares_keys and config.delete_mode == "soft_delete":
        yield ("delete_mode",), "soft_deletes"
    elif config.compares_keys:
        yield ("delete_type",), "deletes"

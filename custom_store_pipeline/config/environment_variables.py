"""``${NAME}`` and ``${NAME:-default}`` in the strings of a store, filled in when a step runs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from custom_store_pipeline.config.yaml_file import KeyPath

_REFERENCE = re.compile(r"\$\$\{|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>(?:(?!\$\{)[^}])*))?\}")


@dataclass
class Resolution:
    """What filling in a store gave besides the filled-in values.

    Attributes:
        secrets: the values that came from the environment (not the defaults, which are in the YAML in clear).
        missing: the places that name a variable that is not set, each with the variable's name.
    """

    secrets: set[str] = field(default_factory=set)
    missing: list[tuple[KeyPath, str]] = field(default_factory=list)


def malformed_reference(text: str) -> str | None:
    """The first ``${`` of the text that is not a reference, with what follows it, or None."""
    rest = _REFERENCE.sub("", text)
    start = rest.find("${")
    return None if start < 0 else rest[start : start + 30]


def resolve(value: Any, environment: Mapping[str, str], resolution: Resolution, path: KeyPath = ()) -> Any:
    """A deep copy of the value with its references filled in.

    Args:
        value: a store's settings: dicts, lists and scalars, as YAML gave them.
        environment: the variables.
        resolution: takes the secrets that were filled in and the variables that are missing.
        path: the key path of the value, for the places of missing variables.
    """
    if isinstance(value, str):
        return _REFERENCE.sub(lambda match: _fill_in(match, environment, resolution, path), value)
    if isinstance(value, Mapping):
        return {key: resolve(item, environment, resolution, (*path, key)) for key, item in value.items()}
    if isinstance(value, list):
        return [resolve(item, environment, resolution, (*path, index)) for index, item in enumerate(value)]
    return value


def _fill_in(match: re.Match[str], environment: Mapping[str, str], resolution: Resolution, path: KeyPath) -> str:
    name, default = match["name"], match["default"]
    if name is None:
        return "${"  # was written $${
    found = environment.get(name)
    if found:
        resolution.secrets.add(found)
        return found
    if default is not None:
        return default
    if found is None:
        resolution.missing.append((path, name))
    return ""

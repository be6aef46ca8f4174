"""Patterns in ``include`` and ``exclude``, and the lock file that says which entities they stand for.

::

    items.yaml                            include: ["*"]
    items.entities.lock                   written by `custom-store discover`, which asks the store; to be committed
        items: {include: ["*"], entities: [orders, customers]}

Definitions read the lock file and never ask a store, so that they load fast and are the same everywhere.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from custom_store_pipeline.config.yaml_file import KeyPath, read_yaml
from custom_store_pipeline.errors import ConfigurationError, Problem

_HEADER = "# Written by `custom-store discover`: the entities that the patterns of the mappings stand for. Commit it.\n"
_REGULAR_EXPRESSION = "re:"


@dataclass(frozen=True)
class Discovered:
    """What the patterns of one mapping stand for.

    Attributes:
        include: the patterns, as they were when the store was asked.
        entities: the store's entities that match one of them, in the store's order.
    """

    include: tuple[str, ...]
    entities: tuple[str, ...]


class PatternError(Exception):
    """A pattern that cannot be resolved: where it stands, and why; see :func:`resolved`."""

    def __init__(self, key_path: KeyPath, message: str) -> None:
        """Keeps both."""
        super().__init__(message)
        self.key_path = key_path


def is_pattern(name: str) -> bool:
    """Whether a name stands for others: ``*`` and ``?`` for any characters, ``re:`` for a regular expression."""
    return name.startswith(_REGULAR_EXPRESSION) or "*" in name or "?" in name


def patterns_of(names: Any) -> list[str]:
    """The patterns in a list of names; none if it is no such list, which is a problem of its own."""
    return [name for name in names if isinstance(name, str) and is_pattern(name)] if isinstance(names, list) else []


def matcher(pattern: str) -> Callable[[str], bool]:
    """Whether a name matches a pattern as a whole.

    Raises:
        ValueError: it is not a regular expression.
    """
    is_regular = pattern.startswith(_REGULAR_EXPRESSION)
    # `[` is no wildcard here, because names such as `prices[eur]` are more frequent than sets of characters.
    text = pattern.removeprefix(_REGULAR_EXPRESSION) if is_regular else fnmatch.translate(pattern.replace("[", "[[]"))
    try:
        expression = re.compile(text)
    except re.error as error:
        raise ValueError(f"'{text}' is not a regular expression: {error}; fix it") from None
    return lambda name: expression.fullmatch(name) is not None


def resolved(
    document: dict[str, Any], discovered: Discovered | None, lock: Path, project: str
) -> tuple[dict[str, Any], Mapping[str, int]]:
    """A mapping with names instead of patterns, and the position in ``include`` that each name comes from.

    Args:
        document: the mapping, whose values may still be of any type.
        discovered: what its patterns stand for; None if the lock file does not say.
        lock: the lock file.
        project: the mapping's project.

    Raises:
        PatternError: a pattern is wrong, or the lock file does not say what the patterns stand for.
    """
    source = document.get("from")
    entity = source.get("entity") if isinstance(source, dict) else None
    if not isinstance(source, dict) or not isinstance(entity, dict):
        return document, {}
    include, exclude = entity.get("include"), entity.get("exclude")
    patterns = patterns_of(include)
    if not patterns and not patterns_of(exclude):
        return document, {}
    run = f"run: custom-store discover {project}"
    first = ("from", "entity", "include", include.index(patterns[0])) if patterns and isinstance(include, list) else ()
    if patterns and discovered is None:
        raise PatternError(
            first, f"'{patterns[0]}' is a pattern, and {lock.name} does not say what it stands for; {run}"
        )
    if discovered is not None and patterns and tuple(patterns) != discovered.include:
        raise PatternError(first, f"the patterns have changed since {lock.name} was written; {run}")
    known = discovered.entities if discovered else ()
    positions: dict[str, int] = {}
    for position, name in enumerate(include if isinstance(include, list) else ()):
        if isinstance(name, str):
            for found in _names(name, known, ("from", "entity", "include", position)):
                positions.setdefault(found, position)
    if patterns and not positions:
        raise PatternError(first, f"no entity of the store matches, as {lock.name} says; change it, or {run}")
    chosen = {**entity, **({"include": list(positions)} if patterns else {})}
    if isinstance(exclude, list):
        left_out: list[Any] = []
        for position, name in enumerate(exclude):
            path = ("from", "entity", "exclude", position)
            left_out += _names(name, list(positions), path) if isinstance(name, str) else [name]
        chosen["exclude"] = list(dict.fromkeys(left_out))
    return {**document, "from": {**source, "entity": chosen}}, positions


def _names(name: str, known: Sequence[str], path: KeyPath) -> list[str]:
    if not is_pattern(name):
        return [name]
    try:
        return list(filter(matcher(name), known))
    except ValueError as error:
        raise PatternError(path, str(error)) from None


def lock_path(mapping_file: Path) -> Path:
    """The lock file of a mapping file, whether it is there or not."""
    return mapping_file.with_name(f"{mapping_file.stem}.entities.lock")


def read_lock(path: Path, shown: str) -> dict[str, Discovered]:
    """What a lock file says, by the name of the mapping; nothing if it is not there.

    Raises:
        ConfigurationError: it is not what `custom-store discover` writes.
    """
    if not path.exists():
        return {}
    content = read_yaml(path, shown).content
    try:
        return {
            name: Discovered(tuple(map(_text, found["include"])), tuple(map(_text, found["entities"])))
            for name, found in content.items()
        }
    except (TypeError, KeyError, ValueError):
        message = "is not as `custom-store discover` writes it; remove the file, and run: custom-store discover"
        raise ConfigurationError([Problem(shown, 0, 0, "", message)]) from None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def lock_text(found: Mapping[str, Discovered]) -> str:
    """The content of a lock file: an entity a line, so that differences are easy to read."""
    content = {name: {"include": list(it.include), "entities": list(it.entities)} for name, it in sorted(found.items())}
    return _HEADER + yaml.safe_dump(content, allow_unicode=True, sort_keys=False, width=float("inf"))

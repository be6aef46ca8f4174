"""The stores of mappings, for what is done with a store as a whole."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from custom_store_pipeline.config.entity import SIDES, Entity, Side
from custom_store_pipeline.config.mapping import LoadedMapping


@dataclass(frozen=True, eq=False)
class StoreUse:
    """A store, as a mapping sets it up.

    Attributes:
        mapping: the first mapping that sets it up so.
        side: the side on which it does.
    """

    mapping: LoadedMapping
    side: Side

    @property
    def key(self) -> tuple[str, str]:
        """Its project and its name, as in asset keys."""
        return self.mapping.store_project(self.side), self.mapping.store(self.side).label

    @property
    def place(self) -> str:
        """Where it is set up, as ``file:line``."""
        problem = self.mapping.problem((self.side, "store"), "")
        return f"{problem.file}:{problem.line}"

    @property
    def entity(self) -> Entity:
        """What a call for the store as a whole is made for: no entity in particular."""
        key = (*self.key, "")
        return Entity("/".join(self.key), "/".join(self.key), (), key, key)


def stores_of(mappings: Iterable[LoadedMapping]) -> list[StoreUse]:
    """The stores of some mappings: each once, and once more for each other way in which a mapping sets it up."""
    found: dict[Any, StoreUse] = {}
    for mapping in mappings:
        for side in SIDES:
            use = StoreUse(mapping, side)
            settings = repr(mapping.document[side]["store"])
            found.setdefault((use.key, settings), use)
    return list(found.values())

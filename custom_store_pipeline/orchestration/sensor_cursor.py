"""The cursor of the sensor on config changes, and how changed entities are distributed over runs."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

from custom_store_pipeline.config.entity import AssetPath, Entity
from custom_store_pipeline.errors import CursorError

# Increase it whenever code versions or this file change: then sensors record the current state again, instead of
# running every entity because it seems to have changed.
_FORMAT = 1

# Half of a hash is the entity's, half of it its version's. One change in 16,000,000 is overlooked.
_HALF = 3


@dataclass(frozen=True)
class SensorCursor:
    """The entities and code versions that the sensor has seen.

    Attributes:
        hashes: one for each entity and its version.
        when: when they were recorded; distinguishes two times with the same entities and versions.
        reloaded: the files that a webserver has reloaded, as a hash; empty if there is no webserver.
    """

    hashes: frozenset[int]
    when: str
    reloaded: str = ""

    @classmethod
    def of(cls, versions: Mapping[AssetPath, str], when: str, reloaded: str = "") -> SensorCursor:
        """Records entities, by their asset keys, and their code versions."""
        return cls(frozenset(_hash(key, version) for key, version in versions.items()), when, reloaded)

    def with_others_of(self, before: SensorCursor) -> SensorCursor:
        """This cursor, with the entities of an earlier one that are not in it."""
        known = {hash_ >> 8 * _HALF for hash_ in self.hashes}
        return replace(self, hashes=self.hashes | {found for found in before.hashes if found >> 8 * _HALF not in known})

    def changed(self, versions: Mapping[AssetPath, str]) -> list[AssetPath]:
        """The entities that are new or have another version, in the order they were given."""
        return [key for key, version in versions.items() if _hash(key, version) not in self.hashes]

    def run_key(self, versions: Mapping[AssetPath, str], partition: str) -> str:
        """The key of the run of some entities: the same only if the same change is seen from the same cursor.

        It contains the time of the cursor, because a version that comes back after another one is a change, too.
        """
        pairs = sorted((key, version) for key, version in versions.items())
        return hashlib.sha256(repr((self.when, partition, pairs)).encode()).hexdigest()[:32]

    def to_cursor(self) -> str:
        """A string of less than six characters an entity: each tick stores it."""
        cursor = {"format": _FORMAT, "when": self.when, "told": self.reloaded, "entities": len(self.hashes)}
        return json.dumps({**cursor, "hashes": _packed(self.hashes)})

    @classmethod
    def from_cursor(cls, cursor: str) -> SensorCursor | None:
        """What :meth:`to_cursor` was called on; None if another version of this package wrote it.

        Raises:
            CursorError: it is not a cursor of this sensor.
        """
        try:
            stored = json.loads(cursor)
            if stored["format"] != _FORMAT:
                return None
            return cls(_unpacked(stored["hashes"]), str(stored["when"]), str(stored["told"]))
        except (ValueError, TypeError, KeyError, binascii.Error, zlib.error) as error:
            raise CursorError(
                f"the cursor of the sensor cannot be read ({type(error).__name__}: {error}); clear it on the sensor's "
                "page in the UI: then the next tick records the current state, and runs nothing"
            ) from None


def in_runs(entities: Collection[Entity], most: int) -> Iterator[Sequence[Entity]]:
    """Distributes entities over runs; entities that read what others write stay in one run, if it can hold them.

    Args:
        entities: the entities, each from one mapping.
        most: how many a run may have.

    Yields:
        The entities of a run. What is read from comes first, also where a run is too small for all of a chain.
    """
    made = {entity.target_key: entity for entity in entities}
    chains: dict[AssetPath, list[tuple[int, Entity]]] = {}
    for entity in entities:
        first, steps = entity, 0
        while (before := made.get(first.source_key)) is not None:
            first, steps = before, steps + 1
        chains.setdefault(first.target_key, []).append((steps, entity))
    run: list[Entity] = []
    for chain in chains.values():
        ordered = [entity for _, entity in sorted(chain, key=lambda pair: pair[0])]
        if run and len(run) + len(ordered) > most:
            yield run
            run = []
        run += ordered
        while len(run) > most:
            yield run[:most]
            run = run[most:]
    if run:
        yield run


def _hash(key: AssetPath, version: str) -> int:
    halves = (hashlib.blake2b(repr(half).encode(), digest_size=_HALF).digest() for half in (key, version))
    return int.from_bytes(b"".join(halves))


def _packed(hashes: Collection[int]) -> str:
    """Sorted, the hashes have small gaps; byte by byte of all of them, the high bytes of gaps shrink to little."""
    gaps = [hash_ - before for before, hash_ in pairwise([0, *sorted(hashes)])]
    columns = (bytes(gap >> 8 * place & 0xFF for gap in gaps) for place in range(2 * _HALF))
    return base64.b85encode(zlib.compress(b"".join(columns), 9)).decode()


def _unpacked(packed: str) -> frozenset[int]:
    joined = zlib.decompress(base64.b85decode(packed))
    count = len(joined) // (2 * _HALF)
    gaps = (sum(joined[place * count + at] << 8 * place for place in range(2 * _HALF)) for at in range(count))
    return frozenset(accumulate(gaps))

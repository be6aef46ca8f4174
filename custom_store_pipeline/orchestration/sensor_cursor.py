"""What changed since the sensor last took note: its cursor, and how the changed entities are shared among runs."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

from custom_store_pipeline.config.mapping import AssetPath, Entity
from custom_store_pipeline.errors import CursorError

# Whoever changes how a code version is made, or this file, raises it: sensors then take note anew, instead of taking
# every entity for changed and running all of them.
_FORMAT = 1

# Half of a hash is the entity's, half of it its version's. One change in 16,000,000 is overlooked.
_HALF = 3


@dataclass(frozen=True)
class SensorCursor:
    """What the sensor has taken note of: its cursor.

    Attributes:
        hashes: one for each entity and its version.
        when: when they were noted, which tells two times apart at which the same was noted.
        told: the files that a webserver was told of last, as a hash; empty if none was.
    """

    hashes: frozenset[int]
    when: str
    told: str = ""

    @classmethod
    def of(cls, versions: Mapping[AssetPath, str], when: str, told: str = "") -> SensorCursor:
        """Takes note of entities, by their asset keys, and their code versions."""
        return cls(frozenset(_hash(key, version) for key, version in versions.items()), when, told)

    def carrying(self, before: SensorCursor) -> SensorCursor:
        """This, with the entities that were noted before and are not in it."""
        known = {hash_ >> 8 * _HALF for hash_ in self.hashes}
        return replace(self, hashes=self.hashes | {found for found in before.hashes if found >> 8 * _HALF not in known})

    def changed(self, versions: Mapping[AssetPath, str]) -> list[AssetPath]:
        """The entities that are new or have another version, in the order they were given."""
        return [key for key, version in versions.items() if _hash(key, version) not in self.hashes]

    def run_key(self, versions: Mapping[AssetPath, str], partition: str) -> str:
        """The key of the run of some entities: the same only if the same change is seen in the same cursor.

        Source: DESIGN 7, with the time added: a version that comes back after another one is a change too.
        """
        pairs = sorted((key, version) for key, version in versions.items())
        return hashlib.sha256(repr((self.when, partition, pairs)).encode()).hexdigest()[:32]

    def to_cursor(self) -> str:
        """A text of less than six characters an entity: each tick stores it once more."""
        noted = {"format": _FORMAT, "when": self.when, "told": self.told, "entities": len(self.hashes)}
        return json.dumps({**noted, "hashes": _packed(self.hashes)})

    @classmethod
    def from_cursor(cls, cursor: str) -> SensorCursor | None:
        """What :meth:`to_cursor` was called on; None if another version of this package wrote it.

        Raises:
            CursorError: it is no cursor of this sensor.
        """
        try:
            stored = json.loads(cursor)
            if stored["format"] != _FORMAT:
                return None
            return cls(_unpacked(stored["hashes"]), str(stored["when"]), str(stored["told"]))
        except (ValueError, TypeError, KeyError, binascii.Error, zlib.error) as error:
            problem = f"{type(error).__name__}: {error}"
        raise CursorError(
            f"the cursor of the sensor cannot be read ({problem}); clear it on the sensor's page in the UI: then the "
            "next tick records the current state, and runs nothing"
        )


def in_runs(entities: Collection[Entity], most: int) -> Iterator[Sequence[Entity]]:
    """Shares entities among runs; those that read what others of them write stay in one run, if it holds them.

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

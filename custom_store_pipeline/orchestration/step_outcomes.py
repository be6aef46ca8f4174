"""The entities of one step, side by side: what was done is handed on, what failed is logged, and listed at the end."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

import dagster as dg

from custom_store_pipeline.config.mapping import AssetPath, Entity, LoadedMapping, Partition
from custom_store_pipeline.errors import EntitiesFailedError
from custom_store_pipeline.redaction import Redactor, redacted_output
from custom_store_pipeline.transfer.batch import Done, Note, TransferFailure, transfer_batch
from custom_store_pipeline.transfer.entity import Progress

Item = TypeVar("Item")


class Deed(NamedTuple):
    """What a step does with entities, in words.

    Attributes:
        done: ``materialised``.
        do: ``materialise``.
        how: ``with --select``.
        key_of: the asset that it does it to.
    """

    done: str
    do: str
    how: str
    key_of: Callable[[Entity], AssetPath]


def in_batches(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    """The items, so many at a time."""
    return (items[start : start + size] for start in range(0, len(items), size))


def each_done(
    mapping: LoadedMapping,
    entities: Iterable[Entity],
    work: Callable[[Entity, Progress], Done],
    log: dg.DagsterLogManager,
    redactor: Redactor,
    failed: list[TransferFailure],
) -> Iterator[Done]:
    """Does something with each entity of a step, as many at a time as the mapping says, and yields what was done.

    Args:
        mapping: the mapping.
        entities: its entities.
        work: what is done; called in a thread of each entity.
        log: where notes go, and why entities failed, with the drivers' own tracebacks.
        redactor: masks secrets in all that is printed meanwhile.
        failed: gets the entities that failed.
    """
    with redacted_output(redactor) as redact_until_the_end:
        for outcome in transfer_batch(
            entities,
            work,
            concurrency=mapping.config.concurrency,
            timeout=mapping.config.timeout,
            redact=redactor.text,
        ):
            if isinstance(outcome, Note):
                (log.warning if outcome.is_warning else log.info)(outcome.text)
            elif isinstance(outcome, TransferFailure):
                failed.append(outcome)
                if outcome.is_orphaned:
                    redact_until_the_end()
                log.error(f"{outcome.entity.label}: {outcome.reason}\n{outcome.driver_traceback}".rstrip())
            else:
                yield outcome


def step_failure(failed: Sequence[TransferFailure], total: int, deed: Deed) -> dg.Failure:
    """A Failure whose cause lists the reasons: Dagster prints a cause last, so they are the run's last lines."""
    headline = f"{len(failed)} of {total} entities failed"
    failure = dg.Failure(f"{headline}: {', '.join(outcome.entity.label for outcome in failed)}", allow_retries=False)
    arrived = f"; the others are {deed.done}" if len(failed) < total else ""
    reasons = "".join(f"\n  {outcome.entity.label}: " + outcome.reason.replace("\n", "\n    ") for outcome in failed)
    failure.__cause__ = EntitiesFailedError(
        f"{headline}{arrived}. Mend what is wrong and {deed.do} these again, {_selections(failed, deed)}:{reasons}"
    )
    return failure


def _selections(failed: Sequence[TransferFailure], deed: Deed) -> str:
    """What selects the failed entities: options of Dagster's command, once for each time that it has to be given."""
    by_partition: dict[Partition | None, dict[str, None]] = {}
    for outcome in failed:
        keys = by_partition.setdefault(outcome.entity.partition, {})
        keys["/".join(deed.key_of(outcome.entity))] = None
    selections = (
        f"{deed.how} {_asset_selection(keys)}{_partition_option(partitions)}"
        for keys, partitions in _runs(by_partition)
    )
    return ", then ".join(selections)


def _runs(by_partition: Mapping[Partition | None, Iterable[str]]) -> Iterator[tuple[set[str], list[Partition | None]]]:
    """Partitions that one command can load: Dagster's takes one, or a range without gaps; with the assets' keys."""
    run: list[Partition | None] = []
    keys: set[str] = set()
    for part in sorted(by_partition, key=_beginning):
        follows = run and part and run[-1] and part.start is not None and part.start == run[-1].end
        if run and not (follows and keys == set(by_partition[part])):
            yield keys, run
            run = []
        run.append(part)
        keys = set(by_partition[part])
    if run:
        yield keys, run


def _beginning(part: Partition | None) -> float:
    return part.start.timestamp() if part and part.start else 0.0


def _asset_selection(keys: Iterable[str]) -> str:
    return shlex.quote(" or ".join(f'key:"{_quoted(key)}"' for key in sorted(keys)))


def _partition_option(partitions: Sequence[Partition | None]) -> str:
    first, last = partitions[0], partitions[-1]
    if first is None or last is None:
        return ""
    if first is last:
        return f" --partition {shlex.quote(first.key)}"
    return f" --partition-range {shlex.quote(f'{first.key}...{last.key}')}"


def _quoted(key: str) -> str:
    return key.replace("\\", "\\\\").replace('"', '\\"')

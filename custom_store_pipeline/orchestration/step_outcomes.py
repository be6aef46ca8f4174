"""The entities of one step side by side: results are handed on, failures are logged, and listed at the end."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NoReturn, TypeVar

import dagster as dg

from custom_store_pipeline.config.entity import AssetPath, Entity, Partition
from custom_store_pipeline.config.mapping import LoadedMapping
from custom_store_pipeline.errors import EntitiesFailedError
from custom_store_pipeline.redaction import Redactor, redacted_output
from custom_store_pipeline.transfer.batch import LogMessage, TransferFailure, transfer_batch
from custom_store_pipeline.transfer.progress import Progress

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_batches(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    """The items, at most ``size`` at a time."""
    return (items[start : start + size] for start in range(0, len(items), size))


def results_of(
    mapping: LoadedMapping,
    entities: Iterable[Entity],
    work: Callable[[Entity, Progress], Result],
    log: dg.DagsterLogManager,
    redactor: Redactor,
    failed: list[TransferFailure],
) -> Iterator[tuple[Entity, Result]]:
    """Does something with each entity of a step, ``concurrency`` at a time, and yields each result as it comes.

    Args:
        mapping: the mapping.
        entities: its entities.
        work: what is done; called in a thread of each entity.
        log: gets warnings, progress, and why entities failed, with the drivers' own tracebacks.
        redactor: masks secrets in everything that is printed during the work.
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
            if isinstance(outcome, LogMessage):
                (log.warning if outcome.is_warning else log.info)(outcome.text)
            elif isinstance(outcome, TransferFailure):
                failed.append(outcome)
                if outcome.is_orphaned:
                    redact_until_the_end()
                log.error(f"{outcome.entity.label}: {outcome.reason}\n{outcome.driver_traceback}".rstrip())
            else:
                yield outcome


def fail_step(
    failed: Sequence[TransferFailure], total: int, verb: str, how: str, key_of: Callable[[Entity], AssetPath]
) -> NoReturn:
    """Raises a Failure whose cause lists the reasons: Dagster prints a cause last, so they are the run's last lines.

    Args:
        failed: the entities that failed.
        total: how many entities the step had.
        verb: what the step does with entities, such as ``materialize``.
        how: how users do it again, such as ``with --select``.
        key_of: the asset that the step does it to.
    """
    headline = f"{len(failed)} of {total} entities failed"
    others = f"; the others are {verb.removesuffix('e')}ed" if len(failed) < total else ""
    reasons = "".join(f"\n  {outcome.entity.label}: " + outcome.reason.replace("\n", "\n    ") for outcome in failed)
    raise dg.Failure(
        f"{headline}: {', '.join(outcome.entity.label for outcome in failed)}", allow_retries=False
    ) from EntitiesFailedError(
        f"{headline}{others}. Fix what is wrong and {verb} these again, {_selections(failed, how, key_of)}:{reasons}"
    )


def _selections(failed: Sequence[TransferFailure], how: str, key_of: Callable[[Entity], AssetPath]) -> str:
    """What selects the failed entities: options of Dagster's command, once for each time that it has to be given."""
    by_partition: dict[Partition | None, dict[str, None]] = {}
    for outcome in failed:
        by_partition.setdefault(outcome.entity.partition, {})["/".join(key_of(outcome.entity))] = None
    selections = (
        f"{how} {_asset_selection(keys)}{_partition_option(partitions)}" for keys, partitions in _runs(by_partition)
    )
    return ", then ".join(selections)


def _runs(by_partition: Mapping[Partition | None, Iterable[str]]) -> Iterator[tuple[set[str], list[Partition | None]]]:
    """Partitions that one command can load: Dagster's takes one, or a range without gaps; with the assets' keys."""
    run: list[Partition | None] = []
    keys: set[str] = set()
    for part in sorted(by_partition, key=_start_of):
        follows = run and part and run[-1] and part.start is not None and part.start == run[-1].end
        if run and not (follows and keys == set(by_partition[part])):
            yield keys, run
            run = []
        run.append(part)
        keys = set(by_partition[part])
    if run:
        yield keys, run


def _start_of(part: Partition | None) -> float:
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

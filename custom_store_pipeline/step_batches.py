"""The entities of one step, side by side: what was done is handed on, what failed is logged, and listed at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, TypeVar

import dagster as dg

from custom_store_pipeline.config.loading import AssetPath, Entity, LoadedMapping
from custom_store_pipeline.errors import EntitiesFailedError
from custom_store_pipeline.redaction import Redactor, redacted_output
from custom_store_pipeline.transfer.batch import Done, FailedEntity, Note, transfer_batch
from custom_store_pipeline.transfer.entity import Watch

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
    work: Callable[[Entity, Watch], Done],
    log: dg.DagsterLogManager,
    redactor: Redactor,
    failed: list[FailedEntity],
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
            elif isinstance(outcome, FailedEntity):
                failed.append(outcome)
                if outcome.left_behind:
                    redact_until_the_end()
                log.error(f"{outcome.entity.label}: {outcome.reason}\n{outcome.driver_traceback}".rstrip())
            else:
                yield outcome


def step_failure(failed: Sequence[FailedEntity], total: int, deed: Deed) -> dg.Failure:
    """A Failure whose cause lists the reasons: Dagster prints a cause last, so they are the run's last lines."""
    headline = f"{len(failed)} of {total} entities failed"
    failure = dg.Failure(f"{headline}: {', '.join(outcome.entity.label for outcome in failed)}", allow_retries=False)
    arrived = f"; the others are {deed.done}" if len(failed) < total else ""
    reasons = "".join(f"\n  {outcome.entity.label}: " + outcome.reason.replace("\n", "\n    ") for outcome in failed)
    keys = dict.fromkeys("/".join(deed.key_of(outcome.entity)) for outcome in failed)
    again = " or ".join(f'key:"{_quoted(key)}"' for key in keys)
    partitions = dict.fromkeys(outcome.entity.partition_key for outcome in failed if outcome.entity.partition_key)
    with_partition = f" and --partition {', '.join(partitions)}" if partitions else ""
    failure.__cause__ = EntitiesFailedError(
        f"{headline}{arrived}. Mend what is wrong and {deed.do} these again, {deed.how} "
        f"'{again}'{with_partition}:{reasons}"
    )
    return failure


def _quoted(key: str) -> str:
    return key.replace("\\", "\\\\").replace('"', '\\"')

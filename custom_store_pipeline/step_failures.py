"""How a step in which entities failed ends: each reason in the log as it comes, and all of them at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import dagster as dg

from custom_store_pipeline.config.loading import AssetPath, Entity
from custom_store_pipeline.errors import EntitiesFailedError
from custom_store_pipeline.transfer.batch import FailedEntity


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


def log_failure(log: dg.DagsterLogManager, outcome: FailedEntity) -> None:
    """Logs why an entity failed, with the driver's own traceback."""
    log.error(f"{outcome.entity.label}: {outcome.reason}\n{outcome.driver_traceback}".rstrip())


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

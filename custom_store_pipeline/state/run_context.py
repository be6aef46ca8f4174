"""What the state of an entity needs to know of the run, which only Dagster knows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from custom_store_pipeline.redaction import Redactor

# What became of an entity in another run: ``pushed`` if that run stored its materialization, ``wiped`` if it did and
# the asset was wiped after that; otherwise whether the run is still at work, or has ended.
Outcome = Literal["running", "ended", "pushed", "wiped"]


@dataclass(frozen=True)
class RunContext:
    """The run in which an entity is pushed.

    Attributes:
        run_id: its id.
        entity: the entity as commands take it: its asset key, the parts joined by ``/``.
        outcome_of: what became of the entity in another run; ``ended`` also if nothing is known of that run.
        warn: logs a warning.
        check: raises if the entity was cancelled.
        redactor: knows the secrets, which must not be stored.
        obsolete: files of earlier pushes that nobody needs once the state of this push is stored.
    """

    run_id: str
    entity: str
    outcome_of: Callable[[str], Outcome]
    warn: Callable[[str], None]
    check: Callable[[], None]
    redactor: Redactor
    obsolete: Sequence[str] = ()

"""What the recording of an entity needs to know of the run, which only Dagster knows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from custom_store_pipeline.redaction import Redactor

# What became of an entity in another run: ``pushed`` if that run stored its materialisation, ``wiped`` if it did and
# the asset was wiped after that; or else whether the run is still at it, or has ended.
Outcome = Literal["running", "ended", "pushed", "wiped"]


@dataclass(frozen=True)
class RunContext:
    """The run in which an entity is recorded.

    Attributes:
        run_id: its id.
        entity: the entity as commands take it: its asset key, the parts joined by ``/``.
        outcome_of: what became of the entity in another run; ``ended`` also if nothing is known of that run.
        note: tells the user something.
        check: raises if the entity has been given up meanwhile.
        redactor: knows the secrets, of which none may be remembered.
    """

    run_id: str
    entity: str
    outcome_of: Callable[[str], Outcome]
    note: Callable[[str], None]
    check: Callable[[], None]
    redactor: Redactor

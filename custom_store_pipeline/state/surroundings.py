"""What the recording of an entity needs to know of the run, which only Dagster knows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from custom_store_pipeline.redaction import Redactor

RunStatus = Literal["running", "succeeded", "ended"]


@dataclass(frozen=True)
class Surroundings:
    """The run in which an entity is recorded.

    Attributes:
        run_id: its id.
        status_of: how another run is; ``ended`` also if nothing is known of it.
        note: tells the user something.
        check: raises if the entity has been given up meanwhile.
        redactor: knows the secrets, of which none may be remembered.
    """

    run_id: str
    status_of: Callable[[str], RunStatus]
    note: Callable[[str], None]
    check: Callable[[], None]
    redactor: Redactor

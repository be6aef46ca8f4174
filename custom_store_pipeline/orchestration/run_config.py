"""What may be set for one run alone, in the run config of a step: the launchpad, ``dagster … --config``."""

# No `from __future__ import annotations` here: Dagster looks at the annotations of a Config itself.
from dataclasses import replace
from typing import Any

import dagster as dg
from pydantic import Field

from custom_store_pipeline.config.mapping import LoadedMapping


class StepConfig(dg.Config):
    """Settings of a mapping for one run of a step; what is not set is as the mapping says."""

    max_delete_fraction: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="0 to 1: the share of the known keys that this run may delete; instead of the mapping's own.",
    )
    full_refresh: bool = Field(
        default=False,
        description="Start from nothing in this run, as with first_load: true: no watermarks, no state, no deletions.",
    )

    limit: int | None = Field(
        default=None,
        ge=1,
        description="A sample: at most so many rows of each entity, no deletions, and no state is stored.",
    )

    def metadata(self) -> dict[str, Any]:
        """What was set, for the materializations."""
        return self.model_dump(exclude_defaults=True)

    def applied_to(self, mapping: LoadedMapping) -> LoadedMapping:
        """The mapping as this run has it, for its drivers too."""
        changes: dict[str, Any] = {}
        if self.max_delete_fraction is not None:
            changes["max_delete_fraction"] = self.max_delete_fraction
        if self.full_refresh:
            changes["first_load"] = True
        if not changes:
            return mapping
        config = mapping.config.model_copy(update=changes)
        return replace(mapping, config=config, document={**mapping.document, **changes})

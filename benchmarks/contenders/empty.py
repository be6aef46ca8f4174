"""The least that Dagster can do: one asset that does nothing.

dagster asset materialize --select x -m benchmarks.contenders.empty
"""

from __future__ import annotations

import dagster as dg


@dg.asset
def x() -> None:
    """Nothing."""


# As the others: a process of its own for the step would take another second.
defs = dg.Definitions(assets=[x], executor=dg.in_process_executor)

"""A code location for each project: ``custom_store_pipeline.locations`` has one attribute for each of them.

For ``workspace.yaml``: ``python_module: {module_name: custom_store_pipeline.locations, attribute: shop}``. Teams whose
drivers need packages that clash give each location a Python of its own (``executable_path``).
"""

from __future__ import annotations

from collections.abc import Callable

import dagster as dg

from custom_store_pipeline.definitions import kept_definitions


def __getattr__(project: str) -> Callable[..., dg.Definitions]:
    """What Dagster loads of a project; whether there is one of this name is found out then, with a message."""
    if project.startswith("__"):
        raise AttributeError(project)

    @dg.definitions
    def defs() -> dg.Definitions:
        return kept_definitions(project)

    return defs

"""Custom store drivers as Dagster assets: a YAML mapping and one small class make each entity an asset.

Drivers import from here. Dagster loads ``custom_store_pipeline.definitions``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from custom_store_pipeline.data.pulled import Pulled
    from custom_store_pipeline.drivers.protocol import ArrowPushDriver, ChunkedPushDriver, PullDriver, PushDriver
    from custom_store_pipeline.errors import TerminalError

__all__ = ["ArrowPushDriver", "ChunkedPushDriver", "PullDriver", "Pulled", "PushDriver", "TerminalError"]

_HOMES = {
    "ArrowPushDriver": "drivers.protocol",
    "ChunkedPushDriver": "drivers.protocol",
    "PullDriver": "drivers.protocol",
    "Pulled": "data.pulled",
    "PushDriver": "drivers.protocol",
    "TerminalError": "errors",
}


def __getattr__(name: str) -> Any:
    """What drivers import, when they do: each module of the package would wait for it otherwise."""
    if name not in _HOMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)

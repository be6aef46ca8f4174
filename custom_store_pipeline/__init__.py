"""Custom store drivers as Dagster assets: a YAML mapping and one small class make each entity an asset.

Drivers import from here. Dagster loads ``custom_store_pipeline.definitions``.
"""

from custom_store_pipeline.data.pulled import Pulled
from custom_store_pipeline.drivers.protocol import ArrowPushDriver, ChunkedPushDriver, PullDriver, PushDriver
from custom_store_pipeline.errors import TerminalError

__all__ = ["ArrowPushDriver", "ChunkedPushDriver", "PullDriver", "Pulled", "PushDriver", "TerminalError"]

"""The idempotency key: the same whenever the same rows may be sent again."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable

from custom_store_pipeline.config.entity import Entity


def idempotency_key(entity: Entity, starts_from: Hashable) -> str:
    """A string of 32 characters that a driver can use to recognize rows that it got before.

    Args:
        entity: the entity, or a partition of it.
        starts_from: what identifies the state that the load starts from; the run for a load without state.
    """
    identity = repr((entity.target_key, entity.partition_key, starts_from))
    return hashlib.sha256(identity.encode()).hexdigest()[:32]

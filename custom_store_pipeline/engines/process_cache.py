"""What a process caches, such as its definitions, and how a long-lived worker clears it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from custom_store_pipeline.engines.dagster_internals import ReconstructableJob

T = TypeVar("T")

# Dagster keeps the last run's job for the next one of the same name (in 1.13).
_caches: list[functools._lru_cache_wrapper[Any]] = [
    ReconstructableJob.get_definition,
    ReconstructableJob.get_repository_definition,
]


def cached_in_process(function: Callable[..., T]) -> Callable[..., T]:
    """Caches a function's results until the process ends, or until :func:`clear_caches`."""
    cached = functools.cache(function)
    _caches.append(cached)
    return cached


def clear_caches() -> None:
    """Makes the next step of this process load everything again: its job and the definitions.

    Workers of Dask and Celery call it before each step, because mappings and drivers may have changed. It is not called
    within a run whose steps share a process: such a run ends on the definitions that it began with.
    """
    for cache in _caches:
        cache.cache_clear()

"""What a process makes once and keeps, such as its definitions, and how a worker that lives on lets go of it."""

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
    """Makes a function's results last as long as the process, or until :func:`clear_caches`."""
    cached = functools.cache(function)
    _caches.append(cached)
    return cached


def clear_caches() -> None:
    """Makes the next step that this process gets ask for everything again, its job and the definitions included.

    For workers of Dask and Celery, which live on when mappings and drivers are edited, before each step; not within a
    run: one whose steps share a process ends on the definitions that it began with.
    """
    for cache in _caches:
        cache.cache_clear()

"""Importing this makes a worker of Celery load what was edited since its last step.

It is imported where definitions are built in a process that has dagster-celery, whatever executor the environment
names: a worker may lack the settings of the run.
"""

from __future__ import annotations

from typing import Any

from celery.signals import task_prerun

from custom_store_pipeline.engines.process_cache import clear_caches


@task_prerun.connect  # type: ignore[untyped-decorator]  # Celery ships no types
def _before_each_step(**_: Any) -> None:
    clear_caches()

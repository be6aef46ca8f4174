"""Steps on Celery's workers: dagster-celery's executor, and workers that see what was edited since their last step."""

from __future__ import annotations

from typing import Any

from celery.signals import task_prerun
from dagster_celery import celery_executor

from custom_store_pipeline.kept import let_go

__all__ = ["celery_executor"]


@task_prerun.connect  # type: ignore[untyped-decorator]  # Celery ships no types
def _before_each_step(**_: Any) -> None:
    let_go()

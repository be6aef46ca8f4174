"""``custom-store check``: whether stores can be reached, as their drivers say, side by side."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from fnmatch import fnmatchcase

import click

from custom_store_pipeline.cli.chosen import folder_of_projects
from custom_store_pipeline.cli.table import print_table
from custom_store_pipeline.config.entity import Entity
from custom_store_pipeline.drivers.call_config import RunValues, redactor_of
from custom_store_pipeline.drivers.endpoint import endpoint_of
from custom_store_pipeline.errors import did_you_mean
from custom_store_pipeline.projects.loading import Projects, load_projects
from custom_store_pipeline.projects.stores import StoreUse, stores_of
from custom_store_pipeline.redaction import redacted_output
from custom_store_pipeline.transfer.batch import LogMessage, TransferFailure, transfer_batch
from custom_store_pipeline.transfer.progress import Progress

_AT_A_TIME = 16


@dataclass(frozen=True)
class StoreCheck:
    """What the check of a store said.

    Attributes:
        store: its project and name.
        driver: its driver.
        place: where a mapping sets it up.
        outcome: ``ok``, ``failed``, or ``no check``: its driver has none.
        seconds: how long it took.
        details: what the driver returned, or why it failed.
    """

    store: str
    driver: str
    place: str
    outcome: str
    seconds: float | None = None
    details: str = ""


def all_right(patterns: Sequence[str], timeout: float, *, as_json: bool) -> bool:
    """Checks stores and prints what their drivers say; whether none failed."""
    projects = load_projects(folder_of_projects())
    checks = _checks(_selected(projects, patterns), projects, timeout)
    if as_json:
        click.echo(json.dumps([asdict(check) for check in checks], indent=2, ensure_ascii=False))
    else:
        rows = [
            [it.store, it.driver, it.place, it.outcome, "–" if it.seconds is None else f"{it.seconds:.2f}", it.details]
            for it in checks
        ]
        print_table(["store", "driver", "set up in", "outcome", "seconds", "details"], rows, right=(4,))
        if any(it.outcome == "no check" for it in checks):
            click.echo("no check: the driver has no method check(self, config); add one that returns True or raises")
    return all(check.outcome != "failed" for check in checks)


def _selected(projects: Projects, patterns: Sequence[str]) -> list[StoreUse]:
    stores = stores_of(projects.mappings)
    if not stores:
        raise click.ClickException("no mapping can be used; see: custom-store validate")
    known = {name for use in stores for name in (use.key[0], use.key[1], "/".join(use.key))}
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in known):
            there = ", ".join(sorted({"/".join(use.key) for use in stores}))
            raise click.UsageError(f"no store '{pattern}'{did_you_mean(pattern, known)}; there are: {there}")
    return [
        use
        for use in stores
        if not patterns or any(fnmatchcase(name, it) for it in patterns for name in (*use.key, "/".join(use.key)))
    ]


def _checks(uses: Sequence[StoreUse], projects: Projects, timeout: float) -> list[StoreCheck]:
    """The checks of all stores, each in a thread as an entity of its own has: one that hangs keeps no other waiting."""
    by_entity = {replace(use.entity, source_key=(*use.key, str(number))): use for number, use in enumerate(uses)}
    found: dict[StoreUse, StoreCheck] = {}

    def ask(entity: Entity, progress: Progress) -> StoreCheck:
        progress.phase = "checking"
        return _check(by_entity[entity], projects)

    for message in transfer_batch(list(by_entity), ask, concurrency=_AT_A_TIME, timeout=timeout, redact=str):
        if isinstance(message, LogMessage):
            continue
        entity = message.entity if isinstance(message, TransferFailure) else message[0]
        use = by_entity[entity]
        found[use] = (
            _result(use, projects, "failed", details=message.reason)
            if isinstance(message, TransferFailure)
            else message[1]
        )
    return [found[use] for use in uses]


def _check(use: StoreUse, projects: Projects) -> StoreCheck:
    redactor = redactor_of(use.mapping)
    driver = projects.driver_version(use.mapping, use.side)
    endpoint = endpoint_of(driver, use.mapping, use.side, use.entity, RunValues("", ""), redactor)
    if not endpoint.has("check"):
        endpoint.make_config()  # says which variables are not set
        return _result(use, projects, "no check")
    started = time.monotonic()
    with redacted_output(redactor):
        values = endpoint.check().metadata
    details = ", ".join(f"{key}: {value}" for key, value in values.items())
    return _result(use, projects, "ok", time.monotonic() - started, details)


def _result(
    use: StoreUse, projects: Projects, outcome: str, seconds: float | None = None, details: str = ""
) -> StoreCheck:
    driver = projects.driver_version(use.mapping, use.side).shown
    return StoreCheck("/".join(use.key), driver, use.place, outcome, seconds and round(seconds, 3), details)

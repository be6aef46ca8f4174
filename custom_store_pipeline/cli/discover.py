"""``custom-store discover``: asks stores which entities they have, and writes into lock files which of them match."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from custom_store_pipeline.cli.chosen import folder_of_projects
from custom_store_pipeline.config.entities_lock import (
    Discovered,
    lock_path,
    lock_text,
    matcher,
    patterns_of,
    read_lock,
)
from custom_store_pipeline.config.loading import shown_path
from custom_store_pipeline.config.mapping import LoadedMapping
from custom_store_pipeline.drivers.call_config import RunValues, redactor_of
from custom_store_pipeline.drivers.endpoint import endpoint_of
from custom_store_pipeline.errors import ConfigurationError, CustomStoreError, did_you_mean
from custom_store_pipeline.projects.loading import Projects, load_projects
from custom_store_pipeline.projects.stores import StoreUse
from custom_store_pipeline.redaction import redacted_output


@dataclass(frozen=True)
class _Answer:
    """What a store answered for one mapping: what its patterns stand for now, or why that is not known."""

    mapping: LoadedMapping
    before: Discovered | None
    now: Discovered | None = None
    failure: str = ""

    @property
    def has_changed(self) -> bool:
        return self.now != self.before


def discovered(names: Sequence[str], *, only_check: bool) -> bool:
    """Asks the sources of mappings with patterns, prints what appeared and vanished, and writes the lock files.

    Args:
        names: projects; all if there are none.
        only_check: write nothing.

    Returns:
        Whether all stores answered, and with ``only_check`` also whether all lock files are up to date.
    """
    projects = load_projects(folder_of_projects(), with_patterns=True)
    for problem in projects.problems:
        click.echo(str(problem), err=True)
    answers = [_asked(mapping, projects) for mapping in _with_patterns(projects, names)]
    if not answers:
        click.echo("no mapping has a pattern in include, such as include: ['*']; there is nothing to discover")
    for answer in answers:
        _print(answer)
    if not only_check:
        _write(answers)
    failed = any(answer.failure for answer in answers) or bool(projects.problems)
    outdated = [answer for answer in answers if answer.has_changed and not answer.failure]
    if only_check and outdated:
        click.echo(f"Lock files that are not up to date: {len(outdated)}; run: custom-store discover", err=True)
    return not failed and not (only_check and outdated)


def _with_patterns(projects: Projects, names: Sequence[str]) -> list[LoadedMapping]:
    known = {mapping.project for mapping in projects.mappings} | {file.project for file in projects.broken_files}
    for name in names:
        if name not in known:
            there = ", ".join(sorted(known))
            raise click.UsageError(f"no project '{name}'{did_you_mean(name, known)}; there are: {there}")
    return [mapping for mapping in projects.mappings if _patterns(mapping) and (not names or mapping.project in names)]


def _patterns(mapping: LoadedMapping) -> list[str]:
    return patterns_of(list(mapping.config.from_.entity.include or ()))


def _asked(mapping: LoadedMapping, projects: Projects) -> _Answer:
    before: Discovered | None = None
    try:
        before = _lock_of(mapping).get(mapping.name)
        use, redactor = StoreUse(mapping, "from"), redactor_of(mapping)
        driver = projects.driver_version(mapping, "from")
        endpoint = endpoint_of(driver, mapping, "from", use.entity, RunValues("", ""), redactor)
        with redacted_output(redactor):
            names = endpoint.list_entities()
        matchers = [matcher(pattern) for pattern in _patterns(mapping)]
    except (CustomStoreError, ValueError) as error:
        return _Answer(mapping, before, failure=str(error))
    found = tuple(name for name in names if any(matches(name) for matches in matchers))
    return _Answer(mapping, before, Discovered(tuple(_patterns(mapping)), found))


def _lock_of(mapping: LoadedMapping) -> Mapping[str, Discovered]:
    path = lock_path(mapping.file.path)
    try:
        return read_lock(path, shown_path(path))
    except ConfigurationError:
        return {}  # it is written again


def _print(answer: _Answer) -> None:
    mapping = answer.mapping
    name = f"{mapping.project}/{mapping.name}"
    if answer.now is None:
        click.echo(f"{name}: {answer.failure}", err=True)
        return
    before = answer.before.entities if answer.before else ()
    appeared = [it for it in answer.now.entities if it not in set(before)]
    vanished = [it for it in before if it not in set(answer.now.entities)]
    what = f"{len(appeared)} appeared, {len(vanished)} vanished" if appeared or vanished else "nothing has changed"
    click.echo(f"{name}: {len(answer.now.entities)} entities match; {what}")
    for sign, names in (("+", appeared), ("-", vanished)):
        for it in names:
            click.echo(f"  {sign} {it}")
    for pattern in answer.now.include:
        if not any(map(matcher(pattern), answer.now.entities)):
            click.echo(f"  '{pattern}' matches no entity of the store; change it in {mapping.file.shown}", err=True)


def _write(answers: Sequence[_Answer]) -> None:
    found: dict[Path, dict[str, Discovered]] = {}
    for answer in answers:
        # A store that did not answer is no reason to forget what it answered before.
        if (keep := answer.now or answer.before) is not None:
            found.setdefault(lock_path(answer.mapping.file.path), {})[answer.mapping.name] = keep
    for path, content in found.items():
        text = lock_text(content)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            click.echo(f"wrote {shown_path(path)}")

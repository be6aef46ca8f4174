"""``custom-store validate``: every problem of mapping files and their drivers, or a table of what is there."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from custom_store_pipeline.cli.chosen import folder_of_projects
from custom_store_pipeline.cli.table import print_table
from custom_store_pipeline.config.mapping import LoadedMapping
from custom_store_pipeline.errors import Problem
from custom_store_pipeline.orchestration.garbage_collection import frozen_objects
from custom_store_pipeline.projects.loading import check_format_options, load_projects
from custom_store_pipeline.projects.typed_args import check_args


def validated(paths: Sequence[Path], *, as_json: bool) -> bool:
    """Prints what is wrong with some paths, or what is there; whether nothing is wrong."""
    problems: set[Problem] = set()
    warnings: set[Problem] = set()
    mappings: list[LoadedMapping] = []
    for path in paths or [folder_of_projects()]:
        folder, wanted = _scope(path.resolve())
        with frozen_objects():
            projects = load_projects(folder)
        chosen = [mapping for mapping in projects.mappings if mapping.file.path.is_relative_to(wanted)]
        problems.update(_below(projects.problems, wanted), check_format_options(chosen))
        mappings += chosen
        wrong, unchecked = check_args(projects, chosen)
        problems.update(wrong)
        warnings.update(_below(projects.warnings, wanted), unchecked)
    if as_json:
        click.echo(json.dumps(_as_json(sorted(problems), sorted(warnings), mappings), indent=2, ensure_ascii=False))
    elif problems:
        click.echo("\n".join(str(problem) for problem in sorted(problems)))
        click.echo(f"\n{len(problems)} problem{'s' if len(problems) > 1 else ''} found.", err=True)
    elif not mappings:
        raise click.ClickException(
            f"no mapping file in {', '.join(map(str, paths or [folder_of_projects()]))}; "
            "mapping files are <project_name>/mappings/<name>.yaml in the projects folder"
        )
    else:
        _print_mappings(mappings)
    if not as_json:
        for warning in sorted(warnings):
            click.echo(f"warning: {warning}", err=True)
    return not problems


def _scope(path: Path) -> tuple[Path, Path]:
    """The projects folder that a path belongs to, and the path below which problems are wanted."""
    for folder in (path, *path.parents[:3]):
        if any(folder.glob("*/mappings")) or any(folder.glob("*/custom_store_driver")):
            return folder, path
    if path.is_dir():  # a projects folder, or a project, that is still empty
        return path, path
    raise click.ClickException(
        f"'{path}' belongs to no projects folder; mapping files are <projects folder>/<project_name>/mappings/*.yaml"
    )


def _below(problems: Iterable[Problem], wanted: Path) -> Iterable[Problem]:
    return (problem for problem in problems if (Path.cwd() / problem.file).is_relative_to(wanted))


def _as_json(
    problems: Sequence[Problem], warnings: Sequence[Problem], mappings: Sequence[LoadedMapping]
) -> dict[str, object]:
    return {
        "problems": [dataclasses.asdict(problem) for problem in problems],
        "warnings": [dataclasses.asdict(warning) for warning in warnings],
        "mappings": [
            {
                "project": mapping.project,
                "mapping": mapping.name,
                "file": mapping.file.shown,
                "line": mapping.line(),
                "entities": [
                    {"entity": entity.name, "source": entity.source_key, "target": entity.target_key}
                    for entity in mapping.entities
                ],
            }
            for mapping in mappings
        ],
    }


def _print_mappings(mappings: Sequence[LoadedMapping]) -> None:
    rows = []
    for mapping in mappings:
        entities = ", ".join(entity.name for entity in mapping.entities)
        stores = ["/".join(key[:2]) for key in (mapping.entities[0].source_key, mapping.entities[0].target_key)]
        rows.append([mapping.project, mapping.name, *stores, entities])
    print_table(["project", "mapping", "from store", "to store", "entities"], rows)
    count = sum(len(mapping.entities) for mapping in mappings)
    click.echo(f"No problems. Mappings: {len(mappings)}, entities: {count}.")

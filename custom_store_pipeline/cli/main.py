"""The command ``custom-store``: validates mappings, shows the status of entities, shows and resets their state."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from custom_store_pipeline.cli.table import print_table
from custom_store_pipeline.config.entity import Entity
from custom_store_pipeline.config.mapping import LoadedMapping
from custom_store_pipeline.errors import ConfigurationError, CustomStoreError, Problem, did_you_mean
from custom_store_pipeline.orchestration.garbage_collection import frozen_objects
from custom_store_pipeline.projects.loading import Projects, check_format_options, load_projects
from custom_store_pipeline.settings import projects_folder, with_env_file


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="custom-store-pipeline")
@click.pass_context
def main(context: click.Context) -> None:
    """Custom store drivers as Dagster assets.

    A file .env in the working folder is read, as the command dagster does.
    """
    context.with_resource(with_env_file())


@main.command()
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def validate(paths: Sequence[Path], as_json: bool) -> None:
    """Check mapping files and their drivers, without importing or running anything.

    PATHS are projects folders, project folders or mapping files; by default the projects folder of the settings. Exits
    with 1 and prints every problem (file:line:column: key: message), or with 0 and prints a table of what is there.
    Keys that have no effect are warned of.
    """
    problems: set[Problem] = set()
    mappings: list[LoadedMapping] = []
    for path in paths or [_projects_dir()]:
        folder, wanted = _scope(path.resolve())
        with frozen_objects():
            projects = load_projects(folder)
        chosen = [mapping for mapping in projects.mappings if mapping.file.path.is_relative_to(wanted)]
        problems.update(_problems_below(projects, wanted), check_format_options(chosen))
        mappings += chosen
    warnings = sorted({warning for mapping in mappings for warning in mapping.warnings})
    if as_json:
        click.echo(json.dumps(_as_json(sorted(problems), warnings, mappings), indent=2, ensure_ascii=False))
    elif problems:
        click.echo("\n".join(str(problem) for problem in sorted(problems)))
        click.echo(f"\n{len(problems)} problem{'s' if len(problems) > 1 else ''} found.", err=True)
    elif not mappings:
        raise click.ClickException(
            f"no mapping file in {', '.join(map(str, paths or [_projects_dir()]))}; "
            "mapping files are <project_name>/mappings/<name>.yaml in the projects folder"
        )
    else:
        _print_mappings(mappings)
    if not as_json:
        for warning in warnings:
            click.echo(f"warning: {warning}", err=True)
    if problems:
        raise SystemExit(1)


@main.command()
@click.argument("projects", nargs=-1)
def status(projects: Sequence[str]) -> None:
    """Show each entity's last materialization: rows, seconds, and where it is now.

    PROJECTS are names of projects; by default all. Reads the Dagster instance that DAGSTER_HOME names.
    """
    _check_dagster_home()
    # Dagster takes a second to import, which `validate` need not pay.
    from custom_store_pipeline.cli.status import latest_status

    loaded = load_projects(_projects_dir())
    known = sorted({mapping.project for mapping in loaded.mappings})
    for name in projects:
        if name not in known:
            raise click.ClickException(f"no project '{name}' with valid mappings; there are: {', '.join(known)}")
    rows = []
    for entity in latest_status([mapping for mapping in loaded.mappings if mapping.project in (projects or known)]):
        failed = ", last run failed" if entity.last_run_failed else ""
        if entity.rows is None or entity.seconds is None or entity.when is None:
            rows.append([entity.entity, "–", "–", f"never{failed}", f"not yet in {entity.key}"])
        else:
            when = f"{entity.when:%Y-%m-%d %H:%M:%S}{failed}"
            rows.append([entity.entity, f"{entity.rows:,}", f"{entity.seconds:.2f}", when, entity.location])
    print_table(["entity", "rows", "seconds", "when (UTC)", "where it is now"], rows, right=(1, 2))


@main.group()
def state() -> None:
    """What is stored of entities between runs: watermarks, the driver's own state, key snapshots."""


@state.command("show")
@click.argument("entities", nargs=-1, metavar="[ENTITY]…")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def show_state(entities: Sequence[str], as_json: bool) -> None:
    """Show the stored state of entities, by default of all.

    ENTITY is an asset key such as blog/blog_db/posts, also of an entity that no mapping has any more, or an entity's
    name if it is the only one of that name.
    """
    _check_dagster_home()
    from custom_store_pipeline.cli.state import parts_and_reports

    reports = [report for _, report in parts_and_reports(_chosen(entities)) if report]
    if as_json:
        click.echo(json.dumps([report.as_json() for report in reports], indent=2, ensure_ascii=False))
    elif not reports:
        click.echo("No state is stored.")
    else:
        click.echo("\n\n".join(str(report) for report in reports))


@state.command("reset")
@click.argument("entities", nargs=-1, required=True, metavar="ENTITY…")
@click.option("--partition", "partitions", multiple=True, help="Reset this partition only; may be given several times.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def reset_state(entities: Sequence[str], partitions: Sequence[str], yes: bool) -> None:
    """Reset the state of entities, so that their next run loads everything and deletes nothing.

    The target is left as it is; so is the history in Dagster. ENTITY is as in `state show`.
    """
    _check_dagster_home()
    from custom_store_pipeline.cli.state import parts_and_reports, reset_all

    found = [(part, report) for part, report in parts_and_reports(_chosen(entities))]
    for partition in partitions:
        if partition not in [part.partition_key for part, _ in found]:
            known = ", ".join(part.partition_key for part, _ in found if part.partition_key) or "none"
            raise click.ClickException(f"no partition '{partition}' was ever materialized; there are: {known}")
    if partitions:
        found = [(part, report) for part, report in found if part.partition_key in partitions]
    for part, report in found:
        # Also where no state is stored: a run that failed may have left a key snapshot.
        click.echo(str(report) if report else f"{'/'.join(part.target_key)}\n  no state stored")
    if not yes:
        click.confirm(f"\nReset {'these' if len(found) > 1 else 'this'}?", abort=True)
    try:
        reset_all(part for part, _ in found)
    except CustomStoreError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"State reset: {len(found)}. The next run loads everything.")


def _check_dagster_home() -> None:
    home = os.environ.get("DAGSTER_HOME")
    if home and not Path(home).is_absolute():
        raise click.ClickException(f"DAGSTER_HOME is '{home}', and must be an absolute path; set it to $PWD/{home}")
    if home and not Path(home).is_dir():
        raise click.ClickException(f"DAGSTER_HOME is '{home}', which is not a folder; set it to that of your runs")
    if not os.environ.get("DAGSTER_HOME"):
        raise click.ClickException(
            "DAGSTER_HOME is not set, so no state is stored; in the checkout: export DAGSTER_HOME=$PWD/.dagster_home"
        )


def _chosen(names: Sequence[str]) -> list[Entity]:
    """The entities with these names; all of them without names."""
    entities = [entity for mapping in load_projects(_projects_dir()).mappings for entity in mapping.entities]
    chosen: list[Entity] = []
    for name in names:
        found = [entity for entity in entities if "/".join(entity.target_key) == name] or [
            entity for entity in entities if name in (entity.name, entity.target_name)
        ]
        keys = ["/".join(entity.target_key) for entity in found or entities]
        if not found and (removed := _removed(name)):
            found = [removed]
        if not found:
            raise click.ClickException(f"no entity '{name}'{did_you_mean(name, keys)}; there are: {', '.join(keys)}")
        if len(found) > 1:
            raise click.ClickException(f"'{name}' is the name of several entities; say which: {', '.join(keys)}")
        chosen += found
    return list(dict.fromkeys(chosen)) if names else entities


def _removed(name: str) -> Entity | None:
    """The entity of an asset key that Dagster still knows and no mapping has any more."""
    from custom_store_pipeline.cli.state import is_known

    parts = name.split("/", 2)
    if len(parts) < 3 or not is_known(key := (parts[0], parts[1], parts[2])):
        return None
    return Entity(key[2], key[2], (), key, key)


def _projects_dir() -> Path:
    try:
        return projects_folder()
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from None


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


def _problems_below(projects: Projects, wanted: Path) -> Iterable[Problem]:
    return (problem for problem in projects.problems if (Path.cwd() / problem.file).is_relative_to(wanted))


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

"""The command ``custom-store``: begins projects, validates mappings, shows the status and the state of entities."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

# The rest is imported by the commands: pydantic, which all of it needs, by none that only shows its help, and Dagster,
# which takes a second, not by `validate`.


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="custom-store-pipeline")
@click.pass_context
def main(context: click.Context) -> None:
    """Custom store drivers as Dagster assets.

    A file .env in the working folder is read, as the command dagster does.
    """
    context.with_resource(_without_plugins_of_pydantic())
    from custom_store_pipeline.settings import with_env_file

    context.with_resource(with_env_file())


@contextlib.contextmanager
def _without_plugins_of_pydantic() -> Iterator[None]:
    """Within it, pydantic does not look through all installed packages for plugins, which takes a tenth of a start."""
    if "PYDANTIC_DISABLE_PLUGINS" in os.environ:
        yield
        return
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"
    try:
        yield
    finally:
        os.environ.pop("PYDANTIC_DISABLE_PLUGINS")


@main.command()
@click.argument("project")
def init(project: str) -> None:
    """Write a project that runs into the working folder: two drivers, a mapping, CSV files to load, settings.

    PROJECT is its name: letters, digits and _. Nothing that is there is overwritten.

    Example: custom-store init shop
    """
    from custom_store_pipeline.cli import scaffold

    scaffold.init(project)


@main.group()
def new() -> None:
    """Write a new driver or mapping into a project."""


@new.command("driver")
@click.argument("place", metavar="PROJECT/NAME", required=False)
@click.option("--pull", "template", flag_value="pull", help="Begin with the methods of a source.")
@click.option("--push", "template", flag_value="push", help="Begin with the methods of a target.")
@click.option("--both", "template", flag_value="both", help="Begin with the methods of both (the default).")
@click.option("--from", "template", metavar="TEMPLATE", help="Begin with a copy of a driver that works.")
@click.option("--list", "as_list", is_flag=True, help="List the templates.")
def new_driver(place: str | None, template: str | None, as_list: bool) -> None:
    """Write a driver: projects/PROJECT/custom_store_driver/NAME.py, with a class named after it.

    Example: custom-store new driver shop/orders_api_store_driver --pull
    """
    from custom_store_pipeline.cli import scaffold

    if as_list:
        scaffold.print_templates()
    elif place is None:
        raise click.UsageError("Missing argument 'PROJECT/NAME'.")
    else:
        scaffold.new_driver(place, template or "both")


@new.command("mapping")
@click.argument("place", metavar="PROJECT/NAME")
@click.option("--from", "source", metavar="DRIVER", help="The driver that pulls; by default the project's only one.")
@click.option("--to", "target", metavar="DRIVER", help="The driver that pushes; by default the project's only one.")
@click.option("--entity", "entities", multiple=True, help="An entity; may be given several times. By default NAME.")
def new_mapping(place: str, source: str | None, target: str | None, entities: Sequence[str]) -> None:
    """Write a mapping: projects/PROJECT/mappings/NAME.yaml.

    Example: custom-store new mapping shop/orders --entity orders --entity customers
    """
    from custom_store_pipeline.cli import scaffold

    scaffold.new_mapping(place, source, target, entities)


@main.command()
@click.argument("driver", metavar="PROJECT/DRIVER", required=False)
@click.option(
    "--arg", "arguments", multiple=True, metavar="NAME=VALUE", help="One of the store's args, for the checks."
)
@click.option(
    "--check", "names", multiple=True, metavar="NAME", help="Run this check only; may be given several times."
)
@click.option("--list", "as_list", is_flag=True, help="List the checks, and why each matters.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def test(driver: str | None, arguments: Sequence[str], names: Sequence[str], as_list: bool, as_json: bool) -> None:
    """Test a driver: the contract that every driver keeps, as more than 50 checks.

    A driver that writes needs a store that the checks may do anything with: one of a test class in
    projects/PROJECT/tests/, or --arg, in which {folder} is an empty folder of each check. A driver that only reads is
    tested on the store of a mapping. Exits with 1 if a check failed.

    Example: custom-store test shop/duckdb_store_driver --arg path={folder}/test.duckdb
    """
    from custom_store_pipeline.cli import contract

    if as_list:
        contract.list_checks()
    elif driver is None:
        raise click.UsageError("Missing argument 'PROJECT/DRIVER'.")
    elif not contract.passes(driver, arguments, names, as_json=as_json):
        raise SystemExit(1)


@main.command()
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def validate(paths: Sequence[Path], as_json: bool) -> None:
    """Check mapping files and their drivers, without importing or running anything.

    PATHS are projects folders, project folders or mapping files; by default the projects folder of the settings. Exits
    with 1 and prints every problem (file:line:column: key: message), or with 0 and prints a table of what is there.
    Keys that have no effect are warned of.
    """
    from custom_store_pipeline.cli.validation import validated

    if not validated(paths, as_json=as_json):
        raise SystemExit(1)


@main.command("run")
@click.argument("selection", nargs=-1, metavar="[SELECTION]…")
@click.option("--partition", help="The partition, for entities that have some.")
@click.option("--full-refresh", is_flag=True, help="Start from nothing: no watermarks, no state, no deletions.")
@click.option("--limit", type=click.IntRange(min=1), help="A sample: at most so many rows; no state is stored.")
@click.option("--max-delete-fraction", type=click.FloatRange(0, 1), help="Instead of the mapping's own, in this run.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table, and no progress.")
@click.option("--verbose", is_flag=True, help="Show Dagster's log too.")
def run_entities(
    selection: Sequence[str],
    partition: str | None,
    full_refresh: bool,
    limit: int | None,
    max_delete_fraction: float | None,
    as_json: bool,
    verbose: bool,
) -> None:
    """Load entities: pull and push them in this process, as a run of Dagster's instance.

    SELECTION is a project, project/store, an asset key such as shop/warehouse/orders, an entity's name, or a pattern
    such as 'shop/*/orders'; by default everything. Exits with 0 if all entities arrived, with 1 if one did not, and
    with 2 if nothing was run, because the selection or an option is wrong.

    Example: custom-store run shop --limit 100
    """
    _check_dagster_home()
    from custom_store_pipeline.cli.run import RunOptions, materialized

    options = RunOptions(full_refresh, limit, max_delete_fraction)
    if not materialized(selection, options, partition, as_json=as_json, verbose=verbose):
        raise SystemExit(1)


@main.command("check")
@click.argument("stores", nargs=-1, metavar="[STORE]…")
@click.option(
    "--timeout", type=click.FloatRange(min=0, min_open=True), default=30, show_default=True, help="Seconds for each."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def check_stores(stores: Sequence[str], timeout: float, as_json: bool) -> None:
    """Ask stores whether they can be used: calls check(config) of each store's driver, side by side.

    STORE is a project, a store's name, project/store, or a pattern; by default all stores of the mappings. Exits with
    1 if one failed.

    Example: custom-store check shop/warehouse
    """
    from custom_store_pipeline.cli import check

    if not check.all_right(stores, timeout, as_json=as_json):
        raise SystemExit(1)


@main.command()
@click.argument("projects", nargs=-1, metavar="[PROJECT]…")
@click.option(
    "--check", "only_check", is_flag=True, help="Write nothing; exit with 1 if a lock file is not up to date."
)
def discover(projects: Sequence[str], only_check: bool) -> None:
    """Ask sources which entities they have, where mappings name them by patterns, and write that into lock files.

    Patterns are items of include such as '*', 'order_*' or 're:order_[0-9]+'. What they stand for is written into
    <name>.entities.lock beside the mapping file, which is all that definitions read. Exits with 1 if a store did not
    answer.

    Example: custom-store discover shop --check
    """
    from custom_store_pipeline.cli.discover import discovered

    if not discovered(projects, only_check=only_check):
        raise SystemExit(1)


@main.command()
@click.argument("entity", metavar="ENTITY")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Read at most so many rows.")
@click.option("--partition", help="The partition, if the entity has some.")
@click.option("--raw", is_flag=True, help="Show what the driver returned, not the rows that are made of it.")
def preview(entity: str, limit: int, partition: str | None, raw: bool) -> None:
    """Show the first rows of an entity as the next run would push them, with their types, pages and seconds.

    ENTITY is an asset key such as shop/warehouse/orders, or an entity's name. Nothing is pushed and no state is stored.

    Example: custom-store preview orders --limit 5
    """
    from custom_store_pipeline.cli import preview as command

    if os.environ.get("DAGSTER_HOME"):  # without it, what the first run would push
        _check_dagster_home()
    command.preview(entity, partition, limit, raw=raw)


@main.command()
@click.argument("projects", nargs=-1)
def status(projects: Sequence[str]) -> None:
    """Show each entity's last materialization: rows, seconds, and where it is now.

    PROJECTS are names of projects; by default all. Reads the Dagster instance that DAGSTER_HOME names.
    """
    _check_dagster_home()
    from custom_store_pipeline.cli.chosen import folder_of_projects
    from custom_store_pipeline.cli.status import latest_status
    from custom_store_pipeline.cli.table import print_table
    from custom_store_pipeline.projects.loading import load_projects

    loaded = load_projects(folder_of_projects())
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
    from custom_store_pipeline.cli.chosen import chosen
    from custom_store_pipeline.cli.state import parts_and_reports

    reports = [report for _, report in parts_and_reports(chosen(entities)) if report]
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
    from custom_store_pipeline.cli.chosen import chosen
    from custom_store_pipeline.cli.state import parts_and_reports, reset_all
    from custom_store_pipeline.errors import CustomStoreError

    found = [(part, report) for part, report in parts_and_reports(chosen(entities))]
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
            "DAGSTER_HOME is not set, so no state is stored; run: export DAGSTER_HOME=$PWD/.dagster_home"
        )

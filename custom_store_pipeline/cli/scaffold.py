"""``custom-store init`` and ``custom-store new``: what they are given, checked, and the files that they write."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from custom_store_pipeline.cli.chosen import folder_of_projects
from custom_store_pipeline.config.values import identifier
from custom_store_pipeline.drivers.driver_files import DRIVER_FOLDER, DriverSource, find_driver
from custom_store_pipeline.drivers.static_check import check_driver
from custom_store_pipeline.errors import DriverError, DriverNotFoundError, ExistingFileError, did_you_mean
from custom_store_pipeline.identifiers import module_name
from custom_store_pipeline.scaffold import new_files


def init(project: str) -> None:
    """Writes a project that runs, and all that it needs, into the working folder."""
    _check_plain(project, "the project")
    _write(new_files.files_of_a_folder(project), Path.cwd())
    click.echo(
        "\nNext, in this folder:\n"
        "  export DAGSTER_HOME=$PWD/.dagster_home\n"
        "  custom-store validate\n"
        f"  custom-store test {project}/duckdb_store_driver\n"
        f"  dagster asset materialize --select 'group:{project}' -m custom_store_pipeline.definitions\n"
        "  dagster dev     # the UI, on http://localhost:3000\n"
        "README.md says what is where."
    )


def new_driver(place: str, template: str) -> None:
    """Writes a driver, and a test of it, into a project of the projects folder."""
    project, name = _project_and_name(place)
    known = new_files.driver_templates()
    if template not in known:
        there = f"there are: {', '.join(known)}"
        raise click.ClickException(f"no template '{template}'{did_you_mean(template, known)}; {there}")
    files = [new_files.driver_file(project, name, template), new_files.test_file(project, name)]
    _write(files, folder_of_projects())


def new_mapping(place: str, source: str | None, target: str | None, entities: Sequence[str]) -> None:
    """Writes a mapping into a project of the projects folder; without a driver's name, its only one that can do it."""
    project, name = _project_and_name(place)
    folder = folder_of_projects()
    pulls = _driver(folder, project, source, "pull_data", "--from", "pulls")
    pushes = _driver(folder, project, target, "push_data", "--to", "pushes")
    _write([new_files.mapping_file(project, name, pulls, pushes, entities or [name])], folder)


def print_templates() -> None:
    """Prints what a driver can begin as."""
    for name, what in new_files.driver_templates().items():
        click.echo(f"{name:12} {what}")


def _driver(folder: Path, project: str, name: str | None, method: str, option: str, does: str) -> str:
    if name is not None:
        try:
            return find_driver(folder, project, module_name(name)).file_name
        except DriverNotFoundError as error:
            raise click.ClickException(f"{option}: {error}") from None
    files = sorted((folder / project / DRIVER_FOLDER).glob("*.py"))
    drivers = [DriverSource(project, path.stem, path) for path in files]
    right = [driver for driver in drivers if _is_right(driver, method)]
    other = "push_data" if method == "pull_data" else "pull_data"
    # A driver of both is mostly meant as a target, and can be read from to compare.
    one_sided = [driver for driver in right if not _is_right(driver, other)]
    found = [driver.file_name for driver in (one_sided if len(one_sided) == 1 else right)]
    if len(found) == 1:
        return found[0]
    there = f"one of {', '.join(found)}" if found else "there is none, so write it first: custom-store new driver"
    raise click.ClickException(f"which driver of '{project}' {does}? say so with {option}: {there}")


def _is_right(driver: DriverSource, method: str) -> bool:
    try:
        check_driver(driver, method)
    except DriverError:
        return False
    return True


def _project_and_name(place: str) -> tuple[str, str]:
    project, _, name = place.partition("/")
    name = module_name(name)
    if not name:
        raise click.ClickException(f"'{place}' is not PROJECT/NAME; write it as shop/{place}")
    _check_plain(project, "the project")
    _check_plain(name, "the file")
    return project, name


def _check_plain(name: str, what: str) -> None:
    try:
        identifier(name)
    except ValueError as error:
        raise click.ClickException(f"{what}: {error}") from None


def _write(files: Iterable[new_files.NewFile], folder: Path) -> None:
    try:
        written = new_files.write(files, folder)
    except ExistingFileError as error:
        raise click.ClickException(str(error)) from None
    for path in written:
        click.echo(f"wrote {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")

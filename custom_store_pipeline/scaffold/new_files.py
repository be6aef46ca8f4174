"""Copies of the templates with the user's names in them, and how they get into a folder."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from custom_store_pipeline.drivers.driver_files import DRIVER_FOLDER
from custom_store_pipeline.errors import ExistingFileError
from custom_store_pipeline.identifiers import pascal_case

_TEMPLATES = Path(__file__).parent / "templates"
_PROJECT = "shop"  # the project of the templates
_FIRST_DRIVERS = ("files_store_driver", "duckdb_store_driver")


@dataclass(frozen=True)
class NewFile:
    """A file to write.

    Attributes:
        path: relative to the folder that it is for.
        content: what will be in it.
    """

    path: Path
    content: str


def driver_templates() -> dict[str, str]:
    """What a new driver can begin as: the names of the templates, each with the first line of its docstring."""
    found = {}
    for path in sorted((_TEMPLATES / "drivers").glob("*.py")):
        found[path.stem.removesuffix("_store_driver")] = path.read_text().split('"""')[1]
    return found


def files_of_a_folder(project: str) -> Iterator[NewFile]:
    """All that a folder needs in which a project can be run: two drivers, a mapping, two CSV files, settings.

    Args:
        project: the project's name, a plain one.
    """
    start = _TEMPLATES / "folder"
    for path in sorted(start.rglob("*")):
        # A wheel's Python files are compiled where it is installed.
        if path.is_file() and path.suffix != ".pyc":
            relative = str(path.relative_to(start)).replace(f"projects/{_PROJECT}/", f"projects/{project}/")
            yield NewFile(Path(relative), re.sub(rf"\b{_PROJECT}\b", project, path.read_text()))
    for name in _FIRST_DRIVERS:
        yield NewFile(Path("projects", project, DRIVER_FOLDER, f"{name}.py"), _driver(name).read_text())


def driver_file(project: str, file_name: str, template: str) -> NewFile:
    """A driver for a projects folder.

    Args:
        project: its project.
        file_name: the driver's module, a plain name.
        template: one of :func:`driver_templates`.
    """
    path = _driver(template)
    content = path.read_text().replace(pascal_case(path.stem), pascal_case(file_name))
    return NewFile(Path(project, DRIVER_FOLDER, f"{file_name}.py"), content)


def test_file(project: str, file_name: str) -> NewFile:
    """The contract test of a driver, for a projects folder; it says what its author must fill in.

    Args:
        project: the driver's project.
        file_name: the driver's module.
    """
    values = {"PROJECT": project, "FILE_NAME": file_name, "CLASS_NAME": pascal_case(file_name)}
    content = re.sub("|".join(values), lambda found: values[found[0]], (_TEMPLATES / "test_driver.py").read_text())
    return NewFile(Path(project, "tests", f"test_{file_name}.py"), content)


def mapping_file(project: str, name: str, source: str, target: str, entities: Sequence[str]) -> NewFile:
    """A mapping for a projects folder.

    Args:
        project: its project.
        name: the file's stem.
        source: the driver that pulls, as ``file_name`` of the project.
        target: the driver that pushes.
        entities: their names.
    """
    # As YAML writes them: it takes a plain `on` for a boolean, and a plain `7` for a number.
    names = yaml.safe_dump(list(entities), default_flow_style=True, allow_unicode=True, width=float("inf")).strip()
    values = {"SOURCE": source, "TARGET": target, "ENTITIES": names}
    content = re.sub("|".join(values), lambda found: values[found[0]], (_TEMPLATES / "mapping.yaml").read_text())
    return NewFile(Path(project, "mappings", f"{name}.yaml"), content)


def write(files: Iterable[NewFile], folder: Path) -> list[Path]:
    """Writes all of the files, or none.

    Raises:
        ExistingFileError: one of them is there already; names all that are.
    """
    files = list(files)
    there = [str(file.path) for file in files if (folder / file.path).exists()]
    if there:
        raise ExistingFileError(f"{', '.join(there)} in {folder} would be overwritten; remove it, or use another name")
    for file in files:
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.content)
    return [folder / file.path for file in files]


def _driver(template: str) -> Path:
    return _TEMPLATES / "drivers" / f"{template.removesuffix('_store_driver')}_store_driver.py"

"""A projects folder, read and checked as a whole: the mappings that can run, and everything that is wrong."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from custom_store_pipeline.config.entity import SIDES, AssetPath, Side
from custom_store_pipeline.config.lineage import check_together
from custom_store_pipeline.config.loading import LoadedFile, load_mapping_files
from custom_store_pipeline.config.mapping import LoadedMapping
from custom_store_pipeline.data.formats import missing_extra, option_problems
from custom_store_pipeline.drivers.capabilities import claimed_capabilities
from custom_store_pipeline.drivers.driver_files import DriverSource, digest_of, find_driver, read_sources
from custom_store_pipeline.drivers.static_check import check_driver
from custom_store_pipeline.errors import DriverError, DriverNotFoundError, Problem
from custom_store_pipeline.projects.needed_capabilities import capability_problems, capability_warnings

if TYPE_CHECKING:
    from custom_store_pipeline.drivers.loading import DriverVersion


class FoundDriver(NamedTuple):
    """A driver's file, and a hash of it with its helper modules."""

    source: DriverSource
    digest: str


@dataclass(frozen=True)
class Projects:
    """What a projects folder holds.

    Attributes:
        folder: the projects folder.
        mappings: the mappings of all files that have no problem of their own, in the order of the files.
        broken_files: the files that have one; none of their mappings is among ``mappings``.
        driver_problems: problems of the drivers that the mappings name. Such a mapping stays: its entities are known,
            only running them fails, and fails with this reason.
        drivers: the drivers that the mappings name, by project and file name; those that cannot be found are not among
            them. Read once, so that all that is made of this projects folder agrees on their versions.
        keys_of_other_projects: where only one project was read, the entities that mappings of the others write; read
            only if a mapping has ``on_source_change``, because nothing else depends on them.
        driver_warnings: what is risky with the drivers that the mappings name.
    """

    folder: Path
    mappings: tuple[LoadedMapping, ...]
    broken_files: tuple[LoadedFile, ...]
    driver_problems: tuple[Problem, ...]
    drivers: Mapping[tuple[str, str], FoundDriver]
    keys_of_other_projects: Set[AssetPath]
    driver_warnings: tuple[Problem, ...] = ()

    def driver(self, mapping: LoadedMapping, side: Side) -> DriverSource | None:
        """The driver file of one side of a mapping; None if it is not there."""
        found = self.drivers.get(_driver_name(mapping, side))
        return None if found is None else found.source

    def driver_version(self, mapping: LoadedMapping, side: Side) -> DriverVersion:
        """The driver of one side of a mapping, as it was when the projects folder was read."""
        from custom_store_pipeline.drivers.loading import DriverVersion  # with all that running a driver needs

        name = _driver_name(mapping, side)
        return DriverVersion(self.folder, *name, self.drivers[name].digest if name in self.drivers else "")

    def borrowed(self, project: str | None) -> frozenset[str]:
        """Other projects than this one whose drivers the mappings use."""
        return frozenset(mapping.store_project(side) for mapping in self.mappings for side in SIDES) - {project or ""}

    @property
    def warnings(self) -> list[Problem]:
        """What has no effect or is risky in mappings that can be used, sorted by place."""
        return sorted([*self.driver_warnings, *(it for mapping in self.mappings for it in mapping.warnings)])

    @property
    def problems(self) -> list[Problem]:
        """All problems, sorted by place."""
        return sorted({problem for file in self.broken_files for problem in file.problems} | set(self.driver_problems))


def load_projects(
    folder: Path,
    external_keys: Set[AssetPath] = frozenset(),
    project: str | None = None,
    *,
    with_patterns: bool = False,
) -> Projects:
    """Reads all mapping files of a projects folder and checks them, and their drivers' source, without importing any.

    Args:
        folder: the projects folder.
        external_keys: the keys of hand-written assets, which mappings may read from.
        project: the project whose mappings are read, or None for all projects.
        with_patterns: see :func:`.load_mapping_files`.

    Returns:
        What is there, problems included; nothing is raised for a mistake in a file.
    """
    files = load_mapping_files(folder, project, with_patterns=with_patterns)
    together = check_together(mapping for file in files for mapping in file.mappings)
    problems_by_path = {file.path: list(file.problems) for file in files}
    for mapping, problem in together:
        problems_by_path[mapping.file.path].append(problem)
    broken = tuple(
        replace(file, mappings=(), problems=tuple(sorted(problems_by_path[file.path])))
        for file in files
        if problems_by_path[file.path]
    )
    mappings = [mapping for file in files if not problems_by_path[file.path] for mapping in file.mappings]
    # The drivers of broken files are checked too: all problems are shown at once.
    everything = [mapping for file in files for mapping in file.mappings]
    others: Set[AssetPath] = frozenset()
    if project is not None and any(mapping.config.on_source_change for mapping in everything):
        others = _keys_of_other_projects(folder, project)
    claims = _claims(folder, everything)
    drivers = _check_drivers(folder, everything, external_keys | others, claims)
    found = _found_drivers(folder, mappings)
    return Projects(
        folder,
        tuple(mappings),
        broken,
        tuple(dict.fromkeys(drivers)),
        found,
        others,
        tuple(_warnings_of_drivers(mappings, claims)),
    )


def check_format_options(files: Iterable[LoadedMapping]) -> Iterator[Problem]:
    """Problems of the options under ``data_format``.

    Kept apart from :func:`load_projects`, because asking the readers imports pandas, which loading must not.
    """
    for mapping in files:
        data_format = mapping.config.from_.data_format
        if missing := missing_extra(data_format.type):
            yield mapping.problem(("from", "data_format", "type"), missing)
        for name, message in option_problems(data_format.type, data_format.options).items():
            yield mapping.problem(("from", "data_format", name), message, at_key=True)


def _keys_of_other_projects(folder: Path, project: str) -> Set[AssetPath]:
    files = (file for file in load_mapping_files(folder) if file.project != project)
    return {entity.target_key for file in files for mapping in file.mappings for entity in mapping.entities}


def _driver_name(mapping: LoadedMapping, side: Side) -> tuple[str, str]:
    return mapping.store_project(side), mapping.store(side).file_name


def _found_drivers(folder: Path, mappings: Iterable[LoadedMapping]) -> dict[tuple[str, str], FoundDriver]:
    found = {}
    for name in {_driver_name(mapping, side) for mapping in mappings for side in SIDES}:
        with contextlib.suppress(DriverNotFoundError):
            source = find_driver(folder, *name)
            found[name] = FoundDriver(source, digest_of(read_sources(source)))
    return found


def _claims(folder: Path, mappings: Iterable[LoadedMapping]) -> dict[tuple[str, str], frozenset[str] | None]:
    """The capabilities of each driver that has them; what cannot be read is a problem of the driver."""
    found = {}
    for name in {_driver_name(mapping, side) for mapping in mappings for side in SIDES}:
        with contextlib.suppress(DriverError):
            found[name] = claimed_capabilities(find_driver(folder, *name))
    return found


def _warnings_of_drivers(
    mappings: Iterable[LoadedMapping], claims: Mapping[tuple[str, str], frozenset[str] | None]
) -> Iterator[Problem]:
    for mapping in mappings:
        found = claims.get(_driver_name(mapping, "to"))
        if found is not None:
            yield from capability_warnings(mapping, found)


def _check_drivers(
    folder: Path,
    mappings: Sequence[LoadedMapping],
    external_keys: Set[AssetPath],
    claims: Mapping[tuple[str, str], frozenset[str] | None],
) -> Iterator[Problem]:
    known: dict[tuple[str, str, tuple[str, ...]], str] = {}
    made = {entity.target_key for mapping in mappings for entity in mapping.entities} | external_keys
    for mapping in mappings:
        for side in SIDES:
            store = mapping.store(side)
            methods = _methods(mapping, side, made)
            driver = (mapping.store_project(side), store.file_name, methods)
            if driver not in known:
                known[driver] = _driver_problem(folder, mapping, side, methods)
            if not known[driver] and (found := claims.get(driver[:2])) is not None:
                yield from capability_problems(mapping, side, found)
            if known[driver]:
                no_project = not (folder / driver[0]).is_dir()
                key = "project_name" if no_project and store.project_name else "file_name"
                yield mapping.problem((side, "store", key), known[driver])


_WHY = {
    "pull_keys": "an incremental load with delete_type: keys needs it, to learn which keys the source has",
    "fingerprint": "on_source_change needs it, to learn whether the source has changed",
}


def _methods(mapping: LoadedMapping, side: Side, made: Set[AssetPath]) -> tuple[str, ...]:
    """The methods that the mapping cannot do without."""
    if side == "to":
        return ("push_data",)
    finds_deletions = mapping.config.is_incremental and mapping.config.compares_keys
    # What another mapping makes has changed when that has run.
    is_observed = mapping.config.on_source_change and any(entity.source_key not in made for entity in mapping.entities)
    return (
        "pull_data",
        *(["pull_keys"] if finds_deletions else []),
        *(["fingerprint"] if is_observed else []),
    )


def _driver_problem(folder: Path, mapping: LoadedMapping, side: Side, methods: Sequence[str]) -> str:
    for method in methods:
        try:
            source = find_driver(folder, *_driver_name(mapping, side))
            check_driver(source, method)
            claimed_capabilities(source)
        except DriverError as error:
            return f"{error}; {_WHY[method]}" if method in _WHY else str(error)
    return ""

"""Mapping files → mappings: found, merged with their defaults, checked, each problem with its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from custom_store_pipeline.config.checks import check_mapping
from custom_store_pipeline.config.entities_lock import Discovered, PatternError, lock_path, read_lock, resolved
from custom_store_pipeline.config.mapping import LoadedMapping, place_problem
from custom_store_pipeline.config.models import MappingConfig
from custom_store_pipeline.config.validation_messages import explain
from custom_store_pipeline.config.values import is_plain_name, unreadable
from custom_store_pipeline.config.wording import describe
from custom_store_pipeline.config.yaml_file import KeyPath, YamlFile, read_yaml
from custom_store_pipeline.errors import ConfigurationError, Problem, did_you_mean


@dataclass(frozen=True)
class LoadedFile:
    """One mapping file: its mappings, or what is wrong with it (then ``mappings`` holds those that are right)."""

    project: str
    path: Path
    mappings: tuple[LoadedMapping, ...]
    problems: tuple[Problem, ...]


def load_mapping_files(
    projects_dir: Path, project: str | None = None, *, with_patterns: bool = False
) -> list[LoadedFile]:
    """Reads and checks every ``<projects_dir>/<project>/mappings/*.yaml`` (and ``*.yml``), sorted by path.

    Each file is checked by itself; what concerns several of them is in :mod:`.lineage`.

    Args:
        projects_dir: the projects folder.
        project: one project, or None for all.
        with_patterns: patterns of entities stay as they are, instead of what the lock file says that they stand for.
    """
    return [_load_file(name, path, with_patterns) for name, path in mapping_files(projects_dir, project)]


def shown_path(path: Path) -> str:
    """The path as messages show it: relative to the working folder if it is there."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def mapping_files(projects_dir: Path, project: str | None = None) -> Iterator[tuple[str, Path]]:
    """Every mapping file of a projects folder (or of one of its projects) with its project, sorted by path."""
    for folder in sorted(projects_dir.iterdir()):
        if folder.is_dir() and not folder.name.startswith(".") and project in (None, folder.name):
            mappings = folder / "mappings"
            for path in sorted(mappings.rglob("*")):
                hidden = any(part.startswith(".") for part in path.relative_to(mappings).parts)
                if path.suffix.lower() in (".yaml", ".yml") and path.is_file() and not hidden:
                    yield folder.name, path


def _load_file(project: str, path: Path, with_patterns: bool) -> LoadedFile:
    shown = shown_path(path)
    if not is_plain_name(project):
        message = f"the project folder '{project}' is not a plain name; rename it to letters, digits and _ only"
        return LoadedFile(project, path, (), (Problem(shown, 0, 0, "", message),))
    if path.parent.name != "mappings" or path.parent.parent.name != project:
        message = "mapping files must be directly in 'mappings/', not in a folder below it; move the file up"
        return LoadedFile(project, path, (), (Problem(shown, 0, 0, "", message),))
    try:
        file = read_yaml(path, shown)
        lock = None if with_patterns else read_lock(lock_path(path), shown_path(lock_path(path)))
    except ConfigurationError as error:
        return LoadedFile(project, path, (), tuple(error.problems))
    mappings: list[LoadedMapping] = []
    problems = _check_top_level(file)
    for index, item in _items(file):
        loaded = _load_mapping(project, file, index, item, lock)
        if isinstance(loaded, LoadedMapping):
            mappings.append(loaded)
        else:
            problems += loaded
    # A mistake in `defaults` is found once for each mapping, at one place.
    return LoadedFile(project, path, tuple(mappings), tuple(dict.fromkeys(problems)))


_TOP_LEVEL = ("mappings", "defaults")


def _check_top_level(file: YamlFile) -> list[Problem]:
    problems = []
    for key in file.content:
        if key not in _TOP_LEVEL:
            hint = did_you_mean(str(key), _TOP_LEVEL) or "; the top level has only 'mappings' and 'defaults'"
            problems.append(file.problem((key,), f"unknown key '{key}'{hint}", at_key=True))
    if not isinstance(file.content.get("defaults", {}), dict):
        problems.append(file.problem(("defaults",), "must be a mapping of keys to values"))
    mappings = file.content.get("mappings")
    if "mappings" not in file.content:
        problems.append(file.problem((), "the key 'mappings' is missing; write 'mappings:' and a list of mappings"))
    elif not isinstance(mappings, list) or not mappings:
        message = f"must be a list of '- mapping:' items, not {describe(mappings) if mappings != [] else 'empty'}"
        problems.append(file.problem(("mappings",), message))
    else:
        for index, item in enumerate(mappings):
            if not isinstance(item, dict) or not isinstance(item.get("mapping"), dict):
                message = "each item must be '- mapping:' with 'from' and 'to' indented below it"
                problems.append(file.problem(("mappings", index), message))
                continue
            for key in item.keys() - {"mapping"}:
                message = f"'{key}' is beside 'mapping:'; indent it, so that it is below"
                problems.append(file.problem(("mappings", index, key), message, at_key=True))
    return problems


def _items(file: YamlFile) -> Iterator[tuple[int, dict[str, Any]]]:
    mappings = file.content.get("mappings")
    for index, item in enumerate(mappings if isinstance(mappings, list) else []):
        if isinstance(item, dict) and isinstance(item.get("mapping"), dict):
            yield index, item["mapping"]


def _load_mapping(
    project: str, file: YamlFile, index: int, item: dict[str, Any], lock: Mapping[str, Discovered] | None
) -> LoadedMapping | list[Problem]:
    defaults = file.content.get("defaults")
    written = _long_form(item)
    document = _merge(_long_form(defaults if isinstance(defaults, dict) else {}), written)
    if not_text := list(_keys_that_are_no_text(document)):
        return [
            place_problem(file, index, path, f"a key must be a string, not {describe(path[-1])}; quote it", at_key=True)
            for path in not_text
        ]
    name = document.get("mapping_name") or (file.path.stem if index == 0 else f"{file.path.stem}_{index + 1}")
    positions: Mapping[str, int] = {}
    if lock is not None:
        try:
            document, positions = resolved(document, lock.get(str(name)), lock_path(file.path), project)
        except PatternError as error:
            return [place_problem(file, index, error.key_path, str(error))]
    try:
        config = MappingConfig.model_validate(document)
    except ValidationError as invalid:
        return [
            place_problem(file, index, error["loc"], explain(error), at_key=error["type"] == "extra_forbidden")
            for error in invalid.errors()
        ]
    found = check_mapping(config, document, written)
    placed = [
        (finding.is_warning, place_problem(file, index, finding.key_path, finding.message, at_key=finding.at_key))
        for finding in found
    ]
    if not all(is_warning for is_warning, _ in placed):
        return [problem for is_warning, problem in placed if not is_warning]
    if problem := unreadable(name):
        return [place_problem(file, index, (), f"{problem}; rename the file, or write 'mapping_name'", at_key=True)]
    return LoadedMapping(
        project, name, file, index, config, document, tuple(warning for _, warning in placed), positions
    )


def _long_form(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """The mapping with ``to`` in its long form, and without keys that were left empty: these are as if not written."""
    long = _without_empty_keys(mapping)  # new dicts, as far as they are changed below
    target = long.get("to")
    if isinstance(target, dict) and "store" not in target:
        beside = {"entity": target.pop("entity")} if "entity" in target else {}
        long["to"] = {**({"store": target} if target else {}), **beside}
    for side in ("from", "to"):
        if not isinstance(long.get(side), dict):
            continue
        store = long[side].get("store")
        # A store's own empty keys mean something to its driver, perhaps; these are ours.
        ours = {"type", "file_name", "project_name", "name", "args"}
        if isinstance(store, dict):
            long[side]["store"] = {key: value for key, value in store.items() if value is not None or key not in ours}
    return long


_SECTIONS = ("from", "to", "data_format", "entity", "offset", "retries")
_OWN_KEYS_OF_DATA_FORMAT = {"type", "exact", "records"}


def _without_empty_keys(section: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _data_format(value) if key == "data_format" and isinstance(value, dict)
        else _without_empty_keys(value) if key in _SECTIONS and isinstance(value, dict)
        else value
        for key, value in section.items()
        if value is not None
    }  # fmt: skip


def _data_format(section: dict[str, Any]) -> dict[str, Any]:
    """A reader's null means something to it: ``header: null`` is a file without a header."""
    return {key: value for key, value in section.items() if value is not None or key not in _OWN_KEYS_OF_DATA_FORMAT}


def _keys_that_are_no_text(section: dict[Any, Any], path: KeyPath = ()) -> Iterator[KeyPath]:
    """Keys such as ``on:``, which YAML reads as true; below ``args`` they are the driver's business."""
    for key, value in section.items():
        if not isinstance(key, str):
            yield (*path, key)
        elif isinstance(value, dict) and key in (*_SECTIONS, "store"):
            yield from _keys_that_are_no_text(value, (*path, key))


def _merge(defaults: dict[str, Any], mapping: dict[str, Any]) -> dict[str, Any]:
    merged = {**defaults, **mapping}
    for key in defaults.keys() & mapping.keys():
        if isinstance(defaults[key], dict) and isinstance(mapping[key], dict):
            merged[key] = _merge(defaults[key], mapping[key])
    return merged

"""Checks the args of stores with the ``Args`` of their drivers, which another process imports."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from custom_store_pipeline.config.entity import SIDES, Side
from custom_store_pipeline.config.environment_variables import Resolution, resolve
from custom_store_pipeline.config.mapping import LoadedMapping
from custom_store_pipeline.drivers.call_config import args_of, redactor_of
from custom_store_pipeline.drivers.driver_args import ArgsCheck, WrongArg, wrong_arg_problem
from custom_store_pipeline.drivers.static_check import defines
from custom_store_pipeline.errors import Problem
from custom_store_pipeline.projects.loading import Projects

_SECONDS = 120


def check_args(projects: Projects, mappings: Sequence[LoadedMapping]) -> tuple[list[Problem], list[Problem]]:
    """What is wrong in the args of mappings' stores, and warnings of drivers whose ``Args`` cannot be known.

    Drivers without ``Args`` in their source are not imported; nor is any in this process.
    """
    uses = [
        (mapping, side)
        for mapping in mappings
        for side in SIDES
        if (driver := projects.driver(mapping, side)) is not None and defines(driver, "Args")
    ]
    resolutions = [_resolved_args(mapping, side) for mapping, side in uses]
    requests = [
        _request(projects, mapping, side, args) for (mapping, side), (args, _) in zip(uses, resolutions, strict=True)
    ]
    problems: list[Problem] = []
    warnings: list[Problem] = []
    for (mapping, side), (_, unset), found in zip(uses, resolutions, _asked(requests), strict=True):
        redactor = redactor_of(mapping)
        if found.failure:
            why = redactor.text(found.failure)
            message = f"the args were not checked, because the driver's Args cannot be used: {why}"
            warnings.append(mapping.problem((side, "store", "file_name"), message))
        problems += [
            wrong_arg_problem(mapping, side, it, redactor)
            for it in found.wrong
            if it.location not in unset  # a variable that is set only where the mapping runs
        ]
    return problems, warnings


def args_schemas(projects: Projects) -> dict[tuple[str, str], dict[str, Any]]:
    """The JSON Schema of the ``Args`` of each driver that mappings name and that has some."""
    uses = {
        (mapping.store_project(side), mapping.store(side).file_name): (mapping, side)
        for mapping in projects.mappings
        for side in SIDES
        if (driver := projects.driver(mapping, side)) is not None and defines(driver, "Args")
    }
    answers = _asked([_request(projects, mapping, side, None) for mapping, side in uses.values()])
    return {name: found.schema for name, found in zip(uses, answers, strict=True) if found.schema is not None}


def _resolved_args(mapping: LoadedMapping, side: Side) -> tuple[dict[str, Any], set[tuple[str | int, ...]]]:
    """The args with variables filled in, and the places of those that are not set here."""
    resolution = Resolution()
    args = args_of(mapping, side, resolve(mapping.document[side]["store"], os.environ, resolution))
    return args, {path[1:] if path[:1] == ("args",) else path for path, _ in resolution.missing}


def _request(projects: Projects, mapping: LoadedMapping, side: Side, args: dict[str, Any] | None) -> tuple[Any, ...]:
    version = projects.driver_version(mapping, side)
    method = "pull_data" if side == "from" else "push_data"
    folder = str(version.projects_dir.resolve())
    return folder, version.project, version.file_name, version.digest, method, args


def _asked(requests: Sequence[tuple[Any, ...]]) -> Iterator[ArgsCheck]:
    if not requests:
        return
    command = [sys.executable, "-m", "custom_store_pipeline.drivers.driver_args"]
    try:
        done = subprocess.run(  # noqa: S603  # this Python, and a module of ours
            command, input=pickle.dumps(requests), capture_output=True, timeout=_SECONDS, check=False
        )
        failure = "" if done.returncode == 0 else f"the process that imports drivers ended with {done.returncode}"
        answers = json.loads(done.stdout) if not failure else []
    except subprocess.TimeoutExpired:
        failure = f"importing drivers took more than {_SECONDS} s"
    if failure:
        yield from [ArgsCheck(failure=failure)] * len(requests)
        return
    for wrong, schema, said in answers:
        found = tuple(WrongArg(tuple(location), message, at_key) for location, message, at_key in wrong)
        yield ArgsCheck(found, schema, said)

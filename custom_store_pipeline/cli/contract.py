"""``custom-store test``: the contract kit on a driver, without pytest."""

from __future__ import annotations

import importlib.util
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import yaml

from custom_store_pipeline.cli.chosen import folder_of_projects
from custom_store_pipeline.cli.table import print_table
from custom_store_pipeline.config.entity import Side
from custom_store_pipeline.config.mapping import LoadedMapping
from custom_store_pipeline.drivers.driver_files import DriverSource, find_driver
from custom_store_pipeline.drivers.static_check import defines
from custom_store_pipeline.errors import CustomStoreError
from custom_store_pipeline.identifiers import module_name
from custom_store_pipeline.projects.loading import load_projects
from custom_store_pipeline.testing import DriverContract
from custom_store_pipeline.testing.check import Outcome
from custom_store_pipeline.testing.checks import CHECKS


def list_checks() -> None:
    """Prints the names of the checks, and why each matters."""
    for check in CHECKS.values():
        click.echo(f"{check.name}{f'  [{check.needs}]' if check.needs else ''}\n    {check.why}")


def passes(place: str, arguments: Sequence[str], names: Sequence[str], *, as_json: bool) -> bool:
    """Runs the checks of a driver and prints what became of them; whether none failed."""
    # The checks make drivers fail on purpose.
    logging.getLogger("custom_store_pipeline").setLevel(logging.CRITICAL)
    try:
        source = _source(place)
        outcomes = []
        contract = _contract(source, arguments)
        for outcome in contract.outcomes(names):
            outcomes.append(outcome)
            if not as_json and outcome.result in ("passed", "failed"):
                click.echo(f"{'ok' if outcome.result == 'passed' else 'FAILED':6} {outcome.check.name}")
    except (CustomStoreError, ValueError) as error:
        raise click.ClickException(str(error)) from None
    failed = [outcome for outcome in outcomes if outcome.result == "failed"]
    lacking = [] if names else contract.lacking_claims(outcomes)
    if as_json:
        click.echo(json.dumps(_as_json(outcomes, lacking), indent=2, ensure_ascii=False))
    else:
        _print_summary(outcomes, failed, lacking)
    return not failed


def _source(place: str) -> DriverSource:
    project, _, name = place.partition("/")
    if not name:
        raise click.ClickException(f"'{place}' is not PROJECT/DRIVER, such as shop/orders_store_driver")
    return find_driver(folder_of_projects(), project, module_name(name))


def _contract(source: DriverSource, arguments: Sequence[str]) -> DriverContract:
    """What the checks are told of the driver: by options, by its test file, or by a mapping that reads through it."""
    place = f"{source.project}/{source.file_name}"
    if arguments:
        return _made(place, {"args": dict(map(_argument, arguments))})
    tests = source.path.parents[1] / "tests"
    for path in sorted(tests.glob("test_*.py")):
        for found in vars(_imported(path)).values():
            is_contract = isinstance(found, type) and issubclass(found, DriverContract)
            if is_contract and getattr(found, "driver", "") == place:
                contract: DriverContract = found()
                return contract
    if used := _only_reads(source):
        mapping = used[0]
        entity, offset = mapping.entities[0], mapping.config.from_.offset
        return _made(
            place,
            mapping.document["from"]["store"],
            entity=entity.name,
            primary_keys=entity.primary_keys,
            offset_columns=offset.offset_columns,
            data_format=mapping.document["from"].get("data_format") or {},
        )
    raise click.ClickException(
        "which store may the checks write into? Say so with --arg, such as --arg path={folder}/test.db ({folder} is an "
        f"empty folder of each check), or in a test class: {tests}/test_{source.file_name}.py, see docs/testing.md"
    )


def _made(place: str, store: Mapping[str, Any], **attributes: Any) -> DriverContract:
    def filled(value: Any, folder: Path) -> Any:
        if isinstance(value, dict):
            return {key: filled(item, folder) for key, item in value.items()}
        return value.replace("{folder}", str(folder)) if isinstance(value, str) else value

    def settings(_: DriverContract, folder: Path) -> Mapping[str, Any]:
        found: Mapping[str, Any] = filled(dict(store), folder)
        return found

    made: type[DriverContract] = type("Contract", (DriverContract,), {"driver": place, "store": settings, **attributes})
    return made()


def _argument(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise click.ClickException(f"--arg {text}: write NAME=VALUE, such as path={{folder}}/test.db")
    # As in a mapping; what YAML takes for a reference to the folder is a text.
    return name, value if "{folder}" in value else yaml.safe_load(value)


def _imported(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(f"custom_store_contract_{path.stem}", path)
    assert spec is not None  # noqa: S101  # for the type checker: it is the path of a Python file
    assert spec.loader is not None  # noqa: S101
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise click.ClickException(f"{path} cannot be imported: {type(error).__name__}: {error}") from None
    return module


def _only_reads(source: DriverSource) -> list[LoadedMapping]:
    """The mappings that read through the driver, if none writes through it: then the checks can do no harm."""
    driver = (source.project, source.file_name)
    mappings = load_projects(folder_of_projects()).mappings

    def using(side: Side) -> list[LoadedMapping]:
        return [it for it in mappings if (it.store_project(side), it.store(side).file_name) == driver]

    writes = using("to") or defines(source, "push_data") or defines(source, "push_arrow")
    return [] if writes else using("from")


def _print_summary(outcomes: Sequence[Outcome], failed: Sequence[Outcome], lacking: Sequence[str]) -> None:
    if failed:
        rows = [[outcome.check.name, outcome.message, outcome.check.why] for outcome in failed]
        print_table(["check that failed", "what happened", "why it matters"], rows)
    if lacking:
        click.echo(f"It can do more than its capabilities say: {', '.join(repr(name) for name in lacking)}.")
    skipped = [outcome for outcome in outcomes if outcome.result in ("unclaimed", "not for this driver")]
    for reason in dict.fromkeys(outcome.message for outcome in skipped):
        names = [outcome.check.name for outcome in skipped if outcome.message == reason]
        click.echo(f"–      {names[0] if len(names) == 1 else f'{len(names)} checks'}: {reason}")
    passed = len(outcomes) - len(failed) - len(skipped)
    click.echo(f"Checks: {passed} passed, {len(failed)} failed, {len(skipped)} not for this driver.")


def _as_json(outcomes: Sequence[Outcome], lacking: Sequence[str]) -> dict[str, Any]:
    return {
        "checks": [
            {
                "name": outcome.check.name,
                "result": outcome.result,
                "message": outcome.message,
                "capability": outcome.check.needs or None,
                "why": outcome.check.why,
            }
            for outcome in outcomes
        ],
        "holds_but_is_not_claimed": list(lacking),
    }

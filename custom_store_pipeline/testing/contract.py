"""The class that a driver's author derives a test from."""

from __future__ import annotations

import tempfile
import unittest
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from custom_store_pipeline.drivers.capabilities import CAPABILITIES, claimed_capabilities
from custom_store_pipeline.drivers.driver_files import DriverSource, find_driver
from custom_store_pipeline.errors import did_you_mean
from custom_store_pipeline.identifiers import module_name
from custom_store_pipeline.settings import projects_folder
from custom_store_pipeline.testing.check import Check, Outcome, outcome_of
from custom_store_pipeline.testing.checks import CHECKS
from custom_store_pipeline.testing.driver_under_test import DriverUnderTest

if TYPE_CHECKING:
    pass


class DriverContract:
    """The checks of one driver, on a store that they may do anything with.

    pytest finds a subclass whose name begins with ``Test``, and runs each check as a test of its own.

    Attributes:
        driver: the driver, as ``project/file_name``.
        projects_dir: the projects folder; None for the one of the settings.
        entity: for a source: an entity that can be pulled. Not needed if the driver also pushes.
        primary_keys: the primary keys of that entity.
        offset_columns: its offset columns, for ``incremental``.
        data_format: the mapping's ``data_format``, if ``pull_data`` returns bytes, texts or files.
        exceptions: names of checks that the driver does not pass, each with the reason. One that passes fails the test,
            so that the list stays true.
    """

    driver: str
    projects_dir: Path | None = None
    entity: str = ""
    primary_keys: Sequence[str] = ()
    offset_columns: Sequence[str] = ()
    data_format: Mapping[str, Any] = {}
    exceptions: Mapping[str, str] = {}

    def store(self, folder: Path) -> Mapping[str, Any]:
        """The keys of the store, as a mapping has them below ``store``; called for each check.

        Args:
            folder: an empty folder of the check, for stores that are files. A database must be one for tests: checks
                write entities whose names begin with ``contract_``, and leave them behind.
        """
        raise NotImplementedError(f"give {type(self).__name__} a method store(self, folder) that returns its settings")

    # For a driver that cannot pull: def read_back(self, config, entity) -> DataFrame
    read_back: Any = None

    def outcomes(self, names: Sequence[str] = ()) -> Iterator[Outcome]:
        """Runs checks one after the other, all of them without ``names``, and yields what became of each.

        Raises:
            DriverNotFoundError: no such driver.
            ValueError: a name, also one in ``exceptions``, is not one of a check.
        """
        for name in (*names, *self.exceptions):
            if name not in CHECKS:
                raise ValueError(f"there is no check '{name}'{did_you_mean(name, CHECKS)}")
        for name, check in CHECKS.items():
            if not names or name in names:
                with tempfile.TemporaryDirectory(prefix="custom_store_contract_") as folder:
                    yield self._outcome(check, Path(folder))

    def lacking_claims(self, outcomes: Sequence[Outcome]) -> list[str]:
        """The capabilities whose checks all passed, and that the driver does not claim."""
        passed = {name for name in CAPABILITIES if _holds(name, outcomes)}
        claims = claimed_capabilities(self._source()) or frozenset()
        return sorted(passed - claims, key=list(CAPABILITIES).index)

    def test_contract(self, check: Check, tmp_path: Path) -> None:
        """One check, as a test of pytest."""
        outcome = self._outcome(check, tmp_path)
        if outcome.result == "failed":
            raise AssertionError(f"{outcome.message}\nWhy it matters: {check.why}")
        if outcome.result != "passed":
            raise unittest.SkipTest(outcome.message)

    def pytest_generate_tests(self, metafunc: Any) -> None:
        """Tells pytest that ``test_contract`` is a test for each check."""
        if "check" in metafunc.fixturenames:
            metafunc.parametrize("check", CHECKS.values(), ids=list(CHECKS))

    def _outcome(self, check: Check, folder: Path) -> Outcome:
        outcome = outcome_of(check, self._found(folder))
        reason = self.exceptions.get(check.name)
        if reason is None:
            return outcome
        if outcome.result == "failed":
            return Outcome(check, "not for this driver", f"an exception of the test class: {reason}")
        return Outcome(check, "failed", "it is among `exceptions` and passes; remove it there")

    def _found(self, folder: Path) -> DriverUnderTest:
        own = folder / "store"
        own.mkdir()
        try:
            store = self.store(own)
        except Exception as error:
            raise ValueError(
                f"{type(self).__name__}.store raised {type(error).__name__}: {error}; if it needs fixtures of pytest, "
                "run the test file with pytest"
            ) from error
        return DriverUnderTest.of(
            self._source(),
            store=store,
            folder=folder,
            entity=self.entity,
            primary_keys=tuple(self.primary_keys),
            offset_columns=tuple(self.offset_columns),
            data_format=self.data_format,
            read_back=self.read_back,
        )

    def _source(self) -> DriverSource:
        project, _, name = self.driver.partition("/")
        return find_driver(self.projects_dir or projects_folder(), project, module_name(name))


def _holds(capability: str, outcomes: Sequence[Outcome]) -> bool:
    results = {outcome.result for outcome in outcomes if outcome.check.needs == capability}
    return results == {"passed"}

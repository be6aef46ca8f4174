"""One check of the contract kit, and what became of it."""

from __future__ import annotations

import traceback
import unittest
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from custom_store_pipeline.drivers.capabilities import CAPABILITIES
from custom_store_pipeline.errors import CustomStoreError
from custom_store_pipeline.testing.driver_under_test import DriverUnderTest

Scope = Literal["any", "pull", "push", "read back"]


# What a target is expected to do that says nothing of its capabilities.
_EXPECTED = ("overwrite", "append", "upsert", "deletes")


class NotForThisDriverError(unittest.SkipTest):
    """A check has nothing to test on this driver; pytest shows it as skipped, with the reason."""


@dataclass(frozen=True)
class Check:
    """Something that every driver must do.

    Attributes:
        name: what it is called, which says what must hold.
        why: why it matters, to the users of the driver.
        scope: which drivers it is for: all, those that pull, those that push, or those whose pushes can be read again.
        needs: the capability that it shows, or an empty string if every driver must pass.
        run: raises AssertionError or CustomStoreError if it does not hold.
    """

    name: str
    why: str
    scope: Scope
    needs: str
    run: Callable[[DriverUnderTest], None]


@dataclass(frozen=True)
class Outcome:
    """What became of a check.

    Attributes:
        check: the check.
        result: ``unclaimed`` for one that does not hold and that the driver's ``capabilities`` do not claim.
        message: why it failed, or why it is not for this driver.
    """

    check: Check
    result: Literal["passed", "failed", "unclaimed", "not for this driver"]
    message: str = ""


def check(scope: Scope, needs: str = "") -> Callable[[Callable[[DriverUnderTest], None]], Check]:
    """Makes a check of a function: its name and its docstring are the check's."""

    def made(function: Callable[[DriverUnderTest], None]) -> Check:
        return Check(function.__name__, " ".join((function.__doc__ or "").split()), scope, needs, function)

    return made


def outcome_of(checked: Check, driver: DriverUnderTest) -> Outcome:
    """Runs a check."""
    try:
        _check_scope(checked.scope, driver)
        checked.run(driver)
    except NotForThisDriverError as reason:
        return Outcome(checked, "not for this driver", str(reason))
    except Exception as error:
        if checked.needs and checked.needs not in (_EXPECTED if driver.claims is None else driver.claims):
            return Outcome(
                checked, "unclaimed", f"its capabilities do not claim '{checked.needs}', and it does not hold"
            )
        return Outcome(checked, "failed", f"{_reason(error)}{_remedy(checked, driver)}")
    return Outcome(checked, "passed")


def _check_scope(scope: Scope, driver: DriverUnderTest) -> None:
    if scope == "pull" and not driver.pulls:
        raise NotForThisDriverError("the driver has no pull_data")
    if scope in ("push", "read back") and not driver.pushes:
        raise NotForThisDriverError("the driver has no push_data and no push_arrow")
    if scope == "read back" and not driver.is_readable:
        raise NotForThisDriverError(
            "what it pushes cannot be read again; give the test class read_back(self, config, entity), "
            "which returns a DataFrame"
        )
    if scope == "pull" and not (driver.entity or driver.pushes):
        raise NotForThisDriverError("no entity is known that can be pulled; set `entity` in the test class")


def _reason(error: Exception) -> str:
    if isinstance(error, AssertionError | CustomStoreError):
        return str(error)
    return f"the check itself raised {''.join(traceback.format_exception_only(error)).strip()}"


def _remedy(checked: Check, driver: DriverUnderTest) -> str:
    if not checked.needs:
        return ""
    if driver.claims is None:
        return (
            f"\nIf the driver is not meant to ({CAPABILITIES[checked.needs]}), say what it can do: a class attribute "
            f"capabilities = {{…}} without '{checked.needs}'"
        )
    return f"\nThe driver claims '{checked.needs}' in its capabilities; make it hold, or remove the claim"

"""The status that a push returns."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from custom_store_pipeline.drivers.push_status import plain_value, read_status
from custom_store_pipeline.errors import PushReportedFailureError

FRAME = pd.DataFrame({"id": [1]})


@pytest.mark.parametrize(
    ("returned", "metadata"),
    [
        (True, {}),
        (np.True_, {}),
        (3, {"status": 3}),
        (0, {"status": 0}),
        (np.int64(3), {"status": 3}),
        ("done", {"status": "done"}),
        ({"success": True, "rows": np.int32(4)}, {"rows": 4}),
        ({"status": "ok"}, {"status": "ok"}),
        ({}, {}),
    ],
)
def test_a_status_of_success_becomes_metadata(returned: object, metadata: dict) -> None:
    status = read_status(returned)

    assert status.metadata == metadata
    assert status.warning is None


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (False, "returned False: the driver says that the push failed"),
        (np.False_, "returned False: the driver says that the push failed"),
        ({"success": False, "why": "full"}, "returned a failed status (success: False, why: full)"),
        ({"status": "failed"}, "returned a failed status (status: failed)"),
        ({"status": "ERROR", "code": 5}, "returned a failed status (status: ERROR, code: 5)"),
        ({"status": "failure"}, "returned a failed status (status: failure)"),
        ({"Status": " Failed "}, "returned a failed status (Status:  Failed )"),
        ({"success": "false"}, "returned a failed status (success: false)"),
        ({"success": "No"}, "returned a failed status (success: No)"),
        ({"Success": False}, "returned a failed status (Success: False)"),
        ({"success": np.False_}, "returned a failed status (success: False)"),
        ({"success": None}, "returned a failed status (success: None)"),
        ({"status": False}, "returned a failed status (status: False)"),
        ("failed", "returned the status 'failed'; raise an exception instead"),
        ("Failure", "returned the status 'Failure'; raise an exception instead"),
        ("error", "returned the status 'error'; raise an exception instead"),
        (ValueError("disk full"), "returned the exception ValueError: disk full; raise it instead"),
        (ValueError, "returned the exception ValueError; raise it instead"),
    ],
)
def test_a_status_of_failure_raises(returned: object, message: str) -> None:
    with pytest.raises(PushReportedFailureError) as raised:
        read_status(returned)

    assert str(raised.value).startswith(message)


@pytest.mark.parametrize(("returned", "named"), [(None, "None"), ([1], "list"), (FRAME, "DataFrame")])
def test_no_status_is_success_with_a_warning(returned: object, named: str) -> None:
    assert f"the push returned {named}, which is" in (read_status(returned).warning or "")


def test_plain_values() -> None:
    values = {"a": np.float64(1.5), "b": (np.int8(1), {2}), 3: pd.NaT, "d": float("inf"), "e": b"x", "f": np.array([1])}

    assert plain_value(values) == {"a": 1.5, "b": [1, [2]], "3": "NaT", "d": "inf", "e": "b'x'", "f": "[1]"}


def generator():
    yield True


async def coroutine():
    return True


def test_a_push_that_never_ran_is_no_success() -> None:
    with pytest.raises(PushReportedFailureError, match="returned a generator, so its body never ran; remove the yield"):
        read_status(generator())
    started = coroutine()
    with pytest.raises(PushReportedFailureError, match="returned a coroutine, so its body never ran"):
        read_status(started)
    started.close()


@pytest.mark.parametrize("returned", [{"success": 0}, {"success": np.False_}])
def test_a_falsy_success_is_none(returned: dict) -> None:
    with pytest.raises(PushReportedFailureError):
        read_status(returned)

"""What drivers return beside data: the status of a push, fingerprints, names; and their values in plain Python."""

from __future__ import annotations

import datetime
import inspect
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from custom_store_pipeline.errors import PushReportedFailureError, UnusableDataError


@dataclass(frozen=True)
class PushStatus:
    """What a successful push said: values for the materialization, and a warning if it is not a status."""

    metadata: Mapping[str, Any]
    warning: str | None = None


_FAILED_STATUSES = frozenset({"failed", "failure", "fail", "error", "errored", "false"})
_NOT_SUCCESS = frozenset({"false", "no", "0", ""})


def read_status(returned: Any) -> PushStatus:
    """Turns what ``push_data`` returned into metadata.

    Source: docs/custom_store_driver.md, "Notes": a status or result, even if it is just a success flag.

    Raises:
        PushReportedFailureError: ``False``; ``"failed"``, ``"failure"`` or ``"error"``; a dict with ``success: False``
            or one of these as ``status``, in whatever case and as texts too; an exception; or a generator or
            coroutine, whose body never ran. The message begins with "returned".
    """
    if isinstance(returned, BaseException) or (isinstance(returned, type) and issubclass(returned, BaseException)):
        name = returned.__name__ if isinstance(returned, type) else f"{type(returned).__name__}: {returned}"
        raise PushReportedFailureError(f"returned the exception {name}; raise it instead")
    if inspect.isgenerator(returned) or inspect.isawaitable(returned):
        raise PushReportedFailureError(
            f"returned a {type(returned).__name__}, so its body never ran; remove the yield, async or await"
        )
    plain = plain_value(returned)
    if plain is False:
        raise PushReportedFailureError(
            "returned False: the driver says that the push failed; raise an exception instead, so that it can say why"
        )
    if plain is True:
        return PushStatus({})
    if returned is None:
        return PushStatus({}, "the push returned None, which is taken as success; return True to say so")
    if isinstance(returned, Mapping):
        values = {str(key): plain_value(value) for key, value in returned.items()}
        by_name = {key.lower(): value for key, value in values.items()}
        success = by_name.get("success", True)
        is_failure = str(success).strip().lower() in _NOT_SUCCESS if isinstance(success, str) else not success
        if is_failure or _is_failed(by_name.get("status")):
            said = ", ".join(f"{key}: {value}" for key, value in values.items())
            raise PushReportedFailureError(f"returned a failed status ({said})")
        return PushStatus({key: value for key, value in values.items() if key.lower() != "success"})
    if _is_failed(returned):
        raise PushReportedFailureError(
            f"returned the status '{returned}'; raise an exception instead, which can say why"
        )
    if isinstance(plain, int | float) or isinstance(returned, str):
        return PushStatus({"status": plain})
    return PushStatus(
        {},
        f"the push returned {type(returned).__name__}, which is not a status and counts as success; "
        "return True, False, a number, a string or a dict",
    )


def _is_failed(status: Any) -> bool:
    return status is False or (isinstance(status, str) and status.strip().lower() in _FAILED_STATUSES)


def read_fingerprint(returned: Any) -> str:
    """Turns what ``fingerprint`` returned into text.

    Raises:
        UnusableDataError: it is not a string, number, bytes or date; the message begins with "returned". Other objects
            may have another text in each process, so the source would seem to change all the time.
    """
    plain = plain_value(returned) if hasattr(returned, "dtype") else returned
    if isinstance(plain, bytes):
        return plain.hex()
    if isinstance(plain, bool) or not isinstance(plain, str | int | float | datetime.date):
        raise UnusableDataError(
            f"returned {type(returned).__name__}; return a string, a number, bytes or a time, another one whenever the "
            "data has changed"
        )
    return str(plain)


def read_names(returned: Any) -> list[str]:
    """Turns what ``list_entities`` returned into names.

    Raises:
        UnusableDataError: it is no iterable of strings, or one of them is empty or there twice; the message begins with
            "returned".
    """
    remedy = "return the names of the entities, each once, as a list of strings"
    if isinstance(returned, str | bytes | Mapping) or not isinstance(returned, Iterable):
        raise UnusableDataError(f"returned {type(returned).__name__}; {remedy}")
    names = list(returned)
    for name in names:
        if not isinstance(name, str) or not name:
            raise UnusableDataError(f"returned the name {name!r}; {remedy}")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UnusableDataError(f"returned '{twice}' more than once; {remedy}")
    return names


def plain_value(value: Any) -> Any:
    """The value in plain Python, as Dagster stores it: numpy and pandas scalars, dates and NaN included.

    Dagster refuses foreign scalars in metadata, and does so only after the push. What has no plain form becomes text.
    """
    if isinstance(value, Mapping):
        return {str(key): plain_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain_value(item) for item in value]
    if hasattr(value, "item") and hasattr(value, "dtype") and getattr(value, "ndim", 1) == 0:
        value = value.item()
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(value)
    return str(value)

"""A driver's exception as text: its reason in one line, and its own traceback."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

_PACKAGE = str(Path(__file__).resolve().parent.parent)
_LONGEST_REASON = 400


def reason_of(error: BaseException, redact: Callable[[str], str]) -> str:
    """``ValueError: no such table (api_store_driver.py:17)``: type, first line, and where the driver raised it.

    Args:
        error: what the driver raised.
        redact: masks secrets in a text; done before the text is cut, because half a secret is not recognized.
    """
    try:
        text = redact(str(error))
    except Exception:  # an exception of the driver's own, whose __str__ raises
        text = "(its message cannot be shown)"
    first_line = next(iter(text.strip().splitlines()), "")
    if len(first_line) > _LONGEST_REASON:
        first_line = first_line[:_LONGEST_REASON] + " …"
    place = _driver_frame(error.__traceback__)
    reason = f"{type(error).__name__}: {first_line}" if first_line else type(error).__name__
    return f"{reason} ({place})" if place else reason


def traceback_of(error: BaseException) -> str:
    """The exception with its causes, without the frames of this package that called the driver."""
    return "".join(traceback.format_exception(type(error), error, _from_driver_on(error.__traceback__)))


def _from_driver_on(trace: TracebackType | None) -> TracebackType | None:
    start = trace
    while start is not None and _is_ours(start):
        start = start.tb_next
    return start or trace


def _is_ours(trace: TracebackType) -> bool:
    file = trace.tb_frame.f_code.co_filename
    return file.startswith(_PACKAGE) or file.startswith("<frozen importlib") or "/importlib/" in file


def _driver_frame(trace: TracebackType | None) -> str:
    """The deepest line of the driver itself; what it called (pandas, httpx) is deeper."""
    place = ""
    while trace is not None:
        path = Path(trace.tb_frame.f_code.co_filename)
        if path.parent.name == "custom_store_driver":
            place = f"{path.name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place

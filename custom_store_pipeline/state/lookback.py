"""Watermarks minus a lag, so that rows that come late are pulled too (``from.offset.lookback``)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from custom_store_pipeline.errors import WatermarkError

_DAY = dt.timedelta(days=1)


def look_back(watermarks: Mapping[str, Any], lags: Mapping[str, dt.timedelta | float]) -> dict[str, Any]:
    """The watermarks that a driver gets: those of columns with a lag are so much lower, of the same types.

    Args:
        watermarks: the greatest values that were pushed, by column; None for a column that never held a value.
        lags: for columns of times or dates a duration, for columns of numbers a number.

    Raises:
        WatermarkError: a watermark and its lag do not fit each other.
    """
    return {
        column: value if value is None or column not in lags else _lower(column, value, lags[column])
        for column, value in watermarks.items()
    }


def _lower(column: str, value: Any, lag: dt.timedelta | float) -> Any:
    is_time = isinstance(value, dt.date)  # which datetimes and pandas' timestamps are, too
    is_number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    if isinstance(lag, dt.timedelta) != is_time or not (is_time or is_number):
        fitting = "a duration such as 2h" if is_time else "a number such as 100"
        remedy = (
            f"write {fitting}"
            if is_time or is_number
            else "only columns of times, dates and numbers have one; let pull_data return one of these"
        )
        raise WatermarkError(
            f"from.offset.lookback of '{column}' is {lag}, but the column holds {type(value).__name__} ({value}); "
            f"{remedy}"
        )
    if isinstance(lag, dt.timedelta):
        if not isinstance(value, dt.datetime):
            lag = dt.timedelta(
                days=-(-lag // _DAY)
            )  # a date has no hours, and a day too many is better than one too few
        try:
            return value - lag
        except OverflowError:  # before the first time that the type can hold
            return type(value).min
    if isinstance(value, Decimal):
        return value - Decimal(str(lag))
    return value - lag

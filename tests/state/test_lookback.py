"""Watermarks minus a lag."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest

from custom_store_pipeline.config.models import Offset
from custom_store_pipeline.errors import WatermarkError
from custom_store_pipeline.state.lookback import look_back

BERLIN = pd.Timestamp("2024-03-31 04:30:00.000000001", tz="Europe/Berlin")


@pytest.mark.parametrize(
    ("watermark", "lag", "expected"),
    [
        (pd.Timestamp("2024-01-01 01:00:00.123456789"), "2h", pd.Timestamp("2023-12-31 23:00:00.123456789")),
        (BERLIN, "2h", pd.Timestamp("2024-03-31 01:30:00.000000001", tz="Europe/Berlin")),  # summer time began
        (dt.datetime(2024, 1, 1, tzinfo=dt.UTC), "1d12h", dt.datetime(2023, 12, 30, 12, tzinfo=dt.UTC)),
        (dt.date(2024, 1, 1), "1d", dt.date(2023, 12, 31)),
        (dt.date(2024, 1, 1), "25h", dt.date(2023, 12, 30)),
        (dt.datetime(1, 1, 1), "1w", dt.datetime.min),
        (2**60, 100, 2**60 - 100),
        (1.5, 0.5, 1.0),
        (Decimal("10.05"), 0.1, Decimal("9.95")),
        (None, "2h", None),
    ],
)
def test_a_watermark_is_lowered_by_its_lag(watermark: Any, lag: Any, expected: Any) -> None:
    lags = Offset(offset_columns=("at",), lookback={"at": lag}).lookback

    found = look_back({"at": watermark, "id": 7}, lags)

    assert found == {"at": expected, "id": 7}
    assert type(found["at"]) is type(expected)


@pytest.mark.parametrize(
    ("watermark", "lag", "message"),
    [
        (
            7,
            "2h",
            "from.offset.lookback of 'at' is 2:00:00, but the column holds int (7); write a number such as 100",
        ),
        (
            dt.date(2024, 1, 1),
            5,
            "from.offset.lookback of 'at' is 5, but the column holds date (2024-01-01); write a duration such as 2h",
        ),
        (
            "2024-01-01T00:00:00Z",
            "2h",
            "from.offset.lookback of 'at' is 2:00:00, but the column holds str (2024-01-01T00:00:00Z); only columns of "
            "times, dates and numbers have one; let pull_data return one of these",
        ),
    ],
)
def test_a_lag_that_does_not_fit_is_an_error(watermark: Any, lag: Any, message: str) -> None:
    lags = Offset(offset_columns=("at",), lookback={"at": lag}).lookback

    with pytest.raises(WatermarkError) as raised:
        look_back({"at": watermark}, lags)

    assert str(raised.value) == message

"""What becomes of values: each comes back as it was, or the push fails. Nothing changes silently."""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from custom_store_pipeline.errors import CustomStoreError
from custom_store_pipeline.testing.check import check
from custom_store_pipeline.testing.checks.sample import OLD, check_rows, frame
from custom_store_pipeline.testing.driver_under_test import DriverUnderTest

if TYPE_CHECKING:
    import pandas as pd


@check("read back")
def plain_rows_come_back(driver: DriverUnderTest) -> None:
    """Integers, floats and short texts are what every store has."""
    rows = [{"id": 1, "name": "a", "amount": 0.1}, {"id": 2, "name": "b", "amount": -2.5}]
    driver.push(frame(rows))
    check_rows(driver.rows(), rows, "a push")


@check("read back")
def nulls_stay_nulls(driver: DriverUnderTest) -> None:
    """A null that becomes 0, "nan" or "None" is a value that nobody entered."""
    import pandas as pd

    data = pd.DataFrame(
        {
            "id": [1, 2],
            "name": ["a", None],
            "amount": [1.5, float("nan")],
            "number": pd.array([7, None], dtype="Int64"),
            "day": pd.Series(["2024-02-29", None], dtype="datetime64[us]"),
        }
    )
    driver.push(data)
    nulls = {"id": 2, "name": None, "amount": None, "number": None, "day": None}
    check_rows(driver.rows(), [{"id": 1, "name": "a", "amount": 1.5, "number": 7}, nulls], "a push with nulls")


@check("read back")
def an_empty_text_is_not_null(driver: DriverUnderTest) -> None:
    """What is known to be empty and what is not known are two things."""
    _comes_back(driver, ["", "a"], refusable=True)


@check("read back")
def unicode_comes_back(driver: DriverUnderTest) -> None:
    """Names have umlauts, other alphabets and emoji; line breaks and quotes end up in texts as well."""
    _comes_back(driver, ["Größe", "数据", "🎈", "a\nb", 'it\'s "quoted", and; more\\'])


@check("read back")
def nul_is_kept_or_refused(driver: DriverUnderTest) -> None:
    """Some stores cut a text at the character NUL."""
    _comes_back(driver, ["a\x00b"], refusable=True)


@check("read back")
def decimals_stay_exact(driver: DriverUnderTest) -> None:
    """Amounts of money as floats are no longer those that were entered."""
    _comes_back(driver, [decimal.Decimal("12345678901234567.89"), decimal.Decimal("0.10")], refusable=True)


@check("read back")
def times_with_a_zone_keep_their_instant(driver: DriverUnderTest) -> None:
    """A time that loses its zone is another time."""
    import pandas as pd

    times = ["2024-03-31T01:30:00.123456+00:00", "1969-12-31T23:59:59+00:00"]
    _comes_back(driver, [pd.Timestamp(time).tz_convert("Europe/Berlin") for time in times], refusable=True)


@check("read back")
def dates_stay_dates(driver: DriverUnderTest) -> None:
    """A date that goes through a time zone is the day before."""
    _comes_back(driver, [datetime.date(2024, 2, 29), datetime.date(1900, 1, 1)], refusable=True)


@check("read back")
def wide_integers_stay_exact(driver: DriverUnderTest) -> None:
    """Beyond 2**53 a float loses the last digits of a number, and so makes one key of two."""
    _comes_back(driver, [2**63 - 1, 2**53 + 1, -(2**63)], refusable=True)


@check("read back")
def booleans_come_back(driver: DriverUnderTest) -> None:
    """As true and false, or as 1 and 0; "False" as text is true almost everywhere."""
    _comes_back(driver, [True, False])


@check("read back")
def odd_column_names_are_kept_or_refused(driver: DriverUnderTest) -> None:
    """Sources have columns that are called `order`, `is "new"`, `größe` and `50 %`; unquoted, they break the SQL."""
    row = {"id": 1, "order": 1, 'is "new"': 2, "größe": 3, "50 %": 4, "a.b": 5, "with space": 6}
    try:
        driver.push(frame([row]))
    except CustomStoreError as error:
        _check_that_it_names(error, list(row), "column")
        return
    check_rows(driver.rows(), [row], "a push with odd column names")


@check("read back")
def an_odd_entity_name_is_kept_or_refused(driver: DriverUnderTest) -> None:
    """Entities may be called anything; a name that goes into SQL or a path as it is may touch another one."""
    entity = driver.name('odd "name"; it\'s größe')
    try:
        driver.push(frame(OLD), entity)
    except CustomStoreError as error:
        _check_that_it_names(error, [entity], "entity")
        return
    check_rows(driver.rows(entity), OLD, f"a push of the entity {entity}")


@check("read back")
def the_index_is_no_column(driver: DriverUnderTest) -> None:
    """A DataFrame that was sorted or filtered has row numbers in any order; they are not data."""
    driver.push(frame(OLD).set_axis([7, 3, 5], axis=0))
    found = driver.rows()
    surplus = set(found.columns) - {"id", "name"}
    if surplus:
        raise AssertionError(f"the store has the columns {sorted(surplus)} beside id and name; leave the index out")
    check_rows(found, OLD, "a push of a DataFrame with another index")


@check("read back", needs="overwrite")
def an_empty_overwrite_keeps_the_columns(driver: DriverUnderTest) -> None:
    """An empty pull still knows its columns; a table without them breaks whoever reads it."""
    driver.push(frame(OLD), mode="overwrite")
    driver.push(frame([]), mode="overwrite")
    found = driver.rows()
    check_rows(found, [], "an overwrite without rows")
    if not {"id", "name"} <= set(found.columns):
        raise AssertionError(f"after an overwrite without rows, the columns id and name are {list(found.columns)}")


def _comes_back(driver: DriverUnderTest, values: Sequence[Any], *, refusable: bool = False) -> None:
    """Pushes values and compares what is there then; a store that cannot hold them may refuse them."""
    data = _column(values)
    try:
        driver.push(data)
    except CustomStoreError:
        if not refusable:
            raise
        return
    expected = [{"id": place, "value": value} for place, value in enumerate(values)]
    check_rows(driver.rows(), expected, "a push")


def _column(values: Sequence[Any]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({"id": range(len(values)), "value": pd.Series(list(values))})


def _check_that_it_names(error: CustomStoreError, names: Sequence[str], what: str) -> None:
    if not any(name in str(error) for name in names):
        raise AssertionError(
            f"the push failed with '{error}', which does not name the {what}; quote names, or refuse them"
        )

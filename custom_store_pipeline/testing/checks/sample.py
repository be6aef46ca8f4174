"""The rows that checks push, and how those that come back are compared with them."""

from __future__ import annotations

import datetime
import decimal
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

Row = Mapping[str, Any]

OLD: list[Row] = [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}, {"id": 3, "name": "c"}]
NEW: list[Row] = [{"id": 4, "name": "d"}, {"id": 5, "name": "e"}, {"id": 6, "name": "f"}]


def frame(rows: Sequence[Row], columns: Sequence[str] = ("id", "name")) -> pd.DataFrame:
    """Rows as a driver gets them; with their columns if there are none."""
    import pandas as pd

    if not rows:
        return pd.DataFrame({"id": pd.Series(dtype="int64")}).reindex(columns=list(columns))
    return pd.DataFrame([dict(row) for row in rows])


def records(found: pd.DataFrame) -> list[Row]:
    """The rows of a DataFrame."""
    return [{str(name): value for name, value in row.items()} for row in found.to_dict("records")]


def check_rows(found: pd.DataFrame, expected: Sequence[Row], after: str, by: Sequence[str] = ("id",)) -> None:
    """Compares what the store has with what it should have; the order of rows and columns does not count.

    Raises:
        AssertionError: rows are missing, surplus or different; says which.
    """
    absent = [column for column in by if len(found) and column not in found.columns]
    if absent:
        raise AssertionError(f"after {after}, the column {absent[0]} is missing; there are {list(found.columns)}")
    is_there = sorted((_key(row, by) for row in records(found)), key=str)
    is_wanted = sorted((_key(row, by) for row in expected), key=str)
    if is_there != is_wanted:
        raise AssertionError(
            f"after {after}, the store has the rows {_shown(is_there)} (by {', '.join(by)}) and should have "
            f"{_shown(is_wanted)}"
        )
    rows = {_key(row, by): row for row in records(found)}
    for wanted in expected:
        row = rows[_key(wanted, by)]
        for column, value in wanted.items():
            if column not in row:
                raise AssertionError(f"after {after}, the column '{column}' is missing; there are {list(row)}")
            if not same(row[column], value):
                raise AssertionError(
                    f"after {after}, '{column}' of the row {_shown([_key(wanted, by)])} is {row[column]!r} and should "
                    f"be {value!r}"
                )


def same(found: Any, value: Any) -> bool:
    """Whether a store gave back what it got, perhaps in a type of its own that says the same."""
    import pandas as pd

    if _is_null(value) or _is_null(found):
        return _is_null(value) and _is_null(found)
    if isinstance(value, datetime.datetime):
        with_zone = pd.Timestamp(found)
        return bool(with_zone.tz_convert("UTC") == pd.Timestamp(value).tz_convert("UTC")) if with_zone.tz else False
    if isinstance(value, datetime.date):
        return bool(pd.Timestamp(found) == pd.Timestamp(value))
    if isinstance(value, decimal.Decimal):
        return isinstance(found, str | int | decimal.Decimal) and decimal.Decimal(found) == value
    if isinstance(value, str):
        return bool(found == value)
    if isinstance(value, bool):
        return not isinstance(found, str) and found in (0, 1) and bool(found) == value
    if isinstance(value, int):  # 2**53 + 1 as a float is another number
        return str(found) == str(value) or (isinstance(found, float) and int(found) == value)
    return bool(found == value)


def _is_null(value: Any) -> bool:
    import pandas as pd

    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value))


def _key(row: Row, by: Sequence[str]) -> tuple[str, ...]:
    values = (row[column] for column in by)
    return tuple(str(int(value)) if isinstance(value, float) and value.is_integer() else str(value) for value in values)


def _shown(keys: Sequence[tuple[str, ...]]) -> str:
    texts = ["/".join(key) for key in keys[:10]]
    return f"[{', '.join(texts)}{', …' if len(keys) > 10 else ''}]"

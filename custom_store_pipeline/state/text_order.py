"""Texts whose order is not that of what they say: numbers of several lengths, times with several offsets."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

# Also understood by RE2, which Arrow uses.
_NUMBER = r"^[+-]?\d+(\.\d+)?([eE][+-]?\d+)?$"
_TIME = r"^\d{4}-\d\d-\d\d([T ])\d\d:\d\d([:.,\d]*) ?(Z|UTC|[+-]\d\d(:?\d\d)?)?$"


def misordered(greatest: str, texts: Iterable[Any]) -> str | None:
    """What the texts are, with the remedy, if their greatest need not be the greatest of what they say; else None.

    Args:
        greatest: the greatest of the texts, which tells most columns apart at once.
        texts: all of them, without nulls.
    """
    if re.match(_NUMBER, greatest):
        return _numbers(texts)
    if re.match(_TIME, greatest):
        return _times(texts)
    return None


def _numbers(texts: Iterable[Any]) -> str | None:
    import pyarrow as pa
    import pyarrow.compute as pc

    column = pa.array(texts, pa.large_string())
    shapes = pc.unique(pc.replace_substring_regex(column, r"\d", "0")).to_pylist()
    if len(shapes) == 1 and re.fullmatch(r"[0.]+", shapes[0]):
        return None  # with as many digits each, the order of texts is that of numbers
    if not pc.all(pc.match_substring_regex(column, _NUMBER)).as_py():
        return None
    return (
        "numbers as strings, and '9' is greater than '10' as a string; let pull_data return numbers (pandas.to_numeric)"
    )


def _times(texts: Iterable[Any]) -> str | None:
    import pyarrow as pa
    import pyarrow.compute as pc

    column = pa.array(texts, pa.large_string())
    # What is beside the digits of a time: the letter between date and time, and the offset.
    rest = pc.unique(pc.replace_substring_regex(column, _TIME, r"\1\3")).to_pylist()
    precise = pc.unique(pc.utf8_length(column)).to_pylist()
    # "Z" is greater than any digit of a fraction, where "+" is not.
    if len(rest) == 1 and (len(precise) == 1 or not rest[0].endswith(("Z", "UTC"))):
        return None
    if not pc.all(pc.match_substring_regex(column, _TIME)).as_py():
        return None
    return (
        "times as strings that are not all written in the same way or with the same offset, so a later time may be "
        "the lesser string; let pull_data return times (pandas.to_datetime with utc=True, format='ISO8601')"
    )

"""Python values as JSON and as text, and back without losing a digit, a nanosecond or a time zone.

JSON has no dates, no decimals, and in browsers no integers beyond 2**53. What JSON can say is left as it is; everything
else becomes ``{"$type": name, "value": text}``.
"""

from __future__ import annotations

import datetime as dt
import math
import re
import uuid
import zoneinfo
from collections.abc import Callable, Mapping
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from typing import TYPE_CHECKING, Any, NamedTuple, cast

if TYPE_CHECKING:
    import pandas as pd

_EXACT_IN_JSON = 2**53
_TYPE = "$type"


class UnknownTypeError(TypeError):
    """A value of a type that has no text form; the message names the type."""


class _Scalar(NamedTuple):
    to_text: Callable[[Any], str]
    from_text: Callable[[str], Any]


def encode(value: Any) -> Any:
    """The value as JSON: scalars of :data:`SCALARS`, None, and lists, tuples and dicts of these.

    Missing values (NaT, NA) become None; a NaN stays one.

    Raises:
        UnknownTypeError: something in it is of another type.
    """
    if isinstance(value, Mapping):
        if all(isinstance(key, str) for key in value) and _TYPE not in value:
            return {key: encode(item) for key, item in value.items()}
        return {_TYPE: "dict", "value": [[encode(key), encode(item)] for key, item in value.items()]}
    if isinstance(value, tuple):
        return {_TYPE: "tuple", "value": [encode(item) for item in value]}
    if isinstance(value, list):
        return [encode(item) for item in value]
    value = plain(value)
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int) and abs(value) < _EXACT_IN_JSON:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    name = _type_of(value)
    return {_TYPE: name, "value": SCALARS[name].to_text(value)}


def decode(encoded: Any) -> Any:
    """What :func:`encode` was given."""
    if isinstance(encoded, list):
        return [decode(item) for item in encoded]
    if not isinstance(encoded, Mapping):
        return encoded
    if _TYPE not in encoded:
        return {key: decode(item) for key, item in encoded.items()}
    name, value = encoded[_TYPE], encoded["value"]
    if name == "dict":
        return {decode(key): decode(item) for key, item in value}
    if name == "tuple":
        return tuple(decode(item) for item in value)
    return SCALARS[name].from_text(value)


def to_text(value: Any) -> str:
    """A scalar as one text that also says its type, such as ``int:5``; equal values of a type have equal texts.

    Raises:
        UnknownTypeError: the value is not a scalar of :data:`SCALARS`.
    """
    value = plain(value)
    if isinstance(value, Decimal) and value.is_finite():
        value = _normalized(value)
    elif isinstance(value, float) and not value:
        value = 0.0  # which -0.0 is equal to
    name = _type_of(value)
    return f"{name}:{SCALARS[name].to_text(value)}"


def from_text(text: str) -> Any:
    """The scalar that :func:`to_text` was given."""
    name, _, rest = text.partition(":")
    return SCALARS[name].from_text(rest)


def shown(value: Any) -> str:
    """A scalar as people read it."""
    value = plain(value)
    return value.isoformat(sep=" ") if isinstance(value, dt.datetime) else str(value)


def plain(value: Any) -> Any:
    """Numpy's and pyarrow's scalars as Python's or pandas' own; missing ones as None."""
    if value is None or type(value) in (str, int, float, bool):
        return value
    import numpy as np
    import pandas as pd

    if isinstance(value, np.datetime64):
        value = pd.Timestamp(value)
    elif isinstance(value, np.timedelta64):
        value = pd.Timedelta(value)
    elif isinstance(value, np.generic):
        value = value.item()
    if hasattr(value, "as_py"):
        value = value.as_py()
    return None if value is pd.NaT or value is pd.NA else value


def _type_of(value: Any) -> str:
    import pandas as pd

    # Subclasses before their bases: a bool is an int, a Timestamp is a datetime, a datetime is a date.
    for name, kind in (
        ("bool", bool), ("int", int), ("float", float), ("str", str), ("bytes", bytes), ("decimal", Decimal),
        ("timestamp", pd.Timestamp), ("datetime", dt.datetime), ("date", dt.date), ("time", dt.time),
        ("pandas_timedelta", pd.Timedelta), ("timedelta", dt.timedelta), ("uuid", uuid.UUID),
    ):  # fmt: skip
        if isinstance(value, kind):
            return name
    raise UnknownTypeError(type(value).__name__)


_TIMESTAMP = re.compile(r"(?P<iso>[^\[]+)\[(?P<unit>\w+)\](?:\[(?P<zone>.+)\])?")
_DATETIME = re.compile(r"(?P<iso>[^\[]+?)(?:\[(?P<zone>.+)\])?")


def _timestamp_to_text(value: pd.Timestamp) -> str:
    if value.tz is None:
        return f"{value.isoformat()}[{value.unit}]"
    # As UTC, because the wall clock shows an hour twice when summer time ends.
    return f"{value.tz_convert('UTC').tz_localize(None).isoformat()}[{value.unit}][{zone_name(value)}]"


def _timestamp_from_text(text: str) -> pd.Timestamp:
    import numpy as np
    import pandas as pd

    found = _match(_TIMESTAMP, text)
    # Numpy reads years after 9999 too.
    value = pd.Timestamp(np.datetime64(found["iso"], cast("Any", found["unit"])))
    return value.tz_localize("UTC").tz_convert(found["zone"]) if found["zone"] else value


def zone_name(value: Any) -> str:
    """The name under which pandas finds a timestamp's time zone again, or its offset as ``UTC+02:00``."""
    import pandas as pd

    if isinstance(value.tzinfo, dt.timezone):  # its name may be that of a zone with another offset
        return str(dt.timezone(value.utcoffset()))
    try:
        pd.Timestamp(0, tz=str(value.tzinfo))
    except (KeyError, ValueError, zoneinfo.ZoneInfoNotFoundError):
        return str(dt.timezone(value.utcoffset()))
    return str(value.tzinfo)


def _datetime_to_text(value: dt.datetime | dt.time) -> str:
    zone = getattr(value.tzinfo, "key", None) or getattr(value.tzinfo, "zone", None)  # of zoneinfo, of pytz
    return f"{value.isoformat()}[{zone}]" if zone and _is_known(zone) else value.isoformat()


def _is_known(zone: str) -> bool:
    try:
        zoneinfo.ZoneInfo(zone)
    except (ValueError, zoneinfo.ZoneInfoNotFoundError):
        return False
    return True


def _datetime_from_text(text: str) -> dt.datetime:
    found = _match(_DATETIME, text)
    value = dt.datetime.fromisoformat(found["iso"])
    if not found["zone"]:
        return value
    zone = zoneinfo.ZoneInfo(found["zone"])
    for fold in (0, 1):  # the clock shows an hour twice when summer time ends
        there = value.replace(tzinfo=zone, fold=fold)
        if there.utcoffset() == value.utcoffset():
            return there
    return value.astimezone(zone)  # the zone's rules have changed since


def _time_from_text(text: str) -> dt.time:
    found = _match(_DATETIME, text)
    value = dt.time.fromisoformat(found["iso"])
    return value.replace(tzinfo=zoneinfo.ZoneInfo(found["zone"])) if found["zone"] else value


_NANOSECONDS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}


def _pandas_timedelta_to_text(value: pd.Timedelta) -> str:
    return f"{int(value.asm8.astype('int64')) * _NANOSECONDS[value.unit]}[{value.unit}]"


def _pandas_timedelta_from_text(text: str) -> pd.Timedelta:
    import numpy as np
    import pandas as pd

    found = _match(_TIMESTAMP, text)
    unit = cast("Any", found["unit"])
    return pd.Timedelta(np.timedelta64(int(found["iso"]) // _NANOSECONDS[unit], unit))


def _normalized(value: Decimal) -> Decimal:
    """Without zeros at the end, because 1.0 and 1.00 are equal, and with all other digits."""
    if not value:
        return Decimal(0)
    return value.normalize(Context(len(value.as_tuple().digits), Emin=MIN_EMIN, Emax=MAX_EMAX))


def _match(pattern: re.Pattern[str], text: str) -> re.Match[str]:
    found = pattern.fullmatch(text)
    if found is None:
        raise ValueError(f"'{text}' is not as it was written")
    return found


def _timedelta_from_text(text: str) -> dt.timedelta:
    days, seconds, microseconds = map(int, text.split(","))
    return dt.timedelta(days, seconds, microseconds)


SCALARS: dict[str, _Scalar] = {
    "bool": _Scalar(lambda value: str(value).lower(), lambda text: text == "true"),
    # Not str() and repr(), which members of an enumeration answer with their names.
    "int": _Scalar(int.__repr__, int),
    "float": _Scalar(float.__repr__, float),
    "str": _Scalar(str.__str__, str),
    "bytes": _Scalar(bytes.hex, bytes.fromhex),
    "decimal": _Scalar(str, Decimal),
    "timestamp": _Scalar(_timestamp_to_text, _timestamp_from_text),
    "datetime": _Scalar(_datetime_to_text, _datetime_from_text),
    "date": _Scalar(dt.date.isoformat, dt.date.fromisoformat),
    "time": _Scalar(_datetime_to_text, _time_from_text),
    "pandas_timedelta": _Scalar(_pandas_timedelta_to_text, _pandas_timedelta_from_text),
    "timedelta": _Scalar(lambda value: f"{value.days},{value.seconds},{value.microseconds}", _timedelta_from_text),
    "uuid": _Scalar(str, uuid.UUID),
}

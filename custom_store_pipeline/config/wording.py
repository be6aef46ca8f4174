"""What messages call the values of a mapping file."""

from __future__ import annotations

from typing import Any


def describe(value: Any) -> str:
    """What a YAML author would call a value: ``the string 'abc'``, ``the number 3``, ``a list``."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return f"{str(value).lower()} (yes, no, on, off, true and false are booleans unless quoted)"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        return f"the string '{value}'"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, dict):
        return "a mapping"
    return f"the {type(value).__name__} {value}"

"""What pydantic found, in the words of somebody who writes YAML: what is wrong, and what to do."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from custom_store_pipeline.config import models
from custom_store_pipeline.config.wording import describe
from custom_store_pipeline.errors import did_you_mean, near

_SECTIONS: dict[str, type[BaseModel]] = {
    "": models.MappingConfig,
    "from": models.Source,
    "from.store": models.Store,
    "from.data_format": models.DataFormat,
    "from.entity": models.SourceEntities,
    "from.offset": models.Offset,
    "to": models.Target,
    "to.store": models.Store,
    "to.entity": models.TargetEntities,
    "retries": models.Retries,
    "partitions": models.Partitions,
}


def keys_of(section: type[BaseModel]) -> list[str]:
    """The keys of a section as YAML spells them."""
    return [field.alias or name for name, field in section.model_fields.items()]


def explain(error: Mapping[str, Any]) -> str:
    """A pydantic error (one of ``ValidationError.errors()``) as a message with a remedy."""
    kind, value, context = error["type"], error["input"], error.get("ctx", {})
    location: Sequence[str | int] = error["loc"]
    found = describe(value)
    if kind == "value_error":  # the message of one of the functions in values.py
        return str(context["error"])
    if kind == "extra_forbidden":
        return _unknown_key(location)
    if kind == "missing":
        written = near(str(location[-1]), [str(key) for key in value])
        remedy = f"; you wrote '{written[0]}'" if written else _MISSING.get(str(location[-1]), "; add it")
        return f"the key '{location[-1]}' is missing{remedy}"
    if kind == "literal_error":
        return _not_one_of(location, value)
    if kind == "dict_type" and isinstance(value, str) and re.match(r"[\w-]+:\S", value):
        return f"must be a mapping of keys to values, not {found}; put a space after each ':'"
    if kind in _EXPECTED:
        return f"must be {_EXPECTED[kind]}, not {found}{_way_to_write(kind, location, value)}"
    if kind in ("string_too_short", "too_short"):
        return "must not be empty; fill it in, or leave the key out"
    limits = {
        "greater_than_equal": ("at least", "ge"),
        "greater_than": ("more than", "gt"),
        "less_than_equal": ("at most", "le"),
    }
    if kind in limits:
        words, limit = limits[kind]
        return f"must be {words} {context[limit]:g}, not {value:g}"
    return f"{error['msg']}, not {found}"


def _way_to_write(kind: str, location: Sequence[str | int], value: Any) -> str:
    """What the author may have meant, as it has to be written."""
    if kind == "string_type" and not isinstance(value, bool | list | dict | None):
        return f"; quote it: '{value}'"
    if kind == "tuple_type" and isinstance(value, str):
        return f"; write [{value}]"
    meant = {
        "from.entity": ("include", list),
        "from.data_format": ("type", str),
        "retries": ("max_attempts", int),
    }.get(".".join(str(step) for step in location))
    if meant is not None and isinstance(value, meant[1]):
        text = f"[{', '.join(map(str, value))}]" if isinstance(value, list) else value
        return f"; write {{{meant[0]}: {text}}}"
    return ""


_EXPECTED = {
    "string_type": "a string",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "finite_number": "a finite number",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values",
}

_MISSING = {
    "from": "; say which store the entities come from",
    "to": "; say which store the entities go to",
    "store": "; add 'store:' with at least 'file_name', the driver's file",
    "file_name": "; name the driver's file in projects/<project_name>/custom_store_driver/, without .py",
}


def _unknown_key(location: Sequence[str | int]) -> str:
    key = str(location[-1])
    parent = ".".join(str(step) for step in location[:-1])
    homes = [name for name, section in _SECTIONS.items() if name != parent and key in keys_of(section)]
    if homes:
        homes = [home for home in homes if home.startswith(f"{parent}.")] or homes
        place = " or ".join(f"'{home}'" if home else "the mapping itself" for home in homes)
        return f"unknown key '{key}' here; it belongs in {place}"
    own = keys_of(_SECTIONS[parent]) if parent in _SECTIONS else []
    hint = did_you_mean(key, own) or (f"; known are {', '.join(own)}" if own else "; remove it")
    return f"unknown key '{key}'{hint}"


def _not_one_of(location: Sequence[str | int], value: Any) -> str:
    if tuple(location[-2:]) == ("store", "type"):
        return f"'{value}' is not a type of store that exists here; the only one is 'custom'"
    parent, key = ".".join(str(step) for step in location[:-1]), str(location[-1])
    options = next(
        [str(option) for option in field.annotation.__args__]  # type: ignore[union-attr]  # only Literals fail so
        for name, field in _SECTIONS[parent].model_fields.items()
        if (field.alias or name) == key
    )
    return f"'{value}' is not one of {', '.join(options)}{did_you_mean(str(value).lower(), options)}"

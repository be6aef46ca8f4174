"""Names that are made of other names: classes, identifiers in Dagster."""

from __future__ import annotations

import hashlib
import json
import re

# The longest part of a name that is shown as it is; the hash says the rest.
_SHOWN = 100


def pascal_case(file_name: str) -> str:
    """The class that a driver file must define: ``api_store_driver`` → ``ApiStoreDriver``.

    Source: docs/custom_store_driver.md, "Driver File Naming Convention".
    """
    return "".join(part[:1].upper() + part[1:] for part in file_name.split("_"))


def module_name(file_name: str) -> str:
    """``file_name`` without a trailing ``.py``, which the YAML may or may not have."""
    return file_name.removesuffix(".py")


def kind_of(file_name: str) -> str:
    """What the UI labels the assets of a driver with: ``sqlite_store_driver`` → ``sqlite``."""
    return (file_name.removesuffix("_driver").removesuffix("_store") or file_name)[:50]


def dagster_identifier(*parts: str) -> str:
    """A name that Dagster takes for ops, outputs and resource keys (``[A-Za-z0-9_]+``), another one for other parts.

    Plain parts are joined by ``__`` as they are, so that people can write the result by hand
    (``blog__sqlite_store_driver``). If one of them is not plain, because it has other characters, or an ``_`` that
    could be taken for the joint, a hash of all parts follows ``___``, which joined plain parts never hold.
    """
    text = "__".join(parts)
    if all(_PLAIN.fullmatch(part) for part in parts):
        return text
    # As JSON, in which ("a", "b__c") and ("a__b", "c") differ, and which has a form for lone surrogates.
    digest = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
    return f"{re.sub(r'[^A-Za-z0-9]+', '_', text)[:_SHOWN].strip('_')}___{digest}"


_PLAIN = re.compile(r"[A-Za-z0-9]+(?:_[A-Za-z0-9]+)*")

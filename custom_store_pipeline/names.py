"""Names that follow from other names: classes, Dagster identifiers."""

from __future__ import annotations

import hashlib
import re


def pascal_case(file_name: str) -> str:
    """The class that a driver file must define: ``api_store_driver`` → ``ApiStoreDriver``.

    Source: custom_store_driver.md, "Driver File Naming Convention".
    """
    return "".join(part[:1].upper() + part[1:] for part in file_name.split("_"))


def module_name(file_name: str) -> str:
    """``file_name`` without a trailing ``.py``, which the YAML may or may not have."""
    return file_name.removesuffix(".py")


def kind_of(file_name: str) -> str:
    """What the UI labels the assets of a driver with: ``sqlite_store_driver`` → ``sqlite``."""
    return (file_name.removesuffix("_driver").removesuffix("_store") or file_name)[:50]


def dagster_identifier(*parts: str) -> str:
    """A name that Dagster takes for ops, outputs and resource keys (``[A-Za-z0-9_]+``).

    Parts that are identifiers already are joined by ``__`` as they are, so that people can write the result by hand
    (``blog__sqlite_store_driver``). Others get a short hash of the original, so that ``a.b`` and ``a_b`` stay apart.
    """
    text = "__".join(parts)
    safe = re.sub(r"[^A-Za-z0-9_]", "_", text)
    return safe if safe == text else f"{safe}_{hashlib.sha256(text.encode()).hexdigest()[:8]}"

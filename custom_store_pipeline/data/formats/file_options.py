"""How content is opened, whatever reads it. Not in raw.py, for definitions load that, and need no model of this."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel


class FileOptions(BaseModel, extra="forbid", strict=True):
    """The options of pandas that say how a file is opened."""

    compression: Any = "infer"
    storage_options: dict[str, Any] | None = None

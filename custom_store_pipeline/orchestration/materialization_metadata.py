"""The metadata of a materialisation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg

from custom_store_pipeline.redaction import Redactor
from custom_store_pipeline.transfer.entity import TransferResult

OURS = "custom_store/"


def metadata_of(outcome: TransferResult, redactor: Redactor, remembered: Mapping[str, Any]) -> dict[str, Any]:
    """What a materialisation shows: rows, columns, table, times, what is remembered, and the drivers' own values.

    A driver's value whose name is used here is kept under ``driver/``. Rates are rows per second.
    """
    # An API's error message that was decoded as data would be a column's name.
    columns = [dg.TableColumn(redactor.text(name), dtype) for name, dtype in outcome.columns.items()]
    ours: dict[str, Any] = {
        "dagster/row_count": outcome.rows,
        "dagster/column_schema": dg.TableSchema(columns=columns),
        "dagster/table_name": outcome.entity.target_name,
        "deletes": outcome.deletes,
        "chunks": outcome.chunks,
        "pull_seconds": round(outcome.pull_seconds, 3),
        "push_seconds": round(outcome.push_seconds, 3),
        "pull_rows_per_second": _rate(outcome.rows, outcome.pull_seconds),
        "push_rows_per_second": _rate(outcome.rows, outcome.push_seconds),
        **remembered,
    }
    drivers = {
        (f"driver/{name}" if name in ours or name.startswith(OURS) else name): dg.MetadataValue.null()
        if value is None
        else value
        for name, value in outcome.metadata.items()
    }
    return {**drivers, **ours}


def _rate(rows: int, seconds: float) -> int:
    return round(rows / seconds) if seconds > 0 else 0

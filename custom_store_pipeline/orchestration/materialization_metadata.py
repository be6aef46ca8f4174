"""The metadata of a materialization."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg

from custom_store_pipeline.config.entity import Entity
from custom_store_pipeline.redaction import Redactor
from custom_store_pipeline.transfer.pull_and_push import TransferResult

OURS = "custom_store/"
_NOT_NULL = dg.TableColumnConstraints(nullable=False)


def metadata_of(entity: Entity, result: TransferResult, redactor: Redactor, state: Mapping[str, Any]) -> dict[str, Any]:
    """What a materialization shows: rows, columns, table, times, the state, and the drivers' own values.

    A driver's value whose name is used here is kept under ``driver/``. Rates are rows per second.
    """
    # An API's error message that was decoded as data would be a column's name.
    columns = [
        dg.TableColumn(redactor.text(name), column.text, constraints=_NOT_NULL if not column.nullable else None)
        for name, column in result.columns.items()
    ]
    ours: dict[str, Any] = {
        "dagster/row_count": result.rows,
        "dagster/column_schema": dg.TableSchema(columns=columns),
        "dagster/table_name": entity.target_name,
        "deletes": result.deletes,
        "chunks": result.chunks,
        "pull_seconds": round(result.pull_seconds, 3),
        "push_seconds": round(result.push_seconds, 3),
        "pull_rows_per_second": _rate(result.rows, result.pull_seconds),
        "push_rows_per_second": _rate(result.rows, result.push_seconds),
        **state,
    }
    drivers = {
        (f"driver/{name}" if name in ours or name.startswith(OURS) else name): dg.MetadataValue.null()
        if value is None
        else value
        for name, value in result.metadata.items()
    }
    return {**drivers, **ours}


def _rate(rows: int, seconds: float) -> int:
    return round(rows / seconds) if seconds > 0 else 0

"""One piece of a stream, asked the same whether it is a DataFrame or an Arrow record batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

from custom_store_pipeline.data.arrow_to_pandas import arrow_to_pandas

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    Piece: TypeAlias = pd.DataFrame | pa.RecordBatch


@dataclass(frozen=True)
class ColumnType:
    """The type of a column.

    Attributes:
        text: in the words of pandas (``datetime64[us, UTC]``) or of Arrow (``timestamp[us, tz=UTC]``).
        nullable: whether it may hold nulls; a column of pandas always may.
    """

    text: str
    nullable: bool = True


def is_arrow(piece: Piece) -> TypeGuard[pa.RecordBatch]:
    """Whether a piece is a record batch."""
    import pyarrow as pa

    return isinstance(piece, pa.RecordBatch)


def names_of(piece: Piece) -> list[Any]:
    """The names of a piece's columns."""
    return piece.schema.names if is_arrow(piece) else list(piece.columns)


def first_rows(piece: Piece, rows: int) -> Piece:
    """At most so many rows of a piece."""
    return piece.slice(0, rows) if is_arrow(piece) else piece.iloc[:rows]


def column_types(piece: Piece) -> dict[str, ColumnType]:
    """The types of a piece's columns, by name."""
    if is_arrow(piece):
        return {field.name: ColumnType(str(field.type), field.nullable) for field in piece.schema}
    return {str(name): ColumnType(str(dtype)) for name, dtype in piece.dtypes.items()}


def as_frame(piece: Piece) -> pd.DataFrame:
    """A piece as pandas.

    Raises:
        UnusableDataError: see :func:`~custom_store_pipeline.data.arrow_to_pandas.arrow_to_pandas`.
    """
    return arrow_to_pandas(piece) if is_arrow(piece) else piece

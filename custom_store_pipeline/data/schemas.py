"""One Arrow schema for all pieces of a stream: types are widened where no value changes, and else refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from custom_store_pipeline.errors import UnusableDataError

if TYPE_CHECKING:
    import pyarrow as pa


def unified(schemas: Sequence[tuple[int, pa.Schema]]) -> pa.Schema:
    """The schema that holds the data of several: null → any type, narrow → wide, columns of only some as nulls.

    Args:
        schemas: at least one; each with the number of the first batch that has it, from 1.

    Raises:
        UnusableDataError: a column has types without a common one that keeps each value; names both and the batch.
    """
    import pyarrow as pa

    # A batch without columns is an empty pull; it says nothing about the others.
    schemas = [(batch, schema) for batch, schema in schemas if schema.names] or list(schemas)
    if len(schemas) == 1:
        return schemas[0][1].remove_metadata()
    for batch, schema in schemas:
        if len(set(schema.names)) < len(schema.names):
            twice = next(name for name in schema.names if schema.names.count(name) > 1)
            raise UnusableDataError(
                f"yielded batches with different columns, one of which (batch {batch}) has '{twice}' twice, so it is "
                "not known which is which; give one of them another name"
            )
    fields: dict[str, pa.Field] = {}
    for batch, schema in schemas:
        for field in schema:
            before = fields.get(field.name)
            fields[field.name] = field if before is None else _wider(before, field, batch)
    return pa.schema(
        [
            field if all(field.name in schema.names for _, schema in schemas) else field.with_nullable(True)
            for field in fields.values()
        ]
    )


def _wider(before: pa.Field, now: pa.Field, batch: int) -> pa.Field:
    import pyarrow as pa

    try:
        both = [pa.schema([_as_decimals(one, other)]) for one, other in ((before, now), (now, before))]
        found = pa.unify_schemas(both, promote_options="permissive").field(0)
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        found = None
    if found is None or _changes_values(before.type, found.type) or _changes_values(now.type, found.type):
        raise UnusableDataError(
            f"yielded the column '{now.name}' as {before.type} at first and as {now.type} in batch {batch}; no type of "
            "Arrow holds both without changing values; let pull_data yield it as one type, such as text"
        )
    return found.remove_metadata()


def _as_decimals(field: pa.Field, other: pa.Field) -> pa.Field:
    """An integer field beside one of decimals as one of decimals that hold all its integers.

    Arrow's own choice has a digit too few for them.
    """
    import pyarrow as pa

    if not (pa.types.is_integer(field.type) and pa.types.is_decimal(other.type)):
        return field
    return field.with_type(pa.decimal128(len(str(2**field.type.bit_width)), 0))


def _changes_values(kind: pa.DataType, wider: pa.DataType) -> bool:
    """What Arrow would promote, and other values come out: text as bytes, decimals as floats."""
    import pyarrow as pa

    is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    to_bytes = pa.types.is_binary(wider) or pa.types.is_large_binary(wider)
    return bool((is_text and to_bytes) or (pa.types.is_decimal(kind) and pa.types.is_floating(wider)))


def fitted(batch: pa.RecordBatch, schema: pa.Schema, number: int) -> pa.RecordBatch:
    """A batch with the schema of all.

    Args:
        batch: the batch.
        schema: what :func:`unified` returned for its schema and others.
        number: the batch's number, from 1.

    Raises:
        UnusableDataError: a value does not fit into the type of all, such as 2**53 + 1 beside floats.
    """
    import pyarrow as pa

    if batch.schema.equals(schema):
        return batch.replace_schema_metadata(None)
    columns = []
    for place, field in enumerate(schema):
        if batch.schema.names == schema.names:
            column = batch.column(place)
        elif field.name in batch.schema.names:
            column = batch.column(field.name)
        else:
            column = pa.nulls(batch.num_rows, field.type)
        try:
            columns.append(column if column.type.equals(field.type) else column.cast(field.type))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise UnusableDataError(
                f"yielded the column '{field.name}' as {column.type} in batch {number}, which does not fit into "
                f"{field.type}, the type that holds the other batches: {' '.join(str(error).split())[:200]}; let "
                "pull_data yield it as one type, such as text"
            ) from None
    return pa.RecordBatch.from_arrays(columns, schema=schema)

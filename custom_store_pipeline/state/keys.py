"""Primary keys of rows, kept apart from them in Parquet files that DuckDB can compare."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from custom_store_pipeline.errors import UnusableKeysError
from custom_store_pipeline.state.values import UnknownTypeError, from_text, to_text, zone_name

if TYPE_CHECKING:
    import pandas as pd

_IN_SCHEMA = b"custom_store_keys"

# How the values of a key column are kept, chosen so that equal keys are equal in DuckDB and nothing is rounded:
# integer (int64), float, text, bytes, date, timestamp (nanoseconds as int64), instant (the same, with a time zone),
# and typed: a text that says the value's type, for everything else and for columns of several types.
TYPED = "typed"
# What a column of an older snapshot becomes when newer values of it are of several types.
AS_TYPED = {
    "integer": "'int:' || CAST({} AS VARCHAR)",
    "text": "'str:' || {}",
    "date": "'date:' || CAST({} AS VARCHAR)",
}


@dataclass(frozen=True)
class KeyColumn:
    """One column of a key.

    Attributes:
        name: the column's name in the data.
        kind: how its values are kept.
        unit: of timestamps, as pandas has it.
        zone: of timestamps with a time zone.
    """

    name: str
    kind: str
    unit: str = ""
    zone: str = ""


@dataclass(frozen=True)
class Keys:
    """A Parquet file of keys: its columns are ``k0``, ``k1``, …, so that no name of a key can confuse SQL."""

    path: Path
    columns: tuple[KeyColumn, ...]
    count: int

    @property
    def names(self) -> tuple[str, ...]:
        """The key columns' names in the data."""
        return tuple(column.name for column in self.columns)


def read_keys(path: Path) -> Keys:
    """A file that :class:`KeyWriter` wrote."""
    import pyarrow.parquet as pq

    file = pq.ParquetFile(path)
    described = json.loads(file.schema_arrow.metadata[_IN_SCHEMA])
    return Keys(path, tuple(KeyColumn(**column) for column in described), file.metadata.num_rows)


class KeyWriter:
    """Writes the keys of rows into a file, chunk by chunk."""

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        """Opens nothing yet: the columns' types come with the first rows."""
        self._path = path
        self._names = names
        self._columns: tuple[KeyColumn, ...] = ()
        self._writer: Any = None
        self._count = 0

    def add(self, frame: pd.DataFrame) -> None:
        """Writes the keys of some rows.

        Raises:
            UnusableKeysError: a key column is missing, holds nulls, changes its type, or has values of no known type.
        """
        if frame.empty:
            return
        arrays, columns = zip(*(_kept(frame, name) for name in self._names), strict=True)
        if self._writer is None:
            self._columns = columns
            self._writer = self._opened(arrays)
        elif [column.kind for column in columns] != [column.kind for column in self._columns]:
            raise UnusableKeysError(_changed_type(self._columns, columns))
        self._writer.write_table(_table(arrays, self._columns))
        self._count += len(frame)

    def close(self) -> Keys | None:
        """Ends the file; None if there were no rows."""
        if self._writer is None:
            return None
        self._writer.close()
        return Keys(self._path, self._columns, self._count)

    def _opened(self, arrays: Sequence[Any]) -> Any:
        import pyarrow as pa
        import pyarrow.parquet as pq

        integers = [f"k{index}" for index, array in enumerate(arrays) if pa.types.is_int64(array.type)]
        texts = [f"k{index}" for index, column in enumerate(self._columns) if column.kind == "text"]
        return pq.ParquetWriter(
            self._path,
            _table(arrays, self._columns).schema,
            # Keys are mostly numbers that rise: their differences take a tenth of the space.
            column_encoding=dict.fromkeys(integers, "DELTA_BINARY_PACKED") or None,
            use_dictionary=texts or False,
            compression="zstd",
            write_statistics=False,
        )


def keys_of(table: Any, columns: Sequence[KeyColumn]) -> pd.DataFrame:
    """The keys in an Arrow table ``k0``, ``k1``, … as they were pulled: names, types, time zones."""
    import pandas as pd

    return pd.DataFrame({column.name: _restored(table.column(i), column) for i, column in enumerate(columns)})


def _table(arrays: Sequence[Any], columns: Sequence[KeyColumn]) -> Any:
    import pyarrow as pa

    described = json.dumps([asdict(column) for column in columns])
    table = pa.table(list(arrays), names=[f"k{index}" for index in range(len(arrays))])
    return table.replace_schema_metadata({_IN_SCHEMA: described})


def _kept(frame: pd.DataFrame, name: str) -> tuple[Any, KeyColumn]:
    import pandas as pd
    import pyarrow as pa

    if name not in frame.columns:
        has = ", ".join(map(str, frame.columns))
        raise UnusableKeysError(
            f"the primary key '{name}' is not in what was pulled; the columns are {has}; pull it, or mend primary_keys"
        )
    values = frame[name]
    if isinstance(values, pd.DataFrame):
        raise UnusableKeysError(f"the primary key '{name}' was pulled twice; give one of the columns another name")
    missing = int(values.isna().sum())
    if missing:
        raise UnusableKeysError(
            f"the primary key '{name}' is null in {missing:,} of {len(frame):,} rows, so deletions cannot be told; "
            "let pull_data leave these rows out, or choose other primary_keys"
        )
    if values.dtype == object and pd.api.types.infer_dtype(values, skipna=False) not in _IN_ARROW:
        return _typed(values, name)
    try:
        array = pa.array(values, from_pandas=True)
        return _normal(array, name)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        return _typed(values, name)


_IN_ARROW = {"string", "integer", "floating", "date", "datetime", "datetime64", "bytes"}


def _normal(array: Any, name: str) -> tuple[Any, KeyColumn]:
    """The values as the widest type of their kind; raises pyarrow's own errors where they do not fit."""
    import pyarrow as pa

    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    kind = array.type
    if pa.types.is_integer(kind):
        return array.cast(pa.int64()), KeyColumn(name, "integer")
    if pa.types.is_floating(kind):
        return array.cast(pa.float64()), KeyColumn(name, "float")
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return array.cast(pa.large_string()), KeyColumn(name, "text")
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return array.cast(pa.large_binary()), KeyColumn(name, "bytes")
    if pa.types.is_date(kind):
        return array.cast(pa.date32()), KeyColumn(name, "date")
    if pa.types.is_timestamp(kind):
        nanoseconds = array.cast(pa.timestamp("ns", kind.tz)).cast(pa.int64())
        return nanoseconds, KeyColumn(name, "instant" if kind.tz else "timestamp", kind.unit, _zone(array))
    return _typed(array.to_pandas(), name)


def _zone(array: Any) -> str:
    return zone_name(array[0].as_py()) if array.type.tz and len(array) else ""


def _typed(values: pd.Series[Any], name: str) -> tuple[Any, KeyColumn]:
    import pyarrow as pa

    try:
        texts = [to_text(value) for value in values]
    except UnknownTypeError as error:
        raise UnusableKeysError(
            f"the primary key '{name}' holds values of the type {error}, which cannot be compared from run to run; "
            "let pull_data turn them into texts or numbers"
        ) from None
    return pa.array(texts, pa.large_string()), KeyColumn(name, TYPED)


def _restored(array: Any, column: KeyColumn) -> Any:
    import pandas as pd

    if column.kind == TYPED:
        return pd.Series([from_text(text) for text in array.to_pylist()])
    values = array.to_pandas()
    if column.kind not in ("timestamp", "instant"):
        return values
    times = values.astype("datetime64[ns]").dt.as_unit(column.unit)
    return times.dt.tz_localize("UTC").dt.tz_convert(column.zone) if column.kind == "instant" else times


def _changed_type(before: Sequence[KeyColumn], now: Sequence[KeyColumn]) -> str:
    one, other = next((one, other) for one, other in zip(before, now, strict=True) if one.kind != other.kind)
    return (
        f"the primary key '{one.name}' is {one.kind} in one chunk and {other.kind} in another; "
        "let pull_data yield chunks of the same types"
    )

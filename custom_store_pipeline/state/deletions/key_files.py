"""Primary keys of rows, kept apart from them in Parquet files that DuckDB can compare."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from custom_store_pipeline.errors import DamagedSnapshotError, UnusableKeysError
from custom_store_pipeline.state.deletions.key_columns import KeyColumn, integers_in, kept, restored

if TYPE_CHECKING:
    import pandas as pd

    from custom_store_pipeline.data.pieces import Piece

_IN_SCHEMA = b"custom_store_keys"


@dataclass(frozen=True)
class Keys:
    """A Parquet file of keys: its columns are ``k0``, ``k1``, …, so that no name of a key can confuse SQL."""

    path: Path
    columns: tuple[KeyColumn, ...]
    count: int
    method: str = "pull_data"  # which returned them

    @property
    def names(self) -> tuple[str, ...]:
        """The key columns' names in the data."""
        return tuple(column.name for column in self.columns)


def read_keys(path: Path) -> Keys:
    """A file that :class:`KeyWriter` wrote.

    Raises:
        DamagedSnapshotError: it is cut off, or no such file.
        PermissionError: it may not be read.
    """
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            described = json.loads(file.schema_arrow.metadata[_IN_SCHEMA])
            return Keys(path, tuple(KeyColumn(**column) for column in described), file.metadata.num_rows)
    except PermissionError:
        raise
    except (OSError, ValueError, KeyError, TypeError) as error:  # pyarrow's own errors are among these
        raise DamagedSnapshotError(path, _reason(error)) from None


def first_keys(keys: Keys) -> pd.DataFrame:
    """Some keys of a file, as they were pulled."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(keys.path) as file:
        return keys_of(pa.Table.from_batches([next(file.iter_batches(batch_size=10))]), keys.columns)


def check_readable(keys: Keys) -> None:
    """Reads all of a file, if it is there.

    Raises:
        DamagedSnapshotError: some of it cannot be read.
    """
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(keys.path) as file:
            for _ in file.iter_batches():
                pass
    except FileNotFoundError:
        return  # it is gone, not damaged
    except (OSError, ValueError) as error:
        raise DamagedSnapshotError(keys.path, _reason(error)) from None


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError | TypeError):
        return "it is not a file of keys"
    return " ".join(str(error).split())[:200]


class KeyWriter:
    """Writes the keys of rows into a file, chunk by chunk."""

    def __init__(self, path: Path, names: Sequence[str], method: str = "pull_data") -> None:
        """Opens nothing yet: the columns' types come with the first rows; errors name the driver's method."""
        self._path = path
        self._names = names
        self._method = method
        self._columns: tuple[KeyColumn, ...] = ()
        self._writer: Any = None
        self._count = 0

    def add(self, piece: Piece) -> None:
        """Writes the keys of some rows.

        Raises:
            UnusableKeysError: a key column is missing, holds nulls, changes its type, or has values of no known type.
            OSError: the disk is full.
        """
        if not len(piece):
            return
        arrays, columns = zip(*(kept(piece, name, self._method) for name in self._names), strict=True)
        if self._writer is None:
            self._columns = columns
        elif [column.kind for column in columns] != [column.kind for column in self._columns]:
            raise UnusableKeysError(_changed_type(self._columns, columns, self._method))
        if self._writer is None:
            self._writer = self._opened(arrays)
        self._writer.write_table(_table(arrays, self._columns))
        self._count += len(piece)

    def close(self) -> Keys | None:
        """Ends the file; None if there were no rows.

        Raises:
            OSError: the disk is full.
        """
        if self._writer is None:
            return None
        self._writer.close()
        return Keys(self._path, self._columns, self._count, self._method)

    def _opened(self, arrays: Sequence[Any]) -> Any:
        import pyarrow.parquet as pq

        integers = [path for index, array in enumerate(arrays) for path in integers_in(f"k{index}", array)]
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

    return pd.DataFrame({column.name: restored(table.column(i), column) for i, column in enumerate(columns)})


def _table(arrays: Sequence[Any], columns: Sequence[KeyColumn]) -> Any:
    import pyarrow as pa

    described = json.dumps([asdict(column) for column in columns])
    table = pa.table(list(arrays), names=[f"k{index}" for index in range(len(arrays))])
    return table.replace_schema_metadata({_IN_SCHEMA: described})


def _changed_type(before: Sequence[KeyColumn], now: Sequence[KeyColumn], method: str) -> str:
    one, other = next((one, other) for one, other in zip(before, now, strict=True) if one.kind != other.kind)
    return (
        f"the primary key '{one.name}' is {one.kind} in one chunk and {other.kind} in another; "
        f"let {method} yield chunks of the same types"
    )

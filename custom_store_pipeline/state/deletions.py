"""Deletions: the keys that older snapshots have and the new pull lacks. DuckDB compares, on disk if need be."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from custom_store_pipeline.errors import StateStorageError, UnusableKeysError
from custom_store_pipeline.state.keys import AS_TYPED, TYPED, KeyColumn, Keys, keys_of

if TYPE_CHECKING:
    import pandas as pd

# Enough for a hash table of some million keys. What does not fit goes to the disk, so this does not limit the keys.
_MEMORY = "160MB"
_THREADS = 2
_EXAMPLES = 3


def check_unique(keys: Keys, spill: Path) -> None:
    """Checks that no key occurs twice.

    Args:
        keys: the file.
        spill: a folder for what does not fit into memory.

    Raises:
        UnusableKeysError: some do; the message shows examples.
        StateStorageError: the disk is full.
    """
    columns = ", ".join(_names(keys.columns))
    found = _query(
        f"SELECT {columns} FROM {_file(keys)} GROUP BY {columns} HAVING count(*) > 1 LIMIT {_EXAMPLES}", spill
    )
    if found.num_rows:
        rows = keys_of(found, keys.columns).itertuples(index=False)
        examples = [", ".join(f"{key}={value}" for key, value in zip(keys.names, row, strict=True)) for row in rows]
        raise UnusableKeysError(
            f"primary keys occur more than once in what was pulled, such as {' and '.join(examples)}, so deletions "
            "cannot be told; let pull_data return each once, or add to primary_keys what tells them apart"
        )


def comparable(one: Keys, other: Keys) -> bool:
    """Whether both files have the same columns, with types that can be compared."""
    return one.names == other.names and all(
        a.kind == b.kind or (TYPED in (a.kind, b.kind) and {a.kind, b.kind} <= {TYPED, *AS_TYPED})
        for a, b in zip(one.columns, other.columns, strict=True)
    )


def missing_keys(old: Sequence[Keys], new: Sequence[Keys], spill: Path) -> pd.DataFrame:
    """The keys of any of the older files that none of the newer files has, each once.

    All files must be :func:`comparable`.
    """
    return _combined(old, "EXCEPT", new, spill)


def common_keys(some: Sequence[Keys], others: Sequence[Keys], spill: Path) -> pd.DataFrame:
    """The keys that both have, each once. All files must be :func:`comparable`."""
    return _combined(some, "INTERSECT", others, spill)


def count_distinct(files: Sequence[Keys], spill: Path) -> int:
    """How many different keys comparable files hold together; none has duplicates of its own."""
    if len(files) == 1:
        return files[0].count
    (count,) = (
        _query(f"SELECT count(*) FROM ({_union(files, _columns(files), 'UNION')})", spill).to_pylist()[0].values()
    )
    return int(count)


def _combined(some: Sequence[Keys], operator: str, others: Sequence[Keys], spill: Path) -> pd.DataFrame:
    columns = _columns([*others, *some])
    query = f"({_union(some, columns, 'UNION ALL')}) {operator} ({_union(others, columns, 'UNION ALL')})"
    return keys_of(_query(query, spill), columns)


def _columns(files: Sequence[Keys]) -> tuple[KeyColumn, ...]:
    """What the columns of all files can be compared as: as in the first one, or typed if any of them is."""
    return tuple(
        replace(column, kind=TYPED) if any(keys.columns[index].kind == TYPED for keys in files) else column
        for index, column in enumerate(files[0].columns)
    )


def _union(files: Sequence[Keys], columns: Sequence[KeyColumn], operator: str) -> str:
    return f" {operator} ".join(_selected(keys, columns) for keys in files)


def _selected(keys: Keys, columns: Sequence[KeyColumn]) -> str:
    parts = [
        (AS_TYPED[own.kind].format(name) if wanted.kind == TYPED and own.kind != TYPED else name) + f" AS {name}"
        for name, own, wanted in zip(_names(columns), keys.columns, columns, strict=True)
    ]
    return f"SELECT {', '.join(parts)} FROM {_file(keys)}"


def _names(columns: Sequence[KeyColumn]) -> list[str]:
    return [f"k{index}" for index in range(len(columns))]


def _file(keys: Keys) -> str:
    quoted = str(keys.path).replace("'", "''")
    return f"read_parquet('{quoted}')"


def _query(query: str, spill: Path) -> Any:
    import duckdb

    try:
        with _database(spill) as database:
            return database.sql(query).to_arrow_table()
    except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
        problem = f"the keys cannot be compared in {spill}: {error}; free space, or set TMPDIR to a larger disk"
    raise StateStorageError(problem)


@contextlib.contextmanager
def _database(spill: Path) -> Iterator[Any]:
    import duckdb

    settings: dict[str, Any] = {
        "memory_limit": _MEMORY,
        "threads": _THREADS,
        "temp_directory": str(spill),
        "preserve_insertion_order": False,
    }
    with duckdb.connect(config=settings) as database:
        yield database

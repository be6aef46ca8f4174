"""Deletions: the keys that older snapshots have and the new pull lacks. DuckDB compares, on disk if need be."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from custom_store_pipeline.errors import StateStorageError, UnusableKeysError
from custom_store_pipeline.state.deletions.key_columns import AS_TYPED, TYPED, KeyColumn
from custom_store_pipeline.state.deletions.key_files import Keys, check_readable, keys_of

if TYPE_CHECKING:
    import pandas as pd

# What a hash table has beyond this memory goes to the disk, so 20,000,000 keys take no more of it than 5,000,000 do.
# Some of it cannot go there, and grows with the keys; so very many are compared one part of them after another.
_MEMORY = "80MB"
_KEYS_IN_A_PART = 10_000_000
# Very long keys take more: so many megabytes to read them at all, and smaller parts. (memory, times as many parts)
_FOR_LONG_KEYS = (("256MB", 8), ("256MB", 64))
_THREADS = 2
_EXAMPLES = 3


@contextlib.contextmanager
def one_database(spill: Path) -> Iterator[None]:
    """Within it, all that is asked with the same ``spill`` shares a database, which takes a moment to open."""
    with _database(spill):
        yield


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
    # Where all hashes are different, the keys are, and hashes are shorter to compare.
    if not _twice(f"hash({columns})", keys, spill).num_rows:
        return
    found = _twice(columns, keys, spill)
    if found.num_rows:
        raise UnusableKeysError(
            f"primary keys occur more than once in what {keys.method} returned, such as "
            f"{examples(keys_of(found, keys.columns))}, so deletions are not known; let {keys.method} return each "
            "once, or add to primary_keys what distinguishes them"
        )


def examples(keys: pd.DataFrame) -> str:
    """The first of some keys, as people read them: ``id=7 and id=8``."""
    rows = keys.head(_EXAMPLES).itertuples(index=False)
    return " and ".join(
        ", ".join(f"{name}={value}" for name, value in zip(keys.columns, row, strict=True)) for row in rows
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


def write_without(keys: Keys, others: Sequence[Keys], path: Path, spill: Path) -> Keys | None:
    """Writes those keys of a file that none of the others has; None if none. All must be :func:`comparable`."""
    import pyarrow.parquet as pq

    columns = _columns([keys, *others])
    names = _names(columns)
    # The keys as they are in the file, beside what they are compared as.
    own = ", ".join(f"{name} AS own_{name}" for name in names)
    both = _selected(keys, columns).replace("SELECT ", f"SELECT {own}, ", 1)
    found = _query(
        lambda part: (
            f"SELECT {', '.join(f'own_{name} AS {name}' for name in names)} FROM (SELECT * FROM ({both}) WHERE {part}) "
            f"ANTI JOIN ({_union(others, columns, part)}) USING ({', '.join(names)})"
        ),
        [keys, *others],
        columns,
        spill,
    )
    if not found.num_rows:
        return None
    pq.write_table(found.cast(pq.read_schema(keys.path)), path, compression="zstd")
    return replace(keys, path=path, count=found.num_rows)


def count_distinct(files: Sequence[Keys], spill: Path) -> int:
    """How many different keys comparable files hold together; none has duplicates of its own."""
    if len(files) == 1:
        return files[0].count
    columns = _columns(files)
    found = _query(
        lambda part: f"SELECT count(*) FROM (SELECT DISTINCT * FROM ({_union(files, columns, part)}))",
        files,
        columns,
        spill,
    )
    return sum(found.column(0).to_pylist())


def _twice(columns: str, keys: Keys, spill: Path) -> Any:
    return _query(
        lambda part: (
            f"SELECT {columns} FROM ({_union([keys], keys.columns, part)}) GROUP BY {columns} "
            f"HAVING count(*) > 1 LIMIT {_EXAMPLES}"
        ),
        [keys],
        keys.columns,
        spill,
    )


def _combined(some: Sequence[Keys], operator: str, others: Sequence[Keys], spill: Path) -> pd.DataFrame:
    columns = _columns([*others, *some])
    found = _query(
        # An anti join with DISTINCT over what is left was no faster, and took 2.5 times as long for long keys.
        lambda part: f"({_union(some, columns, part)}) {operator} ({_union(others, columns, part)})",
        [*some, *others],
        columns,
        spill,
    )
    return keys_of(found, columns)


def _columns(files: Sequence[Keys]) -> tuple[KeyColumn, ...]:
    """What the columns of all files can be compared as: as in the first one, or typed if any of them is."""
    return tuple(
        replace(column, kind=TYPED) if any(keys.columns[index].kind == TYPED for keys in files) else column
        for index, column in enumerate(files[0].columns)
    )


def _union(files: Sequence[Keys], columns: Sequence[KeyColumn], part: str) -> str:
    return f"SELECT * FROM ({' UNION ALL '.join(_selected(keys, columns) for keys in files)}) WHERE {part}"


def _selected(keys: Keys, columns: Sequence[KeyColumn]) -> str:
    parts = [
        (AS_TYPED[own.kind].format(name) if wanted.kind == TYPED and own.kind != TYPED else name) + f" AS {name}"
        for name, own, wanted in zip(_names(columns), keys.columns, columns, strict=True)
    ]
    return f"SELECT {', '.join(parts)} FROM {_file(keys)}"


def _names(columns: Sequence[KeyColumn]) -> list[str]:
    return [f"k{index}" for index in range(len(columns))]


def _file(keys: Keys) -> str:
    path = re.sub(r"[*?[]", r"[\g<0>]", str(keys.path)).replace("'", "''")
    return f"read_parquet('{path}', hive_partitioning = false)"


def _query(query: Callable[[str], str], files: Sequence[Keys], columns: Sequence[KeyColumn], spill: Path) -> Any:
    """What is found among the keys of files, one part of them after another.

    Args:
        query: makes the query of the condition for a part; equal keys are in the same one.
        files: the files.
        columns: the keys' columns.
        spill: a folder for what does not fit into memory.
    """
    import duckdb
    import pyarrow as pa

    key, problem = ", ".join(_names(columns)), ""
    least = math.ceil(sum(keys.count for keys in files) / _KEYS_IN_A_PART)
    for memory, times in ((_MEMORY, 1), *_FOR_LONG_KEYS):
        count = least * times
        parts = ["true"] if count == 1 else [f"hash({key}) % {count} = {number}" for number in range(count)]
        try:
            with _database(spill) as database:
                database.execute(f"SET memory_limit = '{memory}'")
                return pa.concat_tables([database.sql(query(part)).to_arrow_table() for part in parts])
        except (duckdb.IOException, duckdb.OutOfMemoryException, duckdb.InvalidInputException) as error:
            problem = f"the keys cannot be compared in {spill}: {error}; free space, or set TMPDIR to a larger disk"
            if not isinstance(error, duckdb.OutOfMemoryException):
                for keys in files:
                    check_readable(keys)
                break
    raise StateStorageError(problem)


@contextlib.contextmanager
def _database(spill: Path) -> Iterator[Any]:
    import duckdb
    import pyarrow as pa

    pa.default_memory_pool().release_unused()  # it keeps what chunks took, and DuckDB has an allocator of its own
    settings: dict[str, Any] = {
        "threads": _THREADS,
        "temp_directory": str(spill),
        "preserve_insertion_order": False,
    }
    with duckdb.connect(f":memory:{spill}", config=settings) as database:
        yield database

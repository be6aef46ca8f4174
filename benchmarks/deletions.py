"""Deletions among 5,000,000 keys: the package's comparison of key files against a pandas merge with an indicator."""

from __future__ import annotations

import hashlib
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.measuring import FailedRunError, own_memory, ratios, spread
from benchmarks.report import Goal, Section

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

CHANGED = 1_000  # keys that are gone, and as many that are new
CHUNK = 100_000


class Key(NamedTuple):
    """A kind of key: its columns, how many rows have one, how often it is measured, and the most of pandas' figures."""

    names: list[str]
    rows: int
    rounds: int
    goal: float | None = None


KEYS = {
    "int64": Key(["id"], 5_000_000, 3, 0.5),
    "(str, int64)": Key(["shop", "number"], 5_000_000, 3, 0.35),
    "3 × 60 characters": Key(["a", "b", "c"], 2_000_000, 1),
}

TEXT = """\
Keys of the last run against those of this one; 1,000 are gone, 1,000 are new, and they come in no order. Each contender
is a process of its own; memory is its peak above that of a process that only imports the same libraries.

- *pandas*: both tables read from Parquet, `old.merge(new, how="left", indicator=True)`, and what is `left_only`;
- *ours*: DuckDB over two files of keys, as snapshots are kept;
- *ours, all of it*: what a run does with new rows: their keys are written chunk by chunk, checked to be unique, and
  compared. The Parquet file that they are read from in this benchmark is in its memory too."""

PANDAS, OURS = "pandas", "ours"


class Measured(NamedTuple):
    """What a contender took: the seconds of each step, the peak memory in MB, and a digest of what it found."""

    seconds: dict[str, float]
    memory: float
    found: str


def measure() -> Section:
    """Measures each kind of key."""
    rows: list[list[str]] = []
    goals: list[Goal] = []
    for kind, key in KEYS.items():
        label = f"{kind}, {key.rows:,} rows"
        print(f" {label}", flush=True)
        with tempfile.TemporaryDirectory(prefix="deletions_") as folder:
            root = Path(folder)
            alone(written, root, kind)
            measured = [measured_round(root, kind) for _ in range(key.rounds)]
        seconds = {name: [one[name].seconds["comparison"] for one in measured] for name in CONTENDERS}
        total = {name: [sum(one[name].seconds.values()) for one in measured] for name in CONTENDERS}
        memory = {name: [one[name].memory for one in measured] for name in CONTENDERS}
        for name in CONTENDERS:
            cells = [
                f"{spread(values[name], unit)}, {spread(ratios(values[name], values[PANDAS]))}"
                for values, unit in ((seconds, "s"), (total, "s"), (memory, "MB"))
            ]
            rows.append([label, name, *cells])
        if key.goal:
            for what, values in (("time", seconds), ("memory", memory)):
                compared = ratios(values[OURS], values[PANDAS])
                goals.append(Goal(f"{label}: of the {what} of pandas", compared, key.goal))
    header = ["", "contender", "comparison, of pandas", "with reading or writing, of pandas", "memory, of pandas"]
    return Section("Deletions", TEXT, header, rows, goals)


def measured_round(root: Path, name: str) -> dict[str, Measured]:
    """Each contender once."""
    imports = alone(only_imported, root, name)
    measured: dict[str, Measured] = {label: alone(work, root, name) for label, work in CONTENDERS.items()}
    if len({one.found for one in measured.values()}) > 1:
        raise FailedRunError(f"the contenders found different deletions: {measured}")
    return {label: one._replace(memory=one.memory - imports) for label, one in measured.items()}


def alone(work: Callable[[Path, str], Any], root: Path, name: str) -> Any:
    """The result of a function that is called in a new process."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, root, name).result()


def written(root: Path, name: str) -> None:
    """Writes old and new keys: as pandas has them, and the old ones as a snapshot too."""
    import numpy as np

    key = KEYS[name]
    random = np.random.default_rng(0)
    numbers = np.cumsum(random.integers(1, 20, key.rows + CHANGED))
    kept = np.delete(numbers[: key.rows], random.choice(key.rows, CHANGED, replace=False))
    new = np.concatenate([kept, numbers[key.rows :]])
    random.shuffle(new)
    for file, values in (("old", numbers[: key.rows]), ("new", new)):
        frame = keys_from(key.names, values)
        frame.to_parquet(root / f"{file}.parquet", index=False)
        with_keys(root, name, file)


def keys_from(names: Sequence[str], numbers: np.ndarray[Any, Any]) -> pd.DataFrame:
    """Keys that are as different as the numbers: a number, one of 1,000 shops and a number, or three long texts."""
    import pandas as pd

    if len(names) == 1:
        return pd.DataFrame({names[0]: numbers})
    if len(names) == 2:
        shops = pd.Series([f"shop {number:04}" for number in range(1_000)])
        return pd.DataFrame({names[0]: shops.take(numbers % 1_000).array, names[1]: numbers // 1_000})
    digests = [hashlib.blake2b(number.tobytes(), digest_size=60).hexdigest() for number in numbers]
    texts = {"a": 0, "b": 30, "c": 60}
    return pd.DataFrame({name: [digest[at : at + 60] for digest in digests] for name, at in texts.items()})


def with_keys(root: Path, name: str, file: str) -> float:
    """Writes the keys of a table chunk by chunk; returns the seconds without those of reading it."""
    import pyarrow.parquet as pq

    from custom_store_pipeline.state.deletions.key_files import KeyWriter

    writer = KeyWriter(root / f"{file}_keys.parquet", KEYS[name].names)
    seconds = 0.0
    for batch in pq.ParquetFile(root / f"{file}.parquet").iter_batches(CHUNK):
        chunk = batch.to_pandas()
        begun = time.perf_counter()
        writer.add(chunk)
        seconds += time.perf_counter() - begun
    begun = time.perf_counter()
    writer.close()
    return seconds + time.perf_counter() - begun


def only_imported(_root: Path, _name: str) -> float:
    """The memory of a process that does nothing."""
    import duckdb  # noqa: F401 - what importing it takes is measured
    import pandas  # noqa: F401 - likewise
    import pyarrow.parquet  # noqa: F401 - likewise

    import custom_store_pipeline.state.deletions.key_queries  # noqa: F401 - likewise

    return own_memory("VmHWM")


def by_pandas(root: Path, name: str) -> Measured:
    """A merge with an indicator."""
    only_imported(root, name)
    import pandas as pd

    names = KEYS[name].names
    begun = time.perf_counter()
    old, new = pd.read_parquet(root / "old.parquet"), pd.read_parquet(root / "new.parquet")
    read = time.perf_counter()
    merged = old.merge(new, on=names, how="left", indicator=True)
    missing = merged.loc[merged["_merge"] == "left_only", names]
    ended = time.perf_counter()
    return Measured({"reading": read - begun, "comparison": ended - read}, own_memory("VmHWM"), digest(missing))


def by_comparison(root: Path, name: str) -> Measured:
    """The comparison of two files of keys."""
    only_imported(root, name)
    begun = time.perf_counter()
    missing = compared(root)
    return Measured({"comparison": time.perf_counter() - begun}, own_memory("VmHWM"), digest(missing))


def by_all_of_it(root: Path, name: str) -> Measured:
    """What a run does with new rows."""
    only_imported(root, name)
    from custom_store_pipeline.state.deletions.key_files import read_keys
    from custom_store_pipeline.state.deletions.key_queries import check_unique

    writing = with_keys(root, name, "new")
    begun = time.perf_counter()
    check_unique(read_keys(root / "new_keys.parquet"), root)
    checked = time.perf_counter()
    missing = compared(root)
    ended = time.perf_counter()
    seconds = {"writing": writing, "check_unique": checked - begun, "comparison": ended - checked}
    return Measured(seconds, own_memory("VmHWM"), digest(missing))


CONTENDERS = {PANDAS: by_pandas, OURS: by_comparison, "ours, all of it": by_all_of_it}


def compared(root: Path) -> pd.DataFrame:
    """The old keys that are not among the new ones."""
    from custom_store_pipeline.state.deletions.key_files import read_keys
    from custom_store_pipeline.state.deletions.key_queries import missing_keys

    return missing_keys([read_keys(root / "old_keys.parquet")], [read_keys(root / "new_keys.parquet")], root)


def digest(missing: pd.DataFrame) -> str:
    """Equal for equal rows, whatever their order."""
    rows = sorted(missing.itertuples(index=False, name=None))
    if len(rows) != CHANGED:
        raise RuntimeError(f"{len(rows):,} deletions were found, of {CHANGED:,}")
    return hashlib.sha256(repr(rows).encode()).hexdigest()

"""The least that one can do: the driver's pull, a loop, the driver's push.

python -m benchmarks.contenders.plain_loop MAPPING
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator

import pandas as pd

from benchmarks.contenders.mappings import sides_of
from benchmarks.projects.bench.custom_store_driver.flights_store_driver import ROWS_PER_CHUNK


def main(mapping_name: str) -> None:
    """Moves the flights of a mapping."""
    source, sink = sides_of(mapping_name)
    found = source.driver().pull_data(source.config, "flights")
    if isinstance(found, pd.DataFrame):
        sink.driver().push_data(sink.config, "flights", found)
    else:
        sink.driver().push_chunks(sink.config, "flights", decoded(found))


def decoded(found: bytes | Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Chunks as they are, or a CSV's, as anybody would read it with pandas."""
    if isinstance(found, bytes):
        return iter(pd.read_csv(io.BytesIO(found), chunksize=ROWS_PER_CHUNK))
    return found


if __name__ == "__main__":
    main(sys.argv[1])

"""As many rows as one likes, which take no memory where they come from."""

from pathlib import Path

import numpy as np
import pandas as pd

ROWS_PER_CHUNK = 100_000  # of 10 columns of 8 bytes: 8 MB


class WideStoreDriver:
    """As many rows as `args: {rows: …}` says for the entity: an integer key, the time of a change, eight numbers.

    With `args: {as_arrow: true}` they come as Arrow; with `args: {folder_of_csv: …}`, they are read from the files that
    `write_csv` wrote there.
    """

    def pull_data(self, mapping_config, entity):
        """Chunks of 8 MB, or the path of a CSV, or a stream of Arrow."""
        args = mapping_config["args"]
        if folder := args["folder_of_csv"]:
            return Path(folder) / f"{entity}.csv"
        if args["as_arrow"]:
            return stream_of(args["rows"][entity])
        return chunks_of(args["rows"][entity])

    def pull_keys(self, mapping_config, entity):
        """All keys, chunk by chunk."""
        for chunk in chunks_of(mapping_config["args"]["rows"][entity]):
            yield chunk[["id"]]


def chunks_of(rows):
    """Chunks that share no memory with each other, as those of a real source."""
    for start in range(0, rows, ROWS_PER_CHUNK):
        numbers = np.arange(start, min(start + ROWS_PER_CHUNK, rows))
        columns = {"id": numbers, "changed_at": (numbers * 1_000_000_000).view("datetime64[ns]")}
        yield pd.DataFrame(columns | {f"value_{number}": numbers / (number + 1) for number in range(8)}, copy=True)


def stream_of(rows):
    """The same rows as a stream of Arrow."""
    import pyarrow as pa

    batches = (pa.RecordBatch.from_pandas(chunk, preserve_index=False) for chunk in chunks_of(rows))
    schema = pa.RecordBatch.from_pandas(next(chunks_of(1)), preserve_index=False).schema
    return pa.RecordBatchReader.from_batches(schema.remove_metadata(), (b.replace_schema_metadata() for b in batches))


def write_csv(path, rows):
    """Writes a CSV of so many rows; returns its size in GB."""
    import pyarrow as pa
    import pyarrow.csv

    chunks = map(pa.Table.from_pandas, chunks_of(rows))
    first = next(chunks)
    with pyarrow.csv.CSVWriter(path, first.schema) as writer:
        writer.write(first)
        for chunk in chunks:
            writer.write(chunk)
    return Path(path).stat().st_size / 1e9

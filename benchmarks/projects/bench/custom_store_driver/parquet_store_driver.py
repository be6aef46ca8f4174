"""A Parquet file as a stream of Arrow."""

import pyarrow as pa
import pyarrow.parquet as pq

from .clock import begin


class ParquetStoreDriver:
    """Reads `args.path` in batches of `args.batch_rows`."""

    def pull_data(self, mapping_config, entity):
        """The file, read as its batches are asked for."""
        args = mapping_config["args"]
        begin(args["folder"])
        file = pq.ParquetFile(args["path"])
        return pa.RecordBatchReader.from_batches(file.schema_arrow, file.iter_batches(batch_size=args["batch_rows"]))

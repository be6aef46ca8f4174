"""sling from table to table in PostgreSQL.

python -m benchmarks.contenders.arrow_with_sling MAPPING
"""

from __future__ import annotations

import os
import subprocess
import sys

import sling_linux_amd64

from benchmarks.contenders.mappings import sides_of
from benchmarks.projects.bench.custom_store_driver.clock import begin, end
from benchmarks.projects.bench.custom_store_driver.postgres_store_driver import what_arrived


def main(mapping_name: str) -> None:
    """Moves the orders of a mapping."""
    source, sink = sides_of(mapping_name, "arrow")
    uri, schema, folder = (sink.config["args"][name] for name in ("uri", "schema", "folder"))
    command = [
        *(sling_linux_amd64.SLING_BIN, "run", "--mode", "incremental", "--primary-key", "id"),
        *("--src-conn", "PG", "--src-stream", f"{source.config['args']['schema']}.orders"),
        *("--tgt-conn", "PG", "--tgt-object", f"{schema}.orders"),
    ]
    environment = {**os.environ, "PG": f"{uri}?sslmode=disable", "SLING_DISABLE_TELEMETRY": "TRUE", "HOME": folder}
    begin(folder)
    subprocess.run(command, env=environment, check=True)
    end(folder)
    what_arrived(sink.config, "orders")


if __name__ == "__main__":
    main(sys.argv[1])

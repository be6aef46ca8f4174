"""Loads the definitions of a module and makes of them what a code server hands to the webserver and the daemon.

python -m benchmarks.contenders.loading MODULE

Prints a JSON object: seconds for the definitions, seconds for the snapshot of the repository, the snapshot's MB,
and the peak of the process in MB.
"""

from __future__ import annotations

import importlib
import json
import sys
import time

import dagster as dg
from dagster._core.remote_representation.external_data import RepositorySnap

from benchmarks.measuring import own_memory


def main(module: str) -> None:
    """Loads it once."""
    begun = time.perf_counter()
    defs = importlib.import_module(module).defs
    definitions: dg.Definitions = defs if isinstance(defs, dg.Definitions) else defs()
    repository = definitions.get_repository_def()
    built = time.perf_counter()
    # As a code server does (dagster._grpc.server): jobs are fetched one by one when somebody looks at them.
    snapshot = dg.serialize_value(RepositorySnap.from_def(repository, defer_snapshots=True))
    ended = time.perf_counter()
    found = {"definitions": built - begun, "snapshot": ended - built, "megabytes": len(snapshot) / 1e6}
    found["peak"] = own_memory("VmHWM")
    print("\n" + json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])

"""The least that one can do: the driver's pull, and the driver's push of its reader.

python -m benchmarks.contenders.plain_arrow MAPPING
"""

from __future__ import annotations

import sys

from benchmarks.contenders.mappings import sides_of


def main(mapping_name: str) -> None:
    """Moves the orders of a mapping."""
    source, sink = sides_of(mapping_name, "arrow")
    pulling = source.driver()
    sink.driver().push_arrow(sink.config, "orders", pulling.pull_data(source.config, "orders"))
    getattr(pulling, "close", lambda: None)()


if __name__ == "__main__":
    main(sys.argv[1])

"""Runs the benchmark, and writes ``docs/benchmarks.md``.

python -m benchmarks            everything, and the report
python -m benchmarks SECTION …  only these, to the terminal
"""

from __future__ import annotations

import importlib
import sys
import time

from benchmarks.report import Section, goals_of, markdown, written_report

SECTIONS = ("throughput", "arrow", "memory", "fan_out", "load", "deletions", "masking")


def main(names: list[str]) -> None:
    """Runs these sections, or all of them."""
    begun = time.monotonic()
    sections = [measured_section(name) for name in names or SECTIONS]
    if names:
        print("\n\n".join([goals_of(sections), *map(markdown, sections)]))
    else:
        print(written_report(sections, time.monotonic() - begun))


def measured_section(name: str) -> Section:
    """Runs a section."""
    print(name, flush=True)
    section: Section = importlib.import_module(f"benchmarks.{name}").measure()
    return section


if __name__ == "__main__":
    main(sys.argv[1:])

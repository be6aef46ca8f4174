"""What a section of the benchmark found, and how it reads in Markdown."""

from __future__ import annotations

import datetime
import os
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from benchmarks.measuring import ROOT, median, spread

DOCS = ROOT / "docs"
PEERS = ("custom-store-pipeline", "dagster", "dlt", "dagster-dlt", "pandas", "pyarrow", "duckdb")

INTRO = """\
# Benchmark

Written by `make bench` on {date}, as it is: nothing in it is edited. It took {minutes:.0f} minutes.

- Machine: {machine}.
- Versions: {versions}.
- Contenders are processes of their own that take turns; ratios are taken between neighbours. Figures are medians, with
  the least and the most in brackets.
- All of them import the same source and the same sink ([`benchmarks/projects`](../benchmarks/projects)). The sink makes
  a digest of what it is given; a contender whose digest differs ends the benchmark.
- Each run has a Dagster instance of its own, in SQLite on disk as Dagster makes it. Telemetry is off, bytecode cached.
- What each change brought, and what did not help, is in [performance.md](performance.md).

## Goals"""


@dataclass(frozen=True)
class Goal:
    """A figure, and the most that it may be.

    Attributes:
        what: what the figure is.
        values: the figure of each round; the median counts.
        at_most: the most that it may be.
        unit: of the figures; empty for ratios.
        tried: what was tried to get there; shown when it is missed.
    """

    what: str
    values: Sequence[float]
    at_most: float
    unit: str = ""
    tried: str = ""

    @property
    def verdict(self) -> str:
        """Met, or by how much it is missed and what was tried."""
        over = median(self.values) / self.at_most - 1
        return "met" if over <= 0 else f"**missed by {over:.1%}**. {self.tried}".strip()


@dataclass(frozen=True)
class Section:
    """A part of the report.

    Attributes:
        title: its heading.
        text: what is measured and how, in Markdown.
        header: the names of the table's columns.
        rows: the table.
        goals: what it was measured for.
        images: files of plots beside the report, with what they show.
    """

    title: str
    text: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    goals: Sequence[Goal]
    images: Sequence[tuple[str, str]] = field(default=())


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def goals_of(sections: Sequence[Section]) -> str:
    """The table of all goals."""
    rows = [
        [
            section.title,
            goal.what,
            spread(goal.values, goal.unit),
            f"{goal.at_most:g} {goal.unit}".strip(),
            goal.verdict,
        ]
        for section in sections
        for goal in section.goals
    ]
    return table(["", "figure", "measured", "at most", ""], rows)


def markdown(section: Section) -> str:
    """The section in full."""
    images = [f"![{caption}]({path})" for path, caption in section.images]
    return "\n\n".join([f"## {section.title}", section.text, table(section.header, section.rows), *images])


def written_report(sections: Sequence[Section], seconds: float) -> Path:
    """Writes ``docs/benchmarks.md``; returns its path."""
    path = DOCS / "benchmarks.md"
    intro = INTRO.format(
        date=datetime.date.today(), minutes=seconds / 60, machine=machine(), versions=", ".join(versions_of(PEERS))
    )
    path.write_text("\n\n".join([intro, goals_of(sections), *map(markdown, sections)]) + "\n")
    return path


def machine() -> str:
    """What it ran on."""
    cpu = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
    name = cpu[1].strip() if cpu else platform.machine()
    system = f"Linux {platform.release()}, Python {platform.python_version()}"
    return f"{name}, {os.cpu_count()} cores, {memory:.0f} GB, {system}"


def versions_of(packages: Sequence[str]) -> list[str]:
    """What was compared."""
    return [f"{package} {version(package)}" for package in packages]

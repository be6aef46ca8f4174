"""What it costs to mask secrets in 100 MB of log, line by line, as drivers print them."""

from __future__ import annotations

import io
import random
import re
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from typing import cast

from benchmarks.measuring import ratios, spread
from benchmarks.report import Goal, Section
from custom_store_pipeline.redaction import MASK, Redactor, redacted_output

MEGABYTES = 100
LINES_OF_A_SECRET = 1_000  # one line in so many says a secret
PATHS = {
    "plain": "/api/v2/flights?origin=JFK&page={}&per_page=500",
    "with escapes": '/api/v2/flights?origin=New%20York%2FJFK&page={} {{\\"origin\\": \\"JFK\\"}}',
}
# The lines, how many secrets, and how much of the time of one regular expression it may take.
CASES = (("plain", 5, 2.5), ("plain", 100, 1), ("with escapes", 5, 10))
ROUNDS = 3

TEXT = f"""\
{MEGABYTES} MB of log lines of some 120 characters, one in {LINES_OF_A_SECRET:,} with a secret in it, written one by one
to a stream that drops them. All in one process, in turn.

- *written*: without masking;
- *one regular expression*: an alternation of the secrets as they are, which sees no other spelling (what log filters
  usually do);
- *ours*: any spelling, see [secrets.md](secrets.md). Lines *with escapes* (`%2F`, `\\"`) are searched twice: as they
  are, and with letters and digits written out that are escaped.

What a run pays is per line: a driver that prints a line for each of 1,000 pages pays a few milliseconds."""


def measure() -> Section:
    """Measures masking with few and with many secrets."""
    rows, goals = [], []
    for kind, count, at_most in CASES:
        secrets = made_secrets(count)
        lines = made_lines(secrets, PATHS[kind])
        contenders = {"written": written, "one regular expression": by_expression(secrets), "ours": by_ours(secrets)}
        found: dict[str, list[float]] = {name: [] for name in contenders}
        for number in range(ROUNDS):
            for name, run in contenders.items():
                found[name].append(run(lines))
                print(f"  {number + 1}/{ROUNDS} {kind}, {count} secrets, {name}: {found[name][-1]:.2f} s", flush=True)
        what = f"{kind}, {count} secrets"
        for name, values in found.items():
            extra = [1_000_000 * (one - bare) / len(lines) for one, bare in zip(values, found["written"], strict=True)]
            against = ratios(values, found["one regular expression"])
            rows.append([what, name, spread(values, "s"), spread(against), spread(extra, "µs")])
        goals.append(
            Goal(
                f"{MEGABYTES} MB of log, {what}: of the time of one regular expression",
                ratios(found["ours"], found["one regular expression"]),
                at_most,
            )
        )
    header = ["", "contender", f"{MEGABYTES} MB", "of one regular expression", "added to a line"]
    return Section("Masking", TEXT, header, rows, goals)


def made_secrets(count: int) -> list[str]:
    """Passwords of 20 characters, the same each time."""
    rng = random.Random(14)  # noqa: S311 - made up, and to be the same each time
    characters = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789!%/+-_"
    return ["".join(rng.choices(characters, k=20)) for _ in range(count)]


def made_lines(secrets: Sequence[str], path: str) -> list[str]:
    """So many megabytes of lines as an HTTP client logs them."""
    lines, size, number = [], 0, 0
    while size < MEGABYTES * 1_000_000:
        token = secrets[number % len(secrets)] if number % LINES_OF_A_SECRET == 0 else "-"
        url = f"https://partner.example.com{path.format(number)}"
        line = f"2013-01-01 05:{number % 60:02}:00,123 DEBUG httpx GET {url} 200 {token} 0.12 s\n"
        lines.append(line)
        size += len(line)
        number += 1
    return lines


class Dropped(io.TextIOBase):
    """A stream that drops what is written, and counts the masks in it."""

    def __init__(self) -> None:
        self.masks = 0

    def write(self, text: str) -> int:
        """Drops it."""
        if MASK in text:
            self.masks += 1
        return len(text)


def written(lines: Sequence[str]) -> float:
    """The seconds without masking."""
    return _seconds(lines, Dropped().write)


def by_expression(secrets: Iterable[str]) -> Callable[[Sequence[str]], float]:
    """The seconds with one regular expression."""
    pattern = re.compile("|".join(map(re.escape, secrets)))

    def run(lines: Sequence[str]) -> float:
        stream = Dropped()
        seconds = _seconds(lines, lambda line: stream.write(pattern.sub(MASK, line)))
        return _checked(seconds, stream, lines)

    return run


def by_ours(secrets: Iterable[str]) -> Callable[[Sequence[str]], float]:
    """The seconds with the redactor, from when it knows nothing but the secrets."""

    def run(lines: Sequence[str]) -> float:
        stream = Dropped()
        before, sys.stdout = sys.stdout, cast("io.TextIOWrapper", stream)
        try:
            with redacted_output(Redactor(secrets)):
                seconds = _seconds(lines, sys.stdout.write)
        finally:
            sys.stdout = before
        return _checked(seconds, stream, lines)

    return run


def _seconds(lines: Sequence[str], write: Callable[[str], int]) -> float:
    begun = time.perf_counter()
    for line in lines:
        write(line)
    return time.perf_counter() - begun


def _checked(seconds: float, stream: Dropped, lines: Sequence[str]) -> float:
    expected = -(-len(lines) // LINES_OF_A_SECRET)
    if stream.masks != expected:
        raise RuntimeError(f"{stream.masks} lines were masked, not {expected}")
    return seconds

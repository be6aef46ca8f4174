"""Whole processes, one after the other: how long they took, how much memory, and whether they did the work."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
PROJECTS = ROOT / "benchmarks/projects"
BIN = Path(sys.executable).parent

Command = Sequence[str | Path]

OURS = "custom_store_pipeline.definitions"


def materialize(selection: str, module: str = OURS) -> Command:
    """The command that materializes some assets of a module."""
    return [BIN / "dagster", "asset", "materialize", "--select", selection, "-m", module]


@dataclass(frozen=True)
class Measured:
    """What one process took.

    Attributes:
        seconds: from its start to its end.
        cpu: seconds of CPU, its own and the system's for it; these vary less than the others.
        transfer: seconds from the source's answer to the sink's commit, by the clocks in the shared drivers; nan if
            the process moved nothing.
        arrived: what the sinks say has arrived, by entity.
        output: what it printed.
    """

    seconds: float
    cpu: float
    transfer: float
    arrived: Mapping[str, str]
    output: str


class FailedRunError(Exception):
    """A process ended with an error, or did something else than the others."""


def measured(command: Command, environment: Mapping[str, str], timeout: float = 300) -> Measured:
    """Runs a command in a folder of its own, which is named by ``BENCH_FOLDER`` and holds a fresh Dagster instance.

    Raises:
        FailedRunError: the command failed.
        TimeoutExpired: it took too long, and was killed.
    """
    with tempfile.TemporaryDirectory(prefix="bench_") as name:
        folder = Path(name)
        (folder / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
        usual = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        env = {
            **usual,
            "CUSTOM_STORE_PROJECTS_DIR": str(PROJECTS),
            "RUNTIME__DLTHUB_TELEMETRY": "false",
            "PYTHONPATH": str(ROOT),
            "BENCH_FOLDER": name,
            "DAGSTER_HOME": name,
            **environment,
        }
        log = folder / "output.log"
        with log.open("wb") as output:
            begun, cpu = time.perf_counter(), _cpu_of_children()
            done = subprocess.run(
                command, cwd=folder, env=env, stdout=output, stderr=subprocess.STDOUT, timeout=timeout, check=False
            )
            seconds, cpu = time.perf_counter() - begun, _cpu_of_children() - cpu
        text = log.read_text(errors="replace")
        if done.returncode != 0:
            raise FailedRunError(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{text}")
        return Measured(seconds, cpu, _transfer(folder), _arrived(folder), text)


def own_memory(field: str) -> float:
    """A line of Linux' own account of this process: VmRSS is what it has, VmHWM the most that it had; in MB.

    Not ``ru_maxrss``: that of a new process is at least what its parent had when it was forked.
    """
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    raise LookupError(field)


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _transfer(folder: Path) -> float:
    begun, ended = folder / "begun", folder / "ended"
    if not (begun.exists() and ended.exists()):
        return float("nan")
    return float(ended.read_text()) - float(begun.read_text())


def _arrived(folder: Path) -> dict[str, str]:
    return {path.stem: path.read_text() for path in folder.glob("*.arrived")}


def in_turn(
    contenders: Mapping[str, Callable[[], Measured]], rounds: int, only_once: Container[str] = ()
) -> dict[str, list[Measured]]:
    """Runs each contender once for each round, all of them in every round, and compares what arrived.

    Args:
        contenders: what runs each of them, by name.
        rounds: how many rounds.
        only_once: those that run in the first round only, because they take very long.

    Raises:
        FailedRunError: one of them wrote something else than the first.
    """
    found: dict[str, list[Measured]] = {name: [] for name in contenders}
    for number in range(rounds):
        for name, run in contenders.items():
            if number and name in only_once:
                continue
            one = run()
            found[name].append(one)
            first = next(iter(found.values()))[0]
            print(f"  {number + 1}/{rounds} {name}: {one.seconds:.2f} s, transfer {one.transfer:.2f} s", flush=True)
            if one.arrived != first.arrived:
                raise FailedRunError(f"{name} wrote {str(one.arrived)[:500]}, not {str(first.arrived)[:500]}")
    return found


def median(values: Sequence[float]) -> float:
    """The middle one: as many are less as are more."""
    return statistics.median(values)


def spread(values: Sequence[float], unit: str = "", digits: int | None = None) -> str:
    """The median, and the range: ``1.23 (1.20–1.31) s``; with fewer digits where figures are large."""
    if digits is None:
        digits = 0 if min(values) >= 100 else 1 if min(values) >= 10 else 2
    low, high = (f"{value:,.{digits}f}" for value in (min(values), max(values)))
    ranged = f" ({low}–{high})" if max(values) > min(values) else ""
    return f"{median(values):,.{digits}f}{ranged}{' ' * bool(unit)}{unit}"


def transfer_rows(label: str, found: Mapping[str, Sequence[Measured]], peers: Sequence[str]) -> list[list[str]]:
    """A row of a table for each contender: its transfer, that as ratios to the peers', and its whole process."""
    transfers = transfers_of(found)
    return [
        [
            label,
            name,
            spread(transfers[name], "s"),
            *(spread(ratios(transfers[name], transfers[peer])) for peer in peers),
            spread([one.seconds for one in runs], "s"),
        ]
        for name, runs in found.items()
    ]


def transfers_of(found: Mapping[str, Sequence[Measured]]) -> dict[str, list[float]]:
    """Each contender's seconds of transfer, round by round."""
    return {name: [one.transfer for one in runs] for name, runs in found.items()}


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Round by round, as far as both of them ran: what was measured one after the other is compared."""
    return [one / other for one, other in zip(ours, theirs, strict=False)]

"""Very many entities: what they cost before anything runs."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.made_projects import make_project, slow_mapping
from benchmarks.measuring import BIN, OURS, Measured, in_turn, materialize, measured, ratios, spread
from benchmarks.report import DOCS, Goal, Section

ENTITIES = 10_000
ENTITIES_OF_A_FILE = 50
GROWTH = (100, 1_000, 5_000, 10_000, 20_000)
ROUNDS = 2

HAND, EMPTY = "benchmarks.contenders.hand_written", "benchmarks.contenders.empty"

TEXT = f"""\
{ENTITIES:,} entities in {ENTITIES // ENTITIES_OF_A_FILE} files against as many hand-written assets in one module.
*Definitions* are Dagster's `Definitions` with their repository; *snapshot* is what a code server then makes of them for
the webserver and the daemon, with its size in MB as it is sent (gRPC takes at most 100). Both without the import of
Dagster itself. *Peak* is the whole process. Ours have more to them than the hand-written ones: an upstream asset each,
kinds, code versions, links to YAML and drivers; *with lineage* has the upstream assets too, and nothing else. The
hand-written module imports its driver and with it pandas, as one writes it, and ours imports none at load: that is most
of the difference with 100 entities, and *beyond 100 entities* leaves it out."""

STARTS = 5  # of what takes a second or two; one start differs from the next by a tenth

ONE_OF_MANY = (
    "What is left is Dagster's own: repository, graph, job and run of 10,000 assets, once a process; the next row "
    "compares it with hand-written assets."
)


@dataclass(frozen=True)
class Loaded:
    """What loading once took: seconds, MB of the snapshot, peak MB of the process."""

    definitions: float
    snapshot: float
    megabytes: float
    peak: float

    @property
    def seconds(self) -> float:
        """All of it."""
        return self.definitions + self.snapshot


def measure() -> Section:
    """Measures loading, validating, and materializing one of many."""
    lineage = [loaded(HAND, ENTITIES, {"BENCH_LINEAGE": "1"})]
    ours, hand = [], []
    for _ in range(ROUNDS):
        ours.append(loaded(OURS, ENTITIES))
        hand.append(loaded(HAND, ENTITIES))
    grown = {number: loaded(OURS, number) for number in GROWTH if number != ENTITIES} | {ENTITIES: ours[-1]}
    by_hand = {number: loaded(HAND, number) for number in GROWTH[:2]} | {ENTITIES: hand[-1]}
    commands, floor, starts = measured_commands(), measured_floor(), measured_starts()
    rows = [row(f"ours, {ENTITIES:,}", ours), row(f"hand-written, {ENTITIES:,}", hand)]
    rows += [row(f"hand-written with lineage, {ENTITIES:,}", lineage), row("hand-written, 100", [by_hand[100]])]
    rows += [row(f"ours, {number:,}", [grown[number]]) for number in GROWTH if number != ENTITIES]
    for label, runs in (commands | floor | starts).items():
        rows.append([label, "", "", "", "", spread(seconds_of(runs), "s")])
    what = f"{ENTITIES:,} entities"
    without_lineage = (
        "These have no upstream assets, half of the graph; like is compared with like in the next row. Of ours, "
        f"{spread([one.snapshot for one in ours])} s are Dagster's own, for the snapshot of {2 * ENTITIES:,} assets."
    )

    def grown_memory(some: Sequence[Loaded], others: Sequence[Loaded]) -> list[float]:
        return ratios([one.peak - grown[100].peak for one in some], [one.peak - by_hand[100].peak for one in others])

    twice_as_many = (
        f"Of those with lineage, which have as many assets in the graph, it is {spread(grown_memory(ours, lineage))}."
    )
    size = (
        f"Hand-written assets with nothing but the same lineage take {spread([one.megabytes for one in lineage])} MB. "
        "Dagster writes some 900 bytes an asset, most of them names of fields that are empty. Left out on trial, the "
        "links to the drivers saved a tenth, and no time."
    )
    per_entity = (grown[GROWTH[-1]].seconds / GROWTH[-1]) / (grown[1_000].seconds / 1_000)
    goals = [
        Goal(f"{what}: of hand-written assets' time", compared(ours, hand, "seconds"), 0.35, "", without_lineage),
        Goal(f"{what}: of the time of the same with lineage", compared(ours, lineage, "seconds"), 0.35),
        Goal(f"{what}: of hand-written assets' memory", compared(ours, hand, "peak"), 1),
        Goal(f"{what}: the same beyond 100 entities", grown_memory(ours, hand), 1, "", twice_as_many),
        Goal(f"{what}: snapshot of the repository", [one.megabytes for one in ours], 20, "MB", size),
        Goal("seconds an entity, of 20,000 against of 1,000", [per_entity], 1.2),
        *command_goals(commands, floor, starts),
    ]
    plot({"custom_store_pipeline": grown, "hand-written": by_hand}, DOCS / "images/load.png")
    header = ["", "definitions", "snapshot", "size", "peak", "process"]
    image = ("images/load.png", "Seconds and memory as entities grow")
    return Section("Load", TEXT, header, rows, goals, [image])


def loaded(module: str, entities: int, more: Mapping[str, str] | None = None) -> Loaded:
    """Loads so many entities in a new process."""
    with tempfile.TemporaryDirectory(prefix="bench_load_") as name:
        environment = {"CUSTOM_STORE_PROJECTS_DIR": str(project_of(Path(name), entities))}
        environment |= {"BENCH_ENTITIES": str(entities), "BENCH_LATENCY": "0", **(more or {})}
        run = measured([sys.executable, "-m", "benchmarks.contenders.loading", module], environment)
        found = Loaded(**json.loads(run.output.splitlines()[-1]))
        print(f"  {module}, {entities:,}: {found}", flush=True)
        return found


VALIDATE, PYTHON = "`custom-store validate`, 200 files", "`python -c pass`"
MANY, ONE = f"`dagster asset materialize` of one of {ENTITIES:,}", "`dagster asset materialize` of one of one"
MANY_BY_HAND, ONE_BY_HAND = f"{MANY}, hand-written with lineage", f"{ONE}, hand-written with lineage"
SMALL, NOTHING = "`dagster asset materialize` of one small entity", "`dagster asset materialize` of an empty asset"

Runs = Mapping[str, Sequence[Measured]]


def measured_commands() -> dict[str, list[Measured]]:
    """`custom-store validate` and materializing one of many, beside the start of Python and one of one."""
    with tempfile.TemporaryDirectory(prefix="bench_load_") as name:
        many, one = (environment_of(Path(name) / str(count), count) for count in (ENTITIES, 1))
        validate, nothing = [BIN / "custom-store", "validate"], [sys.executable, "-c", "pass"]
        found = in_turn({VALIDATE: partial(measured, validate, many), PYTHON: partial(measured, nothing, many)}, STARTS)
        command = materialize("key:bench/target/e0")
        return found | in_turn({MANY: partial(measured, command, many), ONE: partial(measured, command, one)}, ROUNDS)


def measured_floor() -> dict[str, list[Measured]]:
    """Materializing one of many hand-written assets, and one of one: what Dagster takes of it."""
    command = materialize("key:e0", HAND)
    many, one = ({"BENCH_ENTITIES": str(count), "BENCH_LATENCY": "0", "BENCH_LINEAGE": "1"} for count in (ENTITIES, 1))
    return in_turn(
        {MANY_BY_HAND: partial(measured, command, many), ONE_BY_HAND: partial(measured, command, one)},
        ROUNDS,
        only_once=[MANY_BY_HAND],
    )


def measured_starts() -> dict[str, list[Measured]]:
    """Materializing one small entity, and the least that Dagster can do."""
    with tempfile.TemporaryDirectory(prefix="bench_load_") as name:
        small = partial(measured, materialize("key:bench/target/e0"), environment_of(Path(name), 1))
        nothing = partial(measured, materialize("x", EMPTY), {})
        found: dict[str, list[Measured]] = {SMALL: [], NOTHING: []}
        for _ in range(STARTS):  # not in_turn, which wants that all of them write the same
            found[SMALL].append(small())
            found[NOTHING].append(nothing())
        return found


def environment_of(folder: Path, entities: int) -> dict[str, str]:
    """The environment of our commands, with a projects folder that is made in a folder."""
    return {"CUSTOM_STORE_PROJECTS_DIR": str(project_of(folder, entities)), "BENCH_LATENCY": "0"}


def command_goals(commands: Runs, floor: Runs, starts: Runs) -> list[Goal]:
    """What whole processes may take."""
    beyond = [one.cpu - least.cpu for one, least in zip(commands[VALIDATE], commands[PYTHON], strict=True)]
    ours, by_hand = (
        ratios(seconds_of(runs[many]), seconds_of(runs[one]))
        for runs, many, one in ((commands, MANY, ONE), (floor, MANY_BY_HAND, ONE_BY_HAND))
    )
    cpu = ratios([one.cpu for one in starts[SMALL]], [one.cpu for one in starts[NOTHING]])
    return [
        Goal(VALIDATE, seconds_of(commands[VALIDATE]), 2, "s"),
        Goal(f"{VALIDATE}: CPU seconds beyond Python's start", beyond, 0.3, "s"),
        Goal("one of 10,000 materialized, against one of one", ours, 2, "", ONE_OF_MANY),
        Goal("the same, as a part of what it is with hand-written assets", [one / by_hand[0] for one in ours], 1),
        Goal("one small entity: of an empty asset's time", ratios(*map(seconds_of, starts.values())), 1.15),
        Goal("one small entity: of an empty asset's CPU seconds", cpu, 1.15),
    ]


def project_of(root: Path, entities: int) -> Path:
    """A projects folder with so many entities, 50 a file."""
    files = {}
    for first in range(0, entities, ENTITIES_OF_A_FILE):
        files[f"m{first:05}"] = slow_mapping(range(first, min(first + ENTITIES_OF_A_FILE, entities)))
    return make_project(root, files)


def seconds_of(runs: Sequence[Measured]) -> list[float]:
    """How long the processes took."""
    return [one.seconds for one in runs]


def compared(ours: Sequence[Loaded], theirs: Sequence[Loaded], what: str) -> list[float]:
    """Our figure as a part of theirs, round by round."""
    return ratios([getattr(one, what) for one in ours], [getattr(one, what) for one in theirs])


def row(label: str, found: Sequence[Loaded]) -> list[str]:
    """A row of the table."""
    columns = {"definitions": "s", "snapshot": "s", "megabytes": "MB", "peak": "MB"}
    return [label, *(spread([getattr(one, name) for one in found], unit) for name, unit in columns.items()), ""]


def plot(found: dict[str, dict[int, Loaded]], path: Path) -> None:
    """Draws seconds and memory as entities grow."""
    import matplotlib as mpl

    mpl.use("Agg")  # no display is needed
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    for axis, what, label in zip(axes, ("seconds", "peak"), ("definitions and snapshot, s", "peak, MB"), strict=True):
        for name, by_number in found.items():
            numbers = sorted(by_number)
            axis.plot(numbers, [getattr(by_number[number], what) for number in numbers], marker="o", label=name)
        axis.set(xlabel="entities", ylabel=label, xlim=0, ylim=0)
        axis.xaxis.set_major_formatter("{x:,.0f}")
        axis.grid(visible=True, alpha=0.3)
    axes[0].legend()
    figure.savefig(path, dpi=110)

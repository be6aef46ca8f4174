"""The progress of entities while a command works: a table that stays in its place, or a line as each one ends."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.live import Live
from rich.table import Table

from custom_store_pipeline.config.entity import Entity
from custom_store_pipeline.transfer.progress import Progress, watcher

_SECONDS_BETWEEN = 0.25
_MOST_LINES = 30  # of entities that are on their way; those that have ended are counted


class Watched:
    """The entities that have started, in their order."""

    def __init__(self, *, as_lines: bool) -> None:
        """Nothing has started yet.

        Args:
            as_lines: a line is printed when an entity has ended.
        """
        self.entities: list[tuple[Entity, Progress]] = []
        self._as_lines = as_lines

    def see(self, entity: Entity, progress: Progress) -> None:
        """An entity starts, or has ended."""
        if progress.ended is None:
            self.entities.append((entity, progress))
        elif self._as_lines:
            click.echo(_line(entity, progress), err=True)

    def table(self) -> Table:
        """All of them as they are now."""
        table = Table(box=None, pad_edge=False)
        for name, right in (("entity", False), ("phase", False), ("rows", True), ("rows/s", True), ("seconds", True)):
            table.add_column(name, justify="right" if right else "left")
        ended = [progress for _, progress in self.entities if progress.ended is not None]
        under_way = [(entity, progress) for entity, progress in self.entities if progress.ended is None]
        for entity, progress in under_way[:_MOST_LINES]:
            table.add_row(_name(entity), *_cells(progress))
        if ended:
            failed = sum(1 for progress in ended if progress.failure)
            what = f"{len(ended) - failed} arrived" + (f", {failed} failed" if failed else "")
            table.add_row("", what, f"{sum(progress.rows for progress in ended):,}", "", "")
        return table


@contextmanager
def shown_progress(*, quiet: bool) -> Iterator[Watched]:
    """Shows within it how far the entities are that start in this thread: on stderr, so that a result can be piped."""
    in_place = sys.stderr.isatty() and not quiet
    watched = Watched(as_lines=not in_place and not quiet)
    token = watcher.set(watched.see)
    console = Console(stderr=True)
    try:
        if in_place:
            with Live(get_renderable=watched.table, console=console, refresh_per_second=1 / _SECONDS_BETWEEN):
                yield watched
        else:
            yield watched
    finally:
        watcher.reset(token)


def _cells(progress: Progress) -> list[str]:
    seconds = (progress.ended or time.monotonic()) - progress.started
    rate = progress.rows / seconds if seconds > 0 else 0
    return [progress.phase, f"{progress.rows:,}", f"{rate:,.0f}", f"{seconds:.1f}"]


def _line(entity: Entity, progress: Progress) -> str:
    _, rows, rate, seconds = _cells(progress)
    if progress.failure:
        return f"{_name(entity)}: failed after {seconds} s"  # the reasons stand below the table
    return f"{_name(entity)}: {rows} rows in {seconds} s ({rate} rows/s)"


def _name(entity: Entity) -> str:
    key = "/".join(entity.target_key)
    return key if entity.partition_key is None else f"{key} ({entity.partition_key})"

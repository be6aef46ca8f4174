"""``custom-store preview``: the first rows of an entity, as the next run would push them, or as the driver has them."""

from __future__ import annotations

import logging
import os
import pprint
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click
import dagster as dg

from custom_store_pipeline.cli.chosen import folder_of_projects, selected_one
from custom_store_pipeline.cli.table import print_table
from custom_store_pipeline.data.pieces import as_frame, column_types, first_rows
from custom_store_pipeline.data.pulled import Pulled
from custom_store_pipeline.data.record_batches import in_batches, of_one_schema
from custom_store_pipeline.data.spool import Spool
from custom_store_pipeline.data.stream import DataStream, PulledData
from custom_store_pipeline.drivers.calls import call
from custom_store_pipeline.errors import CustomStoreError, PullError
from custom_store_pipeline.orchestration.next_load import NextLoad, next_load
from custom_store_pipeline.projects.loading import load_projects
from custom_store_pipeline.redaction import redacted_output

if TYPE_CHECKING:
    from custom_store_pipeline.data.pieces import Piece

_LONGEST_CELL = 60
_LONGEST_TEXT = 4000


def preview(pattern: str, partition: str | None, limit: int, *, raw: bool) -> None:
    """Pulls the first rows of one entity and prints them. Nothing is pushed, and no state is stored.

    Args:
        pattern: selects the entity.
        partition: the partition, if the entity has some.
        limit: how many rows are read at most.
        raw: print what the driver returned, not the rows that are made of it.
    """
    projects = load_projects(folder_of_projects())
    mapping, entity = selected_one(projects, pattern, partition)
    has_home = bool(os.environ.get("DAGSTER_HOME"))
    warn = logging.getLogger("custom_store_pipeline").warning if has_home else lambda _: None
    with dg.DagsterInstance.get() if has_home else dg.DagsterInstance.ephemeral() as instance:
        try:
            load = next_load(projects, mapping, entity, instance, warn)
            with redacted_output(load.redactor):
                _print_start(load)
                (_print_raw if raw else _print_rows)(load, limit)
        except CustomStoreError as error:
            raise click.ClickException(str(error)) from None


def _print_start(load: NextLoad) -> None:
    source, target = "/".join(load.entity.source_key), "/".join(load.entity.target_key)
    click.echo(f"{source} → {target}" + (f", {load.entity.partition_key}" if load.entity.partition else ""))
    for name, value in load.run.watermarks.items():
        click.echo(load.redactor.text(f"starts after {name} = {value}"))
    if load.run.state is not None:
        click.echo(load.redactor.text(f"starts from the driver's state {_cell(load.run.state)}"))


def _print_rows(load: NextLoad, limit: int) -> None:
    started = time.monotonic()
    with load.source.pull() as pulled:
        pages, rows, is_all = _first(pulled, limit)
        seconds = time.monotonic() - started
        shown = _as_pushed(load, pages) if pages else []
        deletes = 0 if pulled.deletes is None else len(pulled.deletes)
    if not shown or not (types := column_types(shown[0])):
        click.echo("no rows, and no columns")
    else:
        header = [f"{name}\n{column.text}" for name, column in types.items()]
        rows_shown = [row for page in shown for row in as_frame(page).itertuples(index=False, name=None)]
        print_table(header, [[load.redactor.text(_cell(value)) for value in row] for row in rows_shown])
    also = f"; {deletes:,} rows to delete" if deletes else ""
    more = "that is all" if is_all else f"there are more (--limit {limit})"
    click.echo(f"rows: {rows:,}, pages read: {len(pages):,}, seconds: {seconds:.2f}; {more}{also}")


def _first(pulled: PulledData, limit: int) -> tuple[list[Piece], int, bool]:
    """The first pages, as they come, until there are so many rows; whether there is nothing after them."""
    pages: list[Piece] = []
    rows = 0
    for piece in pulled.stream:
        if rows >= limit:  # one page more than is shown was read, to say that there are more
            return pages, rows, False
        pages.append(first_rows(piece, limit - rows))
        rows += len(pages[-1])
        if len(piece) > len(pages[-1]):
            return pages, rows, False
    return pages, rows, True


def _as_pushed(load: NextLoad, pages: list[Piece]) -> list[Piece]:
    """The pages in the types that the target's driver is given."""
    if not load.target.has("push_arrow"):
        return list(load.source.as_frames(PulledData(DataStream.once(iter(pages)))).stream)
    with Spool() as spool:
        for batch in in_batches(DataStream.once(iter(pages))):
            spool.add(batch)
        return list(of_one_schema(spool))


def _print_raw(load: NextLoad, limit: int) -> None:
    started = time.monotonic()
    with load.source.returned() as returned:
        for line in _raw_lines("pull_data returned", returned, limit, load):
            click.echo(load.redactor.text(line))
    click.echo(f"seconds: {time.monotonic() - started:.2f}")


def _raw_lines(what: str, value: Any, limit: int, load: NextLoad) -> Iterator[str]:
    kind = type(value)
    yield f"{what} {'' if kind.__module__ == 'builtins' else kind.__module__ + '.'}{kind.__qualname__}:"
    if isinstance(value, Pulled):
        yield from _raw_lines("data:", value.data, limit, load)
        for name in ("deletes", "metadata", "state"):
            if getattr(value, name):
                yield f"{name}: {_shortened(pprint.pformat(getattr(value, name)))}"
    elif isinstance(value, tuple) and len(value) == 2:
        yield from _raw_lines("data:", value[0], limit, load)
        yield from _raw_lines("deletes:", value[1], limit, load)
    elif isinstance(value, list):
        yield f"{len(value):,} items, the first of them:"
        yield _shortened(pprint.pformat(value[:limit]))
    elif isinstance(value, str | bytes):
        yield f"{len(value):,} {'characters' if isinstance(value, str) else 'bytes'}:"
        yield _shortened(value if isinstance(value, str) else repr(value[:_LONGEST_TEXT]))
    elif isinstance(value, Iterator):
        who = f"pull_data of '{load.source.driver.shown}' for '{load.source.entity}'"
        first = call(lambda: next(value, None), PullError, who, load.redactor)
        yield from _raw_lines("its first item:", first, limit, load)
    else:
        yield _shortened(str(value.head(limit) if callable(getattr(value, "head", None)) else value))


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}\n… ({len(text):,} characters in all)"


def _cell(value: Any) -> str:
    text = repr(value) if isinstance(value, str) and not value.isprintable() else str(value)
    return text if len(text) <= _LONGEST_CELL else f"{text[: _LONGEST_CELL - 1]}…"

"""A table for people, as wide as their terminal.

Written here because `rich` takes 40 ms to import, and lays out a table of 10,000 entities in 200 ms.
"""

from __future__ import annotations

import shutil
import sys
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence

import click

# In a log or a pipe there is no width to keep to; a table of 80 columns would be hard to read there.
_WIDTH_OF_NO_TERMINAL = 200


def print_table(header: Sequence[str], rows: Iterable[Sequence[str]], right: Collection[int] = ()) -> None:
    """Prints a table; cells that do not fit are wrapped.

    Args:
        header: the names of the columns.
        rows: their cells, as many as there are names. They are shown as they are, whatever they look like.
        right: the columns whose cells stand on the right, by their number.
    """
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else _WIDTH_OF_NO_TERMINAL
    click.echo("\n".join(table_lines(header, list(rows), right, width)))


def table_lines(
    header: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[int], width: int
) -> Iterator[str]:
    """The lines of a table that is at most so wide, if that leaves a character for each column."""
    natural = [
        max(_width(line) for row in (header, *rows) for line in row[column].splitlines() or ("",))
        for column in range(len(header))
    ]
    widths = _fitting(natural, width - 3 * len(natural) - 1)
    yield _rule(widths, *"┏━┳┓")
    yield from _row(header, widths, right, "┃")
    yield _rule(widths, *"┡━╇┩")
    for row in rows:
        yield from _row(row, widths, right, "│")
    yield _rule(widths, *"└─┴┘")


def _rule(widths: Sequence[int], left: str, line: str, between: str, right: str) -> str:
    return left + between.join(line * (width + 2) for width in widths) + right


def _row(cells: Sequence[str], widths: Sequence[int], right: Collection[int], border: str) -> Iterator[str]:
    wrapped = [_wrapped(cell, width) for cell, width in zip(cells, widths, strict=True)]
    for number in range(max(map(len, wrapped))):
        texts = [lines[number] if number < len(lines) else "" for lines in wrapped]
        padded = [
            " " * (width - _width(text)) + text if column in right else text + " " * (width - _width(text))
            for column, (text, width) in enumerate(zip(texts, widths, strict=True))
        ]
        yield f"{border} {f' {border} '.join(padded)} {border}"


def _fitting(natural: Sequence[int], available: int) -> list[int]:
    """The widths of the columns: what they need, or as much as is left for the widest."""
    most = max(natural)
    while most > 1 and sum(min(width, most) for width in natural) > available:
        most -= 1
    widths = [min(width, most) for width in natural]
    for column, width in enumerate(natural):  # what rounding left
        widths[column] += max(0, min(width - widths[column], available - sum(widths)))
    return widths


def _wrapped(text: str, width: int) -> list[str]:
    if _width(text) <= width and "\n" not in text:
        return [text]
    lines: list[str] = []
    for paragraph in text.splitlines():
        line = ""
        for word in paragraph.split(" "):
            longer = f"{line} {word}" if line else word
            if _width(longer) <= width:
                line = longer
                continue
            lines += [line] if line else []
            *full, line = _pieces(word, width)
            lines += full
        lines.append(line)
    return lines


def _pieces(word: str, width: int) -> list[str]:
    """A word, cut where it is too long for a line."""
    pieces = [""]
    for character in word:
        if pieces[-1] and _width(pieces[-1] + character) > width:
            pieces.append("")
        pieces[-1] += character
    return pieces


def _width(text: str) -> int:
    """How many columns of a terminal a text takes: Chinese characters take two, and accents of their own none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )

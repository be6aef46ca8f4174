"""Draws docs/images/architecture.svg from the package's imports and the layers in pyproject.toml: `make picture`.

Each box is a room: a folder or a module of the package, with the first sentence of its docstring. Each row is a layer.
An arrow is an import between rooms; one that a longer way of arrows implies is left out.
"""

from __future__ import annotations

import ast
import html
import re
import textwrap
import tomllib
from itertools import chain
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "custom_store_pipeline"
PICTURE = ROOT / "docs/images/architecture.svg"

_WIDTH, _BOX, _HEIGHT, _GAP, _ROW = 1180, 300, 92, 40, 142


def layers() -> list[list[str]]:
    """The rooms of each layer, from the top, as import-linter checks them."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    rows = settings["contracts"][0]["layers"]
    return [[room.strip().removeprefix(f"{PACKAGE}.") for room in row.split("|")] for row in rows]


def arrows() -> dict[str, set[str]]:
    """The rooms that each room imports from."""
    graph = grimp.build_graph(PACKAGE)
    rooms = list(chain.from_iterable(layers()))
    found: dict[str, set[str]] = {room: set() for room in rooms}
    for module in graph.modules:
        room = _room(module)
        if room in found:
            imported = {_room(other) for other in graph.find_modules_directly_imported_by(module)}
            found[room] |= imported & found.keys() - {room}
    return found


def picture() -> str:
    """The picture as SVG."""
    rows = layers()
    places = {
        room: ((_WIDTH - len(row) * (_BOX + _GAP) + _GAP) / 2 + column * (_BOX + _GAP), number * _ROW + 20)
        for number, row in enumerate(rows)
        for column, room in enumerate(row)
    }
    lines = [
        _line(places[room], places[other]) for room, others in sorted(_direct(arrows()).items()) for other in others
    ]
    boxes = [_box(room, x, y) for room, (x, y) in places.items()]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {len(rows) * _ROW}" '
            'font-family="Helvetica, Arial, sans-serif">',
            '<defs><marker id="head" markerWidth="9" markerHeight="9" refX="8" refY="3" orient="auto">'
            '<path d="M0,0 L8,3 L0,6 z" fill="#7a8699"/></marker></defs>',
            f'<rect width="{_WIDTH}" height="{len(rows) * _ROW}" fill="#ffffff"/>',
            *lines,
            *boxes,
            "</svg>\n",
        ]
    )


def _room(module: str) -> str:
    return module.removeprefix(f"{PACKAGE}.").partition(".")[0]


def _direct(edges: dict[str, set[str]]) -> dict[str, list[str]]:
    """The arrows that no longer way of arrows implies."""

    def reachable(room: str) -> set[str]:
        return edges[room] | set(chain.from_iterable(reachable(other) for other in edges[room]))

    return {
        room: sorted(others - set(chain.from_iterable(reachable(other) for other in others)))
        for room, others in edges.items()
    }


def _summary(room: str) -> str:
    path = ROOT / PACKAGE / room
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    doc = ast.get_docstring(ast.parse(source.read_text())) or ""
    return re.sub(r"[`:]+$|``|:mod:|~?\.?custom_store_pipeline\.", "", doc.partition("\n\n")[0].replace("\n", " "))


def _box(room: str, x: float, y: float) -> str:
    summary = textwrap.wrap(_summary(room), 46, max_lines=3, placeholder=" …")
    text = [
        f'<text x="{x + 14:.0f}" y="{y + 44 + 15 * number:.0f}" font-size="12" fill="#3b4556">'
        f"{html.escape(line)}</text>"
        for number, line in enumerate(summary)
    ]
    return "\n".join(
        [
            f'<rect x="{x:.0f}" y="{y:.0f}" width="{_BOX}" height="{_HEIGHT}" rx="8" fill="#f3f6fb" stroke="#7a8699"/>',
            f'<text x="{x + 14:.0f}" y="{y + 24:.0f}" font-size="15" font-weight="bold" fill="#111827">{room}</text>',
            *text,
        ]
    )


def _line(start: tuple[float, float], end: tuple[float, float]) -> str:
    x1, y1, x2, y2 = start[0] + _BOX / 2, start[1] + _HEIGHT, end[0] + _BOX / 2, end[1] - 3
    return (
        f'<path d="M{x1:.0f},{y1:.0f} C{x1:.0f},{y1 + 40:.0f} {x2:.0f},{y2 - 40:.0f} {x2:.0f},{y2:.0f}" fill="none" '
        'stroke="#7a8699" stroke-width="1.5" marker-end="url(#head)"/>'
    )


if __name__ == "__main__":
    PICTURE.write_text(picture())

"""A network as an SVG picture: a box per operation, top to bottom, with the shapes between them."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from dslc.plan.values import Application, Placeholder
from dslc.storage.outputs import Kind

__all__ = ["PICTURE", "draw_network"]

MARK = "<!-- drawn by dslc -->"
PICTURE = Kind("a picture that dslc has drawn", lambda file: MARK.encode() in file.read(400))

WIDTH, HEIGHT = 220, 40
ACROSS, DOWN = 250, 76
MARGIN = 20


def draw_network(applications: Sequence[Application]) -> str:
    """Return the picture of what is applied; parameters and constants are left out."""
    shown = [a for a in applications if a.operation.family != "leaf" or isinstance(a.operation, Placeholder)]
    rank: dict[int, int] = {}
    for application in shown:
        above = [rank[id(o.application)] for o in application.operands if id(o.application) in rank]
        rank[id(application)] = max(above, default=-1) + 1
    ranks: dict[int, list[Application]] = {}
    for application in shown:
        ranks.setdefault(rank[id(application)], []).append(application)
    widest = max((len(row) for row in ranks.values()), default=1)
    place: dict[int, tuple[float, float]] = {}
    for depth, row in ranks.items():
        left = MARGIN + (widest - len(row)) * ACROSS / 2
        for number, application in enumerate(row):
            place[id(application)] = (left + number * ACROSS, MARGIN + depth * DOWN)
    width, height = 2 * MARGIN + widest * ACROSS, 2 * MARGIN + len(ranks) * DOWN
    size = f'width="{width:g}" height="{height:g}"'
    box = f'xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}"'
    parts = [f'<svg {box} {size} font-family="sans-serif" font-size="12">', MARK, f'<rect {size} fill="white"/>']
    parts += [
        _line(place[id(o.application)], place[id(a)], side=number)
        for a in shown for number, o in enumerate(a.operands) if id(o.application) in place
    ]  # fmt: skip
    parts += [_box(application, *place[id(application)]) for application in shown]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _line(start: tuple[float, float], end: tuple[float, float], side: int) -> str:
    """Draw an edge; one that skips rows bows out, so that it is not hidden behind the boxes between."""
    x1, y1, x2, y2 = start[0] + WIDTH / 2, start[1] + HEIGHT, end[0] + WIDTH / 2, end[1]
    skips = y2 - y1 > DOWN
    bow = (WIDTH * 0.8 if side % 2 else -WIDTH * 0.8) if skips and abs(x1 - x2) < WIDTH else 0
    middle = (y2 - y1) / 3
    curve = f"M{x1:g},{y1:g} C{x1 + bow:g},{y1 + middle:g} {x2 + bow:g},{y2 - middle:g} {x2:g},{y2:g}"
    return f'<path d="{curve}" fill="none" stroke="#888"/>'


def _box(application: Application, x: float, y: float) -> str:
    operation = application.operation
    given = isinstance(operation, Placeholder)
    title = operation.key if isinstance(operation, Placeholder) else operation.name
    fill = "#f0f0f0" if given else "#dbe9f6" if application.variables else "#ffffff"
    shape = ", ".join(str(value.type) for value in application.outputs)
    return (
        f"<g><title>{escape(application.site or title)}</title>"
        f'<rect x="{x:g}" y="{y:g}" width="{WIDTH}" height="{HEIGHT}" rx="5" fill="{fill}" stroke="#456"/>'
        f'<text x="{x + WIDTH / 2:g}" y="{y + 17:g}" text-anchor="middle" font-weight="bold">{escape(title)}</text>'
        f'<text x="{x + WIDTH / 2:g}" y="{y + 32:g}" text-anchor="middle" fill="#555">{escape(shape)}</text></g>'
    )

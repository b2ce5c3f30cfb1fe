"""Confusion matrices by the names of their classes: laid out for a terminal, and ``confusion.png``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dslc.render import width_of
from dslc.report.pictures import new_picture, saved
from dslc.storage.files import write_atomically
from dslc.storage.manifest import CONFUSION

__all__ = ["CONFUSION", "confusion_lines", "draw_confusion", "is_table", "tables_of"]

LONGEST_NAME = 16
"""Columns of a terminal that a class's name takes at most."""
MOST_CONFUSED = 10
"""Pairs that are listed where the whole matrix has no room."""
NAMED, COUNTED, MOST_PANELS = 40, 20, 12
"""Classes up to which a picture has their names, and has the counts; matrices in a picture."""


def is_table(value: Any) -> bool:
    """Whether a metric's value is a matrix, true classes by predicted ones."""
    if not isinstance(value, (list, tuple)) or not value:
        return False
    rows = [row for row in value if isinstance(row, (list, tuple)) and len(row) == len(value)]
    return len(rows) == len(value) and not any(isinstance(cell, (list, tuple)) for row in rows for cell in row)


def tables_of(value: Any, names: Sequence[str] | None) -> dict[str, tuple[Any, Sequence[str] | None]]:
    """Return a metric's tables, each with its classes' names, by what stands behind the metric's name.

    Args:
        value: a matrix, or one for each label.
        names: what the classes, or the labels, are called; their numbers by default.
    """
    if is_table(value):
        return {"": (value, names)}
    if not isinstance(value, (list, tuple)) or not value or not all(is_table(table) for table in value):
        return {}
    labels = _called(names, len(value))
    return {f" of {label}": (table, None) for label, table in zip(labels, value, strict=True)}


def confusion_lines(table: Sequence[Sequence[float]], names: Sequence[str] | None, width: int) -> list[str]:
    """Lay a matrix out in lines of a width: in full, with numbered columns, or as the pairs most often confused.

    Args:
        table: a row for each true class, a column for each predicted one.
        names: what the classes are called; their numbers by default.
        width: columns of the terminal.
    """
    called = _called(names, len(table))
    cells = [[f"{number:,}" if isinstance(number, int) else f"{number:.4g}" for number in row] for row in table]
    widest = max(len(cell) for row in cells for cell in row)
    short = [_cut(name, LONGEST_NAME) for name in called]
    left = max([*map(width_of, short), len("true")])
    across = [max(width_of(name), widest) for name in short]
    if left + sum(2 + size for size in across) <= width:
        return _grid([short, *cells], short, left, across)
    numbers = [str(number) for number in range(len(table))]
    rows = [_cut(f"{number} {name}", LONGEST_NAME + 4) for number, name in zip(numbers, called, strict=True)]
    left = max([*map(width_of, rows), len("true")])
    across = [max(len(number), widest) for number in numbers]
    if names is not None and left + sum(2 + size for size in across) <= width:
        return _grid([numbers, *cells], rows, left, across)
    return _pairs(table, short)


def _grid(rows: Sequence[Sequence[str]], names: Sequence[str], left: int, across: Sequence[int]) -> list[str]:
    """Return the lines of a matrix; the first row is what the columns are called."""
    lines = []
    for name, row in zip(["true", *names], rows, strict=True):
        cells = [" " * (size - width_of(cell)) + cell for cell, size in zip(row, across, strict=True)]
        lines.append("  ".join([_padded(name, left), *cells]))
    return lines


def _pairs(table: Sequence[Sequence[float]], names: Sequence[str]) -> list[str]:
    """Return how many are right, and which pairs are confused most often."""
    counts = np.array(table, float)
    with np.errstate(all="ignore"):
        right, total = float(np.trace(counts)), float(counts.sum())
    np.fill_diagonal(counts, 0)
    worst = np.argsort(-counts, axis=None, kind="stable")[:MOST_CONFUSED]
    pairs = [divmod(int(place), len(table)) for place in worst if counts.reshape(-1)[place] > 0]
    left = max((width_of(names[true]) for true, _ in pairs), default=0)
    lines = [f"{len(table)} classes, {right:,.10g} of {total:,.10g} right"]
    if pairs:
        lines[0] += "; most often:"
    return lines + [
        f"{_padded(names[true], left)}  taken for {names[predicted]}: {counts[true, predicted]:,.10g}"
        for true, predicted in pairs
    ]


def _called(names: Sequence[str] | None, count: int) -> list[str]:
    """Return what to call the classes: one line each, whatever a file's cells hold."""
    if names is None:
        return [str(number) for number in range(count)]
    called = [*names[:count], *(str(number) for number in range(len(names), count))]
    return ["".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in name) or '""' for name in called]


def _padded(text: str, width: int) -> str:
    return text + " " * (width - width_of(text))


def _cut(text: str, width: int) -> str:
    """Cut a text to so many columns, in the middle: names of classes often differ at their ends."""
    if width_of(text) <= width:
        return text
    head, tail = text, ""
    while width_of(tail) < (width - 1) // 2:
        head, tail = head[:-1], head[-1] + tail
    while width_of(head) + 1 + width_of(tail) > width and head:
        head = head[:-1]
    return f"{head}…{tail}"


def draw_confusion(
    folder: Path, metrics: Mapping[str, Any], classes: Mapping[str, Sequence[str]], split: str
) -> Path | None:
    """Draw the confusion matrices among metrics beside each other; None where there are none, or no matplotlib.

    Raises:
        Problem: E0609, E0610.
    """
    tables = {
        name + label: found
        for name, value in metrics.items()
        for label, found in tables_of(value, classes.get(name)).items()
    }
    shown = list(tables.items())[:MOST_PANELS]
    across = min(len(shown), 3)
    picture = new_picture(6 * across, 5.4 * -(-len(shown) // across)) if shown else None
    if picture is None:
        return None
    for number, (name, (table, names)) in enumerate(shown, start=1):
        axes = picture.add_subplot(-(-len(shown) // across), across, number)
        axes.set_title(f"{name}, {split}", parse_math=False)
        _panel(axes, np.nan_to_num(np.array(table, float)), _called(names, len(table)))
    write_atomically(folder / CONFUSION, saved(picture))
    return folder / CONFUSION


def _panel(axes: Any, counts: np.ndarray, names: Sequence[str]) -> None:
    """Draw one matrix; how dark a cell is says which share of its true class it holds."""
    with np.errstate(all="ignore"):
        shares = np.nan_to_num(counts / counts.sum(axis=1, keepdims=True))
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    if len(names) <= NAMED:
        short = [_cut(name, LONGEST_NAME) for name in names]
        upright = max(map(width_of, short)) * len(short) > 60
        axes.set_xticks(range(len(names)), short, rotation=90 if upright else 0, parse_math=False)
        axes.set_yticks(range(len(names)), short, parse_math=False)
    if len(names) <= COUNTED:
        for true, row in enumerate(counts):
            for predicted, count in enumerate(row):
                color = "white" if shares[true, predicted] > 0.5 else "black"
                axes.text(predicted, true, f"{count:g}", ha="center", va="center", color=color, fontsize=8)

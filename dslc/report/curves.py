"""``curves.png``: losses and metrics over a run, drawn from its ``metrics.jsonl``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from dslc.report.pictures import is_drawable, new_picture, saved
from dslc.storage.files import write_atomically
from dslc.storage.folder import read_file
from dslc.storage.log import records_of
from dslc.storage.manifest import CURVES, LOG

__all__ = ["draw_curves", "read_metrics"]

COLORS = {"train": "C0", "validation": "C1"}
"""Of the splits, alike in all panels."""
PANELS_ACROSS, MOST_PANELS = 4, 48
FEW = 30
"""Points up to which each has a mark."""

Record: TypeAlias = "Mapping[str, float | None]"


def read_metrics(folder: Path) -> list[dict[str, float | None]]:
    """Return the records of a run, in the order in which they were written; damaged lines are left out.

    Raises:
        Problem: E0626, the file is missing.
    """
    lines = read_file(folder, LOG).splitlines(keepends=True)
    return [record for record in records_of(lines) if record is not None]


def draw_curves(folder: Path, kept: Record | None = None) -> Path | None:
    """Draw the figures of a run, a panel for each one with a curve per split; None where matplotlib is missing.

    ``kept`` is the record of the weights that were kept, where ``keep`` chose them; it is marked.

    Raises:
        Problem: E0609, E0610.
    """
    panels: dict[str, list[str]] = {}
    records = read_metrics(folder)
    for name in dict.fromkeys(name for record in records for name in record if "." in name):
        panels.setdefault(name.partition(".")[2], []).append(name)
    shown = list(panels.items())[:MOST_PANELS]
    across = min(max(len(shown), 1), PANELS_ACROSS)
    down = max(-(-len(shown) // across), 1)
    picture = new_picture(5 * across, 3.6 * down)
    if picture is None:
        return None
    for number, (figure, names) in enumerate(shown, start=1):
        _panel(picture.add_subplot(down, across, number), figure, names, records, kept)
    if len(panels) > len(shown):
        picture.supxlabel(f"{len(panels) - len(shown)} more figures are in {LOG}")
    write_atomically(folder / CURVES, saved(picture))
    return folder / CURVES


def _panel(axes: Any, figure: str, names: Sequence[str], records: Sequence[Record], kept: Record | None) -> None:
    """Draw one figure of every split; a logarithmic scale where a loss spans several powers of ten."""
    drawn: list[float] = []
    for name in names:
        split = name.partition(".")[0]
        points, whole = _points(name, records)
        if points:
            mark = "." if len(points) == 1 or (whole and len(points) < FEW) else None
            label = split if whole else f"{split}, mean of the epoch so far"
            axes.plot(*zip(*points, strict=True), marker=mark, label=label, color=COLORS.get(split))
            drawn += [value for _, value in points]
    if kept is not None and is_drawable(kept["epoch"]):
        _mark(axes, names, kept)
    if drawn and min(drawn) > 0 and max(drawn) / min(drawn) > 100:
        axes.set_yscale("log")
    axes.set_title(figure, parse_math=False)
    axes.set_xlabel("epoch")
    axes.grid(alpha=0.3)
    if axes.get_legend_handles_labels()[0]:
        axes.legend()
    else:
        axes.text(0.5, 0.5, "no finite figures", ha="center", va="center", transform=axes.transAxes)


def _points(name: str, records: Sequence[Record]) -> tuple[list[tuple[float, float]], bool]:
    """Return a figure's points (epoch, value), and whether each stands for a whole measurement.

    Losses of the training split that were written within an epoch are means over the part of it that had run: they
    begin anew with each epoch, so they are no curve. Only where no second epoch ended are they all that there is.
    """
    found = [(record["epoch"], record.get(name)) for record in records]
    points = [(epoch, value) for epoch, value in found if is_drawable(epoch) and is_drawable(value)]
    ends = [(epoch, value) for epoch, value in points if epoch == int(epoch)] if name.startswith("train.") else points
    whole = len(ends) > 1 or len(ends) == len(points)
    return (ends if whole else points), whole


def _mark(axes: Any, names: Sequence[str], kept: Record) -> None:
    """Show which evaluation the shipped weights are from."""
    axes.axvline(kept["epoch"], color="0.4", linestyle=":", label=f"kept: epoch {kept['epoch']:g}", zorder=1)
    for name in names:
        value = kept.get(name)
        if not name.startswith("train.") and is_drawable(value):
            color = COLORS.get(name.partition(".")[0])
            axes.plot([kept["epoch"]], [value], marker="o", markersize=8, fillstyle="none", color=color, zorder=3)

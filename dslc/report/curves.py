"""``curves.png``: losses and metrics over a run, drawn from its ``metrics.jsonl``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dslc.training.files import write_atomically

__all__ = ["draw_curves", "read_metrics"]

COLORS = {"train": "C0", "validation": "C1"}
"""Of the splits, alike in all panels."""
LOG, PICTURE = "metrics.jsonl", "curves.png"


def read_metrics(folder: Path) -> list[dict[str, float | None]]:
    """Return the records of a run, in the order in which they were written."""
    return [json.loads(line) for line in (folder / LOG).read_text(encoding="utf-8").splitlines()]


def draw_curves(folder: Path) -> Path | None:
    """Draw the figures of a run, a panel for each one with a curve per split; None where matplotlib is missing.

    Raises:
        Problem: E0609, E0610.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return None
    from io import BytesIO

    records = read_metrics(folder)
    panels: dict[str, list[str]] = {}
    for name in dict.fromkeys(name for record in records for name in record if "." in name):
        panels.setdefault(name.partition(".")[2], []).append(name)
    picture = Figure(figsize=(5 * max(len(panels), 1), 3.6), layout="constrained")
    for number, (figure, names) in enumerate(panels.items(), start=1):
        _panel(picture.add_subplot(1, len(panels), number), figure, names, records)
    buffer = BytesIO()
    picture.savefig(buffer, format="png", dpi=120, metadata={"Software": None})
    write_atomically(folder / PICTURE, buffer.getvalue())
    return folder / PICTURE


def _panel(axes: Any, figure: str, names: Sequence[str], records: Sequence[Mapping[str, float | None]]) -> None:
    """Draw one figure of every split; a logarithmic scale where a loss spans several powers of ten."""
    drawn: list[float] = []
    for name in names:
        points = [(record["epoch"], record[name]) for record in records if record.get(name) is not None]
        if points:
            few = "." if len(points) < 30 else None
            split = name.partition(".")[0]
            axes.plot(*zip(*points, strict=True), marker=few, label=split, color=COLORS.get(split))
            drawn += [value for _, value in points if value is not None]
    if drawn and min(drawn) > 0 and max(drawn) > 100 * min(drawn):
        axes.set_yscale("log")
    axes.set_title(figure)
    axes.set_xlabel("epoch")
    axes.grid(alpha=0.3)
    axes.legend()

"""What a run looks like on a terminal of any width: a table of its last evaluations above a bar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dslc.storage.log import PLACE

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["State", "figure", "picture"]

GAP, SHORTEST_BAR, LONGEST_BAR = 2, 8, 40
"""Columns of the terminal between those of the table, and that the bar takes."""

Record = Mapping[str, float]


def figure(value: Any) -> str:
    """Return a figure as people read it: four decimals, or four digits where these would say nothing.

    A share just below 1 has as many decimals as tell it from 1.
    """
    if value is None:
        return "not finite"  # as JSON has kept it
    if not isinstance(value, float):
        return str(value)
    if 0.5 < value < 1:
        decimals = range(4, 18)
        return next((text for each in decimals if not (text := f"{value:.{each}f}").startswith("1")), str(value))
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e4 else f"{value:.4g}"


@dataclass(frozen=True)
class State:
    """What there is to show of a run."""

    title: str
    """``epoch 3/30``."""
    step: int
    steps: int
    """Updates done, and in all."""
    elapsed: float
    """Seconds since the run began."""
    left: float | None
    """Seconds until it ends, as far as that can be told."""
    losses: Mapping[str, float]
    """Running means of the training's losses."""
    records: Sequence[Record]
    """The last evaluations, the newest last."""
    kept: Record | None
    """The evaluation whose weights are the best so far, where ``keep`` looks for them."""


def picture(state: State, width: int) -> RenderableType:
    """Return what to draw on a terminal of that width."""
    from rich.console import Group

    parts: list[RenderableType] = [_table(state, width)] if state.records else []
    return Group(*parts, *_bar(state, width))


# --- the table --------------------------------------------------------------------------------------------


def _table(state: State, width: int) -> RenderableType:
    """Return the last evaluations, the kept one always among them.

    A figure's name stands below that of its split. Where there is no room for all figures, those of the validation
    split stay longest, and how many are missing is said.
    """
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    records = list(state.records)
    kept = state.kept
    marks = [kept is not None and _is_same(record, kept) for record in records]
    if kept is not None and not any(marks):  # it has scrolled out
        records = [kept, *(records[1:] if len(records) > 1 else records)]
        marks = [True, *[False] * (len(records) - 1)]
    names = [name for name in dict.fromkeys(n for r in state.records for n in r) if name != "batch"]
    shown = _fitting(names, records, width - (GAP + len(KEPT) if kept is not None else 0))
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, GAP, 0, 0))
    for name in shown:
        split, dot, rest = name.partition(".")
        table.add_column(f"{split}\n{rest}" if dot else f"\n{name}", justify="right", no_wrap=True)
    if kept is not None:
        table.add_column("")
    for record, mark in zip(records, marks, strict=True):
        cells = [figure(record[name]) if name in record else "" for name in shown]
        table.add_row(*cells, *([KEPT if mark else ""] if kept is not None else []), style="bold" if mark else "")
    missing = sum(1 for name in names if name not in shown and name not in PLACE)
    if not missing:
        return table
    note = f"{missing} more figure{'' if missing == 1 else 's'} in metrics.jsonl"
    return Group(table, Text(note, style="dim", no_wrap=True, overflow="ellipsis"))


KEPT = "kept"


def _is_same(record: Record, other: Record) -> bool:
    return all(record.get(name) == other.get(name) for name in PLACE)


def _fitting(names: Sequence[str], records: Sequence[Record], width: int) -> list[str]:
    """Return the names of the columns that have room, in their order."""
    from rich.cells import cell_len

    def size(name: str) -> int:
        cells = [figure(record[name]) for record in records if name in record]
        return max(cell_len(text) for text in [*name.split(".", 1), *cells]) + GAP

    def weight(name: str) -> int:
        order = ("epoch", "validation", "train", "step")
        split = name.partition(".")[0]
        return order.index(split) if split in order else len(order)

    chosen: set[str] = set()
    room = width + GAP
    for name in sorted(names, key=weight):
        needed = size(name)
        if needed <= room:
            room -= needed
            chosen.add(name)
    return [name for name in names if name in chosen]


# --- the bar ----------------------------------------------------------------------------------------------


def _bar(state: State, width: int) -> list[RenderableType]:
    """Return the bar with what is said about it: on one line, or on two where that is too narrow."""
    from rich.cells import cell_len
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    count = f"{state.step:,}/{state.steps:,}"
    clock = f"{_time(state.elapsed)} in all" if state.left == 0 else f"{_time(state.left)} left"
    losses = "  ".join(f"{name} {figure(value)}" for name, value in state.losses.items())
    words = [f"{count} steps", clock, *([losses] if losses else [])]
    line = Table.grid(padding=(0, 1))

    def row(*texts: str) -> bool:
        room = width - sum(cell_len(text) + 1 for text in texts)
        if room < SHORTEST_BAR:
            return False
        bar = ProgressBar(total=max(state.steps, 1), completed=state.step, width=min(room, LONGEST_BAR))
        line.add_row(Text(texts[0], no_wrap=True), bar, *(Text(text, no_wrap=True) for text in texts[1:]))
        return True

    if row(state.title, *words):
        return [line]
    below = Text("  ".join(words[1:]), no_wrap=True, overflow="ellipsis")
    if row(state.title, words[0]) or row(state.title, count):
        return [line, below]
    return [Text(f"{state.title}  {count}", no_wrap=True, overflow="ellipsis"), below]


def _time(seconds: float | None) -> str:
    """Return a time as ``0:07``, ``1:02:03`` or ``3 days``."""
    if seconds is None:
        return "-:--"
    whole = int(seconds)
    if whole >= 2 * 86400:
        return f"{whole // 86400} days"
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"

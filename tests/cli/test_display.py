"""The live display of a run: nothing of it is cut, stale or lost, whatever the width of the terminal."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from dslc.cli.display import State, figure, picture
from dslc.cli.progress import Bar
from dslc.run.observing import Plan
from dslc.run.progress import Progress


def record(epoch: int, **others: float) -> dict[str, float]:
    place = {"epoch": epoch, "step": epoch * 40, "batch": epoch * 40}
    return {**place, "train.loss": 1 / epoch, "validation.loss": 1.1 / epoch, "validation.accuracy": 0.98, **others}


def state(**changes: Any) -> State:
    known: dict[str, Any] = {
        "title": "epoch 28/100", "step": 1100, "steps": 4000, "elapsed": 12.0, "left": 35.2,
        "losses": {"loss": 0.0371}, "records": [record(epoch) for epoch in range(20, 28)], "kept": record(11),
    }  # fmt: skip
    return State(**{**known, **changes})


def drawn(state: State, width: int) -> list[str]:
    file = StringIO()
    console = Console(file=file, width=width)
    console.print(picture(state, width))
    return file.getvalue().splitlines()


@pytest.mark.parametrize("width", [40, 50, 60, 70, 80, 90, 100, 120, 160, 200])
def test_what_has_room_is_whole_and_the_rest_is_counted(width: int) -> None:
    names = ("validation.top_k", "validation.f1", "validation.mean_absolute_error", "train.penalty")
    records = [record(epoch, **dict.fromkeys(names, 0.12345)) for epoch in range(20, 28)]
    lines = drawn(state(records=records, kept=records[3]), width)
    assert all(len(line) <= width for line in lines)
    assert not any("…" in line for line in lines)
    header = list(zip(lines[0].split()[::-1], lines[1].split()[::-1], strict=False))[::-1]
    shown = {f"{split}.{name}" for split, name in header}
    due = {name for name in records[0] if "." in name}
    assert shown <= due
    more = re.search(r"^(\d+) more figures? in metrics.jsonl", "\n".join(lines), re.MULTILINE)
    assert (int(more[1]) if more else 0) == len(due - shown)
    assert "validation.loss" in shown
    assert any("0.0371" in line for line in lines)
    assert "1,100/4,000" in "\n".join(lines)


def test_the_kept_evaluation_does_not_scroll_out() -> None:
    rows = drawn(state(), 80)[2:10]
    assert [int(row.split()[0]) for row in rows] == [11, *range(21, 28)]
    assert [row.endswith("kept") for row in rows] == [True] + [False] * 7
    rows = drawn(state(kept=record(25)), 80)[2:10]
    assert [int(row.split()[0]) for row in rows if row.endswith("kept")] == [25]
    assert not any("kept" in line for line in drawn(state(kept=None), 80))


@pytest.mark.parametrize("width", [1, 5, 10, 20, 30])
def test_the_narrowest_terminals(width: int) -> None:
    assert all(len(line) <= width for line in drawn(state(), width))


def test_two_losses_go_below_where_they_have_no_room() -> None:
    losses = {"generator": 0.0371, "discriminator": float("nan")}
    assert drawn(state(losses=losses, records=[]), 70)[-1] == "0:35 left  generator 0.0371  discriminator nan"
    assert drawn(state(losses=losses, records=[]), 120)[-1].endswith("left generator 0.0371  discriminator nan")


@pytest.mark.parametrize(
    ("left", "said"), [(None, "-:-- left"), (61.9, "1:01 left"), (3661, "1:01:01 left"), (1e6, "11 days left")]
)
def test_times(left: float | None, said: str) -> None:
    assert said in drawn(state(left=left), 100)[-1]


# --- driven by a run ------------------------------------------------------------------------------------


def driven(epochs: int, clock: list[float], monkeypatch: pytest.MonkeyPatch) -> tuple[Bar, Progress, Console]:
    monkeypatch.setattr("dslc.cli.progress.time.monotonic", lambda: clock[0])
    console = Console(file=StringIO(), width=90, height=30, force_terminal=True, color_system=None)
    bar = Bar(console)
    bar.started(Plan("run", Path("run"), "cpu", 1, epochs, epochs * 2, 2, {"train": 8}, 10, None))
    return bar, Progress(), console


def last(console: Console) -> str:
    assert isinstance(console.file, StringIO)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", console.file.getvalue()).splitlines()[-1]


def test_the_loss_of_short_epochs_is_that_of_the_last_one(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    bar, state, console = driven(50, clock, monkeypatch)
    for epoch in range(1, 51):
        for _ in range(2):
            clock[0] += 0.001
            state.step += 1
            state.sums, state.weights, state.examples = {"loss": 100.0}, {"loss": 1.0}, 1
            bar.stepped(state)
        state.epoch = epoch
        bar.evaluated({"epoch": epoch, "step": epoch * 2, "batch": epoch * 2, "train.loss": float(epoch)})
    bar.__exit__()
    assert last(console).startswith("epoch 50/50")
    assert last(console).endswith("100/100 steps 0:00 in all loss 50.0000")


def test_it_is_drawn_ten_times_per_second_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    bar, state, _ = driven(10_000, clock, monkeypatch)
    draws = 0
    draw = bar._draw

    def counted() -> None:
        nonlocal draws
        draws += 1
        draw()

    monkeypatch.setattr(bar, "_draw", counted)
    for epoch in range(1, 1001):
        clock[0] += 0.001
        state.step, state.sums, state.weights, state.examples = epoch, {"loss": 1.0}, {"loss": 1.0}, 1
        bar.stepped(state)
        bar.evaluated({"epoch": epoch, "step": epoch, "batch": epoch, "train.loss": 1.0})
    bar.__exit__()
    assert 5 <= draws <= 11


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1.0, "1.0000"), (0.99985, "0.9999"), (0.99996, "0.99996"), (0.999999523, "0.9999995"),
        (1 - 2**-53, str(1 - 2**-53)),
        (1.00001, "1.0000"), (0.0, "0.0000"), (0.00012345, "0.0001234"), (12345.6, "1.235e+04"), (-0.99999, "-1.0000"),
        (float("nan"), "nan"), (None, "not finite"), (3, "3"),
    ],
)  # fmt: skip
def test_a_share_below_one_never_reads_as_one(value: float | None, shown: str) -> None:
    assert figure(value) == shown

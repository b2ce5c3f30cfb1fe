"""curves.png: what is drawn, and that nothing in a log keeps it from being drawn or is remarked on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from dslc.report import curves
from dslc.report.curves import draw_curves
from dslc.report.pictures import saved

KEPT = {"epoch": 2, "step": 8, "batch": 8, "figure": 0.3, "train.loss": 0.5, "validation.loss": 0.3}


def written(folder: Path, records: list[dict[str, Any]]) -> Path:
    """Write a log; NaN and infinity stand in it as json has them, as no run would write them."""
    (folder / "metrics.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return folder


def epochs(count: int, inner: int = 3) -> list[dict[str, Any]]:
    """Return the records of a run that logs within each epoch, where the running mean is ten times as high."""
    found: list[dict[str, Any]] = []
    for epoch in range(count):
        found += [{"epoch": epoch + i / 4, "step": 0, "batch": 0, "train.loss": 10.0} for i in range(1, inner + 1)]
        found.append({"epoch": epoch + 1, "step": 0, "batch": 0, "train.loss": 1.0, "validation.loss": 2.0})
    return found


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The pictures that were saved."""
    pictures: list[Figure] = []

    def kept(picture: Figure) -> bytes:
        pictures.append(picture)
        return saved(picture)

    monkeypatch.setattr(curves, "saved", kept)
    return pictures


def lines(picture: Figure, panel: int = 0) -> dict[str, tuple[list[float], list[float]]]:
    axes = picture.axes[panel]
    return {str(line.get_label()): (list(line.get_xdata()), list(line.get_ydata())) for line in axes.lines}  # type: ignore[arg-type]


def test_means_of_a_part_of_an_epoch_are_no_points_of_the_curve(tmp_path: Path, drawn: list[Figure]) -> None:
    draw_curves(written(tmp_path, epochs(3)))
    assert lines(drawn[0])["train"] == ([1, 2, 3], [1, 1, 1])
    assert lines(drawn[0])["validation"] == ([1, 2, 3], [2, 2, 2])


def test_where_no_epoch_has_ended_they_are_named_for_what_they_are(tmp_path: Path, drawn: list[Figure]) -> None:
    draw_curves(written(tmp_path, epochs(1)[:3]))
    assert lines(drawn[0]) == {"train, mean of the epoch so far": ([0.25, 0.5, 0.75], [10, 10, 10])}


def test_the_kept_epoch_is_marked(tmp_path: Path, drawn: list[Figure]) -> None:
    draw_curves(written(tmp_path, epochs(3)), kept=KEPT)
    assert lines(drawn[0])["kept: epoch 2"][0] == [2, 2]
    assert ([2], [0.3]) in lines(drawn[0]).values()


def test_no_mark_without_keep(tmp_path: Path, drawn: list[Figure]) -> None:
    draw_curves(written(tmp_path, epochs(3)))
    assert not any(name.startswith("kept") for name in lines(drawn[0]))


STRANGE = [1e308, -1e308, None, 1e30, 5.0, float("nan"), float("inf"), -float("inf"), 5e-324]


@pytest.mark.parametrize(
    "records",
    [
        [{"epoch": 1, "step": 1, "batch": 1}],
        [{"epoch": 1, "step": 1, "batch": 1, "train.loss": None, "validation.loss": float("nan")}],
        [{"epoch": 0.5, "step": 1, "batch": 1, "train.loss": 3.0}],
        [{"epoch": i + 1, "step": i, "batch": i, "train.loss": v, "validation.m": v} for i, v in enumerate(STRANGE)],
        [{"epoch": 1, "step": 1, "batch": 1, "validation.精度": 0.5, "validation.a$b_{": 1, "validation._x": 2.0}],
        [{"epoch": 1, "step": 1, "batch": 1, **{f"validation.m{i}": float(i) for i in range(9)}}],
    ],
    ids=["none", "not-finite", "one-point", "huge", "names", "many"],
)
@pytest.mark.filterwarnings("error")
def test_any_log_is_drawn_without_a_word(
    records: list[dict[str, Any]], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    picture = draw_curves(written(tmp_path, records), kept={**records[0], "figure": 1.0})
    assert picture is not None
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert capfd.readouterr() == ("", "")

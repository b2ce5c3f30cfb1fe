"""Figures that are not finite, or of nothing: told once, never kept."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dslc.diagnostics import CODES, Problem
from dslc.render import render
from dslc.storage.checkpoints import read_checkpoint
from tests.runs.driving import Witness, lines_of, opened, trained

HERE = Path(__file__).parent
SPEC = """\
data d {{
  source train = csv("train.csv")
  source validation = csv("validation.csv")
  field x: float32[1] = column("x")
  field y: int64 = column("y")
}}
model Net {{
  input x: float32[N, 1]
  output logits = x -> Dense(2, init = zeros)
}}
train t {{
  data d
  let logits = Net(x)
  minimize cross_entropy(logits, y) using SGD(lr = 0.5)
  metric {metric}
  {keep}
  batch 2, shuffle = false
  epochs 3
}}
"""


def run(folder: Path, metric: str, keep: str, targets: list[int], witness: Witness | None = None) -> Witness:
    rows = [f"{x},{y}" for x, y in zip([1, -1, 2, -2], [1, 0, 1, 0], strict=True)]
    (folder / "train.csv").write_text("\n".join(["x,y", *rows]) + "\n", encoding="utf-8")
    rows = [f"{x},{y}" for x, y in zip([1, -1, 2, -2], targets, strict=True)]
    (folder / "validation.csv").write_text("\n".join(["x,y", *rows]) + "\n", encoding="utf-8")
    (folder / "spec.dl").write_text(SPEC.format(metric=metric, keep=keep), encoding="utf-8")
    witness = witness or Witness()
    trained(folder / "spec.dl", folder / "run", observer=witness)
    return witness


IGNORED = [-100] * 4


@pytest.mark.parametrize(
    "metric",
    [
        "m = accuracy(logits, y)", "m = f1(logits, y)", 'm = f1(logits, y, average = "micro")',
        "m = roc_auc(logits, y)", "m = mean(cross_entropy(logits, y))", "m = cross_entropy(logits, y) + 0.1 * l2(Net)",
    ],
)  # fmt: skip
def test_a_split_of_which_all_is_ignored_has_no_figures(metric: str, tmp_path: Path) -> None:
    seen = run(tmp_path, metric, "", IGNORED)
    assert [d.code.id for d in seen.warnings] == ["W0521", "W0521"]
    assert [d.message for d in seen.warnings] == [
        f"'validation.{name}' has no value: every target that it looks at in the validation split is ignored or has a "
        "weight of 0" for name in ("loss", "m")
    ]  # fmt: skip
    assert all(np.isnan(r["validation.loss"]) and np.isnan(r["validation.m"]) for r in seen.records)
    assert lines_of(tmp_path / "run")[-1]["validation.m"] is None
    assert np.isnan(opened(tmp_path / "run").evaluate("validation")["metrics"]["m"])


@pytest.mark.parametrize("keep", ["keep best validation.m", "keep lowest validation.loss"])
def test_nothing_is_kept_of_a_split_of_which_all_is_ignored(keep: str, tmp_path: Path) -> None:
    with pytest.raises(Problem, match="E0525") as caught:
        run(tmp_path, "m = accuracy(logits, y)", keep, IGNORED)
    assert CODES["E0525"].exit_code == 4
    assert "was not a finite number in any evaluation" in render(caught.value.diagnostic)
    assert not (tmp_path / "run" / "model.onnx").exists()
    assert not (tmp_path / "run" / "weights.safetensors").exists()


@pytest.mark.parametrize("sign", ["lowest", "highest"])
def test_an_infinite_figure_is_never_kept(sign: str, tmp_path: Path) -> None:
    """The weights grow, and with them what is measured, which is infinite in the first epochs or in the last ones."""
    size = "max(abs(logits))"
    metric = f"m = log(relu({size} - 1.2))" if sign == "lowest" else f"m = exp(60 * {size})"
    seen = run(tmp_path, metric, f"keep {sign} validation.m", [1, 0, 1, 0])
    figures = [r["validation.m"] for r in seen.records]
    finite = [value for value in figures if np.isfinite(value)]
    assert 0 < len(finite) < len(figures)
    best = (min if sign == "lowest" else max)(finite)
    assert lines_of(tmp_path / "run")[figures.index(best)]["validation.m"] == best
    assert opened(tmp_path / "run").evaluate("validation")["metrics"]["m"] == pytest.approx(best, rel=1e-6)
    assert [(d.code.id, d.message.split(" after")[0]) for d in seen.warnings] == [
        ("W0521", "'validation.m' is infinite")
    ]


FIGURES = {
    "log-of-0": "m = mean(log(relu(logits)))",
    "log-of-a-figure": "m = log(relu(max(abs(logits)) - 1000))",
    "division-by-0": "m = mean(1 / relu(logits - 1000))",
    "root-below-0": "m = sqrt(mean(logits) - 1000)",
    "exp-overflow": "m = exp(1000 + mean(logits))",
}


def test_what_is_said_of_a_statistic_without_a_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, golden: Callable[[str, Path], None]
) -> None:
    monkeypatch.chdir(tmp_path)
    seen = run(Path(), "m = 1 - roc_auc(logits, y)", "", [1, 1, 1, 1])
    (warning,) = seen.warnings
    golden(render(warning), HERE / "not_finite" / "figure-undefined.txt")


def test_scores_that_are_no_numbers_are_what_is_said_of_a_metric_of_all_of_them(tmp_path: Path) -> None:
    seen = run(tmp_path, "m = roc_auc(sqrt(logits[:, 1] - 1000), y)", "", [1, 0, 1, 0])
    assert "sqrt of -999.48 is not a number" in seen.warnings[0].message


def test_the_best_by_a_metric_of_rows_is_kept_and_measured_again(tmp_path: Path) -> None:
    """It falls as the weights learn what is the other way round here; batches are of two, and it is over all four."""
    seen = run(
        tmp_path, "m = roc_auc(logits, y)", "stop when validation.m < 0.5\n  keep best validation.m", [1, 0, 0, 0]
    )
    figures = [record["validation.m"] for record in seen.records]
    assert figures[0] == pytest.approx(2 / 3)
    assert opened(tmp_path / "run").evaluate("validation")["metrics"]["m"] == pytest.approx(max(figures))
    assert json.loads((tmp_path / "run" / "manifest.json").read_text())["result"]["metrics"]["m"] == max(figures)


@pytest.mark.parametrize("name", FIGURES)
def test_what_is_said_of_a_figure(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, golden: Callable[[str, Path], None]
) -> None:
    monkeypatch.chdir(tmp_path)
    seen = run(Path(), FIGURES[name], "", [1, 0, 1, 0])
    (warning,) = seen.warnings
    golden(render(warning), HERE / "not_finite" / f"figure-{name}.txt")


def test_what_is_said_where_nothing_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, golden: Callable[[str, Path], None]
) -> None:
    monkeypatch.chdir(tmp_path)
    witness = Witness()
    with pytest.raises(Problem, match="E0525") as caught:
        run(Path(), "m = accuracy(logits, y)", "keep best validation.m", IGNORED, witness)
    text = "\n".join(render(found) for found in [*witness.warnings, caught.value.diagnostic])
    golden(text, HERE / "not_finite" / "nothing-kept.txt")


def strict(text: str) -> Any:
    """Read JSON as the standard has it: without NaN."""

    def refuse(word: str) -> None:
        raise AssertionError(word)

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize("keep", ["", "stop when validation.m > 5"])
def test_what_is_written_is_json_and_read_back(keep: str, tmp_path: Path) -> None:
    seen = run(tmp_path, "m = log(relu(max(abs(logits)) - 1000))", keep, [1, 0, 1, 0])
    folder = tmp_path / "run"
    assert [record["validation.m"] for record in seen.records] == [-math.inf] * 3
    manifest = strict((folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["result"]["metrics"] == {"m": None}
    assert [strict(line)["validation.m"] for line in (folder / "metrics.jsonl").read_text().splitlines()] == [None] * 3
    (saved,) = (folder / "checkpoints").glob("step-*")
    data = saved.read_bytes()
    header = strict(data[8 : 8 + int.from_bytes(data[:8], "little")].decode())
    strict(header["__metadata__"]["checkpoint"])
    again = Witness()
    assert math.isnan(trained(tmp_path / "spec.dl", folder, resume=True).metrics["m"])
    longer = trained(tmp_path / "spec.dl", folder, resume=True, epochs=4, observer=again)
    assert longer.metrics["m"] == -math.inf
    newest = read_checkpoint(max((folder / "checkpoints").glob("step-*")))
    assert newest.meta["progress"]["history"][0]["validation.m"] == "-Infinity"

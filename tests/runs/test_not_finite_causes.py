"""What is said where a training meets a number that is not finite: the step, the expression, and what it was of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from dslc import graph as g
from dslc.autodiff import gradients
from dslc.diagnostics import CODES, Problem
from dslc.engine.engines import choose_engine
from dslc.engine.evaluation import Predictor
from dslc.graph import Builder
from dslc.graph.model import load_model, save_model
from dslc.graph.probes import probed
from dslc.render import render
from dslc.run.explaining.causes import cause_of
from dslc.types import FLOAT32, TensorType
from tests.conftest import mostly_alike
from tests.runs.driving import trained

HERE = Path(__file__).parent
STEPS = 9
SPEC = """\
data d {{
  source csv("d.csv")
  field x: float32[1] = column("x")
  field y: float32[1] = column("y")
  field k: int64 = cast(column("k"), int64)
  field w: float32 = column("w")
}}
model Net {{
  input  x: float32[N, 1]
  output y = {layers}
}}
{more}train t {{
  data d
  let p = Net(x)
  {body}
  keep lowest train.{kept}
  batch 2, shuffle = false
  epochs 1
}}
"""
PLAIN = "x -> Dense(1, bias = false, init = ones)"
WITH_BIAS = "x -> Dense(1, init = zeros)"
OTHER = "model Other {\n  input  x: float32[N, 1]\n  output y = x -> Dense(1, bias = false, init = ones)\n}\n"
STEPWISE = "stack(x, x, x, axis = 1) -> Growing(last = true) -> Dense(1, bias = false, init = ones)"
BEFORE_STEPS = "stack(x, x, x, axis = 1) -> Dense(1, bias = false, init = ones) -> Growing(last = true)"
GROWING = "cell Growing {{\n  input x: [N, D]\n  state h: [N, D] = zeros\n  h = {}\n  output h\n}}\n"
SGD = "using SGD(lr = 1e-9)"


def looped(model: str) -> str:
    """Give it more steps than are written one after the other."""
    return model.replace("x, x, x", ", ".join("x" * 12))


@dataclass(frozen=True)
class Case:
    """A spec in which a value of x goes wrong."""

    body: str
    value: float = 0.0
    layers: str = PLAIN
    at: int = 5
    """The step in whose batch the value is, and which is to be named."""
    more: str = ""
    kept: str = "loss"
    column: str = "x"
    options: tuple[str, ...] = ()


CASES = {
    "log-of-0": Case(f"minimize mean(log(abs(p))) {SGD}"),
    "log-below-0": Case(f"minimize mean(log(p)) {SGD}", -2.5),
    "sqrt-of-0": Case(f"minimize mean(sqrt(abs(p))) {SGD}"),
    "sqrt-of-0-adam": Case("minimize mean(sqrt(abs(p))) using Adam(lr = 1e-3)"),
    "sqrt-of-0-masked": Case(f"minimize mean(where(p > 0.0, sqrt(p), 0.0)) {SGD}"),
    "sqrt-below-0": Case(f"minimize mean(sqrt(p)) {SGD}", -2),
    "sqrt-of-0-clip-value": Case(f"minimize mean(sqrt(abs(p))) {SGD}\n  clip value 1.0"),
    "sqrt-of-0-clip-norm": Case(f"minimize mean(sqrt(abs(p))) {SGD}\n  clip norm 1.0"),
    "infinite-slope-clip-value": Case(
        f"minimize mean(sqrt(relu(p - 1000))) {SGD}\n  clip value 1.0", 1, WITH_BIAS, at=1
    ),
    "log-of-0-masked": Case(f"minimize mean(where(p > 0.0, log(abs(p)), 0.0)) {SGD}"),
    "exp-overflow": Case(f"minimize mean(exp(p)) {SGD}", 812),
    "exp-in-a-model": Case(f"minimize mean(p) {SGD}", 812, f"exp({PLAIN})"),
    "division-by-0": Case(f"minimize mean(1 / p) {SGD}"),
    "0-by-0": Case(f"minimize mean(x / p) {SGD}"),
    "power-of-a-negative-base": Case(f"minimize mean(p ** 1.5) {SGD}", -2),
    "power-below-1": Case(f"minimize mean(abs(p) ** 0.5) {SGD}"),
    "power-below-0": Case(f"minimize mean(p ** -1) {SGD}"),
    "a-layer-of-a-loss": Case(f"minimize binary_cross_entropy(p, y) {SGD}", 1e30, f"({PLAIN}) * 1e10"),
    "diverging": Case("minimize mse(p, y) using SGD(lr = 1e6)", 3.0, at=4),
    "diverging-under-clip-norm": Case("minimize mse(p, y) using SGD(lr = 1e20)\n  clip norm 1.0", 3.0, at=2),
    "square-overflows": Case(f"minimize mse(p, y) {SGD}", 1e30),
    "product-overflows": Case(f"minimize mean(p * 1e9) {SGD}", 1e30),
    "batch-norm-variance": Case(f"minimize mean(p ** 2) {SGD}", 1e30, f"x -> BatchNorm -> {PLAIN[5:]}"),
    "float16": Case(f"minimize mean(cast(cast(p, float16), float32)) {SGD}", 1e5),
    "adam-square": Case("minimize mean(p) using Adam(lr = 1e-3)", 1e30),
    "clip-norm-square": Case(f"minimize mean(p) {SGD}\n  clip norm 1.0", 1e30),
    "update-overflows": Case("minimize mean(relu(p - 3)) using SGD(lr = 1e10)", 1e30),
    "accumulate": Case(f"minimize mean(sqrt(abs(p))) {SGD}\n  accumulate 3", at=2),
    "accumulate-loss": Case(f"minimize mean(log(abs(p))) {SGD}\n  accumulate 3", at=2),
    "ema": Case(f"minimize mean(sqrt(abs(p))) {SGD}\n  average ema(0.9)"),
    "weights-of-examples": Case(f"minimize mse(p, y, weight = w * 1e30) {SGD}", 1e10, column="w"),
    "two-objectives-first": Case(
        f"let q = Other(x)\n  minimize a = mean(sqrt(abs(p))) over Net {SGD}\n"
        f"  minimize b = mean(q + p) over Other {SGD}", more=OTHER, kept="b",
    ),
    "two-objectives-second-gradient": Case(
        f"let q = Other(x)\n  minimize a = mean(p) over Net {SGD}\n"
        f"  minimize b = mean(sqrt(abs(q))) over Other {SGD}", more=OTHER, kept="b",
    ),
    "adversaries": Case(
        f"let fake = Other(y)\n  minimize a = -mean(log(sigmoid(Net(x)))) - mean(log(1 - sigmoid(Net(detach(fake)))))"
        f" over Net {SGD}\n  minimize b = -mean(log(sigmoid(Net(fake)))) over Other {SGD}",
        -200, more=OTHER, kept="b", column="y",
    ),
    "two-objectives-second": Case(
        f"let q = Other(x)\n  minimize a = mean(p) over Net {SGD}\n"
        f"  minimize b = mean(log(abs(q))) over Other {SGD}", more=OTHER, kept="b",
    ),
    "state-of-a-cell": Case(f"minimize mean(p) {SGD}", 812, STEPWISE, more=GROWING.format("exp(h) + x")),
    "gradient-of-a-cell": Case(f"minimize mean(p) {SGD}", 0, BEFORE_STEPS, more=GROWING.format("sqrt(h + x)")),
    "state-of-a-loop": Case(f"minimize mean(p) {SGD}", 812, looped(STEPWISE), more=GROWING.format("exp(h - 5) + x")),
    "gradient-of-a-loop": Case(f"minimize mean(p) {SGD}", 0, looped(BEFORE_STEPS), more=GROWING.format("sqrt(h + x)")),
}  # fmt: skip


def write(folder: Path, case: Case) -> Path:
    """Write a case's spec and data."""
    lines = ["x,y,k,w"]
    rows = case.at * (3 if "accumulate" in case.body else 1)
    for number in range(1, STEPS + 1):
        for first in (True, False):
            row = {"x": 1.0 if first else 2.0, "y": 0, "k": 0, "w": 1}
            if number == rows and first:
                row[case.column] = case.value
            lines.append(",".join(f"{row[name]:g}" for name in "xykw"))
    (folder / "d.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    text = SPEC.format(layers=case.layers, body=case.body, more=case.more, kept=case.kept)
    (folder / "spec.dl").write_text(text, encoding="utf-8")
    return folder / "spec.dl"


@pytest.mark.parametrize("name", mostly_alike(list(CASES), every=3))
def test_what_is_said(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, golden: Callable[[str, Path], None]
) -> None:
    case = CASES[name]
    monkeypatch.chdir(write(tmp_path, case).parent)
    with pytest.raises(Problem, match="E0520") as caught:
        trained(Path("spec.dl"), tmp_path / "run")
    found = caught.value.diagnostic
    assert f"in step {case.at}" in found.message
    golden(render(found), HERE / "not_finite" / f"{name}.txt")
    left = {path.name for path in (tmp_path / "run").rglob("*")}
    assert not {"model.onnx", "weights.safetensors", "best.safetensors"} & left


def test_first_weights_that_are_not_finite(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, golden: Callable[[str, Path], None]
) -> None:
    case = Case(f"minimize mse(p, y) {SGD}", 1.0, "x -> Dense(1, init = normal(std = 1e39))")
    monkeypatch.chdir(write(tmp_path, case).parent)
    with pytest.raises(Problem, match="E0520") as caught:
        trained(Path("spec.dl"), tmp_path / "run")
    golden(render(caught.value.diagnostic), HERE / "not_finite" / "first-weights.txt")


@pytest.mark.parametrize("kind", ["wrong", "right"])
def test_the_examples_that_are_explained(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [f"{i % 3},{i % 2},1,-1,{0 if i == 5 else i}" for i in range(40)]
    (tmp_path / "d.csv").write_text("\n".join(["x1,x2,x3,x4,y", *rows]) + "\n", encoding="utf-8")
    (tmp_path / "spec.dl").write_text(getattr(CODES["E0520"], kind), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    if kind == "right":
        trained(Path("spec.dl"), tmp_path / "run")
        return
    with pytest.raises(Problem, match="sqrt of 0 has an infinite slope"):
        trained(Path("spec.dl"), tmp_path / "run")


def cause_in(builder: Builder, name: str, x: np.ndarray) -> str:
    probes = probed(load_model(save_model(builder.model())))
    values = {**probes.constants, "x": x, **Predictor(probes.data, choose_engine("cpu", 1)).run({"x": x})}
    return cause_of(probes, values, name)[1].text


def test_a_mask_of_infinities_is_not_the_cause() -> None:
    """An infinity that was meant is passed over: what made of it a value that is no number is told."""
    builder = Builder("masked")
    x = builder.input("x", TensorType(FLOAT32, (2,)))
    builder.output("y", g.softmax(g.where(g.equal(x, 0.0), builder.constant(-np.inf, FLOAT32), x)))
    assert cause_in(builder, "y", np.zeros(2, np.float32)) == "softmax of nothing but -inf is not a number"


@pytest.mark.parametrize(("name", "written", "advised"), [
    ("log-of-0", "log(abs(p))", "log(abs(p) + 1e-8)"),
    ("sqrt-of-0", "sqrt(abs(p))", "sqrt(abs(p) + 1e-8)"),
    ("exp-overflow", "exp(p)", "exp(clip(p, -80, 80))"),
    ("adversaries", "log(sigmoid(Net(fake)))", "(-softplus(-Net(fake)))"),
])  # fmt: skip
def test_the_hints_help(name: str, written: str, advised: str, tmp_path: Path) -> None:
    spec = write(tmp_path, CASES[name])
    text = spec.read_text(encoding="utf-8")
    assert written in text
    spec.write_text(text.replace(written, advised), encoding="utf-8")
    trained(spec, tmp_path / "run")


def test_the_slope_of_an_infinite_power() -> None:
    builder = Builder("powered")
    x = builder.input("x", TensorType(FLOAT32, ()))
    with builder.scope("pow"):
        y = x ** builder.constant(np.inf, FLOAT32)
    (slope,) = gradients(y, [x])
    assert slope is not None
    builder.output("slope", slope)
    assert cause_in(builder, "slope", np.array(-0.5, np.float32)) == "(-0.5) ** inf is not a number"

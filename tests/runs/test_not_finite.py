"""A loss that is not finite ends the run, with the step, the objective and the layer where it began."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from dslc.diagnostics import CODES, Diagnostic, Problem
from dslc.render import render
from tests.conftest import mostly_alike
from tests.runs.driving import DATA, MODEL, spec_of, trained, write_spec


def failed(folder: Path, text: str, **options: Any) -> Diagnostic:
    """Train a spec that must fail; return what was said."""
    spec = write_spec(folder, text)
    with pytest.raises(Problem, match="E0520") as caught:
        trained(spec, folder / "run", **options)
    assert CODES["E0520"].exit_code == 4
    found = caught.value.diagnostic
    assert render(found)
    return found


def marked(found: Diagnostic) -> list[str]:
    """Return the text of the spec under each mark, the main one first."""
    assert found.span is not None
    return [found.span.text, *(label.span.text for label in found.labels)]


def test_a_logarithm_of_zero(tmp_path: Path) -> None:
    found = failed(tmp_path, spec_of("minimize mean(log(relu(logits - 1000))) using SGD(lr = 0.1) epochs 1"))
    assert found.message == "the loss is not finite in step 1: log of 0 is -inf"
    assert marked(found) == ["log(relu(logits - 1000))", "mean(log(relu(logits - 1000)))"]


def test_the_last_operation_of_the_objective(tmp_path: Path) -> None:
    found = failed(tmp_path, spec_of("minimize log(mean(relu(logits - 1000))) using SGD(lr = 0.1) epochs 1"))
    assert marked(found) == ["log(mean(relu(logits - 1000)))"]


def test_a_learning_rate_far_too_high(tmp_path: Path) -> None:
    model = MODEL.replace("Tanh", "Relu")
    found = failed(
        tmp_path, spec_of("minimize cross_entropy(logits, label) using SGD(lr = 1e30) epochs 5", model=model)
    )
    assert "not finite in step 3" in found.message or "not finite in step 2" in found.message
    assert "overflows float32" in found.message
    assert "the weights have grown from " in found.message
    assert "lower the learning rate" in (found.hint or "")


def test_the_layer_is_named_by_its_path(tmp_path: Path) -> None:
    model = MODEL.replace("x -> Dense(8) -> Tanh", "(exp(100 * abs(x) + 100))")
    found = failed(tmp_path, spec_of("minimize cross_entropy(logits, label) using SGD(lr = 0.1) epochs 1", model=model))
    assert "step 1: exp of " in found.message
    assert marked(found)[0] == "(exp(100 * abs(x) + 100))"


def test_a_gradient_that_is_not_finite(tmp_path: Path) -> None:
    """The loss is finite when the slope of the root at zero ruins the weights, in that step."""
    found = failed(tmp_path, spec_of("minimize mean(sqrt(relu(logits - 1000))) using SGD(lr = 0.1) epochs 1"))
    assert (
        found.message
        == "the gradient of 'Net.logits.dense.weight' is not finite in step 1, although the loss is: sqrt of 0 has an "
        "infinite slope"
    )


TWO = """\
model Net {
  input x: float32[N, 4]
  output logits = x -> Dense(3)
}
model Other {
  input x: float32[N, 4]
  output y = x -> Dense(1)
}
"""


def test_the_objective_is_named(tmp_path: Path) -> None:
    body = """let y = Other(x)
  minimize good = cross_entropy(logits, label) over Net using SGD(lr = 0.1)
  minimize bad = mean(1 / relu(y - 1000)) over Other using SGD(lr = 0.1)
  epochs 1"""
    found = failed(tmp_path, spec_of(body, model=TWO))
    assert found.message == "the loss of 'bad' is not finite in step 1: division by 0 in 1 / 0"
    assert marked(found) == ["1 / relu(y - 1000)", "mean(1 / relu(y - 1000))"]


def test_what_an_earlier_objective_ruined(tmp_path: Path) -> None:
    """The second one sees the weights that the first one has just updated; the fault is the first one's."""
    body = """minimize first = mean(sqrt(relu(logits - 1000))) over Net using SGD(lr = 0.1)
  minimize second = cross_entropy(Net(x), label) + mean(Other(x)) over Other using SGD(lr = 0.1)
  epochs 1"""
    found = failed(tmp_path, spec_of(body, model=TWO))
    assert (
        found.message
        == "the gradient of 'Net.logits.dense.weight' is not finite in step 1, although the loss of 'first' is: "
        "sqrt of 0 has an infinite slope"
    )


def test_in_a_later_step(tmp_path: Path) -> None:
    """Weights that grow twentyfold a step overflow after some thirty."""
    body = "minimize mean(Net(x) ** 2) using SGD(lr = 100) epochs 20 batch 16"
    model = "model Net {\n  input x: float32[N, 4]\n  output logits = x -> Dense(3)\n}\n"
    found = failed(tmp_path, spec_of(body, model=model))
    step = int(found.message.split("in step ")[1].split(":")[0])
    assert 5 < step < 60


def test_what_was_saved_before_stays(tmp_path: Path) -> None:
    """A run that failed can't be resumed into another result: it fails again at the same place."""
    text = spec_of("minimize mean(Net(x) ** 2) using SGD(lr = 100) epochs 20 batch 16",
                   model="model Net {\n  input x: float32[N, 4]\n  output logits = x -> Dense(3)\n}\n")  # fmt: skip
    first = failed(tmp_path, text)
    with pytest.raises(Problem, match="E0520") as caught:
        trained(tmp_path / "spec.dl", tmp_path / "run", resume=True)
    assert caught.value.diagnostic.message == first.message
    assert DATA in (tmp_path / "run" / "spec" / "spec.dl").read_text(encoding="utf-8")


@pytest.mark.parametrize("optimizer", ["SGD(lr = 0.1)", "Adam(lr = 0.1)", "SGD(lr = 0.1, momentum = 0.9)"])
def test_the_last_step_ships_nothing_that_is_not_finite(optimizer: str, tmp_path: Path) -> None:
    """The loss of the only step is finite, the slope of the root at zero is not, and no step follows to tell."""
    found = failed(tmp_path, spec_of(f"minimize mean(sqrt(relu(logits - 1000))) using {optimizer} steps 1 batch 100"))
    assert found.message == (
        "the gradient of 'Net.logits.dense.weight' is not finite in step 1, although the loss is: sqrt of 0 has an "
        "infinite slope"
    )
    assert found.hint == "the root of 0 has no gradient: add a small number inside, as in sqrt(x + 1e-8)"
    assert not (tmp_path / "run" / "model.onnx").exists()
    assert not (tmp_path / "run" / "weights.safetensors").exists()


def test_statistics_that_are_not_finite_do_not_ship(tmp_path: Path) -> None:
    model = "model Net {\n  input x: float32[N, 4]\n  output logits = (x * 1e30) -> BatchNorm -> Dense(3)\n}\n"
    found = failed(tmp_path, spec_of("minimize cross_entropy(logits, label) using SGD(lr = 0.1) steps 1", model=model))
    assert "running_var' is not finite in step 1, although the loss is: the square of " in found.message
    assert not (tmp_path / "run" / "model.onnx").exists()


# --- wherever it begins, whenever it is reached -----------------------------------------------------------------

PROVOKED = """\
data d {{
  source csv("d.csv")
  field x: float32[1] = column("x")
  field y: float32[1] = column("y")
}}
model Net {{
  input x: float32[N, 1]
  output y = {layers}
}}
train t {{
  data d
  let p = Net(x)
  minimize {objective} using {optimizer}
  keep lowest train.loss
  batch 2, shuffle = false
  epochs 1
}}
"""
STEPS = 9
PLAIN, NORMED = "x -> Dense(1, bias = false, init = ones)", "x -> BatchNorm -> Dense(1, bias = false, init = ones)"
SGD, MOMENTUM, ADAM = "SGD(lr = 1e-3)", "SGD(lr = 1e-3, momentum = 0.9)", "Adam(lr = 1e-3)"
PLACES: dict[str, tuple[str, str, str, float]] = {
    # by what goes wrong first: the layers, the objective, the optimizer, and the value of x that provokes it
    "loss: log of 0": (PLAIN, "mean(log(abs(p)))", SGD, 0.0),
    "loss: division by 0": (PLAIN, "mean(1 / p)", SGD, 0.0),
    "loss: exp": (PLAIN, "mean(exp(p))", ADAM, 1e3),
    "loss: a square": (PLAIN, "mse(p, y)", SGD, 1e30),
    "gradient: root of 0": (PLAIN, "mean(sqrt(abs(p)))", SGD, 0.0),
    "gradient: root of 0, momentum": (PLAIN, "mean(sqrt(abs(p)))", MOMENTUM, 0.0),
    "gradient: root of 0, Adam": (PLAIN, "mean(sqrt(abs(p)))", ADAM, 0.0),
    "update: a rate far too high": (PLAIN, "mean(relu(p - 3))", "SGD(lr = 1e10)", 1e30),
    "optimizer: a square overflows": (PLAIN, "mean(p)", ADAM, 1e30),
    "statistics: a variance overflows": (NORMED, "mean(p ** 2)", SGD, 1e30),
}  # fmt: skip


@pytest.mark.parametrize("at", mostly_alike([1, 5, 9], every=2))
@pytest.mark.parametrize("place", PLACES)
def test_nothing_not_finite_ever_ships(place: str, at: int, tmp_path: Path) -> None:
    layers, objective, optimizer, value = PLACES[place]
    rows = [f"{x},0" for number in range(1, STEPS + 1) for x in (value if number == at else 1.0, 2.0)]
    (tmp_path / "d.csv").write_text("\n".join(["x,y", *rows]) + "\n", encoding="utf-8")
    text = PROVOKED.format(layers=layers, objective=objective, optimizer=optimizer)
    found = failed(tmp_path, text)
    step = int(re.findall(r"step (\d+)", found.message)[0])
    assert step == at
    left = {path.name for path in (tmp_path / "run").rglob("*")}
    assert not {"model.onnx", "weights.safetensors", "best.safetensors"} & left, left
    assert not any(name.startswith("best") for name in left), left
    said = {
        "loss": "the loss is not finite", "gradient": "sqrt of 0 has an infinite slope",
        "update": "the update of 'Net.y.dense.weight'", "optimizer": "what the optimizer keeps of 'Net.y.dense.weight'",
        "statistics": "the running statistic 'Net.y.batch_norm.running_var'",
    }  # fmt: skip
    assert said[place.partition(":")[0]] in found.message


def test_a_clipped_norm_beyond_the_type_ends_the_run(tmp_path: Path) -> None:
    """Its factor would be 0: weights that never move, without a word."""
    (tmp_path / "d.csv").write_text("z,t\n1,1\n2,3\n3,2\n4,5\n")
    (tmp_path / "spec.dl").write_text("""\
data d {
  source csv("d.csv")
  field x: float32 = column("z")
  field t: float32 = column("t")
}
model Net {
  input x: float32[N]
  output z = squeeze(unsqueeze(x, axis = 1) -> Dense(1), axis = 1)
}
train c {
  data d
  minimize mse(Net(x), t) * 1e20 using SGD(lr = 0.1)
  clip norm 1.0
  epochs 2
}
""")
    with pytest.raises(Problem, match="E0520"):
        trained(tmp_path / "spec.dl", tmp_path / "run")
    assert not (tmp_path / "run" / "model.onnx").exists()

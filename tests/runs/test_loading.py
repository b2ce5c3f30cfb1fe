"""``load``: which tensors of a file are taken, what is said of it, and what fits nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from dslc.cli.progress import summary
from dslc.diagnostics import Failure
from tests.conftest import compile_spec
from tests.runs.driving import DATA, Witness, trained, write_spec

MODEL = """\
model Net {{
  input x: float32[N, 4]
  features = x -> Dense(8) -> BatchNorm -> Tanh
  output logits = features -> Dense({classes})
}}
"""
OLD = {
    "Net.features.dense.weight": np.full((4, 8), 1, np.float32),
    "Net.features.dense.bias": np.full(8, 2, np.float32),
    "Net.logits.dense.weight": np.full((8, 5), 3, np.float32),
    "Net.logits.dense.bias": np.full(5, 4, np.float32),
}


def spec(folder: Path, load: str, classes: int = 3) -> Path:
    save_file(OLD, folder / "w.safetensors")
    body = "data flowers minimize cross_entropy(Net(x), label) using SGD(lr = 0) epochs 1"
    return write_spec(folder, f"{DATA}{MODEL.format(classes=classes)}train run {{\n  {load}\n  {body}\n}}\n")


def loaded(folder: Path, load: str, **options: Any) -> set[str]:
    """The paths that start from the file."""
    first = compile_spec(spec(folder, load, **options)).artifacts.initial
    return {name for name, array in OLD.items() if name in first and np.array_equal(first[name], array)}


@pytest.mark.parametrize(("rest", "taken"), [
    ('only "Net.features.*"', ["Net.features.dense.weight", "Net.features.dense.bias"]),
    ("only Net.features", ["Net.features.dense.weight", "Net.features.dense.bias"]),
    ('only "Net.features.*" except "*.bias"', ["Net.features.dense.weight"]),
    ('except "*.logits.*"', ["Net.features.dense.weight", "Net.features.dense.bias"]),
    ('except "Net.logits.*", Net.features.dense.bias,', ["Net.features.dense.weight"]),
    ('only "*.weight", "*.bias" except Net.logits', ["Net.features.dense.weight", "Net.features.dense.bias"]),
])  # fmt: skip
def test_what_is_taken(rest: str, taken: list[str], tmp_path: Path) -> None:
    assert loaded(tmp_path, f'load "w.safetensors" {rest}') == set(taken)


def test_without_patterns_all_is_taken(tmp_path: Path) -> None:
    assert loaded(tmp_path, 'load "w.safetensors"', classes=5) == set(OLD)


def test_what_was_taken_and_left_is_said(tmp_path: Path) -> None:
    witness = Witness()
    trained(spec(tmp_path, 'load "w.safetensors" except "*.logits.*"'), tmp_path / "run", observer=witness)
    (plan,) = witness.plans
    first, second = summary(plan)[2:]
    assert first == "w.safetensors: 2 tensors loaded; left in it: Net.logits.dense.bias, Net.logits.dense.weight"
    assert second == "not loaded, but initialized: " + ", ".join(
        f"Net.features.batch_norm.{name}" for name in ("weight", "bias", "running_mean and 3 more")
    )
    trained(tmp_path / "spec.dl", tmp_path / "run", observer=witness, resume=True, epochs=2)
    assert len(summary(witness.plans[-1])) == 2


@pytest.mark.parametrize(("load", "said", "hint"), [
    ('load "w.safetensors"', "'Net.logits.dense.bias' is float32[5] in the file, and float32[3] in the network",
     'to leave it out: load "w.safetensors" except "Net.logits.dense.*"'),
    ('load "w.safetensors" only Net except "*.weight"', "'Net.logits.dense.bias' is float32[5] in the file",
     'to leave it out: load "w.safetensors" only Net except "*.weight", "Net.logits.dense.*"'),
    ('load "w.safetensors" only "*.running_mean"', "no tensor in 'w.safetensors' has a name that matches",
     "it holds Net.features.dense.bias, Net.features.dense.weight, Net.logits.dense.bias and 1 more"),
    ('load "w.safetensors" except "*"', "of 4 tensors in w.safetensors none is taken",
     "without `load`, training starts anew"),
    ('load "w.safetensors" only Net.features except Net.logit', "no tensor in 'w.safetensors', and no parameter",
     "did you mean 'Net.logits'?"),
])  # fmt: skip
def test_what_fits_nothing(load: str, said: str, hint: str, tmp_path: Path) -> None:
    with pytest.raises(Failure) as caught:
        loaded(tmp_path, load)
    first = caught.value.diagnostics[0]
    assert said in first.message
    assert first.hint == hint


def test_the_remedy_that_is_named_works(tmp_path: Path) -> None:
    with pytest.raises(Failure) as caught:
        loaded(tmp_path, 'load "w.safetensors"')
    remedy = str(caught.value.diagnostics[0].hint).partition(": ")[2]
    assert loaded(tmp_path, remedy) == {"Net.features.dense.weight", "Net.features.dense.bias"}


def test_many_misfits_are_counted(tmp_path: Path) -> None:
    path = spec(tmp_path, 'load "w.safetensors"')
    save_file({f"Other.{i}.weight": np.zeros(2, np.float32) for i in range(40)}, tmp_path / "w.safetensors")
    with pytest.raises(Failure) as caught:
        _ = compile_spec(path).artifacts.initial
    assert "of 40 tensors in w.safetensors 35 more do not fit" in caught.value.diagnostics[-1].message


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(value: float, tmp_path: Path) -> None:
    path = spec(tmp_path, 'load "w.safetensors"', classes=5)
    wrong = OLD["Net.logits.dense.bias"].copy()
    wrong[2] = value
    save_file({**OLD, "Net.logits.dense.bias": wrong}, tmp_path / "w.safetensors")
    with pytest.raises(Failure, match="E0522") as caught:
        trained(path, tmp_path / "run")
    (found,) = caught.value.diagnostics
    assert found.message == (
        f"'Net.logits.dense.bias' holds {value} in the file, which nothing can be trained from (w.safetensors)"
    )
    assert found.hint == 'to leave it out: load "w.safetensors" except "Net.logits.dense.*"'
    left_out = path.read_text().replace('"w.safetensors"', '"w.safetensors" except "Net.logits.dense.*"')
    path.write_text(left_out)
    trained(path, tmp_path / "run")

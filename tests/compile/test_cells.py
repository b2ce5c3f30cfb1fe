"""Cells as graphs: random numbers of each step, options of shared layers, booleans, passes, and what ends a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from dslc.diagnostics import Failure, Problem
from dslc.export.columns import Marks
from dslc.export.shipping import with_fields
from dslc.graph.model import save_model
from dslc.pipeline import Compilation, Options
from dslc.render import render_all
from tests.conftest import compile_spec

CELLS = """
cell Noise {
  input x: [N, D]
  state h: [N, D] = zeros
  h = uniform_like(x)
  output h
}
cell Rows {
  input x: [N, K, D]
  state h: [N, K, D] = zeros
  h = x -> Noise(reverse = true)
  output h
}
cell Sum {
  input x: [N, D]
  state h: [N, D] = zeros
  h = 0.5 * h + x
  output h
}
cell Risen {
  input x: [N]
  state high: [N] = -1
  state rises: bool[N] = false
  rises = x > high
  high = where(rises, x, high)
  output high
}
cell Words {
  input id: int64[N]
  state h: [N, 2] = zeros
  h = h + (id -> Embedding(7, 2))
  output h
}
"""


def compiled(folder: Path, output: str, cells: str = CELLS, options: Options | None = None) -> Compilation:
    """A model of such an output of ``s`` (float32[N, T, 3]), ``ids`` and ``n``, and a train block with data for it."""
    random = np.random.default_rng(0)
    np.savez(
        folder / "d.npz", s=random.normal(size=(8, 5, 3)).astype(np.float32), ids=random.integers(0, 7, (8, 5)),
        n=random.integers(0, 6, 8),
    )  # fmt: skip
    spec = f"""{cells}
data d {{
  source npz("d.npz")
  field s: float32[5, 3] = column("s")
  field ids: int64[5] = column("ids")
  field n: int64 = column("n")
}}
model Net {{
  input s: float32[N, T, 3]
  input ids: int64[N, T]
  input n: int64[N]
  parameter one: float32[1] = ones
  layer shared = Sum
  output y = one * ({output})
}}
train t {{
  data d
  minimize mean(Net(s, ids, n) ** 2) using SGD(lr = 0.1)
  steps 1
}}
"""
    (folder / "spec.dl").write_text(spec)
    return compile_spec(folder / "spec.dl", options)


def shipped(compilation: Compilation) -> onnxruntime.InferenceSession:
    (model,) = compilation.inference(compilation.artifacts.initial)
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 4
    return onnxruntime.InferenceSession(compilation.serialized(model.model), settings)


def run(session: onnxruntime.InferenceSession, **arrays: np.ndarray) -> np.ndarray:
    given = {one.name: arrays[one.name] for one in session.get_inputs()}
    return session.run(None, given)[0]


S = np.random.default_rng(1).normal(size=(4, 6, 3)).astype(np.float32)
N = np.array([6, 0, 2, 5])


def test_random_numbers_are_drawn_anew_in_each_step(tmp_path: Path) -> None:
    session = shipped(compiled(tmp_path, "s -> Noise"))
    zeros = np.zeros((40, 50, 3), np.float32)
    first, again, other = (run(session, s=zeros, seed=np.array(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    for y in (first, other):
        assert len(np.unique(y)) > 0.99 * y.size
        assert abs(y.mean() - 0.5) < 0.02
        assert abs(np.corrcoef(y[:, :-1].ravel(), y[:, 1:].ravel())[0, 1]) < 0.05
    assert abs(np.corrcoef(first.ravel(), other.ravel())[0, 1]) < 0.05


def test_random_numbers_of_steps_within_steps(tmp_path: Path) -> None:
    session = shipped(compiled(tmp_path, "sum(stack(s, s, s, axis = 2) -> Rows, axis = 2)"))
    y = run(session, s=np.zeros((10, 20, 3), np.float32), seed=np.array(0))
    assert len(np.unique(y)) > 0.99 * y.size


def test_dropout_has_a_mask_for_each_step_and_none_in_evaluation(tmp_path: Path) -> None:
    dropped = (
        CELLS
        + """
cell Dropped {
  input x: [N, D]
  state h: [N, D] = zeros
  h = x -> Dropout(0.5)
  output h
}
"""
    )
    ones = {"s": np.ones((50, 5, 3), np.float32), "seed": np.array(1)}
    compilation = compiled(tmp_path, "s -> Dropped", dropped)
    np.testing.assert_array_equal(run(shipped(compilation), **ones), ones["s"])
    # mean(y ** 2) of what is 0 or 2, each half of the time
    train = onnxruntime.InferenceSession(compilation.artifacts.models["train.onnx"])
    state = {**compilation.artifacts.initial, **ones}
    losses = [
        train.run(["loss"], {i.name: state[i.name] for i in train.get_inputs()} | {"seed": np.array(seed)})[0]
        for seed in range(20)
    ]
    assert 1.95 < np.mean(losses) < 2.05
    assert 0.02 < np.std(losses) < 0.15  # of 750 masks; of 150 that all steps share it would be 0.16


TOLD = ["reverse = true", "lengths = cast(n, uint8)", "lengths = n", "lengths = n, reverse = true", "h = s[:, 0]"]


@pytest.mark.parametrize("told", TOLD)
def test_a_shared_cell_is_told_where_it_is_applied(told: str, tmp_path: Path) -> None:
    found = [run(shipped(compiled(tmp_path, f"s -> {name}({told})")), s=S, n=N) for name in ("Sum", "shared")]
    np.testing.assert_array_equal(found[0], found[1])


@pytest.mark.parametrize("options", ["", "lengths = n"])
def test_a_state_of_booleans(options: str, tmp_path: Path) -> None:
    y = run(shipped(compiled(tmp_path, f"s[..., 0] -> Risen({options})")), s=S, n=N)
    within = np.arange(6) < N[:, None] if options else True
    np.testing.assert_array_equal(y, np.where(within, np.maximum.accumulate(np.maximum(S[..., 0], -1), 1), 0))


def test_passes_change_nothing(tmp_path: Path) -> None:
    found = [
        run(shipped(compiled(tmp_path, "s -> Dense(3) -> Sum(lengths = n)", options=Options(passes=passes))), s=S, n=N)
        for passes in (None, "none")
    ]
    np.testing.assert_allclose(found[0], found[1], rtol=1e-5, atol=1e-6)


def test_a_gradient_apart_takes_what_is_drawn_in_steps(tmp_path: Path) -> None:
    noisy = (
        CELLS
        + """
cell Noisy {
  input x: [N, D]
  state h: [N, D] = zeros
  h = 0.5 * h + (x -> Dropout(0.5) -> Dense(D))
  output h
}
"""
    )
    ports = compiled(tmp_path, "s -> Noisy", noisy).artifacts_apart.manifest["graphs"]["update.onnx"]["inputs"]
    assert not {"s", "seed"} & {port["name"] for port in ports}


OUTSIDE = {
    "ids -> Words": ("ids", 7, "Words applies Embedding, which has 7 rows"),
    "s[..., :2] -> Sum(lengths = n)": ("n", 7, "takes lengths from 0 to its T steps"),
}


@pytest.mark.parametrize("output", OUTSIDE)
@pytest.mark.parametrize("sign", [-1, 1])
def test_what_lies_outside_ends_a_run(output: str, sign: int, tmp_path: Path) -> None:
    name, size, _ = OUTSIDE[output]
    session = shipped(compiled(tmp_path, f"mean({output}, axis = 2)[..., none]"))
    arrays = {"s": S, "ids": np.full((4, 6), 6), "n": np.full(4, 6)}
    assert np.isfinite(run(session, **arrays)).all()
    arrays[name].flat[-1] = -1 if sign < 0 else size
    with pytest.raises(Exception, match="out of data bounds"):
        run(session, **arrays)


FAULTS = [
    ("", 6, "field 'ids' is 6, and should be 0 to 5"),
    ("lengths = n + 1", 7, "takes lengths from 0 to its 5 steps"),
]


@pytest.mark.parametrize(("options", "rows", "said"), FAULTS)
def test_data_that_lies_outside_is_named(options: str, rows: int, said: str, tmp_path: Path) -> None:
    cells = CELLS.replace("Embedding(7", f"Embedding({rows}")
    bound = compiled(tmp_path, f"mean(ids -> Words({options}), axis = 2)[..., none]", cells).bound
    with pytest.raises((Failure, Problem)) as caught:
        assert bound.dataset
    error: Any = caught.value
    assert said in render_all([error.diagnostic] if isinstance(error, Problem) else error.diagnostics)


def test_data_within_is_taken(tmp_path: Path) -> None:
    assert compiled(tmp_path, "mean(ids -> Words(lengths = n), axis = 2)[..., none]").bound.dataset


def test_raw_columns_in_front(tmp_path: Path) -> None:
    compilation = compiled(tmp_path, "s -> Dense(3) -> Sum(lengths = n)")
    (model,) = compilation.inference(compilation.artifacts.initial)
    data, fields = compilation.serialized(model.model), compilation.artifacts.models["fields.onnx"]
    marks = {name: Marks((), ()) for name in ("s", "ids", "n")}
    joined = save_model(with_fields(data, fields, model.fields, {}, compilation.bound.contract, marks))
    raw = dict(np.load(tmp_path / "d.npz"))
    found = run(onnxruntime.InferenceSession(joined), **raw)
    np.testing.assert_allclose(found, run(shipped(compilation), **raw), rtol=1e-5, atol=1e-6)

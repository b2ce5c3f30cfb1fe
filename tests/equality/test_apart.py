"""A gradient and an update apart do what the joined step does, also with a batch's examples dealt to several workers.

Both graphs run here as in any other program: by stock ONNX Runtime, joined by nothing but sums.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from dslc.compile.artifacts import Artifacts
from dslc.compile.state import FLUSH
from dslc.diagnostics import Problem
from dslc.pipeline import Options
from dslc.render import render_all
from tests.conftest import compile_spec, mostly_alike

from .stepping import HERE, largest
from .test_accumulated_objectives import PAIRS, TWO
from .test_accumulation import EXACT, SPEC, write_examples
from .test_options import BLOCKS, batches
from .test_options import SPEC as OPTIONS

Arrays = dict[str, np.ndarray]


class Loop:
    """A training loop that knows of the compiler what the manifest says."""

    def __init__(self, artifacts: Artifacts) -> None:
        self.manifest = artifacts.manifest
        self.state = dict(artifacts.initial)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        # ONNX Runtime 1.19 would fuse products of float64 into an operator that it has no kernel of
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        self.sessions = {
            file: onnxruntime.InferenceSession(artifacts.models[file], options) for file in artifacts.step_files
        }

    def run(self, file: str, given: Mapping[str, np.ndarray]) -> Arrays:
        ports = self.manifest["graphs"][file]
        names = [port["name"] for port in ports["outputs"]]
        found = self.sessions[file].run(
            names, {port["name"]: np.asarray(given[port["name"]]) for port in ports["inputs"]}
        )
        return dict(zip(names, map(np.asarray, found), strict=True))

    def step(self, *workers: Arrays) -> float:
        """Make one update of a batch for each worker, who all begin with the same state; return the last one's loss."""
        for objective in self.manifest["steps"]:
            if isinstance(objective, str):  # the joined graph
                (batch,) = workers
                found = [self.run(objective, {**self.state, **batch})]
                self.state |= successors(found[0])
                continue
            found = [self.run(objective["gradient"], {**self.state, **batch}) for batch in workers]
            self.state |= mean_of([successors(one) for one in found], [len(batch["x"]) for batch in workers])
            sums = {
                name: np.sum([one[name] for one in found], axis=0, dtype=found[0][name].dtype)
                for name in objective["sums"]
            }
            self.state |= successors(self.run(objective["update"], {**self.state, **sums}))
        return float(found[-1]["loss"])

    def step_in_turn(self, *batches: Arrays) -> None:
        """Make one update of batches one after the other, as the joined graph does under ``accumulate``."""
        pending: list[Arrays] = [{} for _ in self.manifest["steps"]]
        for number, batch in enumerate(batches, 1):
            for objective, sums in zip(self.manifest["steps"], pending, strict=True):
                found = self.run(objective["gradient"], {**self.state, **batch})
                self.state |= successors(found)
                sums |= {
                    name: np.add(found[name], sums.get(name, 0), dtype=found[name].dtype) for name in objective["sums"]
                }
                if number == len(batches):
                    self.state |= successors(self.run(objective["update"], {**self.state, **sums}))


def successors(found: Arrays) -> Arrays:
    return {name.removesuffix(".next"): array for name, array in found.items() if name.endswith(".next")}


def mean_of(states: Sequence[Arrays], examples: Sequence[int]) -> Arrays:
    """Return the mean of several workers' running statistics, each counted by its examples."""
    names = [name for name in states[0] if states[0][name].dtype.kind == "f"]
    found = {name: np.average([one[name] for one in states], axis=0, weights=examples) for name in names}
    return {**states[0], **{name: array.astype(states[0][name].dtype) for name, array in found.items()}}


def cut(batch: Arrays, edges: Sequence[int]) -> list[Arrays]:
    return [{n: a[first:last] if a.ndim else a for n, a in batch.items()} for first, last in pairwise(edges)]


def loops(folder: Path, text: str) -> tuple[Loop, Loop]:
    """Compile a spec, joined and apart."""
    (folder / "spec.dl").write_text(text, encoding="utf-8")
    compilation = compile_spec(folder / "spec.dl")
    return Loop(compilation.artifacts), Loop(compilation.artifacts_apart)


def compare(found: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray], tolerance: float) -> None:
    """Compare states that may differ by what is pending in the joined one; a tolerance of 0 means bit for bit."""
    for name in expected:
        if not name.startswith("pending") and name != FLUSH:
            assert found[name].dtype == expected[name].dtype, name
            assert largest(found[name] - expected[name]) <= tolerance * max(1.0, largest(expected[name])), name


ADAM = "Adam(lr = warmup(2) then cosine(0.1, 0.001))"
ALL_ELSE = "clip norm 0.01\n  average ema(0.9)"
SAME_BITS = {
    "mse(out, y)", "binary_cross_entropy(out, z)", "mean((out - y) ** 2)", "sum((out - y) ** 2)", "(out - y) ** 2",
    "mean(mean((out - y) ** 2, axis = 0))",
}  # fmt: skip
"""All examples count alike, and 16 of them: to multiply by it and to divide by it again changes no bit."""


@pytest.mark.parametrize("objective", mostly_alike(EXACT, every=10))
def test_one_worker_makes_the_joined_step(objective: str, tmp_path: Path) -> None:
    """But for rounding, since a gradient is multiplied by its weight to be added up, and the sum divided by it."""
    batch = write_examples(tmp_path, 16)
    text = SPEC.format(objective=objective, more=ALL_ELSE, optimizer=ADAM)
    joined, loop = loops(tmp_path, text)
    start = dict(joined.state)
    for _ in range(3):
        assert loop.step(batch) == pytest.approx(joined.step(batch), rel=1e-6)
    end = joined.state
    assert set(end) == set(loop.state)
    assert max(largest(end[name] - start[name]) for name in start if "dense" in name) > 1e-4
    compare(loop.state, end, 0 if objective in SAME_BITS else 1e-6)


CUTS = ([0, 12, 24], [0, 3, 24], [0, 1, 6, 7, 24])
"""Halves; a worker whose targets are all ignored; several of unequal sizes, one with an example that has no weight."""


@pytest.mark.parametrize("objective", mostly_alike(EXACT, every=10))
def test_workers_make_the_step_of_one_large_batch(objective: str, tmp_path: Path) -> None:
    batch = write_examples(tmp_path)
    text = SPEC.format(objective=objective, more=ALL_ELSE, optimizer="SGD(lr = 0.5, momentum = 0.9)")
    joined, loop = loops(tmp_path, text)
    for _ in range(2):
        joined.step(batch)
    start = dict(loop.state)
    for edges in CUTS:
        loop.state = dict(start)
        for _ in range(2):
            loop.step(*cut(batch, edges))
        compare(loop.state, joined.state, 3e-6)


LAYERS = """\
data examples {{
  source csv("examples.csv")
  field x: float32[4] = columns("x*")
  field y: {element}[3] = columns("y*")
}}
model Net {{
  input x: float32[N, 4]
  output out = {into} -> Dense(8, bias = false) -> BatchNorm -> Tanh -> {more}Dense(3)
}}
train t {{
  data examples
  minimize mse(Net(x), y) using Adam(lr = 0.1)
  average ema(0.9)
  {setting}
  steps 10
  batch 24
}}
"""


def layers(more: str = "", setting: str = "", element: str = "float32") -> str:
    into = "x" if element == "float32" else f"cast(x, {element})"
    return LAYERS.format(more=more, setting=setting, element=element, into=into)


TERMS = "cross_entropy(out, label, weight = w) + 0.1 * mse(out, y, weight = w) + mae(out, y)"


@pytest.mark.parametrize("objective", ["mse(out, y)", "cross_entropy(out, label, weight = w)", TERMS])
def test_the_loss_of_all_follows_from_the_losses_of_workers(objective: str, tmp_path: Path) -> None:
    """Each term of it counts by the weights that add up."""
    batch = write_examples(tmp_path)
    joined, loop = loops(tmp_path, SPEC.format(objective=objective, more="", optimizer="Adam()"))
    found = [loop.run("gradient.onnx", {**loop.state, **share}) for share in cut(batch, [0, 5, 24])]
    terms = sorted(name for name in found[0] if name.startswith("loss.term")) or ["loss"]
    assert len(terms) == (3 if objective == TERMS else 1)
    values = [
        np.average([one[term] for one in found], weights=[one[f"sum/examples{suffix}"] for one in found])
        for term, suffix in zip(terms, ["", "_2", "_3"], strict=False)
    ]
    assert sum(values) == pytest.approx(joined.step(batch), rel=1e-6)


@pytest.mark.parametrize("more", ["", "Dropout(0.4) -> "])
def test_statistics_and_random_numbers_are_those_of_the_joined_step(more: str, tmp_path: Path) -> None:
    batch = write_examples(tmp_path, 16)
    joined, loop = loops(tmp_path, layers(more))
    for seed in (5, 5, 6):
        given = {**batch, "seed": np.array(seed)}
        joined.step(given)
        loop.step(given)
    compare(loop.state, joined.state, 0)
    assert loop.state["average/Net.out.batch_norm.running_var"].any()


@pytest.mark.parametrize("more", ["", "Dropout(0.4) -> "])
def test_batches_in_turn_are_those_that_accumulate_joins(more: str, tmp_path: Path) -> None:
    """Bit for bit, since what is added up, and in which order, is the same; each batch moves statistics and draws."""
    batch = write_examples(tmp_path)
    text = layers(more, "accumulate 3")
    joined, loop = loops(tmp_path, text)
    assert loop.manifest["accumulate"] == 3
    batches = cut({**batch, "seed": np.array(3)}, [0, 7, 10, 24])
    for _ in range(2):
        for one in batches:
            joined.step(one)
        loop.step_in_turn(*batches)
    compare(loop.state, joined.state, 0)
    assert loop.state["counter/batch"] == 6
    assert not any(name.startswith("pending") for name in loop.state)


def test_workers_move_running_means_as_one_large_batch_does(tmp_path: Path) -> None:
    """Each worker normalizes by its own batch; the mean over all examples is the mean of theirs all the same."""
    batch = write_examples(tmp_path)
    joined, loop = loops(tmp_path, layers())
    joined.step(batch)
    loop.step(*cut(batch, [0, 5, 24]))
    mean = "Net.out.batch_norm.running_mean"
    compare({mean: loop.state[mean]}, {mean: joined.state[mean]}, 1e-6)


def test_float64_adds_up_in_float64(tmp_path: Path) -> None:
    batch = write_examples(tmp_path)
    batch["y"] = batch["y"].astype(np.float64)
    text = layers(element="float64").replace(" -> BatchNorm", "")
    joined, loop = loops(tmp_path, text)
    joined.step(batch)
    loop.step(*cut(batch, [0, 5, 24]))
    compare(loop.state, joined.state, 1e-14)


def test_a_loss_in_float16_adds_up_in_float32(tmp_path: Path) -> None:
    """Also where the sum over all batches is beyond float16; what is computed in float16 is rounded as in the step."""
    batch = write_examples(tmp_path)
    batch["y"] *= 100
    objective = "mse(cast(out, float16), cast(y, float16))"
    joined, loop = loops(tmp_path, SPEC.format(objective=objective, more="", optimizer="SGD(lr = 1e-3)"))
    gradient = loop.manifest["graphs"]["gradient.onnx"]["outputs"]
    assert {port["type"] for port in gradient} == {"float16", "float32"}
    joined.step(batch)
    loop.step(*cut(batch, [0, 5, 24]))
    compare(loop.state, joined.state, 1e-4)


@pytest.mark.parametrize("objectives", PAIRS)
def test_several_objectives_in_turn(objectives: str, tmp_path: Path) -> None:
    batch = write_examples(tmp_path)
    text = TWO.format(objectives=objectives, more="clip value 0.1\n  average ema(0.9)")
    joined, loop = loops(tmp_path, text)
    files = ["gradient.one.onnx", "update.one.onnx", "gradient.two.onnx", "update.two.onnx"]
    assert list(loop.sessions) == files
    for edges in ([0, 24], *CUTS):
        joined.step(batch)
        loop.step(*cut(batch, edges))
        compare(loop.state, joined.state, 5e-6)


def test_nothing_to_learn_from_makes_no_update(tmp_path: Path) -> None:
    batch = write_examples(tmp_path)
    batch["label"][:] = -100
    for text in (
        SPEC.format(objective="cross_entropy(out, label)", more=ALL_ELSE, optimizer=ADAM),
        TWO.format(objectives=PAIRS[0].replace("mse(b, y)", "cross_entropy(b, label)"), more="average ema(0.9)"),
    ):
        _, loop = loops(tmp_path, text)
        start = dict(loop.state)
        loop.step(*cut({**batch, "w": 0 * batch["w"]}, [0, 12, 24]))
        compare(loop.state, start, 0)


@pytest.mark.parametrize("block", mostly_alike(BLOCKS, every=4))
def test_every_option_of_a_step(block: str) -> None:
    compilation = compile_spec(OPTIONS, Options(train=block))
    joined, loop = Loop(compilation.artifacts), Loop(compilation.artifacts_apart)
    found = list(batches([16] * 8 if block == "accumulate" else None))[:8]
    for number, batch in enumerate(found):
        joined.step(batch)
        if block == "accumulate":
            if number % 4 == 3:
                loop.step_in_turn(*found[number - 3 : number + 1])
        else:
            loop.step(batch)
    compare(loop.state, joined.state, 1e-6)


# --- what can't be had apart -------------------------------------------------------------------------------


NOISY = """\
data examples {
  source csv("examples.csv")
  field x: float32[4] = columns("x*")
  field y: float32[3] = columns("y*")
}
model Net {
  input x: float32[N, 4]
  parameter scale: float32[3] = ones
  output out = x -> Dense(3)
  output noisy = mean((scale + normal_like(scale)) ** 2)
}
train t {
  data examples
  let net = Net(x)
  minimize sum((net.out - y) ** 2) + 0.1 * net.noisy using SGD(lr = 0.1)
  steps 10
}
"""
REFUSED = {
    "a_variance": SPEC.format(objective="var(out) + mean(out) ** 2", more="", optimizer="Adam()"),
    "a_maximum_without_gradient": SPEC.format(objective="mse(out, y) / detach(max(out))", more="", optimizer="Adam()"),
    "roots_of_columns": SPEC.format(objective="rmse(out, y)", more="", optimizer="Adam()"),
    "a_random_penalty": NOISY,
    "what_compares_examples": SPEC.format(objective="info_nce(out, y)", more="", optimizer="Adam()"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_add_up_is_refused(
    name: str, golden: Callable[[str, Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("spec.dl").write_text(REFUSED[name], encoding="utf-8")
    compilation = compile_spec(Path("spec.dl"))
    assert compilation.artifacts.step_files == ["train.onnx"]
    with pytest.raises(Problem) as caught:
        _ = compilation.artifacts_apart
    golden(render_all([caught.value.diagnostic]), HERE / "apart" / f"{name}.txt")

"""float64 specs train to float64's precision, with every optimizer, schedule, loss and setting."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dslc.diagnostics import Failure, Problem
from dslc.library.word import ACTIVATIONS, LAYERS, LOSSES, OPTIMIZERS
from tests.conftest import mostly_alike
from tests.equality.stepping import compiled_text, train_step
from tests.runs.driving import trained
from tests.runs.optimizers import OPTIMIZERS as WRITTEN

SPEC = """\
data d {{
  source csv("t.csv")
  field x: {element}[3] = columns("a", "b", "c")
  field y: {element} = column("y")
  field k: int64 = column("k")
  field w: {element} = 1 + column("y")
  split train = 70%, validation = 30%
}}
model Net {{
  input x: {element}[N, 3]
  output z = x -> Dense(3)
}}
model Table {{
  input x: {element}[N, 3]
  parameter table: {element}[3, 3] = glorot_uniform
  output centers = table
}}
train t {{
  data d
  let z = Net(x)
  let u = z[:, 0]
  minimize {objective} using {optimizer}
  {setting}
  epochs 2
}}
"""
POINTS = np.random.default_rng(3).normal(size=(40, 3))
TARGETS = np.arange(40) % 2


def text_of(
    objective: str = "mse(u, y)", optimizer: str = "SGD(lr = 0.1)", setting: str = "", element: str = "float64"
) -> str:
    objective = objective.replace("ELEMENT", element)
    return SPEC.format(objective=objective, optimizer=optimizer, setting=setting, element=element)


def write_table(folder: Path) -> None:
    cells = [(*point, target, i % 3) for i, (point, target) in enumerate(zip(POINTS.tolist(), TARGETS, strict=True))]
    rows = (",".join(map(repr, map(float, row))) for row in cells)
    (folder / "t.csv").write_text("\n".join(["a,b,c,y,k", *rows]) + "\n", encoding="utf-8")


# --- against NumPy ---------------------------------------------------------------------------------------

Rule = Callable[[int, np.ndarray, dict[str, np.ndarray | float]], np.ndarray]
"""How far one update goes, given its number from 1, the gradient, and a memory that starts empty."""


def sgd(count: int, gradient: np.ndarray, memory: dict[str, np.ndarray | float]) -> np.ndarray:
    momentum = memory["m"] = 0.9 * memory.get("m", 0.0) + gradient
    return 0.1 * momentum


def adam(count: int, gradient: np.ndarray, memory: dict[str, np.ndarray | float], lr: float = 0.1) -> np.ndarray:
    memory["m"] = 0.9 * memory.get("m", 0.0) + 0.1 * gradient
    memory["v"] = 0.999 * memory.get("v", 0.0) + 0.001 * gradient**2
    return lr * memory["m"] / (1 - 0.9**count) / (np.sqrt(memory["v"] / (1 - 0.999**count)) + 1e-8)


def decaying_adam(count: int, gradient: np.ndarray, memory: dict[str, np.ndarray | float]) -> np.ndarray:
    return adam(count, gradient, memory, 0.1 * 0.7 ** (count - 1))


def rmsprop(count: int, gradient: np.ndarray, memory: dict[str, np.ndarray | float]) -> np.ndarray:
    memory["v"] = 0.99 * memory.get("v", 0.0) + 0.01 * gradient**2
    return 0.01 * gradient / (np.sqrt(memory["v"]) + 1e-8)


@pytest.mark.parametrize(
    ("optimizer", "rule"),
    [
        ("SGD(lr = 0.1, momentum = 0.9)", sgd),
        ("Adam(lr = 0.1)", adam),
        ("Adam(lr = exponential(0.1, 0.7))", decaying_adam),
        ("RMSprop(lr = 0.01)", rmsprop),
    ],
)
def test_float64_updates_are_numpys(optimizer: str, rule: Rule, tmp_path: Path) -> None:
    artifacts = compiled_text(tmp_path, text_of(optimizer=optimizer))
    step = train_step(artifacts)
    names = {name.rsplit(".", 1)[1]: name for name in artifacts.initial if name.endswith((".weight", ".bias"))}
    weight, bias = (np.array(artifacts.initial[names[name]]) for name in ("weight", "bias"))
    assert weight.dtype == bias.dtype == np.float64
    memories: tuple[dict[str, np.ndarray | float], ...] = ({}, {})
    for count in range(1, 31):
        error = (POINTS @ weight + bias)[:, 0] - TARGETS
        slope = np.zeros((len(POINTS), 3))
        slope[:, 0] = 2 * error / len(POINTS)
        step.run_batch({"x": POINTS, "y": TARGETS.astype(np.float64)})
        assert step.loss() == pytest.approx(np.mean(error**2), rel=1e-12)
        weight = weight - rule(count, POINTS.T @ slope, memories[0])
        bias = bias - rule(count, slope.sum(0), memories[1])
    state = step.state()
    np.testing.assert_allclose(state[names["weight"]], weight, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(state[names["bias"]], bias, rtol=1e-12, atol=1e-13)


# --- everything trains -------------------------------------------------------------------------------------

CASES = [
    *(
        {"optimizer": optimizer}
        for optimizer in (
            "SGD(lr = 0.1, momentum = 0.9, dampening = 0.1, weight_decay = 0.01)",
            "SGD(lr = 0.1, momentum = 0.9, nesterov = true)",
            "Adam(lr = 0.1, amsgrad = true, weight_decay = 0.1)",
            "AdamW(lr = 0.1)",
            "RMSprop(lr = 0.01, momentum = 0.9, centered = true)",
            "SGD(lr = warmup(3) then cosine(0.1, 0.0))",
            "SGD(lr = linear(0.1, 0.01), momentum = linear(0.5, 0.9))",
            "Adam(lr = step(0.1, every = 3, factor = 0.5), eps = exponential(1e-6, 0.9))",
            "AdamW(lr = plateau(0.1, patience = 1), weight_decay = cosine(0.1))",
            "Lookahead(SGD(lr = plateau(0.1, patience = 1)), k = 2)",
            *(written for name, written in WRITTEN.items() if name not in ("SGD", "Adam", "AdamW", "RMSprop")),
        )
    ),
    *(
        {"objective": objective}
        for objective in (
            "mae(u, y)",
            "huber(u, y)",
            "binary_cross_entropy(u, y)",
            "cross_entropy(z, k)",
            "cross_entropy(z, k, weight = w, label_smoothing = 0.1)",
            "cross_entropy(z, k, class_weight = [1, 2, 3])",
            "cross_entropy(z, softmax(x))",
            "kl_divergence(log_softmax(z), softmax(x))",
            "mse(u, y) + 0.01 * l2(Net) + 0.01 * l1(Net)",
            "info_nce(z, x, symmetric = true) + 0.01 * circle(z, k, gamma = 16)",
        )
    ),
    *(
        {"objective": " + ".join(terms), "setting": "accumulate 2"}
        for terms in (
            ("smooth_l1(u, y)", "log_cosh(u, y)", "quantile(z, y, q = [0.1, 0.5, 0.9])", "quantile(u, y, weight = w)"),
            ("poisson_nll(u, y)", "gamma_nll(u, w)", "tweedie(u, y)", "gaussian_nll(u, y, softplus(z[:, 1]) + 1e-3)"),
            ("mixture_nll(z, x * u[:, none], softplus(z) + 0.1, y, weight = w)", "nll(log_softmax(z), k)"),
            ("focal(z, k)", "binary_focal(u, y)", "distillation(z, x)"),
            ("hinge(u, 2 * y - 1)", "squared_hinge(u, 2 * y - 1)", "soft_margin(u, 2 * y - 1)", "wasserstein(u, 1)"),
            ("cosine_embedding(z, x, 2 * y - 1)", "contrastive(z, x, y)", "triplet(z, x, -x, swap = true)"),
            ("dice(z, cast(x > 0, ELEMENT))", "jaccard(z, k)", "tversky(z, k, beta = 0.7, weight = w)"),
            ("lovasz_hinge(z, cast(x > 0, ELEMENT))", "lovasz_softmax(z, k, weight = w)"),
            ("dice(z, cast(x > 0, ELEMENT), per_example = false)", "lovasz_hinge(z, cast(x > 0, ELEMENT))"),
            ("ctc(z[:, none] * x[:, :, none], k[:, none] % 2 + 1, k * 0 + 3)", "distillation(z, x, weight = w)"),
            ("arcface(z, k, Table(x))", "center(z, k, Table(x), weight = w)", "elastic(Net)", "orthogonality(Net)"),
            ("hinge_embedding(u, 2 * y - 1)", "margin_ranking(u, z[:, 1], 2 * y - 1, margin = 0.1)"),
            ("multi_margin(z, k)", "categorical_hinge(z, k)", "multi_label_margin(z, cast(x > 0, ELEMENT))"),
            (
                "multi_label_soft_margin(z, cast(x > 0, ELEMENT), class_weight = [1, 2, 3])",
                "cross_entropy(z, softmax(x))",
            ),
        )
    ),
    *(
        {"objective": objective, "setting": setting, "optimizer": "Adam(lr = 0.1)"}
        for objective, setting in (
            ("cross_entropy(z, k)", "clip norm 0.5"),
            ("cross_entropy(z, k)", "clip value 0.1"),
            ("cross_entropy(z, k)", "average ema(0.9)"),
            ("cross_entropy(z, k, weight = w)", "accumulate 2"),
            ("sqrt(mse(u, y))", "accumulate 2"),
            ("mse(u, y)", "metric r2 = r2(u, y)\n  metric rmse = rmse(u, y)"),
            ("cross_entropy(z, k)", "metric accuracy = accuracy(z, k)\n  metric f1 = f1(z, k)"),
        )
    ),
]


@pytest.mark.parametrize("case", mostly_alike(CASES, every=8), ids=lambda case: "-".join(case.values()))
def test_all_of_training_runs_in_float64(case: dict[str, str], tmp_path: Path) -> None:
    """And gives what it gives in float32, but for float32's rounding."""
    write_table(tmp_path)
    results = {}
    for element in ("float64", "float32"):
        (tmp_path / f"{element}.dl").write_text(text_of(**case, element=element), encoding="utf-8")
        result = trained(tmp_path / f"{element}.dl", tmp_path / element)
        results[element] = {**result.losses, **result.metrics}
    assert results["float64"] == pytest.approx(results["float32"], rel=2e-3, abs=1e-4)


def test_float32_and_float64_in_one_model_are_clipped_and_updated_together(tmp_path: Path) -> None:
    text = text_of("cross_entropy(z, k)", "Adam(lr = 0.1)", "clip norm 0.01\n  average ema(0.9)").replace(
        "x -> Dense(3)", "cast(cast(x, float32) -> Dense(4), float64) -> Dense(3)"
    )
    artifacts = compiled_text(tmp_path, text.replace("Adam(lr = 0.1)", "SGD(lr = 1)"))
    step = train_step(artifacts)
    before = {name: array for name, array in artifacts.initial.items() if name.startswith("Net.")}
    assert {array.dtype.name for array in before.values()} == {"float32", "float64"}
    step.run_batch({"x": POINTS, "k": np.arange(40) % 3})
    moved = sum(float(np.sum((step.value(name).astype(float) - array) ** 2)) for name, array in before.items())
    assert np.sqrt(moved) == pytest.approx(0.01, rel=1e-3)


@pytest.mark.parametrize(
    "network",
    [
        "cast(x -> Dense(3) -> Tanh, float16) -> Relu -> LeakyRelu",
        'cast(x -> Dense(3), float16) -> Reshape(1, 3) -> MaxPool(3, stride = 1, padding = "same") -> Flatten',
    ],
)
def test_gradients_pass_through_float16_between_float32_weights(network: str, tmp_path: Path) -> None:
    write_table(tmp_path)
    losses = {}
    for element in ("float16", "float32"):
        text = text_of("cross_entropy(cast(z, float32), k)", element="float32")
        text = text.replace("x -> Dense(3)", network.replace("float16", element))
        (tmp_path / f"{element}.dl").write_text(text, encoding="utf-8")
        losses[element] = trained(tmp_path / f"{element}.dl", tmp_path / element).losses["loss"]
    assert losses["float16"] == pytest.approx(losses["float32"], rel=1e-2)


def test_statistics_of_float16_are_summed_beyond_its_range(tmp_path: Path) -> None:
    """Squares of 200 sum to more than 65,504 over a batch, and over those that make one update."""
    write_table(tmp_path)
    losses = {}
    for element in ("float16", "float32"):
        objective = f"sqrt(mse(cast(u, {element}), cast(100 * y + 150, {element})))"
        text = text_of(objective, setting="accumulate 2\n  batch 7, shuffle = false", element="float32")
        (tmp_path / f"{element}.dl").write_text(text, encoding="utf-8")
        losses[element] = trained(tmp_path / f"{element}.dl", tmp_path / element).losses["loss"]
    assert losses["float16"] == pytest.approx(losses["float32"], rel=1e-3)


# --- every layer, loss and optimizer, from the text to a trained model, or an answer at its line ----------------------

ACTIVATED = {name: f"x -> {name} -> Dense(3)" for name in ACTIVATIONS}
IMAGE = "x -> Reshape(1, 3, 1)"
TOGETHER = [
    "x -> RepeatVector(4) -> Permute([2, 1]) -> RotaryEmbedding -> PositionalEncoding -> Flatten -> Dense(3)",
    "x -> RepeatVector(4) -> Reshape(4, 3, 1) -> PixelShuffle(2) -> PixelUnshuffle(2) -> Flatten -> Dense(3)",
    "x -> Identity -> Reshape(3, 1, 1) -> ChannelShuffle(3) -> Pad(1) -> Upsample(2) -> Crop(1) -> Flatten -> Dense(3)",
    f"{IMAGE} -> Unfold([2, 1]) -> Fold([3, 1], [2, 1]) -> Flatten -> Dense(3)",
    f"{IMAGE} -> LocalResponseNorm(3) -> InstanceNorm -> AdaptiveAveragePool([2, 1]) -> Flatten -> Dense(3)",
    f"{IMAGE} -> AdaptiveMaxPool([2, 1]) -> Flatten -> Dense(3)",
    f"{IMAGE} -> MaxPool([3, 1], indices = true) -> MaxUnpool([3, 1]) -> Flatten -> Dense(3)",
    f"{IMAGE} -> SpatialDropout(0.1) -> Flatten -> DropPath(0.1) -> AlphaDropout(0.1) -> RRelu -> Dense(3)",
    "x -> GaussianNoise(0.1) -> GaussianDropout(0.1) -> Dense(3)",
    f"{IMAGE} -> LpPool(2, [2, 1]) -> Flatten -> Dense(3)",
    *(f"{IMAGE} -> {layer} -> Flatten -> Dense(3)" for layer in ("DepthwiseConv(3)", "SeparableConv(3, 3)")),
    f"{IMAGE} -> ConvTranspose(3, 3) -> Flatten -> Dense(3)",
    "(x, x) -> Bilinear(3) -> PRelu -> RMSNorm -> Dense(3)",
    'x -> Maxout(3) -> EinsumDense("na,ab->nb", b = 3) -> GroupNorm(1) -> Dense(3)',
    "x -> WeightNorm(Dense(3)) -> SpectralNorm(Dense(3)) -> Dense(3)",
    "x -> Reshape(3, 1) -> RNN(2) -> GRU(2) -> LSTM(2) -> MultiHeadAttention(1) -> Flatten -> Dense(3)",
]
NETWORKS = {
    **ACTIVATED,
    **{name: network for network in TOGETHER for name in re.findall(r"-> (\w+)", network)},
    "Glu": "x -> RepeatVector(2) -> Glu(axis = 1) -> Flatten -> Dense(3)",
    "Threshold": "x -> Threshold(0.1, -0.5) -> Dense(3)",
    "Dense": "x -> Dense(3)",
    "Reshape": "x -> Reshape(3, 1) -> Dense(1) -> Flatten -> Dense(3)",
    "Flatten": "x -> Reshape(3, 1) -> Dense(2) -> Flatten -> Dense(3)",
    "Dropout": "x -> Dropout(0.1) -> Dense(3)",
    "LayerNorm": "x -> LayerNorm -> Dense(3)",
    "BatchNorm": "x -> Dense(3) -> BatchNorm -> Dense(3)",
    "Conv": f"{IMAGE} -> Conv(3, 3) -> Flatten -> Dense(3)",
    "MaxPool": f"{IMAGE} -> MaxPool([2, 1]) -> Flatten -> Dense(3)",
    "AveragePool": f"{IMAGE} -> AveragePool([2, 1]) -> Flatten -> Dense(3)",
    "GlobalAveragePool": f"{IMAGE} -> GlobalAveragePool -> Dense(3)",
    "GlobalMaxPool": f"{IMAGE} -> GlobalMaxPool -> Dense(3)",
    "Embedding": "cast(cast(x > 0, int64) -> Embedding(2, 2) -> Flatten, ELEMENT) -> Dense(3)",
    "EmbeddingBag": "cast(cast(x > 0, int64) -> EmbeddingBag(2, 2), ELEMENT) -> Dense(3)",
}
ALL_WORDS = [
    *({"network": network} for network in dict.fromkeys(NETWORKS.values())),
    *(case for case in CASES if case.keys() <= {"objective"} or case.keys() <= {"optimizer"}),
]


def test_every_layer_loss_and_optimizer_has_a_spec() -> None:
    assert set(NETWORKS) == set(LAYERS)
    text = " ".join(" ".join(case.values()) for case in CASES) + " SGD mse"
    assert {name for name in (*LOSSES, *OPTIMIZERS) if not re.search(rf"\b{name}\b", text)} == set()


def outcome_of(spec: Path, text: str, element: str) -> float | None:
    """The loss that a spec is trained to; None where it is refused, each finding at its line and for its type."""
    spec.write_text(text, encoding="utf-8")
    try:
        return trained(spec, spec.with_suffix("")).losses["loss"]
    except (Failure, Problem) as problem:
        findings = problem.diagnostics if isinstance(problem, Failure) else [problem.diagnostic]
        assert all(finding.span is not None and element in finding.message for finding in findings)
        return None


@pytest.mark.parametrize("case", mostly_alike(ALL_WORDS, 14), ids=lambda case: "-".join(case.values()))
def test_in_float64_it_trains_or_is_refused_at_its_line(case: dict[str, str], tmp_path: Path) -> None:
    write_table(tmp_path)
    rest = {key: value for key, value in case.items() if key != "network"}
    results = []
    for element in ("float64", "float32"):
        text = text_of(**{"objective": "mse(z, x)", **rest} if "network" in case else rest, element=element)
        network = case.get("network", "x -> Dense(3)").replace("ELEMENT", element)
        results.append(outcome_of(tmp_path / f"{element}.dl", text.replace("x -> Dense(3)", network), "float64"))
    refused = any(word in case.get("network", "") for word in ("Conv", " AveragePool([", "LpPool", "Gelu"))
    assert (results[0] is None) is refused
    assert refused or results[0] == pytest.approx(results[1], rel=1e-4, abs=1e-4)


WEIGHTED = (
    "Dense",
    "Conv",
    "DepthwiseConv",
    "SeparableConv",
    "BatchNorm",
    "LayerNorm",
    "Bilinear",
    "Maxout",
    "WeightNorm",
    "RNN",
)
IN_FLOAT16 = [
    *(("mse(z, x)", network.rpartition(" -> Dense(3)")[0]) for network in dict.fromkeys(NETWORKS.values())
      if network != "x -> Dense(3)" and "-> Embedding" not in network),
    *((objective, "x") for objective in (
        "mse(u, cast(y, float16))", "mae(u, cast(y, float16))", "huber(u, cast(y, float16))", "cross_entropy(z, k)",
        "binary_cross_entropy(u, cast(y, float16))", "cross_entropy(z, k, weight = cast(w, float16))",
        "cross_entropy(z, cast(softmax(x), float16))", "kl_divergence(log_softmax(z), cast(softmax(x), float16))",
        "cast(l2(Net), float16) + mse(u, cast(y, float16))", "cast(l1(Net), float16) + mse(u, cast(y, float16))",
        "log_cosh(u, cast(y, float16)) + quantile(z, cast(y, float16), q = [0.1, 0.5, 0.9])",
        "mixture_nll(z, -z, softplus(z) + 0.1, cast(y, float16)) + focal(z, k) + distillation(z, cast(x, float16))",
        "soft_margin(u, cast(2 * y - 1, float16)) + multi_margin(z, k) + tweedie(u, cast(y, float16))",
        "triplet(z, cast(x, float16), cast(-x, float16))",
        "lovasz_softmax(z, k) + dice(z, k) + info_nce(z, cast(x, float16)) + 0.01 * circle(z, k, gamma = 16)",
        "arcface(z, k, cast(Table(x), float16), radius = 4) + center(z, k, cast(Table(x), float16))",
        "ctc(z[:, none] * cast(x, float16)[:, :, none], k[:, none] % 2 + 1, k * 0 + 3)",
    )),
]  # fmt: skip


@pytest.mark.parametrize("case", mostly_alike(IN_FLOAT16, 16), ids="-".join)
def test_in_float16_it_trains_between_float32_weights_or_is_refused(case: tuple[str, str], tmp_path: Path) -> None:
    """Weights of float16 are refused; what has none gives what it gives in float32, but for float16's rounding."""
    objective, network = case
    write_table(tmp_path)
    results = []
    for element in ("float16", "float32"):
        inner = re.sub(r"\bx\b", f"cast(x -> Dense(3), {element})", network)
        text = text_of(objective.replace("float16", element), element="float32")
        text = text.replace("output z = x -> Dense(3)", f"h = {inner}\n  output z = {{}}")
        behind = "h" if network == "x" else "cast(h, float32) -> Dense(3)"
        results.append(outcome_of(tmp_path / f"{element}.dl", text.replace("{}", behind), "float16"))
    refused = any(f"-> {word}" in network for word in WEIGHTED)
    assert (results[0] is None) is refused
    assert refused or results[0] == pytest.approx(results[1], rel=2e-2, abs=2e-3)

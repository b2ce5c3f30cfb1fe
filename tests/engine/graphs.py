"""Small hand-made training graphs, with what they compute in NumPy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx_ir as ir

from dslc import graph as g
from dslc.engine.onnxruntime.session import Graph, Settings
from dslc.engine.onnxruntime.stateful import StatefulRunner
from dslc.engine.protocol import Model
from dslc.types import FLOAT32, FLOAT64, INT64, TensorType, symbol

BATCH = symbol("batch")


def serialized(builder: g.Builder) -> bytes:
    return ir.to_proto(builder.model()).SerializeToString()


def mlp(inputs: int = 784, hidden: int = 128, classes: int = 10, momentum: float = 0.9) -> bytes:
    """One step of momentum SGD on a two-layer network with softmax cross-entropy, and a step counter."""
    b = g.Builder("train")
    x = b.input("image", TensorType(FLOAT32, (BATCH, inputs)))
    label = b.input("label", TensorType(INT64, (BATCH,)))
    shapes = {"w1": (inputs, hidden), "b1": (hidden,), "w2": (hidden, classes), "b2": (classes,)}
    p = {name: b.input(name, TensorType(FLOAT32, shape)) for name, shape in shapes.items()}
    m = {name: b.input(f"{name}.momentum", TensorType(FLOAT32, shape)) for name, shape in shapes.items()}
    rate = b.input("rate", TensorType(FLOAT32, ()))
    step = b.input("step", TensorType(INT64, ()))
    with b.scope("Dense", "mlp.dl:3"):
        hidden_sum = x @ p["w1"] + p["b1"]
    h = g.relu(hidden_sum)
    log_p = g.log_softmax(h @ p["w2"] + p["b2"])
    target = g.one_hot(label, classes, log_p)
    count = g.cast(g.reshape(b.dimension(BATCH), ()), FLOAT32)
    loss = -g.reduce_sum(log_p * target) / count
    d_logits = (g.exp(log_p) - target) / count
    d_hidden = (d_logits @ p["w2"].mT) * g.cast(g.greater(hidden_sum, 0.0), FLOAT32)
    gradients = {
        "w1": x.mT @ d_hidden,
        "b1": g.reduce_sum(d_hidden, [0]),
        "w2": h.mT @ d_logits,
        "b2": g.reduce_sum(d_logits, [0]),
    }
    b.output("loss", loss)
    for name, gradient in gradients.items():
        velocity = m[name] * momentum + gradient
        b.output(f"{name}.next", p[name] - rate * velocity)
        b.output(f"{name}.momentum.next", velocity)
    b.output("step.next", step + 1)
    return serialized(b)


def mlp_state(inputs: int = 784, hidden: int = 128, classes: int = 10, rate: float = 0.1) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    shapes = {"w1": (inputs, hidden), "b1": (hidden,), "w2": (hidden, classes), "b2": (classes,)}
    state = {name: (rng.standard_normal(s) / np.sqrt(s[0])).astype(np.float32) for name, s in shapes.items()}
    moments = {f"{name}.momentum": np.zeros(s, np.float32) for name, s in shapes.items()}
    return {**state, **moments, "rate": np.array(rate, np.float32), "step": np.array(0, np.int64)}


def mlp_reference(state: dict[str, np.ndarray], batch: dict[str, np.ndarray]) -> tuple[float, dict[str, np.ndarray]]:
    """The same step in NumPy, in float64."""
    s = {name: value.astype(np.float64) for name, value in state.items()}
    x, label = batch["image"].astype(np.float64), batch["label"]
    hidden_sum = x @ s["w1"] + s["b1"]
    h = np.maximum(hidden_sum, 0)
    logits = h @ s["w2"] + s["b2"]
    logits -= logits.max(-1, keepdims=True)
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    target = np.eye(log_p.shape[1])[label]
    d_logits = (np.exp(log_p) - target) / len(x)
    d_hidden = (d_logits @ s["w2"].T) * (hidden_sum > 0)
    gradients = {"w1": x.T @ d_hidden, "b1": d_hidden.sum(0), "w2": h.T @ d_logits, "b2": d_logits.sum(0)}
    result = {"rate": s["rate"], "step": s["step"] + 1}
    for name, gradient in gradients.items():
        result[f"{name}.momentum"] = s[f"{name}.momentum"] * 0.9 + gradient
        result[name] = s[name] - s["rate"] * result[f"{name}.momentum"]
    return float(-(log_p * target).sum() / len(x)), result


def batch_of(size: int, inputs: int = 784, classes: int = 10, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "image": rng.standard_normal((size, inputs)).astype(np.float32),
        "label": rng.integers(0, classes, size).astype(np.int64),
    }


def first_of_two() -> bytes:
    """a' = a + mean(x); c' = 2 c."""
    b = g.Builder("first")
    x = b.input("x", TensorType(FLOAT32, (BATCH,)))
    a, c = b.input("a", TensorType(FLOAT32, ())), b.input("c", TensorType(FLOAT32, (2,)))
    b.output("loss", a * 1.0)
    b.output("a.next", a + g.reduce_mean(x))
    b.output("c.next", c * 2.0)
    return serialized(b)


def second_of_two() -> bytes:
    """a' = 3 a; d' = d + c + seed, where a and c are what the first left."""
    b = g.Builder("second")
    seed = b.input("seed", TensorType(INT64, ()))
    a, c = b.input("a", TensorType(FLOAT32, ())), b.input("c", TensorType(FLOAT32, (2,)))
    d = b.input("d", TensorType(FLOAT32, (2,)))
    b.output("loss", a * 1.0)
    b.output("a.next", a * 3.0)
    b.output("d.next", d + c + g.cast(seed, FLOAT32))
    return serialized(b)


def momentum() -> bytes:
    """m' = m / 2 + sum(x); w' = w - m'."""
    b = g.Builder("momentum")
    x = b.input("x", TensorType(FLOAT32, (BATCH, 3)))
    w, m = (b.input(name, TensorType(FLOAT32, (3,))) for name in "wm")
    after = m * 0.5 + g.reduce_sum(x, [0])
    b.output("loss", g.reduce_mean(x * w))
    b.output("m.next", after)
    b.output("w.next", w - after)
    return serialized(b)


def lookup() -> bytes:
    """A table lookup, which fails for an index beyond the table; with an origin."""
    b = g.Builder("lookup")
    tokens = b.input("tokens", TensorType(INT64, (BATCH,)))
    table = b.input("table", TensorType(FLOAT32, (4, 3)))
    with b.scope("Embedding", "words.dl:7"):
        rows = g.gather(table, tokens)
    b.output("loss", g.reduce_mean(rows))
    return serialized(b)


def accumulate() -> bytes:
    """Counts examples and sums squared errors of a line, in exact types; collects the predictions."""
    b = g.Builder("eval")
    x, y = (b.input(name, TensorType(FLOAT32, (BATCH,))) for name in ("x", "y"))
    slope = b.input("slope", TensorType(FLOAT32, ()))
    count, total = b.input("count", TensorType(INT64, ())), b.input("total", TensorType(FLOAT64, (2,)))
    predicted = x * slope
    error = g.cast(predicted - y, FLOAT64)
    b.output("score", predicted)
    b.output("count.next", count + g.reshape(b.dimension(BATCH), ()))
    b.output("total.next", total + g.reduce_sum(error * error))
    return serialized(b)


def mean() -> bytes:
    """The mean of what :func:`accumulate` summed."""
    b = g.Builder("metrics")
    count, total = b.input("count", TensorType(INT64, ())), b.input("total", TensorType(FLOAT64, (2,)))
    b.output("error", total / g.cast(count, FLOAT64))
    b.output("count of examples", count)
    return serialized(b)


def line(*, with_mean: bool = False) -> bytes:
    """y = x w + bias, where the bias is an input without a batch; on request the mean over the batch too."""
    b = g.Builder("model")
    x = b.input("x", TensorType(FLOAT32, (BATCH, 2)))
    bias = b.input("bias", TensorType(FLOAT32, (3,)))
    y = x @ b.parameter("w", np.arange(6, dtype=np.float32).reshape(2, 3)) + bias
    b.output("y", y)
    if with_mean:
        b.output("mean", g.reduce_mean(y, [0]))
    return serialized(b)


def train_step(models: Sequence[Model], state: Mapping[str, np.ndarray], settings: Settings) -> StatefulRunner:
    return StatefulRunner([Graph(model, settings) for model in models], state, settings)

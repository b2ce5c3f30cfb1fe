"""The table behind ``test_words.py`` and ``tools/oracles/layers.py``: a row, at least, for every layer and function.

A row says what a word is applied to and with which options, and what PyTorch computes there. The operands are drawn
from the row's own name, so only results are stored. Nothing here needs PyTorch or dslc to be importable.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Real:
    """float32 drawn from [low, high)."""

    shape: tuple[int, ...]
    low: float = -2.0
    high: float = 2.0

    def draw(self, generator: np.random.Generator) -> np.ndarray:
        return np.asarray(self.low + (self.high - self.low) * generator.random(self.shape), np.float32)


@dataclass(frozen=True)
class Whole:
    """Integers drawn from [low, high)."""

    shape: tuple[int, ...]
    low: int = -9
    high: int = 9
    element: str = "int64"

    def draw(self, generator: np.random.Generator) -> np.ndarray:
        return (self.low + np.floor((self.high - self.low) * generator.random(self.shape))).astype(self.element)


@dataclass(frozen=True)
class Truth:
    """Booleans."""

    shape: tuple[int, ...]

    def draw(self, generator: np.random.Generator) -> np.ndarray:
        return generator.random(self.shape) < 0.5


@dataclass(frozen=True)
class Given:
    """These values."""

    values: Any
    element: str = "float32"

    def draw(self, generator: np.random.Generator) -> np.ndarray:
        return np.array(self.values, self.element)


Operand = Real | Whole | Truth | Given


@dataclass(frozen=True)
class Row:
    """``torch(t, p, *operands)`` is PyTorch's result, a tensor or several, for t = torch and p the variables.

    Of a layer in training, the new running statistics follow the result.
    """

    word: str
    operands: tuple[Operand, ...]
    torch: Callable[..., Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, Operand] = field(default_factory=dict)
    training: bool = False
    gradient: bool = True
    note: str = ""

    @property
    def id(self) -> str:
        return "-".join([self.word, *([self.note] if self.note else []), *(["training"] if self.training else [])])

    def draw(self) -> tuple[list[np.ndarray], dict[str, np.ndarray]]:
        """The operands and the variables."""
        generator = np.random.default_rng(zlib.crc32(self.id.encode()))
        operands = [operand.draw(generator) for operand in self.operands]
        return operands, {name: variable.draw(generator) for name, variable in self.variables.items()}

    def cotangent(self, index: int, shape: tuple[int, ...]) -> np.ndarray:
        """What result ``index`` is multiplied with before everything is summed and differentiated."""
        return Real(shape).draw(np.random.default_rng(zlib.crc32(f"{self.id}/{index}".encode())))


# --- layers ------------------------------------------------------------------------------------------

IMAGE = Real((3, 4, 9, 8))


def _conv(note: str, x: Real, kernel: Any, weight: tuple[int, ...], torch: Callable[..., Any], **options: Any) -> Row:
    variables: dict[str, Operand] = {"weight": Real(weight, -0.5, 0.5)}
    if options.get("bias", True):
        variables["bias"] = Real(weight[:1])
    return Row("Conv", (x,), torch, {"channels": weight[0], "kernel": kernel, **options}, variables, note=note)


def _batch_norm(t: Any, p: Any, x: Any, **options: Any) -> Any:
    mean, variance = p["running_mean"].detach().clone(), p["running_var"].detach().clone()
    y = t.nn.functional.batch_norm(x, mean, variance, p.get("weight"), p.get("bias"), **options)
    return (y, mean, variance) if options.get("training") else y


AFFINE = {"weight": Real((4,), 0.5, 2), "bias": Real((4,))}
MOMENTS = {"running_mean": Real((4,)), "running_var": Real((4,), 0.5, 2)}

LAYERS = [
    Row("Dense", (Real((3, 5)),), lambda t, p, x: x @ p["weight"] + p["bias"], {"units": 4},
        {"weight": Real((5, 4)), "bias": Real((4,))}),
    Row("Dense", (Real((3, 2, 5)),), lambda t, p, x: x @ p["weight"], {"units": 4, "bias": False},
        {"weight": Real((5, 4))}, note="no-bias"),
    _conv("2d", IMAGE, 3, (6, 4, 3, 3), lambda t, p, x: t.conv2d(x, p["weight"], p["bias"], padding=1)),
    _conv("1d-stride", Real((3, 4, 11)), 5, (6, 4, 5), stride=2,
          torch=lambda t, p, x: t.conv1d(x, p["weight"], p["bias"], stride=2, padding=2)),
    _conv("3d", Real((2, 2, 4, 5, 3)), [3, 1, 3], (3, 2, 3, 1, 3),
          lambda t, p, x: t.conv3d(x, p["weight"], p["bias"], padding=(1, 0, 1))),
    _conv("valid-dilated", IMAGE, [3, 2], (6, 4, 3, 2), padding="valid", dilation=[2, 3], bias=False,
          torch=lambda t, p, x: t.conv2d(x, p["weight"], dilation=(2, 3))),
    _conv("groups", IMAGE, 3, (8, 2, 3, 3), groups=2, stride=[2, 1], padding=[0, 2],
          torch=lambda t, p, x: t.conv2d(x, p["weight"], p["bias"], groups=2, stride=(2, 1), padding=(0, 2))),
    _conv("depthwise", IMAGE, 3, (4, 1, 3, 3), groups=4, bias=False,
          torch=lambda t, p, x: t.conv2d(x, p["weight"], groups=4, padding=1)),
    _conv("even", IMAGE, [4, 2], (5, 4, 4, 2), lambda t, p, x: t.conv2d(
        t.nn.functional.pad(x, (0, 1, 1, 2)), p["weight"], p["bias"])),
    Row("MaxPool", (IMAGE,), lambda t, p, x: t.max_pool2d(x, 2), {"size": 2}),
    Row("MaxPool", (IMAGE,), lambda t, p, x: t.max_pool2d(x, 3, 2, 1), {"size": 3, "stride": 2, "padding": 1},
        note="overlap"),
    Row("MaxPool", (Real((2, 3, 7)),), lambda t, p, x: t.max_pool1d(x, 3, 1, 1),
        {"size": 3, "stride": 1, "padding": "same"}, note="1d-same"),
    Row("MaxPool", (Real((2, 2, 4, 4, 4)),), lambda t, p, x: t.nn.functional.max_pool3d(x, (2, 1, 2)),
        {"size": [2, 1, 2]}, note="3d"),
    Row("AveragePool", (IMAGE,), lambda t, p, x: t.nn.functional.avg_pool2d(x, 2), {"size": 2}),
    Row("AveragePool", (IMAGE,), lambda t, p, x: t.nn.functional.avg_pool2d(x, 3, 2, 1),
        {"size": 3, "stride": 2, "padding": "same"}, note="same"),
    Row("AveragePool", (IMAGE,), lambda t, p, x: t.nn.functional.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
        {"size": 3, "stride": 2, "padding": 1, "count_include_pad": False}, note="without-padding"),
    Row("GlobalAveragePool", (IMAGE,), lambda t, p, x: x.mean((2, 3))),
    Row("GlobalAveragePool", (IMAGE,), lambda t, p, x: t.nn.functional.adaptive_avg_pool2d(x, 1), {"keepdims": True},
        note="keepdims"),
    Row("GlobalMaxPool", (IMAGE,), lambda t, p, x: x.amax((2, 3))),
    Row("GlobalMaxPool", (Real((3, 4, 5)),), lambda t, p, x: x.amax(2, keepdim=True), {"keepdims": True},
        note="keepdims"),
    Row("BatchNorm", (IMAGE,), _batch_norm, {}, {**AFFINE, **MOMENTS}),
    Row("BatchNorm", (IMAGE,), lambda t, p, x: _batch_norm(t, p, x, training=True), {}, {**AFFINE, **MOMENTS},
        training=True),
    Row("BatchNorm", (Real((5, 4)),), lambda t, p, x: _batch_norm(t, p, x, training=True, momentum=0.3, eps=0.01),
        {"momentum": 0.3, "eps": 0.01}, {**AFFINE, **MOMENTS}, training=True, note="2d"),
    Row("BatchNorm", (IMAGE,), lambda t, p, x: _batch_norm(t, p, x, training=True), {"affine": False}, MOMENTS,
        training=True, note="plain"),
    Row("BatchNorm", (Real((5, 4, 3)),), _batch_norm, {"affine": False}, MOMENTS, note="plain"),
    Row("LayerNorm", (Real((3, 5, 4)),), lambda t, p, x: t.layer_norm(x, (4,), p["weight"], p["bias"]), {}, AFFINE),
    Row("LayerNorm", (Real((3, 5, 4)),), lambda t, p, x: t.layer_norm(x, (5, 4), p["weight"], None, 0.1),
        {"axes": [-2, -1], "bias": False, "eps": 0.1}, {"weight": Real((5, 4))}, training=True, note="axes"),
    Row("LayerNorm", (Real((3, 5, 4)),), lambda t, p, x: t.layer_norm(x, (4,)), {"affine": False}, note="plain"),
    Row("Embedding", (Whole((3, 5), 0, 7),), lambda t, p, x: t.nn.functional.embedding(x, p["weight"]),
        {"entries": 7, "size": 4}, {"weight": Real((7, 4))}),
    Row("Embedding", (Whole((6,), 0, 7, "int32"),), lambda t, p, x: t.nn.functional.embedding(x, p["weight"]),
        {"entries": 7, "size": 4}, {"weight": Real((7, 4))}, note="int32"),
    Row("Flatten", (Real((3, 2, 4, 5)),), lambda t, p, x: t.flatten(x, 1)),
    Row("Reshape", (Real((3, 8)),), lambda t, p, x: x.reshape(3, 2, 4), {"shape": [2, 4]}),
    Row("Reshape", (Real((3, 8, 3)),), lambda t, p, x: x.reshape(3, 4, 6), {"shape": [4, -1]}, note="rest"),
]

# --- activations: each as a layer and as a function -----------------------------------------------------

F32 = Real((4, 6), -4, 4)
_ACTIVATIONS: list[tuple[str, str, str, Callable[..., Any], dict[str, Any]]] = [
    ("Relu", "relu", "", lambda t, p, x: t.relu(x), {}),
    ("LeakyRelu", "leaky_relu", "", lambda t, p, x: t.nn.functional.leaky_relu(x), {}),
    ("LeakyRelu", "leaky_relu", "slope", lambda t, p, x: t.nn.functional.leaky_relu(x, 0.2), {"slope": 0.2}),
    ("Elu", "elu", "", lambda t, p, x: t.nn.functional.elu(x), {}),
    ("Elu", "elu", "alpha", lambda t, p, x: t.nn.functional.elu(x, 0.5), {"alpha": 0.5}),
    ("Gelu", "gelu", "", lambda t, p, x: t.nn.functional.gelu(x), {}),
    ("Gelu", "gelu", "tanh", lambda t, p, x: t.nn.functional.gelu(x, approximate="tanh"), {"approximate": "tanh"}),
    ("Silu", "silu", "", lambda t, p, x: t.nn.functional.silu(x), {}),
    ("Sigmoid", "sigmoid", "", lambda t, p, x: t.sigmoid(x), {}),
    ("Tanh", "tanh", "", lambda t, p, x: t.tanh(x), {}),
    ("Softplus", "softplus", "", lambda t, p, x: t.nn.functional.softplus(x), {}),
    ("Softmax", "softmax", "", lambda t, p, x: t.softmax(x, -1), {}),
    ("Softmax", "softmax", "axis", lambda t, p, x: t.softmax(x, 0), {"axis": 0}),
    ("LogSoftmax", "log_softmax", "", lambda t, p, x: t.log_softmax(x, -1), {}),
    ("LogSoftmax", "log_softmax", "axis", lambda t, p, x: t.log_softmax(x, 0), {"axis": -2}),
]
ACTIVATIONS = [
    Row(name, (F32,), torch, options, note=note)
    for layer, function, note, torch, options in _ACTIVATIONS
    for name in (layer, function)
]

# --- functions ---------------------------------------------------------------------------------------

A, B = Real((3, 4)), Real((4,), 0.5, 2)
M, N = Whole((3, 4)), Whole((4,), 1, 5)
P = Real((3, 4), 0.5, 2)
X3 = Real((3, 6, 4))


def _both(word: str, torch: Callable[..., Any], *, gradient: bool = True) -> list[Row]:
    """Floats and integers, broadcast."""
    return [Row(word, (A, B), torch, gradient=gradient), Row(word, (M, N), torch, gradient=False, note="int64")]


def _compare(word: str, torch: Callable[..., Any]) -> list[Row]:
    small, other = Whole((3, 4), 0, 3, "int32"), Whole((4,), 0, 3, "int32")
    return [Row(word, (A, B), torch, gradient=False), Row(word, (small, other), torch, gradient=False, note="int32")]


def _index(note: str, items: Any, *operands: Operand) -> Row:
    def torch(t: Any, p: Any, x: Any, *indices: Any) -> Any:
        return x[tuple(indices[0] if item == "tensor" else item for item in items)]

    return Row("index", (X3, *operands), torch, {"items": items}, note=note)


FUNCTIONS = [
    *_both("add", lambda t, p, a, b: a + b),
    *_both("subtract", lambda t, p, a, b: a - b),
    *_both("multiply", lambda t, p, a, b: a * b),
    *_both("divide", lambda t, p, a, b: a / b),
    *_both("floor_divide", lambda t, p, a, b: a // b, gradient=False),
    *_both("remainder", lambda t, p, a, b: a % b),
    Row("floor_divide", (M, Given([-3, 3, -4, 5], "int64")), lambda t, p, a, b: a // b, gradient=False, note="signs"),
    Row("remainder", (M, Given([-3, 3, -4, 5], "int64")), lambda t, p, a, b: a % b, gradient=False, note="signs"),
    Row("pow", (P, A), lambda t, p, a, b: a**b),
    *[Row("pow", (P,), lambda t, p, a, e=e: a**e, {"exponent": e}, note=f"by{e}") for e in (2.0, 0.5, -1.0, 1.0, 3.0)],
    Row("negative", (A,), lambda t, p, x: -x),
    *_compare("equal", lambda t, p, a, b: a == b),
    *_compare("not_equal", lambda t, p, a, b: a != b),
    *_compare("less", lambda t, p, a, b: a < b),
    *_compare("less_equal", lambda t, p, a, b: a <= b),
    *_compare("greater", lambda t, p, a, b: a > b),
    *_compare("greater_equal", lambda t, p, a, b: a >= b),
    Row("equal", (Truth((3, 4)), Truth((4,))), lambda t, p, a, b: a == b, gradient=False, note="bool"),
    Row("logical_and", (Truth((3, 4)), Truth((4,))), lambda t, p, a, b: a & b, gradient=False),
    Row("logical_or", (Truth((3, 4)), Truth((4,))), lambda t, p, a, b: a | b, gradient=False),
    Row("logical_not", (Truth((3, 4)),), lambda t, p, x: ~x, gradient=False),
    Row("matmul", (A, Real((4, 5))), lambda t, p, a, b: a @ b),
    Row("matmul", (Real((3, 2, 5, 4)), Real((2, 4, 3))), lambda t, p, a, b: a @ b, note="batched"),
    Row("matmul", (X3, Real((4,))), lambda t, p, a, b: a @ b, note="vector"),
    Row("matmul", (Real((3,)), A), lambda t, p, a, b: a @ b, note="row"),
    # real functions
    Row("exp", (A,), lambda t, p, x: x.exp()),
    Row("log", (P,), lambda t, p, x: x.log()),
    Row("sqrt", (P,), lambda t, p, x: x.sqrt()),
    Row("sin", (A,), lambda t, p, x: x.sin()),
    Row("cos", (A,), lambda t, p, x: x.cos()),
    Row("erf", (A,), lambda t, p, x: x.erf()),
    Row("floor", (A,), lambda t, p, x: x.floor()),
    Row("ceil", (A,), lambda t, p, x: x.ceil()),
    Row("round", (Given([-2.5, -1.5, -0.4, 0.5, 1.5, 2.5, 2.6]),), lambda t, p, x: x.round()),
    Row("sign", (A,), lambda t, p, x: x.sign()),
    Row("abs", (A,), lambda t, p, x: x.abs()),
    Row("abs", (M,), lambda t, p, x: x.abs(), gradient=False, note="int64"),
    Row("clip", (A,), lambda t, p, x: x.clip(-0.5, 1), {"min": -0.5, "max": 1}),
    Row("clip", (A,), lambda t, p, x: x.clip(max=0.3), {"max": 0.3}, note="max"),
    Row("clip", (M,), lambda t, p, x: x.clip(min=-2), {"min": -2}, gradient=False, note="int64"),
    # reductions
    Row("sum", (X3,), lambda t, p, x: x.sum()),
    Row("sum", (X3,), lambda t, p, x: x.sum((0, 2), keepdim=True), {"axis": [0, -1], "keepdims": True}, note="axes"),
    Row("sum", (Truth((3, 4)),), lambda t, p, x: x.sum(0), {"axis": 0}, gradient=False, note="bool"),
    Row("sum", (Whole((3, 4), element="int32"),), lambda t, p, x: x.sum(1), {"axis": 1}, gradient=False, note="int32"),
    Row("mean", (X3,), lambda t, p, x: x.mean()),
    Row("mean", (X3,), lambda t, p, x: x.mean(1), {"axis": 1}, note="axis"),
    Row("mean", (Truth((3, 4)),), lambda t, p, x: x.float().mean(0, keepdim=True), {"axis": 0, "keepdims": True},
        gradient=False, note="bool"),
    Row("var", (X3,), lambda t, p, x: x.var()),
    Row("var", (X3,), lambda t, p, x: x.var((0, 2), correction=0, keepdim=True),
        {"axis": [0, 2], "correction": 0, "keepdims": True}, note="axes"),
    Row("var", (X3,), lambda t, p, x: x.var(1), {"axis": 1}, note="axis"),
    Row("min", (X3,), lambda t, p, x: x.min()),
    Row("min", (X3,), lambda t, p, x: x.amin((0, 1), keepdim=True), {"axis": [0, 1], "keepdims": True}, note="axes"),
    Row("min", (A, B), lambda t, p, a, b: t.minimum(a, b), note="two"),
    Row("max", (X3,), lambda t, p, x: x.max()),
    Row("max", (X3,), lambda t, p, x: x.amax(2, keepdim=True), {"axis": -1, "keepdims": True}, note="axis"),
    Row("max", (M, N), lambda t, p, a, b: t.maximum(a, b), gradient=False, note="two-int64"),
    Row("argmax", (X3,), lambda t, p, x: x.argmax(-1), gradient=False),
    Row("argmax", (X3,), lambda t, p, x: x.argmax(1, keepdim=True), {"axis": 1, "keepdims": True}, gradient=False,
        note="axis"),
    # shapes
    Row("reshape", (X3,), lambda t, p, x: x.reshape(-1, 8), {"shape": [-1, 8]}),
    Row("transpose", (X3,), lambda t, p, x: x.mT),
    Row("transpose", (X3,), lambda t, p, x: x.permute(2, 0, 1), {"axes": [-1, 0, 1]}, note="axes"),
    Row("squeeze", (Real((3, 1, 4, 1)),), lambda t, p, x: x.squeeze()),
    Row("squeeze", (Real((3, 1, 4, 1)),), lambda t, p, x: x.squeeze(-1), {"axis": -1}, note="axis"),
    Row("unsqueeze", (A,), lambda t, p, x: x.unsqueeze(-1), {"axis": -1}),
    Row("unsqueeze", (A,), lambda t, p, x: x[None, :, None], {"axis": [0, 2]}, note="axes"),
    Row("expand", (Real((3, 1, 4)),), lambda t, p, x: x.expand(2, 3, 5, 4), {"shape": [2, -1, 5, 4]}),
    Row("concat", (A, Real((3, 2)), A), lambda t, p, *x: t.cat(x, 1), {"axis": 1}),
    Row("concat", (A, Real((3, 4))), lambda t, p, *x: t.cat(x), note="default"),
    Row("stack", (A, Real((3, 4))), lambda t, p, *x: t.stack(x, -1), {"axis": -1}),
    Row("split", (X3,), lambda t, p, x: t.split(x, (1, 2, 3), 1), {"sizes": [1, 2, 3], "axis": 1}),
    Row("split", (X3,), lambda t, p, x: t.split(x, 4, 1), {"sizes": 4, "axis": 1}, note="equal"),
    Row("pad", (X3,), lambda t, p, x: t.nn.functional.pad(x, (1, 2, 0, 3)), {"padding": [1, 2, 0, 3]}),
    Row("pad", (X3,), lambda t, p, x: t.nn.functional.pad(x, (-1, 2), value=-1.5), {"padding": [-1, 2], "value": -1.5},
        note="crop"),
    Row("gather", (X3, Whole((3, 2, 4), 0, 6)), lambda t, p, x, i: x.gather(1, i), {"axis": 1}),
    Row("einsum", (Real((3, 5, 4)), Real((3, 6, 4))), lambda t, p, a, b: t.einsum("bid,bjd->bij", a, b),
        {"equation": "bid, bjd -> bij"}),
    Row("einsum", (A, Real((4, 5))), lambda t, p, a, b: t.einsum("ij,jk", a, b), {"equation": "ij,jk"},
        note="implicit"),
    Row("rearrange", (Real((3, 5, 8)),), lambda t, p, x: x.reshape(3, 5, 2, 4).permute(0, 2, 1, 3),
        {"pattern": "n t (h d) -> n h t d", "sizes": {"h": 2}}),
    Row("rearrange", (Real((3, 4, 6)),), lambda t, p, x: x.reshape(3, 4, 2, 3).permute(0, 2, 1, 3).reshape(3, 1, 8, 3),
        {"pattern": "n c (a b) -> n 1 (a c) b", "sizes": {"b": 3}}, note="merge"),
    Row("rearrange", (Real((3, 2, 5, 4)),), lambda t, p, x: x.movedim(0, -1), {"pattern": "n ... -> ... n"},
        note="ellipsis"),
    _index("entry", np.s_[:, 0]),
    _index("negative", np.s_[..., -1]),
    _index("range", np.s_[:, 1:-1]),
    _index("step", np.s_[:, ::2, 1:]),
    _index("new", np.s_[:, None, ..., None]),
    _index("mixed", np.s_[:, 2, None, -3:-1]),
    _index("tensor", (np.s_[:], "tensor"), Whole((2, 3), 0, 6)),
    _index("tensor-first", ("tensor",), Whole((5,), -3, 3, "int32")),
    _index("batch", (np.s_[1:],)),
    # elements
    Row("where", (Truth((3, 4)), A, B), lambda t, p, c, a, b: t.where(c, a, b)),
    Row("cast", (A,), lambda t, p, x: x.long(), {"element": "int64"}, gradient=False),
    Row("cast", (Truth((3, 4)),), lambda t, p, x: x.float(), {"element": "float32"}, gradient=False, note="bool"),
    Row("detach", (A,), lambda t, p, x: x.detach(), gradient=False),
    Row("is_missing", (Given([1.0, math.nan, math.inf]),), lambda t, p, x: x.isnan(), gradient=False),
    Row("one_hot", (Whole((3, 4), 0, 5),), lambda t, p, x: t.nn.functional.one_hot(x, 5).float(), {"classes": 5},
        gradient=False),
    Row("one_hot", (Whole((3,), 0, 2, "int32"),), lambda t, p, x: t.nn.functional.one_hot(x.long(), 2),
        {"classes": 2, "element": "int64"}, gradient=False, note="int64"),
    Row("positions", (Real((3, 5, 4)),), lambda t, p, x: t.arange(5), {"axis": 1}, gradient=False),
    Row("zeros_like", (A,), lambda t, p, x: t.zeros_like(x), gradient=False),
    Row("ones_like", (M,), lambda t, p, x: t.ones_like(x), gradient=False),
]  # fmt: skip

ROWS = [*LAYERS, *ACTIVATIONS, *FUNCTIONS]
RANDOM = {"Dropout", "normal_like", "uniform_like"}
"""Words that have no one value; ``test_random_words.py`` looks at their distributions."""

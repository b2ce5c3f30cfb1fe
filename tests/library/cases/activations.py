"""Activations, each as a layer and as a function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.library.cases.rows import Given, Operand, Real, Row

F32 = Real((4, 6), -4, 4)
VOLUME = Real((2, 3, 4), -4, 4)
KINKS = Given([-30.0, -6.0, -3.0, -1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 3.0, 6.0, 30.0])
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


def _sparsemax(t: Any, x: Any, axis: int) -> Any:
    """As its paper has it: sort, find the support, take the threshold off."""
    z = x.movedim(axis, -1)
    largest = z.sort(-1, descending=True).values
    count = t.arange(1, z.shape[-1] + 1, dtype=z.dtype)
    support = (1 + count * largest > largest.cumsum(-1)).sum(-1, keepdim=True)
    threshold = (largest.cumsum(-1).gather(-1, support - 1) - 1) / support
    return (z - threshold).clip(min=0).movedim(-1, axis)


def _gated(gate: str) -> Callable[..., Any]:
    def torch(t: Any, p: Any, x: Any) -> Any:
        a, b = x.chunk(2, -1)
        return a * (b if gate == "none" else getattr(t.nn.functional, gate)(b))

    return torch


_MORE: list[tuple[str, str, Callable[..., Any], Callable[..., Any], dict[str, Any]]] = [
    # layer, function, PyTorch without options, PyTorch with these
    ("Selu", "selu", lambda t, p, x: t.nn.functional.selu(x), lambda t, p, x: t.nn.functional.selu(x), {}),
    ("Celu", "celu", lambda t, p, x: t.nn.functional.celu(x), lambda t, p, x: t.nn.functional.celu(x, 0.25),
     {"alpha": 0.25}),
    ("Mish", "mish", lambda t, p, x: t.nn.functional.mish(x), lambda t, p, x: t.nn.functional.mish(x), {}),
    # hardsigmoid's own gradient in float64 has the sixth of float32
    ("HardSigmoid", "hard_sigmoid", lambda t, p, x: t.nn.functional.relu6(x + 3) / 6,
     lambda t, p, x: t.nn.functional.relu6(x + 3) / 6, {}),
    ("HardSwish", "hard_swish", lambda t, p, x: t.nn.functional.hardswish(x),
     lambda t, p, x: t.nn.functional.hardswish(x), {}),
    ("HardTanh", "hard_tanh", lambda t, p, x: t.nn.functional.hardtanh(x),
     lambda t, p, x: t.nn.functional.hardtanh(x, -0.5, 3.0), {"min": -0.5, "max": 3.0}),
    ("Relu6", "relu6", lambda t, p, x: t.nn.functional.relu6(x), lambda t, p, x: t.nn.functional.relu6(x), {}),
    ("HardShrink", "hard_shrink", lambda t, p, x: t.nn.functional.hardshrink(x),
     lambda t, p, x: t.nn.functional.hardshrink(x, 1.0), {"threshold": 1.0}),
    ("SoftShrink", "soft_shrink", lambda t, p, x: t.nn.functional.softshrink(x),
     lambda t, p, x: t.nn.functional.softshrink(x, 1.0), {"threshold": 1.0}),
    ("TanhShrink", "tanh_shrink", lambda t, p, x: t.nn.functional.tanhshrink(x),
     lambda t, p, x: t.nn.functional.tanhshrink(x), {}),
    ("Softsign", "softsign", lambda t, p, x: t.nn.functional.softsign(x),
     lambda t, p, x: t.nn.functional.softsign(x), {}),
    ("LogSigmoid", "log_sigmoid", lambda t, p, x: t.nn.functional.logsigmoid(x),
     lambda t, p, x: t.nn.functional.logsigmoid(x), {}),
    ("SquarePlus", "square_plus", lambda t, p, x: (x + (x * x + 4).sqrt()) / 2,
     lambda t, p, x: (x + (x * x + 0.5).sqrt()) / 2, {"b": 0.5}),
]
_THRESHOLD = {"threshold": 0.5, "value": -7.0}
_ROWS = [  # of more than one option, or along an axis
    ("Threshold", "threshold", "", lambda t, p, x: t.nn.functional.threshold(x, 0.5, -7.0), _THRESHOLD, F32),
    ("Threshold", "threshold", "volume", lambda t, p, x: t.nn.functional.threshold(x, -1.0, 2.0),
     {"threshold": -1.0, "value": 2.0}, VOLUME),
    ("Threshold", "threshold", "kinks", lambda t, p, x: t.nn.functional.threshold(x, 0.5, -7.0), _THRESHOLD, KINKS),
    ("SquarePlus", "square_plus", "relu", lambda t, p, x: t.relu(x), {"b": 0.0}, KINKS),
    ("Softmin", "softmin", "", lambda t, p, x: t.nn.functional.softmin(x, -1), {}, F32),
    ("Softmin", "softmin", "axis", lambda t, p, x: t.nn.functional.softmin(x, 1), {"axis": 1}, VOLUME),
    ("Softmin", "softmin", "one", lambda t, p, x: t.nn.functional.softmin(x, 0), {"axis": 0}, Real((1, 3))),
    ("Sparsemax", "sparsemax", "", lambda t, p, x: _sparsemax(t, x, -1), {}, F32),
    ("Sparsemax", "sparsemax", "axis", lambda t, p, x: _sparsemax(t, x, 1), {"axis": 1}, Real((2, 5, 3))),
    ("Sparsemax", "sparsemax", "one", lambda t, p, x: _sparsemax(t, x, 1), {}, Real((3, 1))),
    ("Sparsemax", "sparsemax", "ties", lambda t, p, x: _sparsemax(t, x, -1), {},
     Given([[1.0, 1.0, 1.0, 0.5], [0.0, 0.0, 0.0, 0.0], [900.0, -900.0, 899.5, 0.0]])),
    ("Glu", "glu", "", lambda t, p, x: t.nn.functional.glu(x), {}, F32),
    ("Glu", "glu", "axis", lambda t, p, x: t.nn.functional.glu(x, 1), {"axis": 1}, Real((2, 6, 3))),
    ("Glu", "glu", "one", lambda t, p, x: t.nn.functional.glu(x, 1), {"axis": 1}, Real((3, 2))),
    *[("Glu", "glu", gate, _gated(gate), {"gate": gate}, F32) for gate in ("silu", "gelu", "relu", "none")],
]
ROWS = [
    Row(name, (F32,), torch, options, note=note)
    for layer, function, note, torch, options in _ACTIVATIONS
    for name in (layer, function)
]
for _layer, _function, _plain, _torch, _options in _MORE:
    ROWS += [
        Row(_layer, (F32,), _plain), Row(_layer, (VOLUME,), _torch, _options, note="3d"),
        Row(_function, (KINKS,), _plain, note="kinks"), Row(_function, (VOLUME,), _torch, _options, note="3d"),
    ]
_both: list[tuple[str, str, str, Callable[..., Any], dict[str, Any], Operand]] = _ROWS  # type: ignore[assignment]
ROWS += [Row(n, (x,), torch, o, note=note) for layer, f, note, torch, o, x in _both for n in (layer, f)]
_SLOPE, _SLOPES = {"weight": Given([0.25])}, {"weight": Given([0.25, -0.5, 1.5])}


def _prelu(t: Any, p: Any, x: Any) -> Any:
    return t.nn.functional.prelu(x, p["weight"])


ROWS += [
    Row("PRelu", (F32,), _prelu, {}, _SLOPE),
    Row("PRelu", (KINKS,), _prelu, {}, _SLOPE, note="kinks"),
    Row("PRelu", (VOLUME,), _prelu, {"per_channel": True}, _SLOPES, note="channels"),
    Row("PRelu", (Real((4, 3, 2, 2)),), _prelu, {"per_channel": True}, _SLOPES, training=True, note="image"),
    Row("RRelu", (F32,), lambda t, p, x: t.nn.functional.rrelu(x)),
    Row("RRelu", (KINKS,), lambda t, p, x: t.nn.functional.rrelu(x, 0.1, 0.5), {"lower": 0.1, "upper": 0.5},
        note="kinks"),
    Row("RRelu", (VOLUME,), lambda t, p, x: t.nn.functional.rrelu(x, 0.2, 0.2), {"lower": 0.2, "upper": 0.2},
        training=True, note="fixed"),
]

"""Activations, each as a layer and as a function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.library.cases.rows import Real, Row

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
ROWS = [
    Row(name, (F32,), torch, options, note=note)
    for layer, function, note, torch, options in _ACTIVATIONS
    for name in (layer, function)
]

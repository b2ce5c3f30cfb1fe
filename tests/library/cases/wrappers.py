"""Layers around a layer."""

from __future__ import annotations

from typing import Any

from tests.library.cases.rows import Operand, Real, Row, Whole

X, IMAGE = Real((3, 5)), Real((2, 3, 6, 5))


def _weight(t: Any, p: Any, axis: int) -> Any:
    """PyTorch's weight: lengths along one axis."""
    return t._weight_norm(p["direction"].movedim(axis, 0), p["length"].movedim(axis, 0)).movedim(0, axis)


def _spectral(t: Any, p: Any, axis: int, training: bool, iterations: int = 1) -> Any:
    """PyTorch's parametrization, with the vectors that it keeps; and these."""
    weight = p["weight"]
    outer = t.nn.Module()
    outer.register_parameter("weight", t.nn.Parameter(weight.detach().movedim(axis, 0).contiguous()))
    outer = t.nn.utils.parametrizations.spectral_norm(outer, n_power_iterations=iterations).train(training)
    norm = outer.parametrizations.weight[0].to(weight.dtype)
    norm._u, norm._v = p["left"].detach().clone(), p["right"].detach().clone()
    return norm(weight.movedim(axis, 0)).movedim(0, axis), norm._u, norm._v


def _linear(training: bool, iterations: int = 1) -> Any:
    def torch(t: Any, p: Any, x: Any) -> Any:
        weight, *vectors = _spectral(t, p, 1, training, iterations)
        y = x @ weight + p["bias"]
        return (y, *vectors) if training else y

    return torch


def _convolution(t: Any, p: Any, x: Any) -> Any:
    weight, *vectors = _spectral(t, p, 0, True)
    return (t.conv2d(x, weight), *vectors)


BIAS: dict[str, Operand] = {"bias": Real((4,))}
VECTORS: dict[str, Operand] = {"left": Real((4,)), "right": Real((5,))}
CONV = {"channels": 4, "kernel": 3, "padding": "valid", "bias": False}

ROWS = [
    Row("WeightNorm", (X,), lambda t, p, x: x @ _weight(t, p, 1) + p["bias"], {"layer": ("Dense", {"units": 4})},
        {"length": Real((1, 4), 0.5, 2), "direction": Real((5, 4)), **BIAS}),
    Row("WeightNorm", (IMAGE,), lambda t, p, x: t.conv2d(x, _weight(t, p, 0)), {"layer": ("Conv", CONV)},
        {"length": Real((4, 1, 1, 1), 0.5, 2), "direction": Real((4, 3, 3, 3))}, training=True, note="conv"),
    Row("WeightNorm", (X,), lambda t, p, x: x @ _weight(t, p, 0), {"layer": ("Dense", {"units": 4, "bias": False}),
        "axis": 0}, {"length": Real((5, 1), 0.5, 2), "direction": Real((5, 4))}, note="axis"),
    Row("WeightNorm", (Whole((3, 2), 0, 6),), lambda t, p, x: _weight(t, p, 0)[x],
        {"layer": ("Embedding", {"entries": 6, "size": 4})},
        {"length": Real((6, 1), 0.5, 2), "direction": Real((6, 4))}, note="table"),
    Row("SpectralNorm", (X,), _linear(True), {"layer": ("Dense", {"units": 4})},
        {"weight": Real((5, 4)), **VECTORS, **BIAS}, training=True),
    Row("SpectralNorm", (X,), _linear(True, 3), {"layer": ("Dense", {"units": 4}), "iterations": 3, "eps": 1e-6},
        {"weight": Real((5, 4)), **VECTORS, **BIAS}, training=True, note="three"),
    Row("SpectralNorm", (X,), _linear(False), {"layer": ("Dense", {"units": 4}), "axis": 1},
        {"weight": Real((5, 4)), **VECTORS, **BIAS}, note="outside"),
    Row("SpectralNorm", (IMAGE,), _convolution, {"layer": ("Conv", CONV)},
        {"weight": Real((4, 3, 3, 3)), "left": Real((4,)), "right": Real((27,))}, training=True, note="conv"),
]  # fmt: skip

"""Gradients of element-wise operators. Undoing broadcasting is the engine's.

At kinks the subgradient is PyTorch's: 0 for Relu, Abs and HardSigmoid, half to each of two equal operands of Max and
Min, 1 for Clip at its limits.
"""
# ruff: noqa: ARG001, ARG005 - all rules have the same parameters

from __future__ import annotations

from math import pi, sqrt

import numpy as np

from dslc import graph as g
from dslc.autodiff.table import no_gradient, vjp
from dslc.graph import Tensor, constant_of

# --- arithmetic ----------------------------------------------------------------------------------

vjp("Add", lambda dy, y, a, b: dy, lambda dy, y, a, b: dy)
vjp("Sub", lambda dy, y, a, b: dy, lambda dy, y, a, b: -dy)
vjp("Mul", lambda dy, y, a, b: dy * b, lambda dy, y, a, b: dy * a)
vjp("Div", lambda dy, y, a, b: dy / b, lambda dy, y, a, b: -(dy / b) * y)
vjp("Neg", lambda dy, y, x: -dy)
vjp("Abs", lambda dy, y, x: dy * g.sign(x))
vjp("Reciprocal", lambda dy, y, x: -dy * (y * y))
vjp("Sqrt", lambda dy, y, x: dy * 0.5 / y)
vjp("Identity", lambda dy, y, x: dy)
vjp("Cast", lambda dy, y, x, *, to: g.cast(dy, x.element))


def _power_by_base(dy: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Tensor | None:
    exponent = constant_of(b)
    if exponent is None or exponent.size != 1:
        return dy * g.where(g.equal(b, 0.0), 0.0, b * a ** (b - 1.0))  # 0 also where a ** -1 is infinite
    n = float(exponent.item())
    if n in {0.0, 1.0, 2.0}:
        return {0.0: None, 1.0: dy, 2.0: dy * (a * 2.0)}[n]
    return dy * (a ** (n - 1.0) * n)


def _power_by_exponent(dy: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Tensor:
    is_zero = g.logical_and(g.equal(a, 0.0), g.greater_equal(b, 0.0))  # 0 ** b = 0 for every b > 0 around
    return dy * (y * g.log(g.where(is_zero, 1.0, a)))


vjp("Pow", _power_by_base, _power_by_exponent)

# --- exponentials and their kin -----------------------------------------------------------------

vjp("Exp", lambda dy, y, x: dy * y)
vjp("Log", lambda dy, y, x: dy / x)
vjp("Sin", lambda dy, y, x: dy * g.cos(x))
vjp("Cos", lambda dy, y, x: -dy * g.sin(x))
vjp("Tanh", lambda dy, y, x: dy * (1.0 - y * y))
vjp("Sigmoid", lambda dy, y, x: dy * (y * (1.0 - y)))
vjp("Softplus", lambda dy, y, x: dy * g.sigmoid(x))
vjp("Erf", lambda dy, y, x: dy / g.exp(x * x) * (2 / sqrt(pi)))

# --- pieces: masks are computed, not branched on; themselves they are flat -------------------------


def _winner(a: Tensor, b: Tensor) -> Tensor:
    """1 where a > b, 1/2 where they are equal, 0 elsewhere."""
    if any((limit := constant_of(x)) is not None and np.isfinite(limit).all() for x in (a, b)):
        return g.steep(a - b, 0.5)
    # of two infinite operands the difference is not a number
    return (g.cast(g.greater(a, b), a.element) + g.cast(g.greater_equal(a, b), a.element)) * 0.5


def _leaky_slope(x: Tensor, alpha: float) -> Tensor:
    if 0 <= alpha <= 1:
        return g.steep(x, low=alpha)
    return g.positive(x) * (1 - alpha) + alpha


def _elu_slope(y: Tensor, x: Tensor, alpha: float) -> Tensor:
    slope = g.clip(y, None, 0.0) + alpha  # below zero; just above it, alpha
    return slope if alpha == 1 else slope + g.positive(x) * (1 - alpha)


vjp("Relu", lambda dy, y, x: dy * g.positive(y))
vjp("LeakyRelu", lambda dy, y, x, *, alpha=0.01: dy * _leaky_slope(x, alpha))
vjp("Elu", lambda dy, y, x, *, alpha=1.0: dy * _elu_slope(y, x, alpha))
vjp("HardSigmoid", lambda dy, y, x, *, alpha=0.2, beta=0.5: dy * (g.positive(y - y * y) * alpha))
vjp("Max", lambda dy, y, a, b: dy * _winner(a, b), lambda dy, y, a, b: dy * _winner(b, a))
vjp("Min", lambda dy, y, a, b: dy * _winner(b, a), lambda dy, y, a, b: dy * _winner(a, b))
vjp(
    "Clip",
    lambda dy, y, x, low=None, high=None: dy * g.cast(g.equal(x, y), x.element),
    lambda dy, y, x, low=None, high=None: dy * g.positive(low - x),
    lambda dy, y, x, low=None, high=None: dy * g.positive(x - high),
)
vjp("Where", None, lambda dy, y, c, a, b: g.where(c, dy, 0.0), lambda dy, y, c, a, b: g.where(c, 0.0, dy))

# --- none ----------------------------------------------------------------------------------------

no_gradient("Sign", "Floor", "Ceil", "Round", "Mod", "IsNaN", "Not", "And", "Or", "Xor")
no_gradient("Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "BitwiseAnd", "BitwiseXor")

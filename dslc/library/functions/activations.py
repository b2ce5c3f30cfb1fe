"""Activations. One declaration makes both a layer (``x -> Relu``) and a function (``relu(x)``)."""

from __future__ import annotations

import math
import re
import types
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from typing_extensions import dataclass_transform

from dslc import graph as g
from dslc.library.checks import axis_of
from dslc.library.operation import Context, Function, Layer, OfFloats, Scale, function, layer, option
from dslc.library.word import ACTIVATIONS
from dslc.types import TensorType


class Activation(OfFloats):
    """A layer and a function, see :func:`activation`."""


A = TypeVar("A", bound=type[Activation])


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(option,))
def activation(declaration: A) -> A:
    """File an activation as a layer under its name and as a function under its name in snake case."""
    base = dataclass(frozen=True, kw_only=True)(declaration)
    described = {"__doc__": declaration.__doc__, "__module__": declaration.__module__}
    snake_case = re.sub(r"(?<!^)(?=[A-Z])", "_", base.__name__).lower()
    of_flow = types.new_class(base.__name__, (base, Layer), exec_body=lambda names: names.update(described))
    ACTIVATIONS[base.__name__] = layer(of_flow)
    function(types.new_class(snake_case, (base, Function), exec_body=lambda names: names.update(described)))
    return declaration


@activation
class Relu(Activation):
    """max(x, 0)."""

    formula, of_numbers = lambda x: g.relu(x), lambda x: x if x > 0 else 0 * x


@activation
class LeakyRelu(Activation):
    """x where it is positive, slope * x elsewhere."""

    slope: float = option("The slope for negative x.", default=0.01)

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        if context.builder.target.lacks("LeakyRelu", x.element):
            return g.where(g.greater(x, 0.0), x, x * self.slope)
        return g.leaky_relu(x, self.slope)


@activation
class Elu(Activation):
    """x where it is positive, alpha * (exp(x) - 1) elsewhere.

    Clevert et al., Fast and Accurate Deep Network Learning by Exponential Linear Units, 2016.
    """

    alpha: float = option("Minus the limit for x towards minus infinity.", default=1.0)

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        if context.builder.target.lacks("Elu", x.element):  # the exponential of what is not chosen stays finite
            positive = g.greater(x, 0.0)
            return g.where(positive, x, (g.exp(g.where(positive, 0.0, x)) - 1.0) * self.alpha)
        return g.elu(x, self.alpha)


@activation
class Gelu(Activation):
    """x times the standard normal distribution function of x.

    Hendrycks and Gimpel, Gaussian Error Linear Units, 2016.
    """

    approximate: str = option(
        '"none" computes it with erf, "tanh" with the approximation that GPT-2 uses.',
        default="none",
        choices=("none", "tanh"),
    )

    @property
    def operators(self) -> Sequence[str]:
        return () if self.approximate == "tanh" else ("Erf",)

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        if self.approximate == "tanh":
            inner = (x * x * 0.044715 + 1.0) * x * math.sqrt(2 / math.pi)
            return (g.tanh(inner) + 1.0) * x * 0.5
        return x * (g.erf(x / math.sqrt(2)) + 1.0) * 0.5  # in the form that runtimes know to fuse


@activation
class Silu(Activation):
    """x * sigmoid(x), also called swish."""

    aliases = {"swish": ""}
    formula = lambda x: x * g.sigmoid(x)


@activation
class Sigmoid(Activation):
    """1 / (1 + exp(-x))."""

    scale = Scale.PROBABILITY
    formula = lambda x: g.sigmoid(x)


@activation
class Tanh(Activation):
    """The hyperbolic tangent."""

    formula, of_numbers = lambda x: g.tanh(x), math.tanh


@activation
class Softplus(Activation):
    """log(1 + exp(x)), a smooth Relu."""

    formula = lambda x: g.softplus(x)


class _OfAxis(Activation):
    """Along an axis, not element by element."""

    elementwise = False
    axis: int

    def type(self, x: TensorType) -> TensorType:
        axis_of(self.name, self.axis, x.rank)
        return super().type(x)

    def joined_axes(self, x: TensorType) -> Sequence[int]:
        return [axis_of(self.name, self.axis, x.rank)]


@activation
class Softmax(_OfAxis):
    """exp(x) / sum(exp(x)) along an axis: positive numbers that add up to 1."""

    scale = Scale.PROBABILITY
    axis: int = option("The axis along which the results add up to 1.", default=-1)

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        return g.softmax(x, self.axis)


@activation
class LogSoftmax(_OfAxis):
    """The logarithm of Softmax, without its loss of precision."""

    scale = Scale.LOGARITHM
    axis: int = option("The axis along which the exponentials of the results add up to 1.", default=-1)

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        return g.log_softmax(x, self.axis)

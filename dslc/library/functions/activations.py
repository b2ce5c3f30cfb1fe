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
from dslc.library.operation import Context, Function, Layer, OfFloats, Scale, function, layer, option
from dslc.library.word import ACTIVATIONS

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805
"""Of self-normalizing networks."""


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


def _elu(x: g.Tensor, alpha: float) -> g.Tensor:
    if x.builder.target.lacks("Elu", x.element):  # the exponential of what is not chosen stays finite
        positive = g.greater(x, 0.0)
        return g.where(positive, x, (g.exp(g.where(positive, 0.0, x)) - 1.0) * alpha)
    return g.elu(x, alpha)


@activation
class Elu(Activation):
    """x where it is positive, alpha * (exp(x) - 1) elsewhere.

    Clevert et al., Fast and Accurate Deep Network Learning by Exponential Linear Units, 2016.
    """

    alpha: float = option("Minus the limit for x towards minus infinity.", default=1.0)

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        return _elu(x, self.alpha)


@activation
class Selu(Activation):
    """scale * Elu(x), with the alpha and the scale that bring the outputs of deep networks to mean 0 and variance 1.

    alpha is 1.6733 and the scale 1.0507; ``lecun_normal`` and ``AlphaDropout`` belong to it.

    Klambauer et al., Self-Normalizing Neural Networks, 2017.
    """

    formula = lambda x: _elu(x, SELU_ALPHA) * SELU_SCALE


@activation
class Celu(Activation):
    """x where it is positive, alpha * (exp(x / alpha) - 1) elsewhere: an Elu whose slope has no step.

    Barron, Continuously Differentiable Exponential Linear Units, 2017.
    """

    alpha: float = option("Minus the limit for x towards minus infinity.", default=1.0, above=0)

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        return _elu(x, 1.0) if self.alpha == 1 else _elu(x / self.alpha, 1.0) * self.alpha


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
class Mish(Activation):
    """x * tanh(log(1 + exp(x))).

    Misra, Mish: A Self Regularized Non-Monotonic Activation Function, 2019.
    """

    formula = lambda x: x * g.tanh(g.softplus(x))


@activation
class Sigmoid(Activation):
    """1 / (1 + exp(-x))."""

    result_scale = Scale.PROBABILITY
    formula = lambda x: g.sigmoid(x)


@activation
class Tanh(Activation):
    """The hyperbolic tangent."""

    formula, of_numbers = lambda x: g.tanh(x), math.tanh


@activation
class Softplus(Activation):
    """log(1 + exp(x)), a smooth Relu."""

    formula = lambda x: g.softplus(x)


@activation
class LogSigmoid(Activation):
    """The logarithm of Sigmoid, without its loss of precision."""

    result_scale = Scale.LOGARITHM
    formula = lambda x: -g.softplus(-x)


@activation
class SquarePlus(Activation):
    """(x + sqrt(x ** 2 + b)) / 2, a smooth Relu without exponentials.

    Barron, Squareplus: A Softplus-Like Algebraic Rectifier, 2021.
    """

    b: float = option("How wide the bend around 0 is; 0 makes it a Relu.", default=4.0, minimum=0)

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        root = g.sqrt(x * x + self.b)
        y = (x + root) * 0.5
        return g.with_gradients(y, [(x, lambda dy: dy * (y / root))]) if self.b else g.relu(x)


@activation
class Softsign(Activation):
    """x / (1 + abs(x)), a Tanh without exponentials."""

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        size = g.absolute(x) + 1.0
        return g.with_gradients(x / size, [(x, lambda dy: dy / (size * size))])


@activation
class TanhShrink(Activation):
    """x - tanh(x)."""

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        y = g.tanh(x)
        return g.with_gradients(x - y, [(x, lambda dy: dy * (y * y))])

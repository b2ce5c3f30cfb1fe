"""How parameters start.

A fan is the number of inputs, or outputs, that one output, or input, is connected to: (in, out) for a matrix;
for convolutions times the size of the window, as PyTorch counts them.
"""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from dslc.library.operation import Initializer, initializer, option


@initializer
class zeros(Initializer):
    """0 everywhere."""

    def sample(self, generator: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> np.ndarray:
        return np.zeros(shape)


@initializer
class ones(Initializer):
    """1 everywhere."""

    def sample(self, generator: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> np.ndarray:
        return np.ones(shape)


@initializer
class constant(Initializer):
    """One number everywhere."""

    value: float = option("The number.")

    def sample(self, generator: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> np.ndarray:
        return np.full(shape, float(self.value))


@initializer
class normal(Initializer):
    """The normal distribution."""

    std: float = option("Standard deviation.", default=1.0, minimum=0)
    mean: float = option("Mean.", default=0.0)

    def sample(self, generator: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> np.ndarray:
        return generator.normal(self.mean, self.std, shape)


@initializer
class uniform(Initializer):
    """The uniform distribution over [low, high)."""

    low: float = option("The lower limit.", default=0.0)
    high: float = option("The upper limit.", default=1.0)

    def sample(self, generator: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> np.ndarray:
        return self.low + (self.high - self.low) * generator.random(shape)


class _ByFans(Initializer):
    """Around 0, with a variance of ``numerator`` over the number of connections."""

    numerator: ClassVar[int]
    uniform: ClassVar[bool]
    """Whether the distribution is uniform, else normal."""
    both: ClassVar[bool] = False
    """Whether outputs count among the connections."""
    gain: float = 1.0

    def sample(self, generator: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> np.ndarray:
        std = self.gain * math.sqrt(self.numerator / max(fan_in + fan_out if self.both else fan_in, 1))
        if self.uniform:
            return generator.uniform(-1.0, 1.0, shape) * std * math.sqrt(3)
        return generator.normal(0.0, std, shape)


@initializer
class glorot_uniform(_ByFans):
    """Uniform with variance 2 / (fan_in + fan_out).

    Glorot and Bengio, Understanding the difficulty of training deep feedforward neural networks, 2010.
    """

    numerator, both, uniform = 2, True, True
    gain: float = option("Factor of the standard deviation.", default=1.0, above=0)


@initializer
class glorot_normal(_ByFans):
    """Normal with variance 2 / (fan_in + fan_out); Glorot and Bengio, 2010."""

    numerator, both, uniform = 2, True, False
    gain: float = option("Factor of the standard deviation.", default=1.0, above=0)


@initializer
class he_uniform(_ByFans):
    """Uniform with variance 2 / fan_in, for layers before a Relu.

    He et al., Delving Deep into Rectifiers, 2015.
    """

    numerator, uniform = 2, True


@initializer
class he_normal(_ByFans):
    """Normal with variance 2 / fan_in, for layers before a Relu; He et al., 2015."""

    numerator, uniform = 2, False


@initializer
class lecun_uniform(_ByFans):
    """Uniform with variance 1 / fan_in; LeCun et al., Efficient BackProp, 1998."""

    numerator, uniform = 1, True


@initializer
class lecun_normal(_ByFans):
    """Normal with variance 1 / fan_in; LeCun et al., Efficient BackProp, 1998."""

    numerator, uniform = 1, False


@initializer
class orthogonal(Initializer):
    """A random matrix with orthonormal rows or columns, whichever are fewer; axes after the first are merged.

    Saxe et al., Exact solutions to the nonlinear dynamics of learning in deep linear neural networks, 2014.
    """

    gain: float = option("Factor of the result.", default=1.0, above=0)

    def sample(self, generator: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> np.ndarray:
        if not shape or 0 in shape:
            return np.ones(shape) * self.gain
        rows, columns = shape[0], math.prod(shape[1:])
        q, r = np.linalg.qr(generator.normal(size=(max(rows, columns), min(rows, columns))))
        q = q * np.sign(np.diag(r))  # without this the result would not be uniformly distributed
        return self.gain * (q if rows >= columns else q.T).reshape(shape)

"""How parameters start.

A fan is the number of inputs, or outputs, that one output, or input, is connected to: (in, out) for a matrix;
for convolutions times the size of the window, as PyTorch counts them.
"""

from __future__ import annotations

import math

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


def _uniform(generator: np.random.Generator, shape: tuple[int, ...], std: float) -> np.ndarray:
    return generator.uniform(-1.0, 1.0, shape) * std * math.sqrt(3)


@initializer
class glorot_uniform(Initializer):
    """Uniform with variance 2 / (fan_in + fan_out).

    Glorot and Bengio, Understanding the difficulty of training deep feedforward neural networks, 2010.
    """

    gain: float = option("Factor of the standard deviation.", default=1.0, above=0)

    def sample(self, generator: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> np.ndarray:
        return _uniform(generator, shape, self.gain * math.sqrt(2 / max(fan_in + fan_out, 1)))


@initializer
class glorot_normal(Initializer):
    """Normal with variance 2 / (fan_in + fan_out); Glorot and Bengio, 2010."""

    gain: float = option("Factor of the standard deviation.", default=1.0, above=0)

    def sample(self, generator: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> np.ndarray:
        return generator.normal(0.0, self.gain * math.sqrt(2 / max(fan_in + fan_out, 1)), shape)


@initializer
class he_uniform(Initializer):
    """Uniform with variance 2 / fan_in, for layers before a Relu.

    He et al., Delving Deep into Rectifiers, 2015.
    """

    def sample(self, generator: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> np.ndarray:
        return _uniform(generator, shape, math.sqrt(2 / max(fan_in, 1)))


@initializer
class he_normal(Initializer):
    """Normal with variance 2 / fan_in, for layers before a Relu; He et al., 2015."""

    def sample(self, generator: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> np.ndarray:
        return generator.normal(0.0, math.sqrt(2 / max(fan_in, 1)), shape)


@initializer
class lecun_uniform(Initializer):
    """Uniform with variance 1 / fan_in; LeCun et al., Efficient BackProp, 1998."""

    def sample(self, generator: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> np.ndarray:
        return _uniform(generator, shape, math.sqrt(1 / max(fan_in, 1)))


@initializer
class lecun_normal(Initializer):
    """Normal with variance 1 / fan_in; LeCun et al., Efficient BackProp, 1998."""

    def sample(self, generator: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> np.ndarray:
        return generator.normal(0.0, math.sqrt(1 / max(fan_in, 1)), shape)


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

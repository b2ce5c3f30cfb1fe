"""Random tensors as pure functions of (seed, step, site, position): no generator, no hidden state.

The number at a position is a hash of the position with six int32 keys, and the keys are a hash of the seed, the
step and the site. Both are made of *rounds* in int32 arithmetic modulo 2^32:

- *fold* adds the upper sixteen bits to the lower ones, ``x + trunc(x / 2^16)``, so that the lower bits come to depend
  on the upper ones. The quotient is taken in float32: rounding to nearest and truncation are the same everywhere.
- *twist* is the permutation ``x * (a * x + b)`` with a even and b odd (Rivest, Permutation Polynomials Modulo 2^w,
  2001), in which every bit depends on all lower ones.

Only Mul, Add and Cast touch whole tensors: they have kernels on every provider, unlike shifts and bitwise operators,
and cost less. Two rounds pass chi-square tests of pairs, triples and quadruples at distances that are powers of
two, where one round, or two with a plain product at the end, fail.
"""

from __future__ import annotations

import hashlib
import math
from functools import reduce
from operator import add

import numpy as np

from dslc.graph.builder import Builder, Tensor
from dslc.graph.ops.elementwise import absolute, cast, clip, cos, less, log, modulo, sqrt
from dslc.graph.ops.shaping import concat, reshape, split, unsqueeze
from dslc.types import FLOAT32, INT32, INT64, Dimension, TensorType

__all__ = ["Randomness"]

_KEYS = 6
"""Factor and summand of the position, then a and b of two twists."""
_WORDS = 6
"""Three of the seed and three of the step, 31 bits each."""


def _noise(label: str, *shape: int) -> np.ndarray:
    """Return int32 constants that look random, the same for the same label."""
    count = math.prod(shape)
    return np.frombuffer(hashlib.shake_256(label.encode()).digest(4 * count), "<i4").astype(np.int32).reshape(shape)


def _fold(x: Tensor) -> Tensor:
    return x + cast(cast(x, FLOAT32) * 2.0**-16, INT32)


def _twist(x: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return x * (x * a + b)


class Randomness:
    """Draws random tensors in one graph.

    ``seed`` and ``step`` are int64 scalars; every bit of both matters. A ``site`` names one place that draws: equal
    names draw equal numbers, and different names unrelated ones.
    """

    def __init__(self, builder: Builder, seed: Tensor, step: Tensor) -> None:
        self.builder = builder
        self.seed = seed
        self.step = step

    def uniform(self, type: TensorType, site: str) -> Tensor:
        """Draw from the uniform distribution over [0, 1): multiples of 2^-25 at the coarsest."""
        bits = self._bits(type.count, site)
        draw = clip(cast(bits, FLOAT32) * 2.0**-32 + 0.5, 0.0, 1 - 2.0**-24)
        return self._shaped(draw, type)

    def normal(self, type: TensorType, site: str) -> Tensor:
        """Draw from the standard normal distribution by Box and Muller's transform, tails up to 6.6.

        The radius comes from the absolute value of the bits, which as a float is finest near 0, where the tail is.
        """
        radius_bits, angle_bits = (self._bits(type.count, f"{site}/{part}") for part in ("radius", "angle"))
        chance = (absolute(cast(radius_bits, FLOAT32)) + 0.5) * 2.0**-31
        angle = cast(angle_bits, FLOAT32) * (math.pi * 2.0**-31)
        return self._shaped(sqrt(clip(log(chance) * -2.0, 0.0, None)) * cos(angle), type)

    def chance(self, type: TensorType, site: str, probability: float) -> Tensor:
        """Draw 1 with that probability, exact to 2^-32, and 0 otherwise."""
        bound = min(round(probability * 2**32) - 2**31, 2**31 - 1)
        hit = less(self._bits(type.count, site), self.builder.constant(bound, INT32))
        return self._shaped(cast(hit, type.element), type)

    def _shaped(self, draw: Tensor, type: TensorType) -> Tensor:
        return reshape(cast(draw, type.element), type.shape)

    def within(self, number: Tensor) -> Randomness:
        """Return what draws anew in each round of a loop, told by the round's number, int32 (1)."""
        return _Round(self, number)

    # --- hashing ---------------------------------------------------------------------------------------

    def _bits(self, count: Dimension, site: str) -> Tensor:
        """Return so many random int32."""
        with self.builder.scope(f"random/{site}"):
            factor, summand, *twists = self._keys(site)
            x = self._position(count) * factor + summand
            for a, b in (twists[:2], twists[2:]):
                x = _twist(_fold(x), a, b)
            return x

    def _keys(self, site: str) -> tuple[Tensor, ...]:
        x = self._rounds(self.state() + self.builder.constant(_noise(f"site {site}", _KEYS)), "site")
        parity = np.array([1, 0, 0, 1, 0, 1], np.int32)  # 1 for odd keys; the summand may be anything
        scale = np.array([2, 1, 2, 2, 2, 2], np.int32)
        keys = x * self.builder.constant(scale) + self.builder.constant(parity)
        return split(keys, [1] * _KEYS, 0)

    def state(self) -> Tensor:
        """Return what all keys follow from, int32 (6)."""
        return self.builder.once((self, "state"), self._absorbed)

    def _absorbed(self) -> Tensor:
        """Hash seed and step into six int32, once for all sites."""
        builder = self.builder
        with builder.scope("random"):
            numbers = concat([reshape(number, (1, 1)) for number in (self.seed, self.step)], 0)
            places = builder.constant(np.array([1, 2**31, 2**62], np.int64))
            whole = (numbers - modulo(numbers, places)) / places  # an exact division: it rounds alike everywhere
            words = cast(modulo(whole, builder.constant(2**31, INT64)), INT32)
            words = unsqueeze(reshape(words, (_WORDS,)), [1])
            factors = builder.constant(_noise("factors", _WORDS, _KEYS) * np.int32(2) + np.int32(1))
            x = words * factors + builder.constant(_noise("summands", _WORDS, _KEYS))
            rows = split(self._rounds(x, "words"), [1] * _WORDS, 0)
            # one by one: ONNX Runtime's ReduceSum of int32 saturates where Add wraps around
            return reshape(reduce(add, rows), (_KEYS,))

    def _rounds(self, x: Tensor, label: str) -> Tensor:
        shape = tuple(int(d) for d in x.shape)
        for number in range(2):
            a = self.builder.constant(_noise(f"{label} {number} a", *shape) * np.int32(2))
            b = self.builder.constant(_noise(f"{label} {number} b", *shape) * np.int32(2) + np.int32(1))
            x = _twist(_fold(x), a, b)
        return x

    def _position(self, count: Dimension) -> Tensor:
        """Return 0, 1, 2, ..., int32, shared by all draws of so many."""
        builder = self.builder

        def counted() -> Tensor:
            zero, size = builder.constant(0, INT32), reshape(builder.dimension(count), ())
            limits = [zero, cast(size, INT32), builder.constant(1, INT32)]
            return builder.node("Range", limits, [TensorType(INT32, (count,))])

        return builder.once((self, count), counted)


class _Round(Randomness):
    """Draws in one round of a loop."""

    def __init__(self, outside: Randomness, number: Tensor) -> None:
        super().__init__(outside.builder, outside.seed, outside.step)
        self.outside = outside
        self.number = number

    def _absorbed(self) -> Tensor:
        """Hash the round's number into what seed and step have been hashed into."""
        with self.builder.scope("random"):
            factors = self.builder.constant(_noise("round factors", _KEYS) * np.int32(2) + np.int32(1))
            return self._rounds(self.outside.state() + self.number * factors, "round")

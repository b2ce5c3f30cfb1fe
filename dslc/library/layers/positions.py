"""Layers that tell positions of a sequence apart."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from dslc import graph as g
from dslc.errors.types import COMBINATION, SIZE
from dslc.library.checks import (
    axis_of,
    broadcast_shapes,
    decide,
    divides,
    need_float,
    need_integer,
    need_rank,
    weight_size,
)
from dslc.library.functions.elements import arange
from dslc.library.initializers import normal
from dslc.library.operation import Context, Initializer, Layer, OfFloats, Role, Variable, layer, option
from dslc.types import FLOAT64, Dimension, TensorType


def _positions_axis(word: str, axis: int, x: TensorType) -> int:
    """Return the axis that positions lie along, counted from the front; refuse the last one."""
    found = axis_of(word, axis, x.rank)
    if found == x.rank - 1:
        raise COMBINATION(f"{word}: the last axis of {x} holds what tells positions apart, which lie along another")
    return found


def _waves(
    context: Context, positions: g.Tensor | Dimension, rates: np.ndarray, phase: np.ndarray, like: g.Tensor
) -> g.Tensor:
    """Return sin(position * rate + phase) along a new last axis, computed in float64.

    Of positions 0, 1, ... up to a number these are constants.
    """
    if isinstance(positions, int):
        angles = np.arange(positions)[:, None] * rates + phase
        return context.builder.constant(np.sin(angles), like.element)
    given = positions if isinstance(positions, g.Tensor) else arange(context.builder, positions)
    angle = g.unsqueeze(g.cast(given, FLOAT64), [-1]) * context.builder.constant(rates)
    return g.cast(g.sin(angle + context.builder.constant(phase)), like.element)


def _at_axis(table: g.Tensor, axis: int, rank: int) -> g.Tensor:
    """Bring a table of positions and entries to where these are in a tensor of a rank: its axis, and the last."""
    return g.reshape(table, (table.shape[0], *[1] * (rank - axis - 2), table.shape[-1]))


@layer
class PositionalEncoding(OfFloats, Layer):
    """Adds to each position along an axis a vector that tells where it is.

    ``"sinusoidal"`` adds sin(t / base ** (i / C)) to entries of even i of the position t, and the cosine of the same to
    those behind them; ``"learned"`` adds a row of a table. Vaswani et al., Attention Is All You Need, 2017.
    """

    aliases = {"positionembedding": 'with kind = "learned"', "positionalembedding": "", "sinepositionencoding": ""}
    elementwise = False
    local = True
    kind: str = option("How the vectors are made.", default="sinusoidal", choices=("sinusoidal", "learned"))
    length: Dimension | None = option(
        "How many positions the table has; none for as many as there are. Sinusoidal ones need none.",
        default=None, minimum=1,
    )  # fmt: skip
    base: float = option("How much longer the longest wave is than the shortest.", default=10_000.0, above=0)
    axis: int = option("The axis that positions lie along.", default=1)
    init: Initializer = option("How the table starts.", default=normal(std=0.02))

    def type(self, x: TensorType) -> TensorType:
        need_float(self.name, x)
        need_rank(self.name, x, 2, axes="[..., T, C]")
        axis = axis_of(self.name, self.axis, x.rank)
        if axis == x.rank - 1:
            raise COMBINATION(
                f"{self.name}: the last axis of {x} holds the vectors, so that positions lie along another"
            )
        if self.kind == "sinusoidal":
            if self.length is not None:
                raise COMBINATION(f"{self.name}: a table that is not learned has no length", hint="leave `length` out")
            decide(self.name, x.shape[-1], "the size of the last axis")
            return x
        weight_size(self.name, x, -1, "each entry of the last axis")
        size = weight_size(self.name, x, axis, "each position") if self.length is None else x.shape[axis]
        short = isinstance(self.length, int) and (size > self.length if isinstance(size, int) else self.length == 1)
        if short:  # of one row, nobody would tell at run time
            raise SIZE(f"{self.name}: a table of {self.length} positions is too short for {size}, axis {axis} of {x}")
        return x

    def variables(self, x: TensorType) -> Sequence[Variable]:
        if self.kind == "sinusoidal":
            return []
        length = x.shape[axis_of(self.name, self.axis, x.rank)] if self.length is None else self.length
        return [Variable("weight", (length, x.shape[-1]), self.init, Role.EMBEDDING, element=x.element)]

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        axis = axis_of(self.name, self.axis, x.rank)
        return x + _at_axis(self._table(context, x, x.shape[axis]), axis, x.rank)

    def _table(self, context: Context, x: g.Tensor, size: Dimension) -> g.Tensor:
        if self.kind == "sinusoidal":
            width = decide(self.name, x.shape[-1], "the size of the last axis")
            entry = np.arange(width)
            return _waves(context, size, self.base ** -((entry - entry % 2) / width), entry % 2 * (math.pi / 2), x)
        table = context["weight"]
        if size == table.shape[0]:
            return table
        if isinstance(size, int):
            return g.slice_(table, [0], [size], [0], [1])
        return g.gather(table, arange(context.builder, size))  # which fails if there are more than it has


@layer
class RotaryEmbedding(Layer):
    """Turns pairs of entries of the last axis by angles that grow with the position.

    The product of a query and a key then hangs on the distance of their positions alone. Entry i of the first half
    makes a pair with entry i of the second one, as in Llama, or neighbours do with ``interleaved``; pair i turns by
    position / base ** (2 * i / size). Positions count from 0 along an axis, unless integers flow in beside x, which
    broadcast to all axes of x but the last.

    Su et al., RoFormer: Enhanced Transformer with Rotary Position Embedding, 2021.
    """

    aliases = {"rope": ""}
    local = True
    base: float = option("How much longer the longest wave is than the shortest, nearly.", default=10_000.0, above=0)
    interleaved: bool = option("Are pairs made of neighbours?", default=False)
    axis: int = option("The axis that positions lie along.", default=-2)

    def type(self, x: TensorType, positions: TensorType | None = None) -> TensorType:
        need_float(self.name, x)
        need_rank(self.name, x, 2, axes="[..., T, C]")
        divides(self.name, 2, decide(self.name, x.shape[-1], "the size of the last axis"), "the last axis")
        _positions_axis(self.name, self.axis, x)
        if positions is not None:
            need_integer(self.name, positions)
            rest = x.with_shape(x.shape[:-1])
            if broadcast_shapes(self.name, rest, positions) != rest.shape:
                raise SIZE(f"{self.name}: positions {positions} are more than those of {x}")
        return x

    def emit(self, context: Context, x: g.Tensor, positions: g.Tensor | None = None) -> g.Tensor:
        axis = axis_of(self.name, self.axis, x.rank)
        width = decide(self.name, x.shape[-1], "the size of the last axis")
        entry = np.arange(width)
        pair = entry // 2 if self.interleaved else entry % (width // 2)
        first = entry % 2 == 0 if self.interleaved else entry < width // 2
        rates = self.base ** (-2 * pair / width)

        def table(rates: np.ndarray, phase: np.ndarray) -> g.Tensor:
            if positions is not None:
                return _waves(context, positions, rates, phase, x)
            return _at_axis(_waves(context, x.shape[axis], rates, phase, x), axis, x.rank)

        cosine = table(rates, np.full(width, math.pi / 2))
        sine = table(np.where(first, -rates, rates), np.zeros(width))
        return x * cosine + self._exchanged(x, width) * sine

    def _exchanged(self, x: g.Tensor, width: int) -> g.Tensor:
        """Return x with the two entries of each pair exchanged."""
        pairs = g.reshape(x, (*x.shape[:-1], width // 2, 2)) if self.interleaved else x
        half = 1 if self.interleaved else width // 2
        one, other = g.split(pairs, [half, half], -1)
        return g.reshape(g.concat([other, one], -1), x.shape)

"""Activations along an axis."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dslc import graph as g
from dslc.library.checks import axis_of, divides
from dslc.library.functions.activations import Activation, Gelu, Relu, Sigmoid, Silu, activation
from dslc.library.operation import Context, Scale, option
from dslc.types import FLOAT32, INT64, Dimension, ElementType, TensorType


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

    result_scale = Scale.PROBABILITY
    axis: int = option("The axis along which the results add up to 1.", default=-1)

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        return g.softmax(x, self.axis)


@activation
class Softmin(_OfAxis):
    """The Softmax of -x: the smallest element gets the largest share."""

    result_scale = Scale.PROBABILITY
    axis: int = option("The axis along which the results add up to 1.", default=-1)

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        return g.softmax(-x, self.axis)


@activation
class LogSoftmax(_OfAxis):
    """The logarithm of Softmax, without its loss of precision."""

    result_scale = Scale.LOGARITHM
    axis: int = option("The axis along which the exponentials of the results add up to 1.", default=-1)

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        return g.log_softmax(x, self.axis)


@activation
class Sparsemax(_OfAxis):
    """The point nearest to x among numbers from 0 on that add up to 1: a Softmax many of whose results are 0.

    Martins and Astudillo, From Softmax to Sparsemax, 2016.
    """

    result_scale = Scale.PROBABILITY
    axis: int = option("The axis along which the results add up to 1.", default=-1)

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        if x.element is ElementType.FLOAT16:  # which neither TopK nor CumSum has
            return g.cast(self.emit(context, g.cast(x, FLOAT32)), x.element)
        axis = axis_of(self.name, self.axis, x.rank)
        order = [a for a in range(x.rank) if a != axis] + [axis]
        z = g.transpose(x, order)
        z = z - g.reduce_max(z, [-1], keepdims=True)
        # of each number of largest elements, what would have to be taken off each for the rest to add up to 1: most
        # for those that stay positive
        largest = g.top_k(g.detach(z), z.shape[-1])[0]
        taken = (g.cumulative_sum(largest, -1) - 1.0) / _counted(largest)
        y = g.relu(z - g.reduce_max(taken, [-1], keepdims=True))
        y = g.transpose(y, [order.index(a) for a in range(x.rank)])

        def by_x(dy: g.Tensor) -> g.Tensor:
            stays = g.positive(y)
            kept = dy * stays
            total, count = (g.reduce_sum(t, [axis], keepdims=True) for t in (kept, stays))
            return kept - stays * (total / count)

        return g.with_gradients(y, [(x, by_x)])


def _counted(x: g.Tensor) -> g.Tensor:
    """Return 1, 2, ... along the last axis."""
    size = x.shape[-1]
    if isinstance(size, int):
        return x.builder.constant(np.arange(1, size + 1), x.element)
    one = x.builder.constant(1, INT64)
    end = g.reshape(x.builder.dimension(size + 1), ())
    return g.cast(x.builder.node("Range", [one, end, one], [TensorType(INT64, (size,))]), x.element)


GATES: dict[str, type[Activation] | None] = {"sigmoid": Sigmoid, "silu": Silu, "gelu": Gelu, "relu": Relu, "none": None}


@activation
class Glu(_OfAxis):
    """The first half of an axis times a gate of the second half: from 2 * n entries to n.

    With ``gate = "silu"`` it is SwiGLU, with "gelu" GEGLU, with "relu" ReGLU, and with "none" the bilinear one.

    Dauphin et al., Language Modeling with Gated Convolutional Networks, 2017; Shazeer, GLU Variants Improve
    Transformer, 2020.
    """

    aliases = {
        "swiglu": 'with gate = "silu"', "geglu": 'with gate = "gelu"', "reglu": 'with gate = "relu"',
        "gatedlinearunit": "",
    }  # fmt: skip
    gate: str = option("What the second half goes through.", default="sigmoid", choices=tuple(GATES))
    axis: int = option("The axis that is halved.", default=-1)

    @property
    def operators(self) -> Sequence[str]:
        return Gelu().operators if self.gate == "gelu" else ()

    def _half(self, x: TensorType) -> Dimension:
        axis = axis_of(self.name, self.axis, x.rank)
        return divides(self.name, 2, x.shape[axis], f"the size of axis {self.axis} of {x}")

    def type(self, x: TensorType) -> TensorType:
        super().type(x)
        axis = axis_of(self.name, self.axis, x.rank)
        return x.with_shape((*x.shape[:axis], self._half(x), *x.shape[axis + 1 :]))

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        half = self._half(x.type)
        a, b = g.split(x, [half, half], self.axis)
        gate = GATES[self.gate]
        opened = b if gate is None else gate().emit(context, b)
        assert isinstance(opened, g.Tensor)
        return a * opened

"""Layers that change the shape, or nothing."""

from __future__ import annotations

from dslc import graph as g
from dslc.errors.types import COMBINATION
from dslc.library.checks import axis_of, need_rank
from dslc.library.functions.shaping import Rearrangement, Reshaping, reshaped
from dslc.library.operation import Context, Layer, layer, option
from dslc.types import Dimension, TensorType, element_count


@layer
class Flatten(Reshaping, Layer):
    """All axes but the first merged into one: from [N, a, b, ...] to [N, a * b * ...]."""

    def type(self, x: TensorType) -> TensorType:
        need_rank(self.name, x, 2)
        return x.with_shape((x.shape[0], element_count(x.shape[1:])))


@layer
class Reshape(Reshaping, Layer):
    """Another shape for each example; the first axis, the batch, stays: ``Reshape(1, 8, 8)``.

    One dimension may be -1: it becomes what the others leave.
    """

    rest = "shape"
    shape: tuple[Dimension, ...] = option("The shape of one example.")

    def type(self, x: TensorType) -> TensorType:
        need_rank(self.name, x, 1)
        if x.rank == 1 and not self.shape:
            return x
        inner = reshaped(self.name, x.with_shape(x.shape[1:]), self.shape, example=True)
        return x.with_shape((x.shape[0], *inner.shape))


@layer
class Permute(Rearrangement, Layer):
    """The axes of each example in another order; the first axis, the batch, stays: ``Permute(2, 1)``.

    The axes of x are counted from 1, since 0 is the batch; negative ones count from the end.
    """

    rest = "axes"
    axes: tuple[int, ...] = option("For each axis of the result but the first, which axis of x it is.")

    def _order(self, x: TensorType) -> tuple[int, ...]:
        order = (0, *(axis_of(self.name, axis, x.rank) for axis in self.axes))
        if sorted(order) != list(range(x.rank)):
            raise COMBINATION(
                f"{self.name}: axes = {list(self.axes)} must name each of the axes 1 to {x.rank - 1} of {x} once"
            )
        return order

    def type(self, x: TensorType) -> TensorType:
        need_rank(self.name, x, 2)
        return x.with_shape(x.shape[axis] for axis in self._order(x))

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        return g.transpose(x, self._order(x.type))


@layer
class RepeatVector(Layer):
    """Each example several times: [N, D] to [N, count, D]."""

    carries = True
    local = True
    count: Dimension = option("How many times.", minimum=1)

    def type(self, x: TensorType) -> TensorType:
        need_rank(self.name, x, 2, 2, "[N, D]")
        return x.with_shape((x.shape[0], self.count, x.shape[1]))

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        return g.expand(g.unsqueeze(x, [1]), self.type(x.type).shape)


@layer
class Identity(Layer):
    """What flows in, as it is: where a layer is to be chosen, but none may be wanted."""

    carries = True
    elementwise = True
    additive = True

    def type(self, x: TensorType) -> TensorType:
        return x

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        return x

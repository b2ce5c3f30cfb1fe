"""Layers for vectors and tables: Dense, Embedding, Dropout, and those that change the shape."""

from __future__ import annotations

from collections.abc import Sequence

from dslc import graph as g
from dslc.library.checks import need_float, need_integer, need_rank, weight_size
from dslc.library.functions.shaping import Reshaping, reshaped
from dslc.library.initializers import glorot_uniform, normal, zeros
from dslc.library.operation import Context, IndexUse, Initializer, Layer, OfFloats, Role, Variable, layer, option
from dslc.types import FLOAT32, INT64, Dimension, TensorType, element_count


@layer
class Dense(Layer):
    """An affine map of the last axis: x @ weight + bias.

    From [N, ..., in] to [N, ..., units]; the weight is (in, units).
    """

    aliases = {
        "linear": "and takes the size of its input from what flows in",
        "fullyconnected": "",
        "fc": "",
        "innerproduct": "",
    }
    local = True
    units: Dimension = option("Size of the last axis of the result.", minimum=1)
    bias: bool = option("Add a bias?", default=True)
    init: Initializer = option("How the weight starts; the bias starts at zero.", default=glorot_uniform())

    def type(self, x: TensorType) -> TensorType:
        need_float(self.name, x)
        need_rank(self.name, x, 1)
        weight_size(self.name, x, -1, "each entry of the last axis")
        return x.with_last(self.units)

    def variables(self, x: TensorType) -> Sequence[Variable]:
        weight = Variable("weight", (x.shape[-1], self.units), self.init, Role.KERNEL, element=x.element)
        bias = Variable("bias", (self.units,), zeros(), Role.BIAS, element=x.element)
        return [weight, bias] if self.bias else [weight]

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        product = x @ context["weight"]
        return product + context["bias"] if self.bias else product

    def multiply_adds(self, x: TensorType) -> Dimension:
        return x.count * self.units


@layer
class Embedding(Layer):
    """A table looked up by index: row i for each integer i.

    From integers [N, ...] to float32 [N, ..., size]. An index outside [0, entries) stops the run.
    """

    local = True
    entries: Dimension = option("How many rows the table has.", minimum=1)
    size: Dimension = option("Length of a row.", minimum=1)
    init: Initializer = option("How the table starts.", default=normal(std=0.02))

    def type(self, x: TensorType) -> TensorType:
        need_integer(self.name, x)
        return TensorType(FLOAT32, (*x.shape, self.size))

    def variables(self, x: TensorType) -> Sequence[Variable]:
        return [Variable("weight", (self.entries, self.size), self.init, Role.EMBEDDING)]

    def indexes(self, x: TensorType) -> Sequence[IndexUse]:
        return [IndexUse(0, self.entries, f"has {self.entries} rows")]

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        return g.gather(context["weight"], g.cast(x, INT64))


@layer
class Dropout(OfFloats, Layer):
    """In training, sets elements to zero at random and scales the others by 1 / (1 - rate); otherwise nothing.

    Srivastava et al., Dropout: A Simple Way to Prevent Neural Networks from Overfitting, 2014.
    """

    carries = True
    random = True
    rate: float = option("Probability that an element becomes zero.", default=0.5, minimum=0, below=1)

    def draws(self, training: bool) -> bool:
        return training and self.rate > 0

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        if not self.draws(context.training):
            return x
        keep = 1 - self.rate
        return x * (context.chance(x.type, keep) * (1 / keep))


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

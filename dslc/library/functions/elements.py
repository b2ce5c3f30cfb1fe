"""Functions of elements that are not mathematics: choices, casts, one-hot codes, constants and random tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from dslc import graph as g
from dslc.errors.types import COMBINATION
from dslc.library.checks import (
    axis_of,
    broadcast_shapes,
    need_bool,
    need_integer,
    need_no_text,
    same_elements,
)
from dslc.library.operation import Context, Function, IndexUse, OfFloats, function, option
from dslc.types import BOOL, FLOAT32, INT64, STRING, Dimension, ElementType, TensorType


@function
class where(Function):
    """a where the condition holds and b elsewhere, element by element; all three broadcast."""

    carries = True
    elementwise = True
    selects = True
    operators = ("Where",)

    def type(self, condition: TensorType, a: TensorType, b: TensorType) -> TensorType:
        need_bool(f"the condition of {self.name}", condition)
        return TensorType(same_elements(self.name, a, b), broadcast_shapes(self.name, condition, a, b))

    formula = lambda condition, a, b: g.where(condition, a, b)


@function
class cast(Function):
    """Another element type: floating-point numbers lose their fraction as integers, booleans become 0 and 1."""

    aliases = {"astype": ""}
    carries = True
    elementwise = True
    rearranges = True
    additive = True
    converts = True

    element: ElementType = option("The element type, such as float32.")

    def type(self, x: TensorType) -> TensorType:
        if x.element is not self.element and STRING in (x.element, self.element):
            raise COMBINATION(f"cast does not turn {x} into {self.element}", hint="`category(x)` codes text in `data`")
        return x.with_element(self.element)

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        return g.cast(x, self.element)

    def bounds(self, x: tuple[int, int]) -> tuple[int, int]:
        return x


@function
class detach(Function):
    """x as a constant: no gradient goes back through it."""

    aliases = {"stopgradient": ""}
    carries = True
    elementwise = True

    differentiable = False

    def type(self, x: TensorType) -> TensorType:
        return x

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        result = g.identity(x)
        result.value.meta["detached"] = True
        return result


@function
class is_missing(OfFloats, Function):
    """Where x is NaN, not a number: what an empty cell is read as."""

    aliases = {"isna": "", "isnull": "", "isnan": ""}
    tells_missing = True

    def type(self, x: TensorType) -> TensorType:
        return super().type(x).with_element(BOOL)

    formula = lambda x: g.is_nan(x)


@function
class one_hot(Function):
    """1 at the position that the integer names and 0 elsewhere, along a new last axis.

    An integer outside of [0, classes) ends the run.
    """

    aliases = {"onehot": ""}
    local = True
    wraps = False
    classes: Dimension = option("Length of the new axis.", minimum=1)
    element: ElementType = option("Element type of the result.", default=FLOAT32)

    def type(self, x: TensorType) -> TensorType:
        need_integer(self.name, x)
        need_no_text(self.name, x.with_element(self.element))
        return TensorType(self.element, (*x.shape, self.classes))

    def indexes(self, x: TensorType) -> Sequence[IndexUse]:
        return [IndexUse(0, self.classes, f"has {self.classes} classes", looks_up=False)]

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        positions = arange(context.builder, self.classes)
        return g.cast(g.equal(g.unsqueeze(g.cast(x, INT64), [-1]), positions), self.element)


def arange(builder: g.Builder, count: Dimension) -> g.Tensor:
    """Return the integers below ``count``, int64."""
    if isinstance(count, int):
        return builder.constant(list(range(count)), INT64)
    limits = [builder.constant(0, INT64), g.reshape(builder.dimension(count), ()), builder.constant(1, INT64)]
    return builder.node("Range", limits, [TensorType(INT64, (count,))])


@function
class positions(Function):
    """The positions along an axis of x, counted from 0: int64, of one dimension.

    In a model of sequences, `t = positions(x, axis = 1)` makes `t[:, none] < t` true where a column lies after its
    row, the mask of causal attention.
    """

    local = True
    wraps = False
    differentiable = False
    of_shapes = True
    axis: int = option("The axis.")

    def type(self, x: TensorType) -> TensorType:
        return TensorType(INT64, (x.shape[axis_of(self.name, self.axis, len(x.shape))],))

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        return arange(context.builder, x.type.shape[self.axis])


class _Filled(Function):
    elementwise = True
    wraps = False
    filling: ClassVar[int]

    def type(self, x: TensorType) -> TensorType:
        need_no_text(self.name, x)
        return x

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        return g.full(x, self.filling, x.type)


@function
class zeros_like(_Filled):
    """0 everywhere, in the type of x."""

    filling = 0


@function
class ones_like(_Filled):
    """1 everywhere, in the type of x."""

    filling = 1


@function
class normal_like(OfFloats, Function):
    """Random numbers from the standard normal distribution, in the type of x, anew at each step."""

    random = True
    aliases = {"randnlike": "", "randn": "of a tensor"}

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        return context.normal(x.type)


@function
class uniform_like(OfFloats, Function):
    """Random numbers from the uniform distribution over [0, 1), in the type of x, anew at each step."""

    random = True
    aliases = {"randlike": ""}

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        return context.uniform(x.type)

"""Reductions. Over the batch they are statistics: exact over a split, whatever the batches."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from dslc import graph as g
from dslc.errors.types import COMBINATION, ELEMENT
from dslc.library.checks import (
    Axes,
    axes_of,
    axis_of,
    broadcast_shapes,
    need_float,
    need_no_text,
    need_number,
    same_elements,
)
from dslc.library.operation import Context, Function, function, option
from dslc.library.statistic import EXAMPLES, SUM, Accumulators, Statistic, Typed
from dslc.types import FLOAT32, INT32, INT64, ElementType, TensorType, reduced_type


@dataclass(frozen=True, kw_only=True)
class Reduction(Statistic):
    """What the reductions share: their options and the shape of the result."""

    axis: Axes = option("The axis, or a list of axes, to reduce over; none means all.", default=None)
    keepdims: bool = option("Keep the reduced axes, with size 1?", default=False)

    def axes(self, x: TensorType) -> tuple[int, ...]:
        """Return the reduced axes, counted from the front."""
        return axes_of(self.name, self.axis, x.rank)

    def reduced(self, x: TensorType, element: ElementType) -> TensorType:
        """Return the type of the result, with the element type given."""
        return reduced_type(x, self.axes(x), self.keepdims).with_element(element)

    def over_examples(self, *operands: TensorType) -> bool:
        """Return whether the first axis is among those reduced."""
        return len(operands) == 1 and 0 in self.axes(operands[0])

    def finish(self, accumulators: Accumulators, element: ElementType) -> g.Tensor:
        return g.cast(accumulators[self.name], element)


@function
class sum(Reduction):
    """The sum of the elements; booleans count as 0 and 1, and integers are added as int64."""

    aliases = {"reducesum": ""}
    additive = True

    def type(self, x: TensorType) -> TensorType:
        need_no_text(self.name, x)
        return self.reduced(x, x.element if x.element.is_float else INT64)

    def weighting(self, operands: Sequence[Typed]) -> Hashable:
        return SUM

    def accumulate(self, x: g.Tensor) -> Accumulators:
        add = g.exact_sum if x.element is INT64 else g.reduce_sum
        terms = x if x.element.is_float else g.cast(x, INT64)
        return {self.name: add(terms, self.axes(x.type), self.keepdims)}


@function
class mean(Reduction):
    """The mean of the elements; of integers and booleans, as float32."""

    aliases = {"reducemean": ""}
    carries = True
    additive = True

    def type(self, x: TensorType) -> TensorType:
        need_no_text(self.name, x)
        return self.reduced(x, x.element if x.element.is_float else FLOAT32)

    def _terms(self, x: g.Tensor) -> g.Tensor:
        return x if x.element.is_float else g.cast(x, FLOAT32)

    def weighting(self, operands: Sequence[Typed]) -> Hashable:
        return EXAMPLES

    def accumulate(self, x: g.Tensor) -> Accumulators:
        axes = self.axes(x.type)
        return {"sum": g.reduce_sum(self._terms(x), axes, self.keepdims), "count": g.count(x, axes)}

    def finish(self, accumulators: Accumulators, element: ElementType) -> g.Tensor:
        total, count = accumulators["sum"], accumulators["count"]
        return g.cast(total / g.cast(count, total.element), element)

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        return g.reduce_mean(self._terms(x), self.axes(x.type), self.keepdims)


@function
class var(Reduction):
    """The variance: the mean squared distance from the mean, with n - correction in place of n."""

    aliases = {"variance": ""}
    correction: int = option("1 estimates a population's variance from a sample; 0 is the sample's own.", default=1,
                             minimum=0)  # fmt: skip

    def type(self, x: TensorType) -> TensorType:
        need_float(self.name, x)
        return self.reduced(x, x.element)

    def accumulate(self, x: g.Tensor) -> Accumulators:
        axes = self.axes(x.type)
        center = g.reduce_mean(x, axes, keepdims=True)
        distance = x - center
        mean = center if self.keepdims else g.reshape(center, self.type(x.type).shape)
        return {
            "mean": mean,
            "squares": g.reduce_sum(distance * distance, axes, self.keepdims),
            "count": g.count(x, axes),
        }

    def merge(self, total: Accumulators, batch: Accumulators) -> Accumulators:
        """Join two samples' means and sums of squared distances: Chan, Golub and LeVeque, 1979."""
        count = total["count"] + batch["count"]
        element = total["mean"].element
        a, b, n = (g.cast(c, element) for c in (total["count"], batch["count"], g.maximum(count, 1)))
        distance = batch["mean"] - total["mean"]
        return {
            "mean": total["mean"] + distance * (b / n),
            "squares": total["squares"] + batch["squares"] + distance * distance * (a * b / n),
            "count": count,
        }

    def finish(self, accumulators: Accumulators, element: ElementType) -> g.Tensor:
        squares, count = accumulators["squares"], accumulators["count"]
        return g.cast(squares / g.cast(count - self.correction, squares.element), element)


class _Extremum(Reduction):
    """min and max: of one tensor the extreme element, of two the extreme of each pair."""

    carries = True
    along: ClassVar[Callable[..., g.Tensor]]
    """The extreme elements of a tensor along axes, the formula being that of two."""

    def reduce(self, x: g.Tensor) -> g.Tensor:
        """Return the extreme elements."""
        axes = self.axes(x.type)
        return g.with_nan(type(self).along(x, axes, self.keepdims), x, axes, self.keepdims)

    def type(self, x: TensorType, other: TensorType | None = None) -> TensorType:
        need_number(self.name, x)
        if other is None:
            return self.reduced(x, x.element)
        if self.axis is not None or self.keepdims:
            raise COMBINATION(f"{self.name} of two tensors goes element by element and takes no axis")
        return TensorType(same_elements(self.name, x, other), broadcast_shapes(self.name, x, other))

    def accumulate(self, x: g.Tensor) -> Accumulators:
        return {self.name: self.reduce(x), "count": g.count(x, self.axes(x.type))}

    def merge(self, total: Accumulators, batch: Accumulators) -> Accumulators:
        a, b = total[self.name], batch[self.name]
        chosen = g.where(g.equal(batch["count"], 0), a, type(self).formula(a, b))
        return {self.name: g.where(g.equal(total["count"], 0), b, chosen), "count": total["count"] + batch["count"]}

    def emit(self, context: Context, x: g.Tensor, other: g.Tensor | None = None) -> g.Tensor:
        return self.reduce(x) if other is None else type(self).formula(x, other)


@function
class min(_Extremum):
    """``min(x)``: the smallest element, over all axes or some; ``min(a, b)``: the smaller of each pair."""

    aliases = {"reducemin": "", "amin": ""}
    formula, of_numbers = lambda a, b: g.minimum(a, b), builtins.min
    along = lambda x, axes, keepdims: g.reduce_min(x, axes, keepdims)


@function
class max(_Extremum):
    """``max(x)``: the largest element, over all axes or some; ``max(a, b)``: the larger of each pair."""

    aliases = {"reducemax": "", "amax": ""}
    formula, of_numbers = lambda a, b: g.maximum(a, b), builtins.max
    along = lambda x, axes, keepdims: g.reduce_max(x, axes, keepdims)


@function
class argmax(Function):
    """The index (int64) of the largest element along an axis, the first of several. NaN is passed over."""

    local = True
    wraps = False
    axis: int = option("The axis to search along.", default=-1)
    keepdims: bool = option("Keep that axis, with size 1?", default=False)

    def type(self, x: TensorType) -> TensorType:
        if not x.element.is_float and x.element is not INT32:
            raise ELEMENT(f"argmax is not defined for {x}", hint="convert it with `cast(..., float32)`")
        axis = axis_of(self.name, self.axis, x.rank)
        return reduced_type(x, (axis,), self.keepdims).with_element(INT64)

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        return g.argmax(x, self.axis, self.keepdims)

"""Weighted means over examples, which most losses are, and what losses and metrics share.

A :class:`Mean` gives a weighted sum and the sum of the weights per batch, so it is exact over a split whatever the
batches. Definitions and defaults are those of ``torch.nn.functional`` unless a docstring says otherwise.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, ClassVar

import numpy as np

from dslc import graph as g
from dslc.diagnostics import Repair
from dslc.errors import losses as errors
from dslc.library.statistic import EXAMPLES, Accumulators, Statistic, Typed
from dslc.types import FLOAT64, ElementType, Shape, TensorType, element_count, shape_text

__all__ = [
    "ElementwiseLoss", "Mean", "constant_like", "match_shapes", "match_weight", "nonzero", "shape_hint",
    "weighted_mean", "weights_of",
]  # fmt: skip


# --- Type rules ------------------------------------------------------------------------------------------


def match_shapes(name: str, prediction: TensorType, target: TensorType) -> None:
    """Refuse operands that are not of one float type and one shape."""
    for operand in (prediction, target):
        if not operand.element.is_float:
            raise errors.NOT_FLOAT(
                f"'{name}' compares floating-point numbers, and one operand is {operand}",
                hint="convert it with cast(y, float32)",
            )
    if prediction.element is not target.element:
        raise errors.NOT_FLOAT(f"'{name}' is given {prediction} and {target}, which do not mix", hint="cast one")
    if prediction.shape != target.shape:
        raise errors.SHAPES_DIFFER(
            f"'{name}' is given a prediction {prediction} and a target {target}; their shapes must be equal",
            hint=shape_hint(prediction.shape, target.shape),
        )


def shape_hint(prediction: Shape, target: Shape, classes: int | None = None) -> str | None:
    """Say which operand has an axis of size one too many; ``classes`` is an axis left out of the prediction."""
    for operand, (one, other) in enumerate(((prediction, target), (target, prediction))):
        for axis in range(1, len(one)):
            if one[axis] == 1 and (*one[:axis], *one[axis + 1 :]) == other:
                place = axis + (operand == 0 and classes is not None and axis >= classes)
                side, squeezed = ("prediction", "target")[operand], f"squeeze({{}}, axis = {place})"
                hint = f"take the axis of size one away from the {side}: {squeezed.format('y')}"
                return Repair(hint, squeezed, operand=operand)
    return None


def match_weight(name: str, weight: TensorType | None, target: Shape, element: ElementType) -> None:
    """Refuse a weight that is not one number per example, or per element of the target's first axes."""
    if weight is None:
        return
    if weight.rank == 0 or weight.shape != target[: weight.rank]:
        raise errors.WEIGHT_SHAPE(
            f"the weight of '{name}' is {weight}, and the target has the shape {shape_text(target)}",
            hint=f"give one number per example: {shape_text(target[:1])}" if target else None,
        )
    if weight.element is not element:
        raise errors.WEIGHT_SHAPE(
            f"the weight of '{name}' is {weight}, and the prediction is {element}", hint=f"cast(w, {element})"
        )


# --- Emissions -------------------------------------------------------------------------------------------


def weights_of(weight: g.Tensor, rank: int) -> g.Tensor:
    """Give a weight axes of size one up to the rank, so that it multiplies what it weighs."""
    return g.unsqueeze(weight, range(weight.rank, rank)) if weight.rank < rank else weight


def constant_like(x: g.Tensor, value: float | Sequence[float] | np.ndarray[Any, Any]) -> g.Tensor:
    """Return numbers as a constant of a tensor's element type."""
    return x.builder.constant(np.asarray(value), x.element)


class Mean(Statistic):
    """A weighted mean: ``sum(weight * value) / sum(weight)`` over all elements, the weight 1 unless it is given.

    Where the weights sum to 0 (every target ignored, say) it is 0, where PyTorch has NaN.
    """

    averages = True
    spreads: ClassVar[tuple[int, ...]] = (1,)
    direction: ClassVar[str | None] = "lowest"

    def weighting(self, operands: Sequence[Typed]) -> Hashable:
        weighed = self.weighed_by(operands)
        return ("weight", *weighed) if weighed else EXAMPLES

    def example_weights(self, element: ElementType, *operands: g.Tensor) -> g.Tensor:
        (weight,) = operands
        return g.reduce_sum(weight, range(1, weight.rank))

    def finish(self, accumulators: Accumulators, element: ElementType) -> g.Tensor:
        total, weight = accumulators["sum"], accumulators["weight"]
        if total.element.is_integer:  # float32 would round numbers beyond 2 ** 24
            total = g.cast(total, FLOAT64)
        return g.cast(total / g.cast(nonzero(weight), total.element), element)


def nonzero(x: g.Tensor) -> g.Tensor:
    """Return x with 1 in place of 0, for a divisor whose dividend is 0 then."""
    return x + g.cast(g.equal(x, 0), x.element)


def weighted_mean(values: g.Tensor, weight: g.Tensor | None) -> Accumulators:
    """Accumulate the mean of values of shape (N, ...), each weighted by its example's weight."""
    builder = values.builder
    if weight is None:
        return {"sum": g.reduce_sum(values), "weight": g.reshape(builder.dimension(values.type.count), ())}
    total, repeats = weight, element_count(values.shape[weight.rank :])
    if repeats != 1:
        total = total * g.cast(g.reshape(builder.dimension(repeats), ()), weight.element)
    return {"sum": g.reduce_sum(values * weights_of(weight, values.rank)), "weight": g.reduce_sum(total)}


class ElementwiseLoss(Mean):
    """The weighted mean of a value of each element of a prediction and a target of one shape."""

    def type(self, prediction: TensorType, target: TensorType, weight: TensorType | None = None) -> TensorType:
        match_shapes(self.name, prediction, target)
        match_weight(self.name, weight, target.shape, prediction.element)
        return TensorType(prediction.element)

    def value(self, prediction: g.Tensor, target: g.Tensor) -> g.Tensor:
        """Return the loss of each element."""
        raise NotImplementedError

    def accumulate(self, prediction: g.Tensor, target: g.Tensor, weight: g.Tensor | None = None) -> Accumulators:
        return weighted_mean(self.value(prediction, target), weight)

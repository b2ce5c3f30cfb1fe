"""Classes and labels as targets: the type rules, the options and the sums that losses and metrics of them share."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from dslc import graph as g
from dslc.errors import losses as errors
from dslc.library.losses.mean import (
    Mean,
    constant_like,
    match_shapes,
    match_weight,
    shape_hint,
    weighted_mean,
    weights_of,
)
from dslc.library.operation import IndexUse, Scale, option
from dslc.library.statistic import Accumulators, Alike, T, Typed
from dslc.types import INT64, Dimension, ElementType, Shape, TensorType, shape_text

__all__ = [
    "TWO_CLASSES", "OfClasses", "along_axis", "at_classes", "axis_option", "class_axis", "class_targets",
    "class_weight_option", "ignore_option", "log_sum_exp", "match_class_weight", "match_classes", "match_goal",
    "surprise",
]  # fmt: skip


# --- Type rules that losses and metrics of classes share -------------------------------------------------


def class_axis(name: str, logits: TensorType, axis: int) -> int:
    """Return the axis of the classes counted from the front; refuse logits without one."""
    if not logits.element.is_float:
        raise errors.NOT_FLOAT(f"'{name}' takes logits, and is given {logits}", hint="give it what a network returned")
    if not -logits.rank <= axis < logits.rank or axis % logits.rank == 0:
        raise errors.CLASS_INDICES(
            f"'{name}' takes logits with the examples on axis 0 and the classes on axis {axis}, and is given {logits}"
        )
    return axis % logits.rank


def match_classes(name: str, logits: TensorType, target: TensorType, axis: int) -> tuple[int, int]:
    """Refuse class indices that do not fit the logits; return the axis of the classes and their number."""
    if logits.rank < target.rank and shape_hint(logits.shape, target.shape):
        raise errors.SHAPES_DIFFER(
            f"'{name}' is given logits {logits} and a target {target}", hint=shape_hint(logits.shape, target.shape)
        )
    axis = class_axis(name, logits, axis)
    classes = logits.shape[axis]
    rest = (*logits.shape[:axis], *logits.shape[axis + 1 :])
    if target.shape != rest:
        on_last = logits.rank > 2 and target.shape == logits.shape[:-1]
        raise errors.CLASS_INDICES(
            f"'{name}' is given logits {logits} with the classes on axis {axis}, so class indices have the shape "
            f"{shape_text(rest)}, but the target is {target}",
            hint="are the classes on the last axis? say axis = -1" if on_last else shape_hint(rest, target.shape, axis),
        )
    if not target.element.is_integer:
        raise errors.CLASS_INDICES(
            f"'{name}' takes class indices, which are whole numbers, and the target is {target}",
            hint="declare the field as int64, or convert it with cast(label, int64)",
        )
    if not isinstance(classes, int):
        raise errors.CLASS_COUNT(f"'{name}' must know how many classes there are, and the logits are {logits}")
    if classes < 2:
        raise errors.CLASS_COUNT(
            f"'{name}' chooses between classes, and the logits {logits} are of {classes}",
            hint=f"a single logit for two classes is compared with a target of its shape: squeeze(y, axis = {axis})",
        )
    return axis, classes


def match_goal(name: str, logits: TensorType, target: TensorType, axis: int) -> tuple[Dimension, Shape]:
    """Refuse a target that is neither class indices nor a number for each class; return how many classes there are.

    With it comes the shape of the positions, each of which has one class.
    """
    if target.shape != logits.shape:
        _, classes = match_classes(name, logits, target, axis)
        return classes, target.shape
    axis = class_axis(name, logits, axis)
    match_shapes(name, logits, target)
    return logits.shape[axis], (*logits.shape[:axis], *logits.shape[axis + 1 :])


def match_class_weight(class_weight: Sequence[float] | None, classes: Dimension) -> None:
    """Refuse weights of classes that are more or fewer than these."""
    if class_weight is not None and len(class_weight) != classes:
        raise errors.CLASS_COUNT(f"'class_weight' has {len(class_weight)} numbers for {classes} classes")


TWO_CLASSES = "takes targets from 0 to 1"
"""What is said of a target of two classes."""


# --- Options ---------------------------------------------------------------------------------------------


def axis_option() -> Any:
    """Return the option that says where the classes are."""
    return option("Where the classes are: on axis 1 unless said.", default=None)


def class_weight_option() -> Any:
    """Return the option that says how much each class counts."""
    return option("How much each class counts, one number for each.", default=None, minimum=0)


def ignore_option() -> Any:
    """Return the option of losses and metrics of classes that names the one target which does not count."""
    return option("Targets with this index do not count; any other outside of the classes ends the run.", default=-100)


def class_targets(target: g.Tensor, ignore_index: int) -> tuple[g.Tensor, g.Tensor]:
    """Return class indices as int64 with 0 where they are to be ignored, and where they are not (int64 0 or 1)."""
    target = g.cast(target, INT64)
    valid = g.cast(g.logical_not(g.equal(target, ignore_index)), INT64)
    return target * valid, valid


# --- Means over class indices ----------------------------------------------------------------------------


class OfClasses(Mean):
    """A mean over positions of what the logarithm of the right class's probability costs.

    A target of the logits' own shape holds a probability for each class, and the cost is the mean over the classes
    that these make. A mean over class indices is weighted by ``class_weight`` and leaves ignored ones out.
    """

    reads = Alike.SHARES
    axis: int | None
    class_weight: tuple[float, ...] | None
    ignore_index: int

    @property
    def ignored(self) -> int | None:
        return self.ignore_index if self.class_weight is None else None

    @property
    def class_axis(self) -> int:
        """Where the classes are."""
        return 1 if self.axis is None else self.axis

    def takes(self, *operands: TensorType) -> Scale:
        return Scale.LOGIT

    def type(self, logits: TensorType, target: TensorType, weight: TensorType | None = None) -> TensorType:
        classes, positions = match_goal(self.name, logits, target, self.class_axis)
        match_weight(self.name, weight, positions, logits.element)
        match_class_weight(self.class_weight, classes)
        return TensorType(logits.element)

    def indexes(self, logits: TensorType, target: TensorType, weight: TensorType | None = None) -> Sequence[IndexUse]:
        if target.shape == logits.shape:
            return ()
        classes = logits.shape[self.class_axis % logits.rank]
        return [IndexUse(1, classes, f"is given {classes} classes", self.ignore_index)]

    def log_probability(self, logits: g.Tensor, axis: int) -> g.Tensor:
        """Return the logarithm of the probability of every class."""
        return g.log_softmax(logits, axis)

    def at_class(self, logits: g.Tensor, index: g.Tensor, axis: int) -> g.Tensor:
        """Return the logarithm of the probability of one class of each position."""
        return -surprise(logits, self.log_probability(logits, axis), index, axis)

    def cost(self, log_probability: g.Tensor) -> g.Tensor:
        """Return what it costs that the right class has a probability."""
        return -log_probability

    def accumulate(self, logits: g.Tensor, target: g.Tensor, weight: g.Tensor | None = None) -> Accumulators:
        axis = self.class_axis % logits.rank
        if target.shape == logits.shape:
            costs = self.weighed(target, logits, axis) * self.cost(self.log_probability(logits, axis))
            return weighted_mean(g.reduce_sum(costs, [axis]), weight)
        index, _, right = self.counted(logits.element, target, weight, axis)
        return {
            "sum": g.reduce_sum(right * self.cost(self.at_class(logits, index, axis))),
            "weight": g.reduce_sum(right),
        }

    def counted(
        self, element: ElementType, target: g.Tensor, weight: g.Tensor | None, axis: int
    ) -> tuple[g.Tensor, g.Tensor, g.Tensor]:
        """Return class indices (0 in place of what is ignored), and how much each counts without and with its class.

        They have one in place of the classes.
        """
        index, valid = class_targets(g.unsqueeze(target, [axis]), self.ignore_index)
        mask = g.cast(valid, element)
        if weight is not None:
            mask = mask * g.unsqueeze(weights_of(weight, target.rank), [axis])
        if self.class_weight is None:
            return index, mask, mask
        return index, mask, mask * g.gather(target.builder.constant(np.asarray(self.class_weight), element), index)

    def weighed(self, x: g.Tensor, logits: g.Tensor, axis: int) -> g.Tensor:
        """Multiply a number of each class with how much the class counts."""
        return x if self.class_weight is None else x * along_axis(logits, self.class_weight, axis)

    def weighting(self, operands: Sequence[Typed]) -> Hashable:
        if operands[1].type.element.is_float:
            return super().weighting(operands)
        return "classes", self.class_weight, self.ignore_index, *operands[1:]

    def weighed_by(self, operands: Sequence[T]) -> Sequence[T]:
        return super().weighed_by(operands) if operands[1].type.element.is_float else operands[1:]

    def example_weights(self, element: ElementType, *operands: g.Tensor) -> g.Tensor:
        target, weight = operands[0], operands[1] if len(operands) > 1 else None
        if target.element.is_float:  # it is the weight
            return super().example_weights(element, target)
        _, _, right = self.counted(element, target, weight, self.class_axis % (target.rank + 1))
        return g.reduce_sum(right, range(1, right.rank))


def along_axis(x: g.Tensor, values: Sequence[float], axis: int) -> g.Tensor:
    """Return a number for each position on an axis of x, which multiplies it."""
    return constant_like(x, np.reshape(values, [-1 if i == axis else 1 for i in range(x.rank)]))


def at_classes(scores: g.Tensor, target: g.Tensor, axis: int) -> g.Tensor:
    """Return 1 at each position's class and 0 elsewhere, of the scores' shape."""
    classes = g.one_hot(g.cast(target, INT64), int(scores.type.shape[axis]), scores)
    order = list(range(target.rank))
    order.insert(axis, target.rank)
    return g.transpose(classes, order)


def log_sum_exp(x: g.Tensor, axis: int) -> g.Tensor:
    """Return the logarithm of the sum of exponentials along an axis, which goes."""
    largest = g.detach(g.reduce_max(x, [axis], keepdims=True))
    total = g.reduce_sum(g.exp(x - largest), [axis])
    return g.log(total) + g.squeeze(largest, [axis])


def surprise(logits: g.Tensor, log_probability: g.Tensor, index: g.Tensor, axis: int) -> g.Tensor:
    """Return ``-log_probability`` at each position's class; the index and the result have one in place of the classes.

    Its gradient is written out, the probabilities less 1 at the class: half the passes over all classes that those
    of the operators take, and no sum of numbers of which all but one are 0.
    """

    def by_logits(dy: g.Tensor) -> g.Tensor:
        return g.scatter_elements_add(g.exp(log_probability) * dy, index, -dy, axis)

    return g.with_gradients(-g.gather_elements(log_probability, index, axis), [(logits, by_logits)])

"""Losses that ask for a margin between classes or labels."""

from __future__ import annotations

from collections.abc import Sequence

from dslc import graph as g
from dslc.errors import losses as errors
from dslc.library.checks import axis_of
from dslc.library.losses.mean import ElementwiseLoss, Mean, constant_like, match_shapes, match_weight, weighted_mean
from dslc.library.losses.targets import (
    TWO_CLASSES,
    along_axis,
    at_classes,
    axis_option,
    class_weight_option,
    match_class_weight,
    match_classes,
    match_goal,
)
from dslc.library.operation import IndexUse, Scale, option
from dslc.library.statistic import Accumulators, Alike, loss
from dslc.types import INT64, TensorType

# --- several classes -----------------------------------------------------------------------------------------


@loss
class multi_margin(Mean):
    """The mean over positions of ``sum(max(margin - score of the right class + score, 0) ** p) / classes``.

    The sum is over all other classes; ``class_weight`` multiplies that of each right class. Targets are class indices,
    and classes are on axis 1 unless ``axis`` says otherwise.
    Crammer and Singer, On the Algorithmic Implementation of Multiclass Kernel-based Vector Machines, 2001.
    """

    aliases = {"multimarginloss": ""}
    reads = Alike.SHARES  # though it takes no target of its scores' shape
    p: int = option("The power.", default=1, minimum=1)
    margin: float = option("By how much the right class is to lead.", default=1.0)
    axis: int | None = axis_option()
    class_weight: tuple[float, ...] | None = class_weight_option()

    @property
    def class_axis(self) -> int:
        """Where the classes are."""
        return 1 if self.axis is None else self.axis

    def type(self, scores: TensorType, target: TensorType, weight: TensorType | None = None) -> TensorType:
        _, classes = match_classes(self.name, scores, target, self.class_axis)
        match_weight(self.name, weight, target.shape, scores.element)
        match_class_weight(self.class_weight, classes)
        return TensorType(scores.element)

    def indexes(self, scores: TensorType, target: TensorType, weight: TensorType | None = None) -> Sequence[IndexUse]:
        classes = scores.shape[self.class_axis % scores.rank]
        return [IndexUse(1, classes, f"is given {classes} classes")]

    def accumulate(self, scores: g.Tensor, target: g.Tensor, weight: g.Tensor | None = None) -> Accumulators:
        axis = self.class_axis % scores.rank
        index = g.unsqueeze(g.cast(target, INT64), [axis])
        lacking = g.relu(scores - g.gather_elements(scores, index, axis) + self.margin)
        others = 1.0 - at_classes(scores, target, axis)
        costs = (lacking if self.p == 1 else lacking**self.p) * others
        values = g.reduce_sum(costs, [axis]) * (1 / float(scores.type.shape[axis]))
        if self.class_weight is not None:
            values = values * g.gather(constant_like(scores, self.class_weight), g.cast(target, INT64))
        return weighted_mean(values, weight)


@loss
class categorical_hinge(Mean):
    """The mean over positions of ``max(1 + the best score of a wrong class, or 0 - the right class's score, 0)``.

    Targets hold class indices, or have the scores' shape with 1 at the right class and 0 elsewhere. Classes are on axis
    1 unless ``axis`` says otherwise.
    """

    aliases = {"categoricalhinge": ""}
    reads = Alike.SHARES
    axis: int | None = axis_option()

    @property
    def class_axis(self) -> int:
        """Where the classes are."""
        return 1 if self.axis is None else self.axis

    def type(self, scores: TensorType, target: TensorType, weight: TensorType | None = None) -> TensorType:
        _, positions = match_goal(self.name, scores, target, self.class_axis)
        match_weight(self.name, weight, positions, scores.element)
        return TensorType(scores.element)

    def indexes(self, scores: TensorType, target: TensorType, weight: TensorType | None = None) -> Sequence[IndexUse]:
        if target.shape == scores.shape:
            return [IndexUse(1, 2, TWO_CLASSES, looks_up=False)]
        classes = scores.shape[self.class_axis % scores.rank]
        return [IndexUse(1, classes, f"is given {classes} classes", looks_up=False)]

    def accumulate(self, scores: g.Tensor, target: g.Tensor, weight: g.Tensor | None = None) -> Accumulators:
        axis = self.class_axis % scores.rank
        right = target if target.shape == scores.shape else at_classes(scores, target, axis)
        own = g.reduce_sum(right * scores, [axis])
        best = g.reduce_max((1.0 - right) * scores, [axis])
        return weighted_mean(g.relu(best - own + 1.0), weight)


# --- several labels ------------------------------------------------------------------------------------------


@loss
class multi_label_soft_margin(ElementwiseLoss):
    """``binary_cross_entropy`` of labels on the last axis, each of which an example has, 1, or not, 0.

    ``class_weight`` multiplies the losses of each label, without being part of what they are divided by.
    """

    aliases = {"multilabelsoftmarginloss": ""}
    class_weight: tuple[float, ...] | None = option(
        "How much each label counts, one number for each.", default=None, minimum=0
    )

    def takes(self, *operands: TensorType) -> Scale:
        return Scale.LOGIT

    def type(self, logits: TensorType, target: TensorType, weight: TensorType | None = None) -> TensorType:
        if self.class_weight is not None:
            match_class_weight(self.class_weight, logits.shape[axis_of(self.name, -1, logits.rank)])
        return super().type(logits, target, weight)

    def indexes(self, *operands: TensorType) -> Sequence[IndexUse]:
        return [IndexUse(1, 2, TWO_CLASSES, looks_up=False)]

    def value(self, prediction: g.Tensor, target: g.Tensor) -> g.Tensor:
        values = g.softplus(prediction) - prediction * target
        return values if self.class_weight is None else values * along_axis(values, self.class_weight, values.rank - 1)


@loss
class multi_label_margin(Mean):
    """By how much labels that an example has do not lead those that it has not, by 1 each; the mean over examples.

    The sum over all such pairs of ``max(1 - (score of the one - score of the other), 0)`` is divided by the number of
    labels. Scores and targets are [N, ..., L], and the target is 1 for each label that an example has, 0 elsewhere
    (PyTorch's holds their indices).
    """

    aliases = {"multilabelmarginloss": "whose target has 1 for each label that is there, 0 elsewhere"}

    def type(self, scores: TensorType, target: TensorType, weight: TensorType | None = None) -> TensorType:
        match_shapes(self.name, scores, target)
        if scores.rank < 2:
            raise errors.CLASS_INDICES(
                f"'{self.name}' is of several labels for each example, [N, L], and is given {scores}"
            )
        match_weight(self.name, weight, target.shape[:-1], scores.element)
        return TensorType(scores.element)

    def indexes(self, *operands: TensorType) -> Sequence[IndexUse]:
        return [IndexUse(1, 2, TWO_CLASSES, looks_up=False)]

    def accumulate(self, scores: g.Tensor, target: g.Tensor, weight: g.Tensor | None = None) -> Accumulators:
        labels = g.cast(g.count(scores, [-1]), scores.element)
        lacking = g.relu(g.unsqueeze(scores, [-2]) - g.unsqueeze(scores, [-1]) + 1.0)
        over_absent = g.reduce_sum(lacking * g.unsqueeze(1.0 - target, [-2]), [-1])
        return weighted_mean(g.reduce_sum(over_absent * target, [-1]) / labels, weight)

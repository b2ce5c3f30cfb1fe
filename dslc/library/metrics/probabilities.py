"""Metrics of predicted probabilities: whether these are true, not only the classes that are the most likely.

All take logits; operands are those of the other metrics of classes, see :mod:`.classes`.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dslc import graph as g
from dslc.library.losses.classification import cross_entropy
from dslc.library.losses.mean import Mean, nonzero, weights_of
from dslc.library.losses.targets import ignore_option
from dslc.library.metrics.classes import ClassMetric, axis_option
from dslc.library.operation import Scale, option
from dslc.library.statistic import Accumulators, Typed, metric
from dslc.types import FLOAT64, INT64, ElementType, TensorType


@metric
class perplexity(cross_entropy):
    """``exp(cross_entropy(logits, target))``: among how many equally likely classes a prediction chooses.

    Of tokens ``[N, T]`` with logits ``[N, T, K]`` it takes ``axis = -1``, and the padding as ``ignore_index``.
    """

    aliases = {"perplexityscore": "and takes logits"}
    averages = False

    def weighting(self, operands: Sequence[Typed]) -> Hashable:
        return None

    def finish(self, accumulators: Accumulators, element: ElementType) -> g.Tensor:
        return g.cast(g.exp(super().finish(accumulators, accumulators["sum"].element)), element)


@dataclass(frozen=True, kw_only=True)
class OfProbabilities(ClassMetric):
    """A metric of probabilities: the sigmoid of one logit for each target, or the softmax over the axis of classes."""

    thresholds = False
    direction: ClassVar[str | None] = "lowest"
    axis: int | None = axis_option()
    ignore_index: int = ignore_option()

    def takes(self, *operands: TensorType) -> Scale | None:
        return Scale.LOGIT

    def type(self, logits: TensorType, target: TensorType, weight: TensorType | None = None) -> TensorType:
        self.check(logits, target, weight)
        return TensorType(logits.element)

    def weights(self, valid: g.Tensor, weight: g.Tensor | None) -> g.Tensor:
        """Return how much each position counts (float64)."""
        each = g.cast(valid, FLOAT64)
        return each if weight is None else each * weights_of(g.cast(weight, FLOAT64), each.rank)


@metric
class brier(OfProbabilities, Mean):
    """Brier's score: the mean squared distance of probabilities and truth, of one class, or summed over several.

    Of two classes it is that of the second one, whether these are one logit or two. G. W. Brier, Verification of
    forecasts expressed in terms of probability, 1950.
    """

    aliases = {
        "brierscore": "and takes logits", "brierscoreloss": "which is given the logits first, and takes logits",
    }  # fmt: skip

    def type(self, logits: TensorType, target: TensorType, weight: TensorType | None = None) -> TensorType:
        return OfProbabilities.type(self, logits, target, weight)

    def weighting(self, operands: Sequence[Typed]) -> Hashable:
        return None

    def accumulate(self, logits: g.Tensor, target: g.Tensor, weight: g.Tensor | None = None) -> Accumulators:
        _, true, valid = self.classes(logits, target)
        wide, each = g.cast(logits, FLOAT64), self.weights(valid, weight)
        if logits.shape == target.shape:
            truth = g.cast(target if target.element.is_float else true, FLOAT64)
            error = g.sigmoid(wide) - truth
            cost = error * error
        else:
            axis = self.class_axis % logits.rank
            truth = g.equal(g.unsqueeze(true, [axis]), _numbers(wide, axis))
            error = g.softmax(wide, axis) - g.cast(truth, FLOAT64)
            cost = g.reduce_sum(error * error, [axis]) * (0.5 if logits.shape[axis] == 2 else 1.0)
        return {"sum": g.reduce_sum(cost * each), "weight": g.reduce_sum(each)}


def _numbers(logits: g.Tensor, axis: int) -> g.Tensor:
    """Return the class indices along their axis."""
    count = logits.shape[axis]
    assert isinstance(count, int)
    shape = [count if i == axis else 1 for i in range(logits.rank)]
    return logits.builder.constant(np.arange(count).reshape(shape), INT64)


@metric
class calibration_error(OfProbabilities):
    """How far probabilities and frequencies are apart, over bins of equal width: the mean over all that is predicted.

    Of one logit for each target it is the probability of the second class, and how often it is true; of several classes
    that of the most likely one, and how often it is right. A bin does not hold its lower end, the first one does.
    C. Guo et al., On Calibration of Modern Neural Networks, 2017.
    """

    aliases = {
        "expectedcalibrationerror": "and takes logits", "ece": "and takes logits",
        "binarycalibrationerror": "and takes logits", "multiclasscalibrationerror": "and takes logits",
    }  # fmt: skip
    bins: int = option("How many bins there are.", default=15, minimum=1)
    norm: str = option(
        'How the distances of bins become one: their weighted mean ("l1"), the root of the weighted mean of their '
        'squares ("l2"), or the greatest one ("max").',
        default="l1", choices=("l1", "l2", "max"),
    )  # fmt: skip

    def accumulate(self, logits: g.Tensor, target: g.Tensor, weight: g.Tensor | None = None) -> Accumulators:
        predicted, true, valid = self.classes(logits, target)
        wide = g.cast(logits, FLOAT64)
        if logits.shape == target.shape:
            probability, right = g.sigmoid(wide), true
        else:
            probability = g.reduce_max(g.softmax(wide, self.class_axis), [self.class_axis])
            right = g.cast(g.equal(predicted, true), INT64)
        probability, right, each = (
            g.cast(g.flatten(x, 0), FLOAT64) for x in (probability, right, self.weights(valid, weight))
        )
        ends = wide.builder.constant(np.linspace(0, 1, self.bins + 1)[1:-1], FLOAT64)
        above = g.cast(g.greater(g.unsqueeze(probability, [-1]), ends), INT64)
        place = g.reduce_sum(above, [-1])
        none = g.full(each, 0.0, TensorType(FLOAT64, (self.bins,)))
        parts = {"weight": each, "probability": probability * each, "right": right * each}
        return {name: g.scatter_elements_add(none, place, part, 0) for name, part in parts.items()}

    def finish(self, accumulators: Accumulators, element: ElementType) -> g.Tensor:
        weight = accumulators["weight"]
        distance = g.absolute(accumulators["probability"] - accumulators["right"]) / nonzero(weight)
        share = weight / nonzero(g.reduce_sum(weight))
        if self.norm == "max":
            return g.cast(g.reduce_max(distance), element)
        if self.norm == "l2":
            return g.cast(g.sqrt(g.reduce_sum(share * distance * distance)), element)
        return g.cast(g.reduce_sum(share * distance), element)

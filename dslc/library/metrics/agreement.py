"""Metrics of how far predicted and true classes agree, beyond what chance would give; by scikit-learn's definitions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dslc import graph as g
from dslc.errors import losses as errors
from dslc.library.losses.mean import nonzero, weights_of
from dslc.library.losses.targets import ignore_option
from dslc.library.metrics.classes import ClassMetric, axis_option
from dslc.library.metrics.counts import counts_of_classes
from dslc.library.operation import option
from dslc.library.statistic import Accumulators, metric
from dslc.types import FLOAT32, FLOAT64, ElementType, TensorType, shape_text


@dataclass(frozen=True, kw_only=True)
class Agreement(ClassMetric):
    """A metric of positions that are each of one class."""

    axis: int | None = axis_option()
    ignore_index: int = ignore_option()

    def type(self, logits: TensorType, target: TensorType, weight: TensorType | None = None) -> TensorType:
        self.check(logits, target, weight)
        if self.label_axis(logits, target) is not None:
            raise errors.CLASS_INDICES(
                f"'{self.name}' is of classes, and logits and target are both {shape_text(logits.shape)}, labels "
                "of which an example may have several",
                hint="the target of classes has no axis of them: it holds class indices",
            )
        return TensorType(FLOAT32)

    def accumulate(self, logits: g.Tensor, target: g.Tensor, weight: g.Tensor | None = None) -> Accumulators:
        predicted, true, each = self.classes(logits, target)
        if weight is not None:
            each = g.cast(each, FLOAT64) * weights_of(g.cast(weight, FLOAT64), each.rank)
        return self.counts(predicted, true, each, self.check(logits.type, target.type, None))

    def counts(self, predicted: g.Tensor, true: g.Tensor, each: g.Tensor, classes: int) -> Accumulators:
        """Return what is counted: for each class how often it is right, true and predicted."""
        return counts_of_classes(predicted, true, each, classes)


@metric
class balanced_accuracy(Agreement):
    """The mean, over the classes that occur, of the share of their positions that are predicted right."""

    aliases = {"balancedaccuracyscore": "and takes logits"}
    undefined = "all that counts is of one class"
    adjusted: bool = option("Whether chance, one over the number of classes that occur, becomes 0.", default=False)

    def finish(self, accumulators: Accumulators, element: ElementType) -> g.Tensor:
        hits, true = (g.cast(accumulators[name], FLOAT64) for name in ("hits", "true"))
        occur = nonzero(g.reduce_sum(g.cast(g.greater(true, 0.0), FLOAT64)))
        score = g.reduce_sum(hits / nonzero(true)) / occur
        if self.adjusted:
            score = (score * occur - 1.0) / (occur - 1.0)
        return g.cast(score, element)


@metric
class matthews(Agreement):
    """Matthews' correlation coefficient of predicted and true classes; 0 where either is always the same.

    J. Gorodkin, Comparing two K-category assignments by a K-category correlation coefficient, 2004.
    """

    aliases = {"matthewscorrcoef": "and takes logits", "mcc": "and takes logits"}

    def finish(self, accumulators: Accumulators, element: ElementType) -> g.Tensor:
        hits, true, predicted = (g.cast(accumulators[name], FLOAT64) for name in ("hits", "true", "predicted"))
        every = g.reduce_sum(true)

        def covariance(a: g.Tensor, b: g.Tensor, both: g.Tensor) -> g.Tensor:
            return both - g.reduce_sum(a * b)

        share_true, share_predicted = true / nonzero(every), predicted / nonzero(every)
        together = covariance(share_true, share_predicted, g.reduce_sum(hits) / nonzero(every))
        one = every / nonzero(every)
        spread = g.sqrt(
            g.relu(covariance(share_true, share_true, one) * covariance(share_predicted, share_predicted, one))
        )
        return g.cast(together / nonzero(spread), element)


@metric
class cohen_kappa(Agreement):
    """Cohen's kappa: how far predicted and true classes agree beyond chance, from 0 to 1, below 0 where less than that.

    With weights, a disagreement counts by how far apart the two classes are. Where all are of one class and predicted
    so, there is none (NaN), of which training warns. J. Cohen, A coefficient of agreement for nominal scales, 1960.
    """

    aliases = {
        "cohenkappascore": "and takes logits",
        "kappa": "and takes logits",
        "quadraticweightedkappa": 'with weights = "quadratic"',
    }
    undefined = "all is of one class, and predicted to be"
    weights: str | None = option(
        "By what disagreements count: the distance of the classes, or its square; without it, all alike.",
        default=None, choices=("linear", "quadratic"),
    )  # fmt: skip

    def counts(self, predicted: g.Tensor, true: g.Tensor, each: g.Tensor, classes: int) -> Accumulators:
        if self.weights is None:
            return super().counts(predicted, true, each, classes)
        apart = g.cast(g.absolute(predicted - true), FLOAT64) * (g.cast(each, FLOAT64))
        if self.weights == "quadratic":
            apart = apart * g.cast(g.absolute(predicted - true), FLOAT64)
        return super().counts(predicted, true, each, classes) | {"apart": g.reduce_sum(apart)}

    def finish(self, accumulators: Accumulators, element: ElementType) -> g.Tensor:
        hits, true, predicted = (g.cast(accumulators[name], FLOAT64) for name in ("hits", "true", "predicted"))
        every, classes = g.reduce_sum(true), true.shape[0]
        assert isinstance(classes, int)
        apart = accumulators["apart"] if self.weights else every - g.reduce_sum(hits)
        distances = np.abs(np.subtract.outer(np.arange(classes), np.arange(classes))).astype(np.float64)
        costs = {"linear": distances, "quadratic": distances**2}.get(self.weights or "", np.sign(distances))
        by_chance = g.reduce_sum(true * (true.builder.constant(costs, FLOAT64) @ predicted))
        return g.cast(1.0 - apart * every / by_chance, element)

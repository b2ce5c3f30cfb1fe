"""Metrics from counts of classes or labels, predicted and true."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from dslc import graph as g
from dslc.errors import losses as errors
from dslc.library.losses.mean import match_weight, nonzero, weights_of
from dslc.library.losses.targets import ignore_option
from dslc.library.metrics.classes import Averaged, ClassMetric, axis_option, columns, moved
from dslc.library.operation import option
from dslc.library.statistic import Accumulators, metric
from dslc.types import FLOAT64, INT64, ElementType, TensorType


@metric
class confusion(ClassMetric):
    """The confusion matrix: how many positions of class i were predicted to be of class j, int64[K, K].

    Of L labels it is one matrix for each, int64[L, 2, 2] (scikit-learn's ``multilabel_confusion_matrix``).
    """

    aliases = {"confusionmatrix": "and takes logits"}
    direction: ClassVar[str | None] = None
    axis: int | None = axis_option()
    ignore_index: int = ignore_option()

    def type(self, logits: TensorType, target: TensorType) -> TensorType:
        classes, axis = self.check(logits, target, None), self.label_axis(logits, target)
        return TensorType(INT64, (classes, classes) if axis is None else (self.label_count(logits, axis), 2, 2))

    def accumulate(self, logits: g.Tensor, target: g.Tensor) -> Accumulators:
        classes, axis = self.check(logits.type, target.type, None), self.label_axis(logits.type, target.type)
        merged = 0 if axis is None else 1
        predicted, true, valid = (
            g.flatten(x if axis is None else moved(x, axis, 0), merged) for x in self.classes(logits, target)
        )
        table = (*true.shape[:-1], classes, classes)
        cells = (*true.shape[:-1], classes * classes)
        none = g.full(valid, 0, TensorType(INT64, cells))
        return {"counts": g.reshape(g.scatter_elements_add(none, true * classes + predicted, valid, -1), table)}

    def finish(self, accumulators: Accumulators, element: ElementType) -> g.Tensor:
        return g.cast(accumulators["counts"], element)


@dataclass(frozen=True, kw_only=True)
class FromCounts(Averaged):
    """A metric of how many positions of each class or label are right (hits), predicted and true.

    With one logit for each target, what is more likely than ``threshold`` is predicted.

    As in scikit-learn, a class that is neither true nor predicted anywhere does not count in a mean over the classes,
    a label does, with 0.
    """

    average: str | None = option(
        'How the scores of classes or labels become one: that of the second of two classes ("binary"), their mean '
        '("macro"), their mean weighted by how often each is true ("weighted"), one score of all counts together '
        '("micro"), or the mean over the examples of the score over each one\'s labels ("samples"). Without it, '
        '"binary" where there is one logit for each target, and "macro" elsewhere.',
        default=None,
        choices=("binary", "macro", "micro", "samples", "weighted"),
    )
    axis: int | None = axis_option()
    ignore_index: int = ignore_option()
    threshold: float = option(
        "The probability above which it is predicted, where there is one logit for each target.", default=0.5,
        above=0, below=1,
    )  # fmt: skip

    @property
    def limit(self) -> float:
        return math.log(self.threshold / (1 - self.threshold))

    def check(self, logits: TensorType, target: TensorType, weight: TensorType | None) -> int:
        if self.threshold != 0.5 and logits.shape != target.shape:
            raise errors.CONTRADICTION(
                f"'{self.name}' with threshold = {self.threshold:g} takes one logit for each target, and the "
                f"logits are {logits}: of several classes the most likely one is predicted",
                hint="leave 'threshold' out",
            )
        if self.average == "samples":
            if self.label_axis(logits, target) is None:
                raise errors.CONTRADICTION(
                    f"'{self.name}' with average = \"samples\" is of several labels for each example: logits and "
                    f"target are both [N, L], and these are {logits} and {target}",
                    hint='average = "macro" is the mean over classes',
                )
            match_weight(self.name, weight, target.shape[:1], logits.element)
        return super().check(logits, target, weight)

    def accumulate(self, logits: g.Tensor, target: g.Tensor, weight: g.Tensor | None = None) -> Accumulators:
        predicted, true, each = self.classes(logits, target)
        axis, average = self.label_axis(logits.type, target.type), self.averaging(logits.type, target.type)
        if average == "samples":
            assert axis is not None
            return self.by_example(predicted, true, each, weight, axis)
        if weight is not None:
            each = g.cast(each, FLOAT64) * weights_of(g.cast(weight, FLOAT64), each.rank)  # differences are taken
        if axis is None and average != "binary":
            return counts_of_classes(predicted, true, each, self.check(logits.type, target.type, None))
        if axis is None or average == "micro":  # of all together
            predicted, true, each = (g.reshape(x, (x.type.count, 1)) for x in (predicted, true, each))
        else:
            predicted, true, each = (columns(x, axis) for x in (predicted, true, each))
        true = g.cast(true, each.element) * each
        predicted = g.cast(predicted, each.element)
        return {
            "hits": g.reduce_sum(true * predicted, [0]),
            "true": g.reduce_sum(true, [0]),
            "predicted": g.reduce_sum(predicted * each, [0]),
            "present": g.reduce_sum(each, [0]),
        }

    def by_example(
        self, predicted: g.Tensor, true: g.Tensor, valid: g.Tensor, weight: g.Tensor | None, axis: int
    ) -> Accumulators:
        """Accumulate the mean of each example's score over its labels."""
        counts = [g.reduce_sum(x * valid, [axis]) for x in (predicted * true, true, predicted)]
        counts.append(g.reduce_sum(valid, [axis]))
        scores = self.score(*(g.cast(count, FLOAT64) for count in counts))
        each = g.cast(g.reduce_max(valid, [axis]), FLOAT64)
        if weight is not None:
            each = each * weights_of(g.cast(weight, FLOAT64), each.rank)
        return {"sum": g.reduce_sum(scores * each), "weight": g.reduce_sum(each)}

    def finish(self, accumulators: Accumulators, element: ElementType) -> g.Tensor:
        found = {name: g.cast(count, FLOAT64) for name, count in accumulators.items()}
        if self.average == "samples":
            return g.cast(found["sum"] / nonzero(found["weight"]), element)
        if "present" not in found:
            found["every"] = g.expand(g.reduce_sum(found["true"], [0], keepdims=True), found["true"].shape)
        if self.average == "micro":
            found = {name: g.reduce_sum(count, [0], keepdims=True) for name, count in found.items()}
        every = found["every"] if "every" in found else found["present"]
        scores = self.score(found["hits"], found["true"], found["predicted"], every)
        present = found["present"] if "present" in found else found["true"] + found["predicted"]
        shares = found["true"] if self.average == "weighted" else g.cast(g.greater(present, 0.0), FLOAT64)
        return g.cast(g.reduce_sum(scores * shares) / nonzero(g.reduce_sum(shares)), element)

    def score(self, hits: g.Tensor, true: g.Tensor, predicted: g.Tensor, every: g.Tensor) -> g.Tensor:
        """Return each class's score, 0 where nothing can be divided by, from how many positions are right, and all."""
        raise NotImplementedError


def counts_of_classes(predicted: g.Tensor, true: g.Tensor, each: g.Tensor, classes: int) -> Accumulators:
    """Count for each class how often it is right, true and predicted."""
    predicted, true, each = (g.flatten(x, 0) for x in (predicted, true, each))
    none = g.full(each, 0, TensorType(each.element, (classes,)))
    right = each * g.cast(g.equal(predicted, true), each.element)
    return {
        "hits": g.scatter_elements_add(none, true, right, 0),
        "true": g.scatter_elements_add(none, true, each, 0),
        "predicted": g.scatter_elements_add(none, predicted, each, 0),
    }


@metric
class precision(FromCounts):
    """The share of the positions predicted to be of a class, or to have a label, that are or do."""

    aliases = {"precisionscore": "and takes logits"}

    def score(self, hits: g.Tensor, true: g.Tensor, predicted: g.Tensor, every: g.Tensor) -> g.Tensor:
        return hits / nonzero(predicted)


@metric
class recall(FromCounts):
    """The share of the positions of a class, or with a label, that are predicted to be or have it."""

    aliases = {"recallscore": "and takes logits"}

    def score(self, hits: g.Tensor, true: g.Tensor, predicted: g.Tensor, every: g.Tensor) -> g.Tensor:
        return hits / nonzero(true)


@metric
class f1(FromCounts):
    """The harmonic mean of precision and recall: the overlap of what is predicted and true over their mean size."""

    aliases = {"f1score": "and takes logits", "dicescore": "and takes logits", "dicecoefficient": "and takes logits"}

    def score(self, hits: g.Tensor, true: g.Tensor, predicted: g.Tensor, every: g.Tensor) -> g.Tensor:
        return hits * 2.0 / nonzero(true + predicted)


@metric
class specificity(FromCounts):
    """The share of the positions that are not of a class, or have not a label, that are not predicted to."""

    aliases = {"truenegativerate": "and takes logits", "specificityscore": "and takes logits"}

    def score(self, hits: g.Tensor, true: g.Tensor, predicted: g.Tensor, every: g.Tensor) -> g.Tensor:
        return (every - true - predicted + hits) / nonzero(every - true)


@metric
class iou(FromCounts):
    """The positions both predicted to be of a class and of it, over those that are either (Jaccard's index)."""

    aliases = {
        "jaccardscore": "and takes logits", "jaccardindex": "and takes logits", "meaniou": "and takes logits",
        "binaryiou": "and takes logits", "intersectionoverunion": "and takes logits",
    }  # fmt: skip

    def score(self, hits: g.Tensor, true: g.Tensor, predicted: g.Tensor, every: g.Tensor) -> g.Tensor:
        return hits / nonzero(true + predicted - hits)

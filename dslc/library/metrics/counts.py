"""Metrics from counts of classes or labels, predicted and true."""

from __future__ import annotations

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

    def check(self, logits: TensorType, target: TensorType, weight: TensorType | None) -> int:
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
            each = g.cast(each, weight.element) * weights_of(weight, each.rank)
        if axis is None and average != "binary":
            return _counts_of_classes(predicted, true, each, self.check(logits.type, target.type, None))
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
        counts = (g.reduce_sum(x * valid, [axis]) for x in (predicted * true, true, predicted))
        scores = self.score(*(g.cast(count, FLOAT64) for count in counts))
        each = g.cast(g.reduce_max(valid, [axis]), FLOAT64)
        if weight is not None:
            each = each * weights_of(g.cast(weight, FLOAT64), each.rank)
        return {"sum": g.reduce_sum(scores * each), "weight": g.reduce_sum(each)}

    def finish(self, accumulators: Accumulators, element: ElementType) -> g.Tensor:
        found = {name: g.cast(count, FLOAT64) for name, count in accumulators.items()}
        if self.average == "samples":
            return g.cast(found["sum"] / nonzero(found["weight"]), element)
        if self.average == "micro":
            found = {name: g.reduce_sum(count, [0], keepdims=True) for name, count in found.items()}
        scores = self.score(found["hits"], found["true"], found["predicted"])
        present = found["present"] if "present" in found else found["true"] + found["predicted"]
        shares = found["true"] if self.average == "weighted" else g.cast(g.greater(present, 0.0), FLOAT64)
        return g.cast(g.reduce_sum(scores * shares) / nonzero(g.reduce_sum(shares)), element)

    def score(self, hits: g.Tensor, true: g.Tensor, predicted: g.Tensor) -> g.Tensor:
        """Return each class's score, 0 where nothing can be divided by."""
        raise NotImplementedError


def _counts_of_classes(predicted: g.Tensor, true: g.Tensor, each: g.Tensor, classes: int) -> Accumulators:
    """Count for each class how often it is right, true and predicted."""
    each = g.flatten(each, 0)
    of_true, of_predicted = (g.one_hot(g.flatten(c, 0), classes, each) for c in (true, predicted))
    each = g.unsqueeze(each, [-1])
    weighted = of_true * each
    return {
        "hits": g.reduce_sum(weighted * of_predicted, [0]),
        "true": g.reduce_sum(weighted, [0]),
        "predicted": g.reduce_sum(of_predicted * each, [0]),
    }


@metric
class precision(FromCounts):
    """The share of the positions predicted to be of a class, or to have a label, that are or do."""

    aliases = {"precisionscore": "and takes logits"}

    def score(self, hits: g.Tensor, true: g.Tensor, predicted: g.Tensor) -> g.Tensor:
        return hits / nonzero(predicted)


@metric
class recall(FromCounts):
    """The share of the positions of a class, or with a label, that are predicted to be or have it."""

    aliases = {"recallscore": "and takes logits"}

    def score(self, hits: g.Tensor, true: g.Tensor, predicted: g.Tensor) -> g.Tensor:
        return hits / nonzero(true)


@metric
class f1(FromCounts):
    """The harmonic mean of precision and recall."""

    aliases = {"f1score": "and takes logits"}

    def score(self, hits: g.Tensor, true: g.Tensor, predicted: g.Tensor) -> g.Tensor:
        return hits * 2.0 / nonzero(true + predicted)

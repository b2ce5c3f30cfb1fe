"""Metrics of all thresholds: areas under curves, and the best point of a curve.

Definitions are scikit-learn's; equal scores are one threshold. Operands are those of the other metrics of classes, see
:mod:`.classes`. Of several classes, a class's score is its probability, as the softmax of the logits has it, and its
curve tells it from the rest. They need the scores of the whole split at once, of which a bounded summary is never
exact: 4 bytes for each logit, and 5 to 12 for each target, lie in memory, and some ten times as much while they are
sorted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dslc import graph as g
from dslc.errors import losses as errors
from dslc.library.losses.mean import nonzero, weights_of
from dslc.library.losses.targets import ignore_option
from dslc.library.metrics.classes import Averaged, axis_option, columns
from dslc.library.metrics.ranks import against_rest, dense_ranks, tied_sums, with_nan_of
from dslc.library.operation import Scale, option
from dslc.library.statistic import Accumulators, metric
from dslc.types import BOOL, FLOAT64, INT64, ElementType, TensorType


def average_option(default: str) -> Any:
    """Return the option that says how the values of classes or labels become one."""
    return option(
        'How the values of classes or labels become one: that of the second of two classes ("binary"), their mean '
        '("macro"), their mean weighted by how often each is true ("weighted"), or one value of all scores together '
        f'("micro"). Without it, "binary" where there is one logit for each target, and "macro" elsewhere{default}.',
        default=None,
        choices=("binary", "macro", "micro", "weighted"),
    )


@dataclass(frozen=True, kw_only=True)
class Curve(Averaged):
    """A metric of the curve that the distinct scores of each class or label make as thresholds."""

    collects = True
    thresholds = False
    axis: int | None = axis_option()
    ignore_index: int = ignore_option()

    def takes(self, *operands: TensorType) -> Scale | None:
        return Scale.LOGIT

    def type(self, logits: TensorType, target: TensorType, weight: TensorType | None = None) -> TensorType:
        axis = self.label_axis(logits, target)
        if axis is not None:
            self.label_count(logits, axis)
        return super().type(logits, target, weight)

    def accumulate(self, logits: g.Tensor, target: g.Tensor, weight: g.Tensor | None = None) -> Accumulators:
        _, true, valid = self.classes(logits, target)
        valid = g.cast(valid, BOOL if weight is None else weight.element)
        each = valid if weight is None else valid * weights_of(weight, valid.rank)
        if logits.shape != target.shape:
            axis = self.class_axis % logits.rank
            return {"scores": columns(logits, axis), "true": g.flatten(true, 0), "weight": g.flatten(each, 0)}
        axis_of_labels = self.label_axis(logits.type, target.type)
        parts = {"scores": logits, "true": g.cast(true, BOOL), "weight": each}
        if axis_of_labels is None:
            return {name: g.reshape(part, (part.type.count, 1)) for name, part in parts.items()}
        return {name: columns(part, axis_of_labels) for name, part in parts.items()}

    def finish(self, accumulators: Accumulators, element: ElementType) -> g.Tensor:
        given, true = accumulators["scores"], accumulators["true"]
        each = g.cast(accumulators["weight"], FLOAT64)
        of_classes, scores = true.rank == 1, given
        if of_classes:
            count = given.shape[-1]
            assert isinstance(count, int)
            scores, each = against_rest(given), g.unsqueeze(each, [-1])
            if self.average == "binary":
                scores, true = g.slice_(scores, [1], [2], [1], [1]), g.unsqueeze(true, [-1])
            else:
                true = g.one_hot(true, count, true)
        true = g.cast(true, FLOAT64)
        if self.average == "micro":
            each = g.expand(each, scores.shape)
            scores, true, each = (g.reshape(x, (x.type.count, 1)) for x in (scores, true, each))
        scores, positive, negative = scores.mT, (true * each).mT, ((1.0 - true) * each).mT
        value = self.joined(scores, positive, negative, of_classes=of_classes)
        return g.cast(with_nan_of(given, value), element)

    def joined(self, scores: g.Tensor, positive: g.Tensor, negative: g.Tensor, *, of_classes: bool) -> g.Tensor:
        """Return the metric of scores [classes or labels, positions], and the weights of what is and is not one."""
        ranks = dense_ranks(scores)
        each = self.values(tied_sums(positive, ranks), tied_sums(negative, ranks))
        true, false = g.reduce_sum(positive, [-1]), g.reduce_sum(negative, [-1])
        shares = self.shares(true, false, of_classes=of_classes)
        total = g.reduce_sum(shares)
        return g.reduce_sum(each * shares) / (total if self.undefined else nonzero(total))

    def shares(self, true: g.Tensor, false: g.Tensor, *, of_classes: bool) -> g.Tensor:
        """Return how much each class or label counts, given the weights of what is and is not one."""
        if self.average == "weighted":
            return true
        return g.cast(g.greater(true if of_classes else true + false, 0.0), FLOAT64)

    def values(self, positive: g.Tensor, negative: g.Tensor) -> g.Tensor:
        """Return the value of each row, 0 where it has none.

        Args:
            positive: the weights of what is of the class, by distinct scores from the greatest, 0 behind the last.
            negative: those of the rest.
        """
        raise NotImplementedError


def _hits(x: g.Tensor) -> g.Tensor:
    """Return the weight of what is predicted at each threshold."""
    return g.cumulative_sum(x, -1)


def _all(x: g.Tensor) -> g.Tensor:
    return g.reduce_sum(x, [-1], keepdims=True)


@metric
class roc_auc(Curve):
    """The area under the ROC curve: how often what is of a class has a higher score than what is not, ties as a half.

    Of several classes it is that of each against the rest, or of each pair. A class or label that nothing or everything
    has is left out of a mean; where none is left, of two classes where there is one only, there is no value (NaN), of
    which training warns. The scores of the whole split are kept in memory until its end.
    """

    aliases = {
        "auroc": "and takes logits", "rocaucscore": "which is given the logits first", "auc": "and takes logits",
        "binaryauroc": "and takes logits", "multiclassauroc": "and takes logits",
        "multilabelauroc": "and takes logits",
    }  # fmt: skip
    undefined = "all that counts is of one class"
    average: str | None = average_option('; "weighted" pairs count by how often either is true')
    multi_class: str = option(
        'Of several classes, whether each is told from the rest ("ovr"), or from each other one ("ovo").',
        default="ovr", choices=("ovr", "ovo"),
    )  # fmt: skip

    def check(self, logits: TensorType, target: TensorType, weight: TensorType | None) -> int:
        if self.multi_class == "ovo" and (logits.shape == target.shape or self.average in ("binary", "micro")):
            which = f'average = "{self.average}"' if logits.shape != target.shape else "no axis of classes"
            raise errors.CONTRADICTION(
                f"'roc_auc' with multi_class = \"ovo\" is a mean over pairs of classes, and there is {which}",
                hint='leave multi_class out: "ovr" tells each class from the rest',
            )
        return super().check(logits, target, weight)

    def joined(self, scores: g.Tensor, positive: g.Tensor, negative: g.Tensor, *, of_classes: bool) -> g.Tensor:
        if self.multi_class == "ovr":
            return super().joined(scores, positive, negative, of_classes=of_classes)
        ranks = dense_ranks(scores)
        above = tied_sums(positive, ranks)
        above = g.gather_elements(_hits(above) - above * 0.5, ranks, -1)
        true = _all(positive)
        both = true * true.mT
        areas = (above @ positive.mT) / nonzero(both)  # [i, j]: class i told from class j by its own scores
        count = scores.shape[0]
        assert isinstance(count, int)
        numbers = scores.builder.constant(range(count), INT64)
        shares = g.cast(g.greater(both, 0.0), FLOAT64) * (1.0 - g.one_hot(numbers, count, true))
        if self.average == "weighted":
            shares = shares * (true + true.mT)
        return g.reduce_sum(areas * shares) / g.reduce_sum(shares)

    def shares(self, true: g.Tensor, false: g.Tensor, *, of_classes: bool) -> g.Tensor:
        both = g.cast(g.greater(true * false, 0.0), FLOAT64)
        return both * true if self.average == "weighted" else both

    def values(self, positive: g.Tensor, negative: g.Tensor) -> g.Tensor:
        above = _hits(positive) - positive * 0.5
        area = g.reduce_sum(negative * above, [-1])
        return area / nonzero(g.reduce_sum(positive, [-1]) * g.reduce_sum(negative, [-1]))


@metric
class average_precision(Curve):
    """The mean of the precisions at all thresholds, each weighted by the recall that it adds.

    Of several classes it is that of each against the rest; a class that is true nowhere does not count in a mean, a
    label does, with 0. The scores of the whole split are kept in memory until its end.
    """

    aliases = {
        "averageprecisionscore": "which is given the logits first", "prauc": "and takes logits",
        "auprc": "and takes logits", "meanaverageprecision": "and takes logits of classes",
    }  # fmt: skip
    average: str | None = average_option("")

    def values(self, positive: g.Tensor, negative: g.Tensor) -> g.Tensor:
        precision = _precision(positive, negative)
        return g.reduce_sum(precision * positive, [-1]) / nonzero(g.reduce_sum(positive, [-1]))


@dataclass(frozen=True, kw_only=True)
class BestPoint(Curve):
    """The best of one rate over the thresholds at which another one is high enough; 0 where none is."""

    average: str | None = average_option("")

    def values(self, positive: g.Tensor, negative: g.Tensor) -> g.Tensor:
        best, other, least = self.rates(positive, negative)
        enough = g.cast(g.greater_equal(other, least), FLOAT64)
        return g.reduce_max(best * enough, [-1])

    def rates(self, positive: g.Tensor, negative: g.Tensor) -> tuple[g.Tensor, g.Tensor, float]:
        """Return the rate that is to be best at each threshold, the other one, and what that is to be at least."""
        raise NotImplementedError


def _precision(positive: g.Tensor, negative: g.Tensor) -> g.Tensor:
    """Return the share of what is predicted at each threshold that is right."""
    hits = _hits(positive)
    return hits / nonzero(hits + _hits(negative))


def _rate(x: g.Tensor) -> g.Tensor:
    """Return the share of some weight that is predicted at each threshold."""
    return _hits(x) / nonzero(_all(x))


def _rejected(x: g.Tensor) -> g.Tensor:
    """Return the share of some weight that is not predicted at each threshold."""
    return (_all(x) - _hits(x)) / nonzero(_all(x))


@metric
class precision_at_recall(BestPoint):
    """The highest precision of the thresholds at which the recall is high enough.

    The scores of the whole split are kept in memory until its end.
    """

    aliases = {
        "precisionatrecall": "and takes logits", "precisionatfixedrecall": "and takes logits",
        "binaryprecisionatfixedrecall": "and takes logits",
    }  # fmt: skip
    recall: float = option("What the recall is to be at least.", above=0, maximum=1)

    def rates(self, positive: g.Tensor, negative: g.Tensor) -> tuple[g.Tensor, g.Tensor, float]:
        return _precision(positive, negative), _rate(positive), self.recall


@metric
class recall_at_precision(BestPoint):
    """The highest recall of the thresholds at which the precision is high enough.

    The scores of the whole split are kept in memory until its end.
    """

    aliases = {
        "recallatprecision": "and takes logits", "recallatfixedprecision": "and takes logits",
        "binaryrecallatfixedprecision": "and takes logits",
    }  # fmt: skip
    precision: float = option("What the precision is to be at least.", above=0, maximum=1)

    def rates(self, positive: g.Tensor, negative: g.Tensor) -> tuple[g.Tensor, g.Tensor, float]:
        return _rate(positive), _precision(positive, negative), self.precision


@metric
class sensitivity_at_specificity(BestPoint):
    """The highest sensitivity (recall) of the thresholds at which the specificity is high enough.

    The scores of the whole split are kept in memory until its end.
    """

    aliases = {"sensitivityatspecificity": "and takes logits"}
    specificity: float = option("What the specificity is to be at least.", above=0, maximum=1)

    def rates(self, positive: g.Tensor, negative: g.Tensor) -> tuple[g.Tensor, g.Tensor, float]:
        return _rate(positive), _rejected(negative), self.specificity


@metric
class specificity_at_sensitivity(BestPoint):
    """The highest specificity of the thresholds at which the sensitivity (recall) is high enough.

    The scores of the whole split are kept in memory until its end.
    """

    aliases = {"specificityatsensitivity": "and takes logits"}
    sensitivity: float = option("What the sensitivity is to be at least.", above=0, maximum=1)

    def rates(self, positive: g.Tensor, negative: g.Tensor) -> tuple[g.Tensor, g.Tensor, float]:
        return _rejected(negative), _rate(positive), self.sensitivity

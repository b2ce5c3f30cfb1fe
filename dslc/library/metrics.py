"""Metrics: figures of merit over a split, exact in whatever batches it comes.

Definitions are scikit-learn's, with ``zero_division = 0``. Metrics of classes take logits. Where the target has the
logits' shape there are two classes, the second one where a logit is above 0 (a probability above one half);
otherwise the target holds class indices, as for ``cross_entropy``. What has the index ``ignore_index`` does not count.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, ClassVar

from dslc import graph as g
from dslc.errors import losses as errors
from dslc.library.losses import Mean, mae, match_classes, match_shapes, match_weight, mse, nonzero, weights_of
from dslc.library.operations import Context, Scale, Statistic, Typed, function, option
from dslc.types import BOOL, FLOAT32, FLOAT64, INT64, ElementType, TensorType

if TYPE_CHECKING:
    from dslc.graph import Tensor

__all__ = ["accuracy", "confusion", "f1", "mae", "mse", "precision", "r2", "recall", "rmse", "top_k"]


# --- Metrics of real values -----------------------------------------------------------------------------


@function
class rmse(mse):
    """Root of the mean squared error, over all elements."""

    def weighting(self, operands: Sequence[Typed]) -> Hashable:
        return None

    def finish(self, context: Context, accumulators: dict[str, Tensor], element: ElementType) -> Tensor:
        return g.sqrt(super().finish(context, accumulators, element))


@function
class r2(Statistic):
    """Coefficient of determination: 1 minus the share of the target's variance that the prediction leaves unexplained.

    Of targets with several columns it is the mean over the columns. A column that is constant gives 1 if it is
    predicted exactly, else 0. Sums of squares are joined as in T. F. Chan et al., Updating formulae and a pairwise
    algorithm for computing sample variances, 1979.
    """

    direction: ClassVar[str | None] = "highest"

    def type(self, prediction: TensorType, target: TensorType, weight: TensorType | None = None) -> TensorType:
        match_shapes(self.name, prediction, target)
        match_weight(self.name, weight, target.shape[:1], prediction.element)
        return TensorType(prediction.element)

    def accumulate(
        self, context: Context, prediction: Tensor, target: Tensor, weight: Tensor | None = None
    ) -> dict[str, Tensor]:
        target, error = g.cast(target, FLOAT64), g.cast(target - prediction, FLOAT64)
        if weight is None:
            each, count = None, g.cast(g.reshape(target.builder.dimension(target.shape[0]), ()), FLOAT64)
        else:
            each = weights_of(g.cast(weight, FLOAT64), target.rank)
            count = g.reduce_sum(each)

        def summed(x: Tensor) -> Tensor:
            return g.reduce_sum(x if each is None else x * each, [0])

        mean = summed(target) / nonzero(count)
        deviation = target - mean
        return {
            "weight": count, "mean": mean, "variation": summed(deviation * deviation), "residual": summed(error * error)
        }  # fmt: skip

    def merge(self, context: Context, total: dict[str, Tensor], batch: dict[str, Tensor]) -> dict[str, Tensor]:
        weight = total["weight"] + batch["weight"]
        share = batch["weight"] / nonzero(weight)
        shift = batch["mean"] - total["mean"]
        return {
            "weight": weight,
            "mean": total["mean"] + shift * share,
            "variation": g.total(total["variation"], batch["variation"], shift * shift * share * total["weight"]),
            "residual": total["residual"] + batch["residual"],
        }

    def finish(self, context: Context, accumulators: dict[str, Tensor], element: ElementType) -> Tensor:
        variation, residual = accumulators["variation"], accumulators["residual"]
        varied = g.cast(g.greater(variation, 0.0), variation.element)
        exact = g.cast(g.equal(residual, 0.0), variation.element)
        score = varied * (1.0 - residual / nonzero(variation)) + (1.0 - varied) * exact
        return g.cast(g.reduce_mean(score), element)


# --- Metrics of classes ------------------------------------------------------------------------------------


class ClassMetric(Statistic):
    """A metric of logits and classes."""

    differentiable = False

    direction: ClassVar[str | None] = "highest"
    axis: int
    ignore_index: int

    def takes(self, *operands: TensorType) -> Scale | None:
        # of two classes the threshold is 0; of several, the greatest is the same on either scale
        return Scale.LOGIT if operands[0].shape == operands[1].shape else None

    def check(self, logits: TensorType, target: TensorType, weight: TensorType | None) -> int:
        """Raise a Problem where the operands do not fit; return the number of classes."""
        if logits.shape == target.shape:
            if not logits.element.is_float or logits.rank == 0:
                raise errors.NOT_FLOAT(f"'{self.name}' takes logits of examples, and is given {logits}")
            classes = 2
        else:
            _, classes = match_classes(self.name, logits, target, self.axis)
        match_weight(self.name, weight, target.shape, logits.element)
        return classes

    def classes(self, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Return the predicted and the true class of every position as int64, the true one negative if ignored."""
        if logits.shape == target.shape:
            predicted = g.cast(g.greater(logits, 0.0), INT64)
            if not target.element.is_integer:
                return predicted, g.cast(target if target.element is BOOL else g.greater(target, 0.5), INT64)
        else:
            predicted = g.argmax(logits, self.axis)
        target = g.cast(target, INT64)
        ignored = g.cast(g.equal(target, self.ignore_index), INT64)
        return predicted, target * (1 - ignored) - ignored


class Share(ClassMetric, Mean):
    """The share of positions at which a prediction is right."""

    direction: ClassVar[str | None] = "highest"

    def type(self, logits: TensorType, target: TensorType, weight: TensorType | None = None) -> TensorType:
        self.check(logits, target, weight)
        return TensorType(FLOAT32)

    def weighting(self, operands: Sequence[Typed]) -> Hashable:
        return None  # no gradient goes through it

    def counted(self, right: Tensor, true: Tensor, weight: Tensor | None) -> dict[str, Tensor]:
        """Accumulate the share from where the prediction is right (bool) and the true classes."""
        valid = g.cast(g.greater_equal(true, 0), INT64)
        right = g.cast(right, INT64) * valid
        if weight is None:
            return {"sum": g.reduce_sum(right), "weight": g.reduce_sum(valid)}
        weight = weights_of(weight, true.rank)
        return {
            "sum": g.reduce_sum(g.cast(right, weight.element) * weight),
            "weight": g.reduce_sum(g.cast(valid, weight.element) * weight),
        }


@function
class accuracy(Share):
    """The share of positions whose class is predicted right."""

    axis: int = option("Where the classes are.", default=1)
    ignore_index: int = option("Targets with this index do not count.", default=-100)

    def accumulate(
        self, context: Context, logits: Tensor, target: Tensor, weight: Tensor | None = None
    ) -> dict[str, Tensor]:
        predicted, true = self.classes(logits, target)
        return self.counted(g.equal(predicted, true), true, weight)


@function
class top_k(Share):
    """The share of positions whose right class is among the k with the highest logits."""

    k: int = option("How many classes are looked at.", minimum=1)
    axis: int = option("Where the classes are.", default=1)
    ignore_index: int = option("Targets with this index do not count.", default=-100)

    def check(self, logits: TensorType, target: TensorType, weight: TensorType | None) -> int:
        _, classes = match_classes(self.name, logits, target, self.axis)
        if self.k > classes:
            raise errors.CLASS_COUNT(f"'top_k' looks at {self.k} classes, and there are {classes}")
        return super().check(logits, target, weight)

    def accumulate(
        self, context: Context, logits: Tensor, target: Tensor, weight: Tensor | None = None
    ) -> dict[str, Tensor]:
        axis = self.axis % logits.rank
        order = [i for i in range(logits.rank) if i != axis]
        _, best = g.top_k(g.transpose(logits, [*order, axis]), self.k)
        _, true = self.classes(logits, target)
        hits = g.cast(g.equal(best, g.unsqueeze(true, [-1])), INT64)
        return self.counted(g.greater(g.reduce_sum(hits, [-1]), 0), true, weight)


@function
class confusion(ClassMetric):
    """The confusion matrix: how many positions of class i were predicted to be of class j, int64[K, K]."""

    direction: ClassVar[str | None] = None
    axis: int = option("Where the classes are.", default=1)
    ignore_index: int = option("Targets with this index do not count.", default=-100)

    def type(self, logits: TensorType, target: TensorType) -> TensorType:
        classes = self.check(logits, target, None)
        return TensorType(INT64, (classes, classes))

    def accumulate(self, context: Context, logits: Tensor, target: Tensor) -> dict[str, Tensor]:
        classes = self.check(logits.type, target.type, None)
        predicted, true = (g.flatten(classes_, 0) for classes_ in self.classes(logits, target))
        like = predicted.builder.constant(0, FLOAT32)  # a product of float32: counts of one batch are below 2 ** 24
        counts = g.one_hot(true, classes, like).mT @ g.one_hot(predicted, classes, like)
        return {"counts": g.cast(counts, INT64)}

    def finish(self, context: Context, accumulators: dict[str, Tensor], element: ElementType) -> Tensor:
        return g.cast(accumulators["counts"], element)


class FromCounts(ClassMetric):
    """A metric of how many positions of each class are right (hits), predicted and true."""

    average: str | None

    def type(self, logits: TensorType, target: TensorType, weight: TensorType | None = None) -> TensorType:
        self.check(logits, target, weight)
        if self.average == "binary" and logits.shape != target.shape:
            raise errors.CONTRADICTION(
                f"'{self.name}' with average = \"binary\" is of two classes: one logit for each target, and the logits "
                f"are {logits}",
                hint='average = "macro" is the mean over the classes',
            )
        return TensorType(FLOAT32)

    def accumulate(
        self, context: Context, logits: Tensor, target: Tensor, weight: Tensor | None = None
    ) -> dict[str, Tensor]:
        classes = self.check(logits.type, target.type, None)
        predicted, true = self.classes(logits, target)
        each = g.cast(g.greater_equal(true, 0), INT64)
        if weight is not None:
            each = g.cast(each, weight.element) * weights_of(weight, true.rank)
        each = g.flatten(each, 0)
        of_true, of_predicted = (g.one_hot(g.flatten(c, 0), classes, each) for c in (true, predicted))
        each = g.unsqueeze(each, [-1])
        weighted = of_true * each
        binary = logits.shape == target.shape and self.average in (None, "binary")
        counts = {
            "hits": g.reduce_sum(weighted * of_predicted, [0]),
            "true": g.reduce_sum(weighted, [0]),
            "predicted": g.reduce_sum(of_predicted * each, [0]),
        }
        if binary:
            second = logits.builder.constant([1], INT64)
            counts = {name: g.gather(count, second) for name, count in counts.items()}
        return counts

    def finish(self, context: Context, accumulators: dict[str, Tensor], element: ElementType) -> Tensor:
        hits, true, predicted = (g.cast(accumulators[name], FLOAT64) for name in ("hits", "true", "predicted"))
        if self.average == "micro":
            hits, true, predicted = (g.reduce_sum(x, [0], keepdims=True) for x in (hits, true, predicted))
        scores = self.score(hits, true, predicted)
        # as in scikit-learn, a class that is neither true nor predicted anywhere does not count
        shares = true if self.average == "weighted" else g.cast(g.greater(true + predicted, 0.0), FLOAT64)
        return g.cast(g.reduce_sum(scores * shares) / nonzero(g.reduce_sum(shares)), element)

    def score(self, hits: Tensor, true: Tensor, predicted: Tensor) -> Tensor:
        """Return each class's score, 0 where nothing can be divided by."""
        raise NotImplementedError


_AVERAGES = ("binary", "macro", "micro", "weighted")
_AVERAGE_DOC = (
    "How the classes' scores become one: that of the second of two classes (\"binary\"), their mean (\"macro\"), their "
    "mean weighted by how often each class is true (\"weighted\"), or one score of all counts together (\"micro\"). "
    "Without it, \"binary\" of two-class logits and \"macro\" of others."
)


@function
class precision(FromCounts):
    """The share of the positions predicted to be of a class that are of it."""

    average: str | None = option(_AVERAGE_DOC, default=None, choices=_AVERAGES)
    axis: int = option("Where the classes are.", default=1)
    ignore_index: int = option("Targets with this index do not count.", default=-100)

    def score(self, hits: Tensor, true: Tensor, predicted: Tensor) -> Tensor:
        return hits / nonzero(predicted)


@function
class recall(FromCounts):
    """The share of the positions of a class that are predicted to be of it."""

    average: str | None = option(_AVERAGE_DOC, default=None, choices=_AVERAGES)
    axis: int = option("Where the classes are.", default=1)
    ignore_index: int = option("Targets with this index do not count.", default=-100)

    def score(self, hits: Tensor, true: Tensor, predicted: Tensor) -> Tensor:
        return hits / nonzero(true)


@function
class f1(FromCounts):
    """The harmonic mean of precision and recall."""

    average: str | None = option(_AVERAGE_DOC, default=None, choices=_AVERAGES)
    axis: int = option("Where the classes are.", default=1)
    ignore_index: int = option("Targets with this index do not count.", default=-100)

    def score(self, hits: Tensor, true: Tensor, predicted: Tensor) -> Tensor:
        return hits * 2.0 / nonzero(true + predicted)

"""Metrics of classes and labels.

Definitions are scikit-learn's, with ``zero_division = 0``. All take logits. What the target means follows from its
shape:

- it holds class indices where it lacks the logits' axis of classes, as for ``cross_entropy``;
- it says which of two classes it is where it has the logits' shape, [N] or [N, 1]: the second one is predicted where a
  logit is above 0, a probability above one half;
- it says of each of several labels whether the example has it where both are [N, L].

Where both have one shape of more axes, ``axis`` says on which the labels are; without it, all are positions of two
classes.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from dslc import graph as g
from dslc.errors import losses as errors
from dslc.library.losses.classification import TWO_CLASSES, class_axis, class_targets, ignore_option, match_classes
from dslc.library.losses.mean import Mean, match_weight, nonzero, weights_of
from dslc.library.operation import Alike, Context, IndexUse, Scale, Statistic, Typed, metric, option
from dslc.types import BOOL, FLOAT32, FLOAT64, INT64, ElementType, TensorType, element_count, shape_text

if TYPE_CHECKING:
    from dslc.graph import Tensor

__all__ = ["accuracy", "confusion", "f1", "precision", "recall", "subset_accuracy", "top_k"]


def axis_option() -> Any:
    """Return the option that says where the classes or labels are."""
    return option("Where the classes or labels are: on axis 1 of class logits and of [N, L] unless said.", default=None)


class ClassMetric(Statistic):
    """A metric of logits, and of classes or labels."""

    differentiable = False
    thresholds = True
    reads = Alike.LABELS
    direction: ClassVar[str | None] = "highest"
    axis: int | None
    ignore_index: int

    def takes(self, *operands: TensorType) -> Scale | None:
        # of two classes the threshold is 0; of several, the greatest is the same on either scale
        return Scale.LOGIT if operands[0].shape == operands[1].shape else None

    def check(self, logits: TensorType, target: TensorType, weight: TensorType | None) -> int:
        """Raise a Problem where the operands do not fit; return the number of classes."""
        if logits.shape == target.shape:
            if not logits.element.is_float or logits.rank == 0:
                raise errors.NOT_FLOAT(f"'{self.name}' takes logits of examples, and is given {logits}")
            self.label_axis(logits, target)
            classes = 2
        else:
            _, classes = match_classes(self.name, logits, target, self.class_axis)
        match_weight(self.name, weight, target.shape, logits.element)
        return classes

    @property
    def class_axis(self) -> int:
        """Where the classes are, if the target holds class indices."""
        return 1 if self.axis is None else self.axis

    def label_axis(self, logits: TensorType, target: TensorType) -> int | None:
        """Return where labels are, each of which an example has or not; None where the target is of classes."""
        axis = 1 if self.axis is None and logits.rank == 2 else self.axis
        if logits.shape != target.shape or axis is None or logits.rank == 1:
            return None
        axis = class_axis(self.name, logits, axis)
        return None if logits.shape[axis] == 1 else axis

    def label_count(self, logits: TensorType, axis: int) -> int:
        """Return how many labels there are on an axis; refuse a number that is known at run time only."""
        count = logits.shape[axis]
        if not isinstance(count, int):
            raise errors.CLASS_COUNT(f"'{self.name}' must know how many labels there are, and the logits are {logits}")
        return count

    def indexes(self, logits: TensorType, target: TensorType, weight: TensorType | None = None) -> Sequence[IndexUse]:
        if target.element is BOOL:
            return ()
        if target.element.is_float:
            return [IndexUse(1, 2, TWO_CLASSES, looks_up=False)]
        classes = 2 if logits.shape == target.shape else logits.shape[self.class_axis]
        what = TWO_CLASSES if logits.shape == target.shape else f"is given {classes} classes"
        return [IndexUse(1, classes, what, self.ignore_index, looks_up=False)]

    def classes(self, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return of every position the predicted class, the true one, and whether it counts (int64 0 or 1)."""
        if logits.shape == target.shape:
            predicted = g.cast(g.greater(logits, 0.0), INT64)
            if not target.element.is_integer:
                true = g.cast(target if target.element is BOOL else g.greater(target, 0.5), INT64)
                return predicted, true, g.full(true, 1, true.type)
        else:
            predicted = g.argmax(logits, self.class_axis)
        return predicted, *class_targets(target, self.ignore_index)


# --- Shares of positions or examples -----------------------------------------------------------------------


class Share(ClassMetric, Mean):
    """The share of positions at which a prediction is right."""

    def type(self, logits: TensorType, target: TensorType, weight: TensorType | None = None) -> TensorType:
        self.check(logits, target, weight)
        return TensorType(FLOAT32)

    def weighting(self, operands: Sequence[Typed]) -> Hashable:
        return None  # no gradient goes through it

    def right(self, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Return where the prediction is right, and what counts (int64 0 or 1)."""
        raise NotImplementedError

    def accumulate(
        self, context: Context, logits: Tensor, target: Tensor, weight: Tensor | None = None
    ) -> dict[str, Tensor]:
        right, valid = self.right(logits, target)
        if weight is None:
            return {"sum": g.reduce_sum(right * valid), "weight": g.reduce_sum(valid)}
        valid = g.cast(valid, weight.element) * weights_of(weight, valid.rank)
        return {"sum": g.reduce_sum(g.cast(right, weight.element) * valid), "weight": g.reduce_sum(valid)}


@metric
class accuracy(Share):
    """The share of positions whose class is predicted right; of [N, L] labels, the share of all N x L that are right.

    `subset_accuracy` counts an example only if all of it is right.
    """

    axis: int | None = axis_option()
    ignore_index: int = ignore_option()

    def right(self, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        predicted, true, valid = self.classes(logits, target)
        return g.cast(g.equal(predicted, true), INT64), valid


@metric
class subset_accuracy(Share):
    """The share of examples all of whose labels, or positions, are predicted right (scikit-learn's ``accuracy_score``).

    What is ignored neither makes an example wrong, nor does an example count of which all is ignored.
    """

    axis: int | None = axis_option()
    ignore_index: int = ignore_option()

    def check(self, logits: TensorType, target: TensorType, weight: TensorType | None) -> int:
        match_weight(self.name, weight, target.shape[:1], logits.element)
        return super().check(logits, target, weight)

    def right(self, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        predicted, true, valid = self.classes(logits, target)
        wrong = g.cast(g.logical_not(g.equal(predicted, true)), INT64) * valid
        axes = range(1, valid.rank)
        return 1 - g.reduce_max(wrong, axes), g.reduce_max(valid, axes)


@metric
class top_k(Share):
    """The share of positions whose right class is among the k with the highest logits."""

    k: int = option("How many classes are looked at.", minimum=1)
    axis: int | None = axis_option()
    ignore_index: int = ignore_option()

    def check(self, logits: TensorType, target: TensorType, weight: TensorType | None) -> int:
        _, classes = match_classes(self.name, logits, target, self.class_axis)
        if self.k > classes:
            raise errors.CLASS_COUNT(f"'top_k' looks at {self.k} classes, and there are {classes}")
        return super().check(logits, target, weight)

    def right(self, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        axis = self.class_axis % logits.rank
        order = [i for i in range(logits.rank) if i != axis]
        _, best = g.top_k(g.transpose(logits, [*order, axis]), self.k)
        _, true, valid = self.classes(logits, target)
        hits = g.cast(g.equal(best, g.unsqueeze(true, [-1])), INT64)
        return g.reduce_max(hits, [-1]), valid


# --- Metrics from counts -----------------------------------------------------------------------------------


@metric
class confusion(ClassMetric):
    """The confusion matrix: how many positions of class i were predicted to be of class j, int64[K, K].

    Of L labels it is one matrix for each, int64[L, 2, 2] (scikit-learn's ``multilabel_confusion_matrix``).
    """

    direction: ClassVar[str | None] = None
    axis: int | None = axis_option()
    ignore_index: int = ignore_option()

    def type(self, logits: TensorType, target: TensorType) -> TensorType:
        classes, axis = self.check(logits, target, None), self.label_axis(logits, target)
        return TensorType(INT64, (classes, classes) if axis is None else (self.label_count(logits, axis), 2, 2))

    def accumulate(self, context: Context, logits: Tensor, target: Tensor) -> dict[str, Tensor]:
        classes, axis = self.check(logits.type, target.type, None), self.label_axis(logits.type, target.type)
        merged = 0 if axis is None else 1
        predicted, true, valid = (
            g.flatten(x if axis is None else _moved(x, axis, 0), merged) for x in self.classes(logits, target)
        )
        like = predicted.builder.constant(0, FLOAT32)  # a product of float32: counts of one batch are below 2 ** 24
        of_true = g.one_hot(true, classes, like) * g.unsqueeze(g.cast(valid, FLOAT32), [-1])
        return {"counts": g.cast(of_true.mT @ g.one_hot(predicted, classes, like), INT64)}

    def finish(self, context: Context, accumulators: dict[str, Tensor], element: ElementType) -> Tensor:
        return g.cast(accumulators["counts"], element)


def _moved(x: Tensor, axis: int, to: int) -> Tensor:
    """Return a tensor with one axis at another place, the others in their order."""
    order = [i for i in range(x.rank) if i != axis]
    order.insert(to % x.rank, axis)
    return g.transpose(x, order)


class FromCounts(ClassMetric):
    """A metric of how many positions of each class or label are right (hits), predicted and true.

    As in scikit-learn, a class that is neither true nor predicted anywhere does not count in a mean over the classes,
    a label does, with 0.
    """

    average: str | None

    def type(self, logits: TensorType, target: TensorType, weight: TensorType | None = None) -> TensorType:
        classes, axis = self.check(logits, target, weight), self.label_axis(logits, target)
        if self.average == "samples":
            if axis is None:
                raise errors.CONTRADICTION(
                    f"'{self.name}' with average = \"samples\" is of several labels for each example: logits and "
                    f"target are both [N, L], and these are {logits} and {target}",
                    hint='average = "macro" is the mean over classes',
                )
            match_weight(self.name, weight, target.shape[:1], logits.element)
        if self.average == "binary" and (axis is not None or classes != 2):
            raise errors.CONTRADICTION(
                f"'{self.name}' with average = \"binary\" is of two classes: one or two logits for each target, and "
                f"the logits are {logits}",
                hint='average = "macro" is the mean over the classes' if axis is None else
                'average = "micro" counts all labels together, average = "macro" is the mean over the labels',
            )  # fmt: skip
        if axis is not None and self.averaging(logits, target) in ("macro", "weighted"):
            self.label_count(logits, axis)
        several = element_count(logits.shape[1:]) != 1
        undecided = logits.shape == target.shape and self.axis is None and logits.rank > 2 and several
        if undecided and self.average != "binary":
            raise errors.UNDECIDED_LABELS(
                f"'{self.name}' is given logits and a target that are both {shape_text(logits.shape)}: are these "
                "positions of two classes, or on which axis are the labels?",
                hint='average = "binary" counts positions; axis = 1, or axis = -1, says where labels are',
            )
        return TensorType(FLOAT32)

    def averaging(self, logits: TensorType, target: TensorType) -> str:
        """Return how the classes' or labels' scores become one."""
        two = logits.shape == target.shape and self.label_axis(logits, target) is None
        return self.average or ("binary" if two else "macro")

    def accumulate(
        self, context: Context, logits: Tensor, target: Tensor, weight: Tensor | None = None
    ) -> dict[str, Tensor]:
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
            predicted, true, each = (_columns(x, axis) for x in (predicted, true, each))
        true = g.cast(true, each.element) * each
        predicted = g.cast(predicted, each.element)
        return {
            "hits": g.reduce_sum(true * predicted, [0]),
            "true": g.reduce_sum(true, [0]),
            "predicted": g.reduce_sum(predicted * each, [0]),
            "present": g.reduce_sum(each, [0]),
        }

    def by_example(
        self, predicted: Tensor, true: Tensor, valid: Tensor, weight: Tensor | None, axis: int
    ) -> dict[str, Tensor]:
        """Accumulate the mean of each example's score over its labels."""
        counts = (g.reduce_sum(x * valid, [axis]) for x in (predicted * true, true, predicted))
        scores = self.score(*(g.cast(count, FLOAT64) for count in counts))
        each = g.cast(g.reduce_max(valid, [axis]), FLOAT64)
        if weight is not None:
            each = each * weights_of(g.cast(weight, FLOAT64), each.rank)
        return {"sum": g.reduce_sum(scores * each), "weight": g.reduce_sum(each)}

    def finish(self, context: Context, accumulators: dict[str, Tensor], element: ElementType) -> Tensor:
        found = {name: g.cast(count, FLOAT64) for name, count in accumulators.items()}
        if self.average == "samples":
            return g.cast(found["sum"] / nonzero(found["weight"]), element)
        if self.average == "micro":
            found = {name: g.reduce_sum(count, [0], keepdims=True) for name, count in found.items()}
        scores = self.score(found["hits"], found["true"], found["predicted"])
        present = found["present"] if "present" in found else found["true"] + found["predicted"]
        shares = found["true"] if self.average == "weighted" else g.cast(g.greater(present, 0.0), FLOAT64)
        return g.cast(g.reduce_sum(scores * shares) / nonzero(g.reduce_sum(shares)), element)

    def score(self, hits: Tensor, true: Tensor, predicted: Tensor) -> Tensor:
        """Return each class's score, 0 where nothing can be divided by."""
        raise NotImplementedError


def _columns(x: Tensor, axis: int) -> Tensor:
    """Return [N, ..., L, ...], the labels on some axis, as [positions, L]."""
    moved = _moved(x, axis, -1)
    return g.reshape(moved, (element_count(moved.shape[:-1]), moved.shape[-1]))


def _counts_of_classes(predicted: Tensor, true: Tensor, each: Tensor, classes: int) -> dict[str, Tensor]:
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


_AVERAGES = ("binary", "macro", "micro", "samples", "weighted")


def _average_option() -> Any:
    return option(
        'How the scores of classes or labels become one: that of the second of two classes ("binary"), their mean '
        '("macro"), their mean weighted by how often each is true ("weighted"), one score of all counts together '
        '("micro"), or the mean over the examples of the score over each one\'s labels ("samples"). Without it, '
        '"binary" where there is one logit for each target, and "macro" elsewhere.',
        default=None,
        choices=_AVERAGES,
    )


@metric
class precision(FromCounts):
    """The share of the positions predicted to be of a class, or to have a label, that are or do."""

    average: str | None = _average_option()
    axis: int | None = axis_option()
    ignore_index: int = ignore_option()

    def score(self, hits: Tensor, true: Tensor, predicted: Tensor) -> Tensor:
        return hits / nonzero(predicted)


@metric
class recall(FromCounts):
    """The share of the positions of a class, or with a label, that are predicted to be or have it."""

    average: str | None = _average_option()
    axis: int | None = axis_option()
    ignore_index: int = ignore_option()

    def score(self, hits: Tensor, true: Tensor, predicted: Tensor) -> Tensor:
        return hits / nonzero(true)


@metric
class f1(FromCounts):
    """The harmonic mean of precision and recall."""

    average: str | None = _average_option()
    axis: int | None = axis_option()
    ignore_index: int = ignore_option()

    def score(self, hits: Tensor, true: Tensor, predicted: Tensor) -> Tensor:
        return hits * 2.0 / nonzero(true + predicted)

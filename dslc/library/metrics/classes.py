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
from typing import Any, ClassVar

from dslc import graph as g
from dslc.errors import losses as errors
from dslc.library.losses.mean import Mean, match_weight, weights_of
from dslc.library.losses.targets import TWO_CLASSES, class_axis, class_targets, ignore_option, match_classes
from dslc.library.operation import IndexUse, Scale, option
from dslc.library.statistic import Accumulators, Alike, Statistic, Typed, metric
from dslc.types import BOOL, FLOAT32, INT64, TensorType, element_count, shape_text


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
    def limit(self) -> float:
        """The logit above which something is predicted, where there is one for each target."""
        return 0.0

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

    def classes(self, logits: g.Tensor, target: g.Tensor) -> tuple[g.Tensor, g.Tensor, g.Tensor]:
        """Return of every position the predicted class, the true one, and whether it counts (int64 0 or 1)."""
        if logits.shape == target.shape:
            predicted = g.cast(g.greater(logits, self.limit), INT64)
            if not target.element.is_integer:
                true = g.cast(target if target.element is BOOL else g.greater(target, 0.5), INT64)
                return predicted, true, g.full(true, 1, true.type)
        else:
            predicted = g.argmax(logits, self.class_axis)
        return predicted, *class_targets(target, self.ignore_index)


class Averaged(ClassMetric):
    """A metric that has a score for each class or label, which become one."""

    average: str | None

    def type(self, logits: TensorType, target: TensorType, weight: TensorType | None = None) -> TensorType:
        classes, axis = self.check(logits, target, weight), self.label_axis(logits, target)
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


def moved(x: g.Tensor, axis: int, to: int) -> g.Tensor:
    """Return a tensor with one axis at another place, the others in their order."""
    order = [i for i in range(x.rank) if i != axis]
    order.insert(to % x.rank, axis)
    return g.transpose(x, order)


def columns(x: g.Tensor, axis: int) -> g.Tensor:
    """Return [N, ..., L, ...], the labels on some axis, as [positions, L]."""
    last = moved(x, axis, -1)
    return g.reshape(last, (element_count(last.shape[:-1]), last.shape[-1]))


# --- Shares of positions or examples -----------------------------------------------------------------------


class Share(ClassMetric, Mean):
    """The share of positions at which a prediction is right."""

    def type(self, logits: TensorType, target: TensorType, weight: TensorType | None = None) -> TensorType:
        self.check(logits, target, weight)
        return TensorType(FLOAT32)

    def weighting(self, operands: Sequence[Typed]) -> Hashable:
        return None  # no gradient goes through it

    def right(self, logits: g.Tensor, target: g.Tensor) -> tuple[g.Tensor, g.Tensor]:
        """Return where the prediction is right, and what counts (int64 0 or 1)."""
        raise NotImplementedError

    def accumulate(self, logits: g.Tensor, target: g.Tensor, weight: g.Tensor | None = None) -> Accumulators:
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

    aliases = {
        "acc": "and takes logits",
        "accuracyscore": "and takes logits",
        "binaryaccuracy": "and takes logits",
        "categoricalaccuracy": "and takes logits",
        "sparsecategoricalaccuracy": "and takes logits",
        "tokenaccuracy": "and takes logits: axis = -1 suits [N, T, K], and ignore_index the padding",
    }
    axis: int | None = axis_option()
    ignore_index: int = ignore_option()

    def right(self, logits: g.Tensor, target: g.Tensor) -> tuple[g.Tensor, g.Tensor]:
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

    def right(self, logits: g.Tensor, target: g.Tensor) -> tuple[g.Tensor, g.Tensor]:
        predicted, true, valid = self.classes(logits, target)
        wrong = g.cast(g.logical_not(g.equal(predicted, true)), INT64) * valid
        axes = range(1, valid.rank)
        return 1 - g.reduce_max(wrong, axes), g.reduce_max(valid, axes)


@metric
class top_k(Share):
    """The share of positions whose right class is among the k with the highest logits."""

    aliases = {
        "topkcategoricalaccuracy": "which is given the logits first",
        "topkaccuracy": "which is given the logits first",
    }
    k: int = option("How many classes are looked at.", minimum=1)
    axis: int | None = axis_option()
    ignore_index: int = ignore_option()

    def check(self, logits: TensorType, target: TensorType, weight: TensorType | None) -> int:
        _, classes = match_classes(self.name, logits, target, self.class_axis)
        if self.k > classes:
            raise errors.CLASS_COUNT(f"'top_k' looks at {self.k} classes, and there are {classes}")
        return super().check(logits, target, weight)

    def right(self, logits: g.Tensor, target: g.Tensor) -> tuple[g.Tensor, g.Tensor]:
        axis = self.class_axis % logits.rank
        order = [i for i in range(logits.rank) if i != axis]
        _, best = g.top_k(g.transpose(logits, [*order, axis]), self.k)
        _, true, valid = self.classes(logits, target)
        hits = g.cast(g.equal(best, g.unsqueeze(true, [-1])), INT64)
        return g.reduce_max(hits, [-1]), valid

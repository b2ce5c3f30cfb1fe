"""Losses of classes and of distributions over them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from dslc import graph as g
from dslc.errors import losses as errors
from dslc.library.losses.mean import (
    ElementwiseLoss,
    Mean,
    match_shapes,
    match_weight,
    shape_hint,
    weighted_mean,
    weights_of,
)
from dslc.library.operation import IndexUse, Scale, option
from dslc.library.statistic import Accumulators, Alike, Typed, loss
from dslc.types import INT64, ElementType, Shape, TensorType, shape_text

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


_TAKES_LOGITS = "which takes logits: leave a softmax or sigmoid before it away"
_CLASSES = f"{_TAKES_LOGITS}; its target holds class indices, or a probability for each class"
_INDICES = f"{_TAKES_LOGITS}; its target holds class indices"
TWO_CLASSES = "takes targets from 0 to 1"
"""What is said of a target of two classes."""


# --- Targets that are ignored ----------------------------------------------------------------------------


def ignore_option() -> Any:
    """Return the option of losses and metrics of classes that names the one target which does not count."""
    return option("Targets with this index do not count; any other outside of the classes ends the run.", default=-100)


def class_targets(target: g.Tensor, ignore_index: int) -> tuple[g.Tensor, g.Tensor]:
    """Return class indices as int64 with 0 where they are to be ignored, and where they are not (int64 0 or 1)."""
    target = g.cast(target, INT64)
    valid = g.cast(g.logical_not(g.equal(target, ignore_index)), INT64)
    return target * valid, valid


# --- Losses ------------------------------------------------------------------------------------------------


@loss
class binary_cross_entropy(ElementwiseLoss):
    """Cross entropy of two classes: the mean of ``-y log(p) - (1 - y) log(1 - p)`` with ``p = sigmoid(logits)``.

    It takes logits, not probabilities (PyTorch's ``binary_cross_entropy_with_logits``), and targets from 0 to 1.
    """

    aliases = {
        "binarycrossentropy": _TAKES_LOGITS,
        "bce": _TAKES_LOGITS,
        "bceloss": _TAKES_LOGITS,
        "bcewithlogitsloss": "",
        "bcewithlogits": "",
        "binarycrossentropywithlogits": "",
        "sigmoidcrossentropywithlogits": "which is given the logits first",
    }
    pos_weight: float | tuple[float, ...] = option(
        "How much the positive targets count; a list has one number for each position on the last axis.",
        default=1.0, minimum=0,
    )  # fmt: skip

    def takes(self, *operands: TensorType) -> Scale:
        return Scale.LOGIT

    def type(self, logits: TensorType, target: TensorType, weight: TensorType | None = None) -> TensorType:
        if isinstance(self.pos_weight, tuple) and (logits.rank == 0 or logits.shape[-1] != len(self.pos_weight)):
            raise errors.CLASS_COUNT(f"'pos_weight' has {len(self.pos_weight)} numbers, and the logits are {logits}")
        return super().type(logits, target, weight)

    def indexes(self, logits: TensorType, target: TensorType, weight: TensorType | None = None) -> Sequence[IndexUse]:
        return [IndexUse(1, 2, TWO_CLASSES, looks_up=False)]

    def value(self, prediction: g.Tensor, target: g.Tensor) -> g.Tensor:
        if self.pos_weight == 1.0:
            return g.softplus(prediction) - prediction * target
        positive = target * _constant_like(target, self.pos_weight)
        return g.softplus(prediction) * (positive - target + 1.0) - prediction * positive


def _constant_like(x: g.Tensor, value: float | Sequence[float] | np.ndarray[Any, Any]) -> g.Tensor:
    """Return numbers as a constant of a tensor's element type."""
    return x.builder.constant(np.asarray(value), x.element)


@loss
class kl_divergence(Mean):
    """Kullback and Leibler's divergence: the mean over examples of ``sum(target * (log(target) - log_prediction))``.

    As PyTorch's ``kl_div``, the prediction is in logarithms and the target in probabilities. The mean is the
    mathematical one, over examples only (``reduction = "batchmean"``). A target of 0 adds nothing.
    """

    aliases = {
        "kldivloss": "whose prediction is in logarithms",
        "kldiv": "whose prediction is in logarithms",
        "kldivergence": "whose prediction is in logarithms",
        "kullbackleiblerdivergence": "whose prediction is in logarithms",
    }

    def takes(self, *operands: TensorType) -> Scale:
        return Scale.LOGARITHM

    def type(self, log_prediction: TensorType, target: TensorType, weight: TensorType | None = None) -> TensorType:
        match_shapes(self.name, log_prediction, target)
        match_weight(self.name, weight, target.shape[:1], log_prediction.element)
        return TensorType(target.element)

    def accumulate(self, log_prediction: g.Tensor, target: g.Tensor, weight: g.Tensor | None = None) -> Accumulators:
        smallest = 1e-30  # a target of 0 times its logarithm is 0
        values = target * (g.log(g.maximum(target, smallest)) - log_prediction)
        return weighted_mean(g.reduce_sum(values, range(1, values.rank)), weight)


@loss
class cross_entropy(Mean):
    """Cross entropy of several classes: the mean of ``-log(softmax(logits))`` at the right class.

    Logits have the classes on axis 1, as in PyTorch (``[N, K]``, or ``[N, K, H, W]`` for an image), or on the
    axis named by ``axis``; ``axis = -1`` suits ``[N, T, K]``. The target holds class indices and has the logits'
    shape without that axis, or has the logits' own shape and holds a probability for each class.
    A mean over class indices is weighted by ``class_weight`` and leaves ignored ones out.
    """

    aliases = {
        "crossentropy": _CLASSES,
        "crossentropyloss": _CLASSES,
        "categoricalcrossentropy": _CLASSES,
        "softmaxcrossentropy": _CLASSES,
        "sparsecategoricalcrossentropy": _INDICES,
        "nllloss": _INDICES,
        "softmaxcrossentropywithlogits": "which is given the logits first",
        "sparsesoftmaxcrossentropywithlogits": "which is given the logits first",
        "logloss": _CLASSES,
        "negativeloglikelihood": _INDICES,
    }
    shift_free = True  # what is added to all classes falls out of its softmax
    reads = Alike.SHARES
    axis: int | None = option("Where the classes are: on axis 1 unless said.", default=None)
    class_weight: tuple[float, ...] | None = option(
        "How much each class counts, one number for each.", default=None, minimum=0
    )
    label_smoothing: float = option(
        "The share of a target that is spread evenly over all classes.", default=0.0, minimum=0, maximum=1
    )
    ignore_index: int = ignore_option()

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
        if target.shape == logits.shape:
            axis = class_axis(self.name, logits, self.class_axis)
            match_shapes(self.name, logits, target)
            classes = logits.shape[axis]
            positions: Shape = (*logits.shape[:axis], *logits.shape[axis + 1 :])
        else:
            _, classes = match_classes(self.name, logits, target, self.class_axis)
            positions = target.shape
        match_weight(self.name, weight, positions, logits.element)
        if self.class_weight is not None and len(self.class_weight) != classes:
            raise errors.CLASS_COUNT(f"'class_weight' has {len(self.class_weight)} numbers for {classes} classes")
        return TensorType(logits.element)

    def indexes(self, logits: TensorType, target: TensorType, weight: TensorType | None = None) -> Sequence[IndexUse]:
        if target.shape == logits.shape:
            return ()
        classes = logits.shape[self.class_axis % logits.rank]
        return [IndexUse(1, classes, f"is given {classes} classes", self.ignore_index)]

    def accumulate(self, logits: g.Tensor, target: g.Tensor, weight: g.Tensor | None = None) -> Accumulators:
        axis = self.class_axis % logits.rank
        log_probability = g.log_softmax(logits, axis)
        if target.shape == logits.shape:
            goal = target
            if self.label_smoothing:
                goal = target * (1 - self.label_smoothing) + self.label_smoothing / float(logits.type.shape[axis])
            if self.class_weight is not None:
                goal = goal * self._along(logits, axis)
            return weighted_mean(-g.reduce_sum(goal * log_probability, [axis]), weight)

        index, mask, right = self._weighted(logits.element, target, weight, axis)
        total = g.reduce_sum(right * surprise(logits, log_probability, index, axis))
        if self.label_smoothing:
            total = total * (1 - self.label_smoothing)
            even = log_probability if self.class_weight is None else log_probability * self._along(logits, axis)
            share = self.label_smoothing / float(logits.type.shape[axis])
            total = total - g.reduce_sum(mask * g.reduce_sum(even, [axis], keepdims=True)) * share
        return {"sum": total, "weight": g.reduce_sum(right)}

    def _weighted(
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

    def weighting(self, operands: Sequence[Typed]) -> Hashable:
        if operands[1].type.element.is_float:
            return super().weighting(operands)
        return "classes", self.class_weight, self.ignore_index, *operands[1:]

    def example_weights(self, element: ElementType, target: g.Tensor, weight: g.Tensor | None = None) -> g.Tensor:
        if target.element.is_float:
            return super().example_weights(element, target, weight)
        _, _, right = self._weighted(element, target, weight, self.class_axis % (target.rank + 1))
        return g.reduce_sum(right, range(1, right.rank))

    def _along(self, logits: g.Tensor, axis: int) -> g.Tensor:
        assert self.class_weight is not None
        shape = [-1 if i == axis else 1 for i in range(logits.rank)]
        return _constant_like(logits, np.reshape(self.class_weight, shape))


def surprise(logits: g.Tensor, log_probability: g.Tensor, index: g.Tensor, axis: int) -> g.Tensor:
    """Return ``-log_probability`` at each position's class; the index and the result have one in place of the classes.

    Its gradient is written out, the probabilities less 1 at the class: half the passes over all classes that those
    of the operators take, and no sum of numbers of which all but one are 0.
    """

    def by_logits(dy: g.Tensor) -> g.Tensor:
        return g.scatter_elements_add(g.exp(log_probability) * dy, index, -dy, axis)

    return g.with_gradients(-g.gather_elements(log_probability, index, axis), [(logits, by_logits)])

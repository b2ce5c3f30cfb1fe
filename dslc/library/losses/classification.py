"""Losses of classes."""

from __future__ import annotations

from collections.abc import Sequence

from dslc import graph as g
from dslc.errors import losses as errors
from dslc.library.losses.mean import ElementwiseLoss, constant_like, weighted_mean
from dslc.library.losses.targets import (
    TWO_CLASSES,
    OfClasses,
    axis_option,
    class_weight_option,
    ignore_option,
    surprise,
)
from dslc.library.operation import IndexUse, Scale, option
from dslc.library.statistic import Accumulators, loss
from dslc.types import TensorType

_TAKES_LOGITS = "which takes logits: leave a softmax or sigmoid before it away"
_CLASSES = f"{_TAKES_LOGITS}; its target holds class indices, or a probability for each class"
_INDICES = f"{_TAKES_LOGITS}; its target holds class indices"


class BinaryLoss(ElementwiseLoss):
    """The mean over positions that are each of one of two classes, of logits and targets from 0 to 1."""

    def takes(self, *operands: TensorType) -> Scale:
        return Scale.LOGIT

    def indexes(self, logits: TensorType, target: TensorType, weight: TensorType | None = None) -> Sequence[IndexUse]:
        return [IndexUse(1, 2, TWO_CLASSES, looks_up=False)]


@loss
class binary_cross_entropy(BinaryLoss):
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

    def type(self, logits: TensorType, target: TensorType, weight: TensorType | None = None) -> TensorType:
        if isinstance(self.pos_weight, tuple) and (logits.rank == 0 or logits.shape[-1] != len(self.pos_weight)):
            raise errors.CLASS_COUNT(f"'pos_weight' has {len(self.pos_weight)} numbers, and the logits are {logits}")
        return super().type(logits, target, weight)

    def value(self, prediction: g.Tensor, target: g.Tensor) -> g.Tensor:
        if self.pos_weight == 1.0:
            return g.softplus(prediction) - prediction * target
        positive = target * constant_like(target, self.pos_weight)
        return g.softplus(prediction) * (positive - target + 1.0) - prediction * positive


@loss
class cross_entropy(OfClasses):
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
        "softmaxcrossentropywithlogits": "which is given the logits first",
        "sparsesoftmaxcrossentropywithlogits": "which is given the logits first",
        "logloss": _CLASSES,
    }
    shift_free = True  # what is added to all classes falls out of its softmax
    axis: int | None = axis_option()
    class_weight: tuple[float, ...] | None = class_weight_option()
    label_smoothing: float = option(
        "The share of a target that is spread evenly over all classes.", default=0.0, minimum=0, maximum=1
    )
    ignore_index: int = ignore_option()

    def accumulate(self, logits: g.Tensor, target: g.Tensor, weight: g.Tensor | None = None) -> Accumulators:
        axis = self.class_axis % logits.rank
        log_probability = g.log_softmax(logits, axis)
        if target.shape == logits.shape:
            goal = target
            if self.label_smoothing:
                goal = target * (1 - self.label_smoothing) + self.label_smoothing / float(logits.type.shape[axis])
            return weighted_mean(-g.reduce_sum(self.weighed(goal, logits, axis) * log_probability, [axis]), weight)

        index, mask, right = self.counted(logits.element, target, weight, axis)
        total = g.reduce_sum(right * surprise(logits, log_probability, index, axis))
        if self.label_smoothing:
            total = total * (1 - self.label_smoothing)
            even = self.weighed(log_probability, logits, axis)
            share = self.label_smoothing / float(logits.type.shape[axis])
            total = total - g.reduce_sum(mask * g.reduce_sum(even, [axis], keepdims=True)) * share
        return {"sum": total, "weight": g.reduce_sum(right)}


@loss
class nll(OfClasses):
    """The negative log-likelihood: the mean of ``-log_probability`` at the right class.

    It takes logarithms of probabilities, as ``log_softmax`` gives, and is ``cross_entropy`` in all else: classes are on
    axis 1 unless ``axis`` says otherwise, and the target holds class indices, or a probability for each class.
    """

    aliases = {"nllloss": "", "negativeloglikelihood": "whose prediction is in logarithms"}
    axis: int | None = axis_option()
    class_weight: tuple[float, ...] | None = class_weight_option()
    ignore_index: int = ignore_option()

    def takes(self, *operands: TensorType) -> Scale:
        return Scale.LOGARITHM

    def type(self, log_prediction: TensorType, target: TensorType, weight: TensorType | None = None) -> TensorType:
        return super().type(log_prediction, target, weight)

    def log_probability(self, logits: g.Tensor, axis: int) -> g.Tensor:
        return logits

    def at_class(self, logits: g.Tensor, index: g.Tensor, axis: int) -> g.Tensor:
        return g.gather_elements(logits, index, axis)


GAMMA = "By which power of the probability that was missing examples count: 0 is cross entropy."


@loss
class focal(OfClasses):
    """Cross entropy that looks at what is hard: the mean of ``-(1 - p) ** gamma * log(p)``, p that of the right class.

    Logits and targets are those of ``cross_entropy``. Of two classes with one logit it is ``binary_focal``.
    Lin et al., Focal Loss for Dense Object Detection, 2017.
    """

    aliases = {
        "focalloss": "",
        "categoricalfocalcrossentropy": "which takes logits, and class_weight in place of alpha",
        "focalcrossentropy": "",
    }
    shift_free = True
    gamma: float = option(GAMMA, default=2.0, minimum=0)
    axis: int | None = axis_option()
    class_weight: tuple[float, ...] | None = class_weight_option()
    ignore_index: int = ignore_option()

    def cost(self, log_probability: g.Tensor) -> g.Tensor:
        return -log_probability * _power(1.0 - g.exp(log_probability), self.gamma)


@loss
class binary_focal(BinaryLoss):
    """Cross entropy of two classes that looks at what is hard: the mean of ``-a * (1 - p) ** gamma * log(p)``.

    ``p`` is the probability of what the target says, and ``a`` is ``alpha`` where that is 1, ``1 - alpha`` where it is
    0. It takes logits (torchvision's ``sigmoid_focal_loss``), and targets from 0 to 1.
    Lin et al., Focal Loss for Dense Object Detection, 2017.
    """

    aliases = {
        "sigmoidfocalloss": "",
        "binaryfocalcrossentropy": "which takes logits, and alpha = none for no weights of the two classes",
        "binaryfocalloss": "",
    }
    gamma: float = option(GAMMA, default=2.0, minimum=0)
    alpha: float | None = option(
        "How much targets of 1 count, those of 0 counting 1 - alpha; none: all alike.", default=0.25, minimum=0,
        maximum=1,
    )  # fmt: skip

    def value(self, prediction: g.Tensor, target: g.Tensor) -> g.Tensor:
        probability = g.sigmoid(prediction)
        missing = probability + target - probability * target * 2.0
        values = (g.softplus(prediction) - prediction * target) * _power(missing, self.gamma)
        return values if self.alpha is None else values * (target * (2 * self.alpha - 1) + (1 - self.alpha))


def _power(share: g.Tensor, exponent: float) -> g.Tensor:
    """Raise numbers from 0 to 1 to a power; where that has an infinite slope at 0, the slope there is 0."""
    if exponent == 1:
        return share
    return (g.maximum(share, 1e-30) if exponent < 1 else share) ** exponent

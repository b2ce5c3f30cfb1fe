"""Losses of distributions over classes."""

from __future__ import annotations

from dslc import graph as g
from dslc.library.losses.mean import Mean, match_shapes, match_weight, weighted_mean
from dslc.library.losses.targets import axis_option, class_axis
from dslc.library.operation import Scale, option
from dslc.library.statistic import Accumulators, loss
from dslc.types import TensorType


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
class distillation(Mean):
    """How far logits are from a teacher's: the divergence of the softmax of both over a temperature, times its square.

    The mean over positions of ``temperature ** 2 * sum(p * (log(p) - log(q)))`` with
    ``p = softmax(teacher / temperature)`` and ``q = softmax(logits / temperature)``. A teacher that is to stay as it is
    is frozen, or given as ``detach(teacher)``.
    Hinton, Vinyals and Dean, Distilling the Knowledge in a Neural Network, 2015.
    """

    aliases = {"knowledgedistillation": "", "distillationloss": "", "kdloss": ""}
    shift_free = True
    temperature: float = option("How flat both are made.", default=2.0, above=0)
    axis: int | None = axis_option()

    def takes(self, *operands: TensorType) -> Scale:
        return Scale.LOGIT

    def type(self, logits: TensorType, teacher: TensorType, weight: TensorType | None = None) -> TensorType:
        match_shapes(self.name, logits, teacher)
        axis = class_axis(self.name, logits, self.class_axis)
        match_weight(self.name, weight, (*logits.shape[:axis], *logits.shape[axis + 1 :]), logits.element)
        return TensorType(logits.element)

    @property
    def class_axis(self) -> int:
        """Where the classes are."""
        return 1 if self.axis is None else self.axis

    def accumulate(self, logits: g.Tensor, teacher: g.Tensor, weight: g.Tensor | None = None) -> Accumulators:
        axis = self.class_axis % logits.rank
        student, goal = (g.log_softmax(x * (1 / self.temperature), axis) for x in (logits, teacher))
        divergence = g.reduce_sum(g.exp(goal) * (goal - student), [axis])
        return weighted_mean(divergence * self.temperature**2, weight)

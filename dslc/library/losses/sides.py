"""Losses of two sides, -1 and 1."""

from __future__ import annotations

from collections.abc import Sequence

from dslc import graph as g
from dslc.library.losses.mean import ElementwiseLoss, Mean, match_shapes, match_weight, weighted_mean
from dslc.library.operation import IndexUse, Scale, option
from dslc.library.statistic import Accumulators, loss
from dslc.types import TensorType

SIGNS = "takes targets of -1 and 1"


def lacking(x: g.Tensor) -> g.Tensor:
    """Return x where it is above 0, and 0 elsewhere; at 0 it has a slope, as PyTorch's, where equal scores begin."""
    return g.clip(x, 0.0, None)


class Sided(ElementwiseLoss):
    """The mean over elements of what a score costs, given the side, -1 or 1, that it should be on."""

    def indexes(self, *operands: TensorType) -> Sequence[IndexUse]:
        return [IndexUse(1, 2, SIGNS, looks_up=False, signs=True)]


@loss
class hinge(Sided):
    """The mean of ``max(1 - target * score, 0)``, of targets -1 and 1: of zeros and ones it is ``2 * y - 1``.

    Cortes and Vapnik, Support-Vector Networks, 1995.
    """

    aliases = {"hingeloss": "whose targets are -1 and 1"}

    def value(self, score: g.Tensor, target: g.Tensor) -> g.Tensor:
        return g.relu(1.0 - target * score)


@loss
class squared_hinge(Sided):
    """The mean of ``max(1 - target * score, 0) ** 2``, of targets -1 and 1."""

    aliases = {"squaredhinge": ""}

    def value(self, score: g.Tensor, target: g.Tensor) -> g.Tensor:
        missing = g.relu(1.0 - target * score)
        return missing * missing


@loss
class soft_margin(Sided):
    """The mean of ``log(1 + exp(-target * score))``, of targets -1 and 1: the likelihood of two classes."""

    aliases = {"softmarginloss": ""}

    def takes(self, *operands: TensorType) -> Scale:
        return Scale.LOGIT

    def value(self, score: g.Tensor, target: g.Tensor) -> g.Tensor:
        return g.softplus(-(target * score))


@loss
class hinge_embedding(Sided):
    """What distances cost: themselves where the target is 1, ``max(margin - distance, 0)`` where it is -1."""

    aliases = {"hingeembeddingloss": ""}
    margin: float = option("How far apart is far enough.", default=1.0)

    def value(self, distance: g.Tensor, target: g.Tensor) -> g.Tensor:
        return g.where(g.greater(target, 0.0), distance, lacking(self.margin - distance))


@loss
class wasserstein(Sided):
    """The mean of ``-target * score``, of targets -1 and 1: a critic's terms of the Wasserstein distance.

    A critic is given 1 for what is real and -1 for what a generator made, and the generator 1 for what it made.
    Arjovsky, Chintala and Bottou, Wasserstein GAN, 2017.
    """

    aliases = {"wassersteinloss": "", "criticloss": ""}

    def value(self, score: g.Tensor, target: g.Tensor) -> g.Tensor:
        return -(target * score)


@loss
class margin_ranking(Mean):
    """The mean of ``max(margin - target * (first - second), 0)``: the first is to be greater where the target is 1.

    Where it is -1, the second is to be.
    """

    aliases = {"marginrankingloss": ""}
    margin: float = option("By how much.", default=0.0)

    def type(
        self, first: TensorType, second: TensorType, target: TensorType, weight: TensorType | None = None
    ) -> TensorType:
        match_shapes(self.name, first, second)
        match_shapes(self.name, first, target)
        match_weight(self.name, weight, target.shape, first.element)
        return TensorType(first.element)

    def indexes(self, *operands: TensorType) -> Sequence[IndexUse]:
        return [IndexUse(2, 2, SIGNS, looks_up=False, signs=True)]

    def accumulate(
        self, first: g.Tensor, second: g.Tensor, target: g.Tensor, weight: g.Tensor | None = None
    ) -> Accumulators:
        return weighted_mean(lacking(target * (second - first) + self.margin), weight)

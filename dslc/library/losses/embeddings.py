"""Losses of embeddings: how near they lie to one another, and to the centers of their classes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

from dslc import graph as g
from dslc.errors import losses as errors
from dslc.library.checks import need_rank
from dslc.library.losses.mean import Mean, match_shapes, match_weight, weighted_mean
from dslc.library.losses.sides import SIGNS, lacking
from dslc.library.losses.targets import TWO_CLASSES, surprise
from dslc.library.operation import IndexUse, option
from dslc.library.statistic import Accumulators, loss
from dslc.types import INT64, TensorType, shape_text

_SMALL = 9.999999960041972e-13  # 1e-12 in single precision, as PyTorch adds it
_EPS = "Added to each difference, so that a distance of 0 has a slope."


def unit(x: g.Tensor) -> g.Tensor:
    """Return vectors along the last axis with length 1; those of length 0 stay."""
    return x / g.sqrt(g.maximum(g.reduce_sum(x * x, [-1], keepdims=True), 1e-24))


def distance(first: g.Tensor, second: g.Tensor, p: float, eps: float) -> g.Tensor:
    """Return the p-norm of differences along the last axis, as PyTorch's ``pairwise_distance``."""
    apart = first - second + eps
    if p == 2:
        return g.sqrt(g.reduce_sum(apart * apart, [-1]))
    powers = g.absolute(apart)
    return g.reduce_sum(powers, [-1]) if p == 1 else g.reduce_sum(powers**p, [-1]) ** (1 / p)


# --- pairs and triples -----------------------------------------------------------------------------------


class OfPairs(Mean):
    """The mean over pairs of embeddings [N, D] of what they cost, given the target [N] that says whether they match."""

    spreads: ClassVar[tuple[int, ...]] = ()

    def type(
        self, first: TensorType, second: TensorType, target: TensorType, weight: TensorType | None = None
    ) -> TensorType:
        match_shapes(self.name, first, second)
        need_rank(self.name, first, 2, axes="examples first and features last")
        match_shapes(self.name, first.with_shape(first.shape[:-1]), target)
        match_weight(self.name, weight, target.shape, first.element)
        return TensorType(first.element)


@loss
class cosine_embedding(OfPairs):
    """How far pairs of embeddings [N, D] are from pointing the same way, or apart.

    The mean of ``1 - cosine`` where the target [N] is 1, and of ``max(cosine - margin, 0)`` where it is -1.
    """

    aliases = {"cosineembeddingloss": "", "cosinesimilarity": "which takes a target of -1 and 1 as well"}
    margin: float = option("The cosine up to which those apart cost nothing.", default=0.0, minimum=-1, maximum=1)

    def indexes(self, *operands: TensorType) -> Sequence[IndexUse]:
        return [IndexUse(2, 2, SIGNS, looks_up=False, signs=True)]

    def accumulate(
        self, first: g.Tensor, second: g.Tensor, target: g.Tensor, weight: g.Tensor | None = None
    ) -> Accumulators:
        squares = [g.reduce_sum(x * x, [-1]) + _SMALL for x in (first, second)]
        cosine = g.reduce_sum(first * second, [-1]) / g.sqrt(squares[0] * squares[1])
        values = g.where(g.greater(target, 0.0), 1.0 - cosine, lacking(cosine - self.margin))
        return weighted_mean(values, weight)


@loss
class contrastive(OfPairs):
    """Half the squared distance of pairs of embeddings [N, D] that match, and half the square of what the others lack.

    The mean of ``distance ** 2 / 2`` where the target [N] is 1, and of ``max(margin - distance, 0) ** 2 / 2`` where it
    is 0. Hadsell, Chopra and LeCun, Dimensionality Reduction by Learning an Invariant Mapping, 2006 (whose targets are
    the other way round).
    """

    aliases = {"contrastiveloss": "of embeddings, with 1 for those that match"}
    margin: float = option("How far apart is far enough.", default=1.0, above=0)
    eps: float = option(_EPS, default=1e-6, minimum=0)

    def indexes(self, *operands: TensorType) -> Sequence[IndexUse]:
        return [IndexUse(2, 2, TWO_CLASSES, looks_up=False)]

    def accumulate(
        self, first: g.Tensor, second: g.Tensor, target: g.Tensor, weight: g.Tensor | None = None
    ) -> Accumulators:
        apart = distance(first, second, 2, self.eps)
        missing = g.relu(self.margin - apart)
        return weighted_mean((target * apart * apart + (1.0 - target) * missing * missing) * 0.5, weight)


@loss
class triplet(Mean):
    """By how much anchors [N, D] are not nearer to what matches them than to what does not, averaged.

    The mean of ``max(distance(anchor, positive) - distance(anchor, negative) + margin, 0)``. With a distance of your
    own that is ``mean(relu(own(a, p) - own(a, n) + margin))``.
    Schroff, Kalenichenko and Philbin, FaceNet, 2015; ``swap`` is from Balntas et al., Learning Local Feature
    Descriptors with Triplets and Shallow Convolutional Neural Networks, 2016.
    """

    aliases = {
        "tripletmarginloss": "",
        "tripletmarginwithdistanceloss": "whose distance is one of several",
        "tripletloss": "",
    }
    spreads = ()
    margin: float = option("By how much.", default=1.0)
    distance: str = option(
        "Of two embeddings: the p-norm of their difference, its square for p = 2, or 1 - cosine.", default="norm",
        choices=("cosine", "norm", "squared"),
    )  # fmt: skip
    p: float = option("The norm.", default=2.0, minimum=1)
    eps: float = option(_EPS, default=1e-6, minimum=0)
    swap: bool = option(
        "Is a negative that is nearer to the positive than to the anchor as near as that?", default=False
    )

    def type(
        self, anchor: TensorType, positive: TensorType, negative: TensorType, weight: TensorType | None = None
    ) -> TensorType:
        for other in (positive, negative):
            match_shapes(self.name, anchor, other)
        need_rank(self.name, anchor, 2, axes="examples first and features last")
        match_weight(self.name, weight, anchor.shape[:-1], anchor.element)
        if self.distance != "norm" and self.p != 2:
            raise errors.CONTRADICTION(f"'{self.name}' with distance = \"{self.distance}\" takes no p")
        return TensorType(anchor.element)

    def between(self, first: g.Tensor, second: g.Tensor) -> g.Tensor:
        """Return the distance of two embeddings."""
        if self.distance == "cosine":
            return 1.0 - g.reduce_sum(unit(first) * unit(second), [-1])
        if self.distance == "squared":
            apart = first - second
            return g.reduce_sum(apart * apart, [-1])
        return distance(first, second, self.p, self.eps)

    def accumulate(
        self, anchor: g.Tensor, positive: g.Tensor, negative: g.Tensor, weight: g.Tensor | None = None
    ) -> Accumulators:
        far = self.between(anchor, negative)
        if self.swap:
            far = g.minimum(far, self.between(positive, negative))
        return weighted_mean(lacking(self.between(anchor, positive) - far + self.margin), weight)


# --- classes ---------------------------------------------------------------------------------------------


class OfCenters(Mean):
    """The mean over embeddings [N, D] of how they lie to a table [K, D] that is learned, given their classes [N]."""

    spreads: ClassVar[tuple[int, ...]] = ()

    def type(
        self, embedding: TensorType, target: TensorType, centers: TensorType, weight: TensorType | None = None
    ) -> TensorType:
        need_rank(self.name, embedding, 2, axes="examples first and features last")
        if centers.rank != 2 or centers.shape[-1] != embedding.shape[-1]:
            raise errors.SHAPES_DIFFER(
                f"'{self.name}' is given embeddings {embedding} and centers {centers}",
                hint=f"centers are a row for each class: [K, {embedding.shape[-1]}]",
            )
        match_shapes(self.name, embedding, centers.with_shape(embedding.shape))
        if target.shape != embedding.shape[:-1] or not target.element.is_integer:
            raise errors.CLASS_INDICES(
                f"'{self.name}' is given embeddings {embedding}, so class indices have the shape "
                f"{shape_text(embedding.shape[:-1])}, and the target is {target}"
            )
        match_weight(self.name, weight, target.shape, embedding.element)
        return TensorType(embedding.element)

    def indexes(
        self, embedding: TensorType, target: TensorType, centers: TensorType, weight: TensorType | None = None
    ) -> Sequence[IndexUse]:
        return [IndexUse(1, centers.shape[0], f"has {centers.shape[0]} centers")]


@loss
class center(OfCenters):
    """Half the squared distance of embeddings [N, D] from the center of their class, a row of ``centers``, averaged.

    Centers are learned as well: a parameter of the model, ``parameter table: float32[10, 64] = zeros``, that is one of
    its outputs, ``output centers = table``. It pulls classes together, and does not keep them apart: add it to another
    loss. Wen et al., A Discriminative Feature Learning Approach for Deep Face Recognition, 2016.
    """

    aliases = {"centerloss": "which is given the centers"}

    def accumulate(
        self, embedding: g.Tensor, target: g.Tensor, centers: g.Tensor, weight: g.Tensor | None = None
    ) -> Accumulators:
        apart = embedding - g.gather(centers, g.cast(target, INT64))
        return weighted_mean(g.reduce_sum(apart * apart, [-1]) * 0.5, weight)


@loss
class arcface(OfCenters):
    """Cross entropy of the angles of embeddings [N, D] to the centers of all classes, that to their own made harder.

    Logits are ``radius * cos(angle)``, with ``margin`` added to the angle to the right class. Centers [K, D] are
    learned as well: a parameter of the model, ``parameter table: float32[10, 64] = glorot_uniform``, that is one of
    its outputs, ``output centers = table``. Embeddings and centers count by their directions alone.
    Deng et al., ArcFace: Additive Angular Margin Loss for Deep Face Recognition, 2019.
    """

    aliases = {"arcfaceloss": "which is given the centers", "additiveangularmarginloss": "which is given the centers"}
    radius: float = option("What the cosines are multiplied with.", default=64.0, above=0)
    margin: float = option("The angle that is added, in radians.", default=0.5, minimum=0, below=math.pi)

    def accumulate(
        self, embedding: g.Tensor, target: g.Tensor, centers: g.Tensor, weight: g.Tensor | None = None
    ) -> Accumulators:
        cosine = unit(embedding) @ unit(centers).mT
        index = g.unsqueeze(g.cast(target, INT64), [-1])
        own = g.gather_elements(cosine, index, -1)
        sine = g.sqrt(g.maximum(1.0 - own * own, 1e-12))
        # behind an angle of pi the cosine would rise again: there it goes on falling along a line
        turned = own * math.cos(self.margin) - sine * math.sin(self.margin)
        beyond = own - self.margin * math.sin(self.margin)
        harder = g.where(g.greater(own, math.cos(math.pi - self.margin)), turned, beyond)
        logits = g.scatter_elements_add(cosine, index, harder - own, -1) * self.radius
        cost = surprise(logits, g.log_softmax(logits), index, logits.rank - 1)
        return weighted_mean(g.squeeze(cost, [-1]), weight)

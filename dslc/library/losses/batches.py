"""Losses that compare each example with the others of its batch.

Their value over a split is the mean over its batches, each counting by its examples, and hangs on how many these are:
they can be minimized, and are no metrics.
"""

from __future__ import annotations

from typing import ClassVar

from dslc import graph as g
from dslc.errors import losses as errors
from dslc.library.checks import need_float, need_rank
from dslc.library.losses.embeddings import unit
from dslc.library.losses.mean import Mean, match_shapes, match_weight, weighted_mean
from dslc.library.losses.targets import log_sum_exp
from dslc.library.operation import option
from dslc.library.statistic import Accumulators, loss
from dslc.types import TensorType, shape_text


@loss
class info_nce(Mean):
    """Cross entropy of which key belongs to a query [N, D], by their cosines over a temperature; the mean over queries.

    Keys [N, D] are those of the queries, and each query has the other ones of its batch as negatives: such a loss is a
    mean over batches, and no metric. Keys [N, K, D] are K for each query by itself, the first of which is its own.
    Van den Oord, Li and Vinyals, Representation Learning with Contrastive Predictive Coding, 2018.
    """

    aliases = {
        "infonceloss": "",
        "ntxent": "of two views, with symmetric = true",
        "ntxentloss": "of two views, with symmetric = true",
        "cliploss": "with symmetric = true",
    }
    spreads: ClassVar[tuple[int, ...]] = ()
    temperature: float = option("What cosines are divided by.", default=0.1, above=0)
    normalize: bool = option("Are queries and keys taken at length 1? Else their products count.", default=True)
    symmetric: bool = option("Take the mean with the same of queries for each key, as CLIP does?", default=False)

    def type(self, query: TensorType, key: TensorType, weight: TensorType | None = None) -> TensorType:
        need_rank(self.name, query, 2, 2, axes="examples and features")
        own = key.shape[1:-1] if key.rank == 3 else ()
        if key.shape != (query.shape[0], *own, query.shape[1]):
            raise errors.SHAPES_DIFFER(
                f"'{self.name}' is given queries {query} and keys {key}",
                hint=f"keys are {shape_text(query.shape)}, or have an axis of several for each query in between",
            )
        match_shapes(self.name, query, key.with_shape(query.shape))
        if own and self.symmetric:
            raise errors.CONTRADICTION(f"'{self.name}' with symmetric = true is of one key for each query, [N, D]")
        match_weight(self.name, weight, query.shape[:1], query.element)
        return TensorType(query.element)

    def compares(self, query: TensorType, key: TensorType, weight: TensorType | None = None) -> bool:
        return key.rank == query.rank

    def accumulate(self, query: g.Tensor, key: g.Tensor, weight: g.Tensor | None = None) -> Accumulators:
        if self.normalize:
            query, key = unit(query), unit(key)
        query = query * (1 / self.temperature)
        if key.rank == 3:
            logits = g.squeeze(key @ g.unsqueeze(query, [2]), [2])
            own = g.squeeze(g.slice_(logits, [0], [1], [1], [1]), [1])
            return weighted_mean(log_sum_exp(logits, 1) - own, weight)
        logits = query @ key.mT
        over = log_sum_exp(logits, 1)
        if self.symmetric:
            over = (over + log_sum_exp(logits, 0)) * 0.5
        return weighted_mean(over - g.reduce_sum(query * key, [1]), weight)


@loss
class circle(Mean):
    """Embeddings [N, D] of a class [N] are to be alike, and those of others not, what is far off counting most.

    The mean over the examples of a batch of ``log(1 + sum(exp(n)) * sum(exp(p)))``. Over all others of its class, whose
    cosine is s, ``p = gamma * relu(1 + margin - s) * (1 - margin - s)``, over all of other classes
    ``n = gamma * relu(s + margin) * (s - margin)``, the first factors taken for constants. An example that is the only
    one of its class, or in a batch of one class, adds 0. The target is any whole number.
    Sun et al., Circle Loss: A Unified Perspective of Pair Similarity Optimization, 2020.
    """

    aliases = {"circleloss": ""}
    spreads: ClassVar[tuple[int, ...]] = ()
    margin: float = option("How near to 1 and to 0 cosines are to come.", default=0.25)
    gamma: float = option("How sharply the sums are a maximum.", default=256.0, above=0)

    def type(self, embedding: TensorType, target: TensorType, weight: TensorType | None = None) -> TensorType:
        need_float(self.name, embedding)
        need_rank(self.name, embedding, 2, 2, axes="examples and features")
        if target.shape != embedding.shape[:1] or not target.element.is_integer:
            raise errors.CLASS_INDICES(
                f"'{self.name}' is given embeddings {embedding}, so classes are whole numbers of the shape "
                f"{shape_text(embedding.shape[:1])}, and the target is {target}"
            )
        match_weight(self.name, weight, target.shape, embedding.element)
        return TensorType(embedding.element)

    def compares(self, *operands: TensorType) -> bool:
        return True

    def accumulate(self, embedding: g.Tensor, target: g.Tensor, weight: g.Tensor | None = None) -> Accumulators:
        direction = unit(embedding)
        cosine = direction @ direction.mT
        alike = g.equal(g.unsqueeze(target, [1]), g.unsqueeze(target, [0]))
        place = g.cumulative_sum(g.full(embedding, 1.0, embedding.type.with_shape(target.shape)), 0)
        others = g.logical_not(g.equal(g.unsqueeze(place, [1]), g.unsqueeze(place, [0])))
        near = g.detach(g.relu(1.0 + self.margin - cosine)) * (1.0 - self.margin - cosine)
        far = g.detach(g.relu(cosine + self.margin)) * (cosine - self.margin)
        pull = log_sum_exp(_only(g.logical_and(alike, others), near * self.gamma), 1)
        push = log_sum_exp(_only(g.logical_not(alike), far * self.gamma), 1)
        return weighted_mean(g.softplus(pull + push), weight)


def _only(chosen: g.Tensor, x: g.Tensor) -> g.Tensor:
    """Return x where it is chosen, and elsewhere a number whose exponential is 0."""
    return g.where(chosen, x, -1e30)

"""Attention, and the bias by distance that it may be given."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from dslc import graph as g
from dslc.dimensions import symbols_of
from dslc.errors.types import BROADCAST
from dslc.library.checks import (
    agree,
    axis_of,
    broadcast_shapes,
    decide,
    divides,
    need_float,
    need_rank,
    same_elements,
)
from dslc.library.functions.elements import arange
from dslc.library.operation import Context, Function, function, option
from dslc.types import BOOL, FLOAT32, BroadcastError, Dimension, Shape, TensorType, broadcast, shape_text


def grouped(q: TensorType, k: TensorType) -> bool:
    """Return whether several heads of queries (the third axis from the end) share one of keys."""
    return q.rank > 2 and k.rank > 2 and q.shape[-3] not in (1, k.shape[-3])


def weights_type(word: str, q: TensorType, k: TensorType, v: TensorType, mask: TensorType | None) -> TensorType:
    """Return the type of the weights of the values for each query, [..., L, S]; refuse what does not fit."""
    need_float(word, q)
    same_elements(word, q, k, v)
    for operand in (q, k, v):
        need_rank(word, operand, 2, axes="[..., T, C]")
    agree(word, q.shape[-1], k.shape[-1], "the sizes of the last axis of queries and keys")
    agree(word, k.shape[-2], v.shape[-2], "the numbers of keys and values")
    keys = k
    if grouped(q, k):
        agree(word, k.shape[-3], v.shape[-3] if v.rank > 2 else 1, "the heads of keys and values")
        divides(word, k.shape[-3], q.shape[-3], "the heads of the queries")
        keys, v = (t.with_shape((*t.shape[:-3], q.shape[-3], *t.shape[-2:])) for t in (k, v))
    batch = broadcast_shapes(word, *(t.with_shape(t.shape[:-2]) for t in (q, keys, v)))
    scores = q.with_shape((*batch, q.shape[-2], k.shape[-2]))
    if mask is not None:
        if mask.element is not BOOL:
            same_elements(f"{word} with a mask", q, mask)
        _need_broadcast(word, mask, scores)
    return scores


def _need_broadcast(word: str, mask: TensorType, scores: TensorType) -> None:
    try:
        fits = broadcast(scores.shape, mask.shape) == scores.shape
    except BroadcastError:
        fits = False
    if not fits:
        of_keys = mask.rank == 2 and (mask.shape[0], mask.shape[1]) == (scores.shape[0], scores.shape[-1])
        axes = ", none" * (scores.rank - mask.rank)
        raise BROADCAST(
            f"{word}: a mask {shape_text(mask.shape)} does not broadcast to the scores, {shape_text(scores.shape)}",
            hint=f"a mask of keys has axes for the others: `mask[:{axes}]`" if of_keys and axes else None,
        )


def apart(symbol: str, queries: TensorType, others: Sequence[TensorType]) -> bool:
    """Return whether the entries of axes whose size has a symbol are those of a batch, in the same place of each."""
    places = {
        axis - operand.rank
        for operand in (queries, *others)
        for axis, size in enumerate(operand.shape)
        if symbol in symbols_of(size)
    }
    return len(places) < 2 and all(place < -2 for place in places)


def attend(
    context: Context, q: g.Tensor, k: g.Tensor, v: g.Tensor, mask: g.Tensor | None, *,
    causal: bool, dropout: float, scale: float | None,
) -> g.Tensor:  # fmt: skip
    """Return the values' means for each query; of one that may look at nothing, zeros."""
    scores_shape = weights_type("attention", q.type, k.type, v.type, None if mask is None else mask.type).shape
    if scale is None:
        scale = 1 / math.sqrt(decide("attention", q.shape[-1], "the size of the last axis"))
    rows: Shape = q.shape[:-1]
    shared = grouped(q.type, k.type)
    if shared:  # the heads that share keys are further queries of one: a single product for all
        together = q.shape[-3] // k.shape[-3] * q.shape[-2]
        q = g.reshape(q, (*q.shape[:-3], k.shape[-3], together, q.shape[-1]))
    scores = (q @ k.mT) * scale
    bias, alive = _bias(context, mask, scores_shape if causal else None, q)
    if bias is not None:
        merged = scores.shape
        scores = g.reshape(scores, scores_shape) if shared else scores
        weights = g.softmax(scores + bias)
        weights = g.reshape(weights, merged) if shared else weights
    else:
        weights = g.softmax(scores)
    if dropout:
        weights = context.dropped(weights, dropout)
    result = weights @ v
    result = g.reshape(result, (*scores_shape[:-2], *rows[-1:], v.shape[-1])) if shared else result
    return result if alive is None else result * alive


def _bias(
    context: Context, mask: g.Tensor | None, causal: Shape | None, like: g.Tensor
) -> tuple[g.Tensor | None, g.Tensor | None]:
    """Return what is added to the scores, and 1 for each query that may look at something, 0 for others.

    No score is made infinite, or rows without any other were no numbers.
    """
    lowest = float(np.finfo(like.element.value).min) / 2
    seen = mask if mask is not None and mask.element is BOOL else None
    if causal is not None:
        queries, keys = (g.cast(arange(context.builder, size), like.element) for size in causal[-2:])
        before = g.greater_equal(g.unsqueeze(queries, [-1]), keys)
        seen = before if seen is None else g.logical_and(seen, before)
    if mask is None or mask.element is BOOL:
        if seen is None:
            return None, None
        bias = g.cast(g.logical_not(seen), like.element) * lowest
        alive = None if mask is None else g.reduce_max(g.cast(seen, like.element), [-1], keepdims=True)
        return bias, alive
    bias = mask if seen is None else g.where(seen, mask, -math.inf)
    most = g.detach(g.reduce_max(bias, [-1], keepdims=True))
    return g.clip(bias, lowest, None), g.cast(g.greater(most, -math.inf), like.element)


@function
class attention(Function):
    """softmax(q @ transpose(k) * scale) @ v: for each query the mean of the values, by how well their keys fit it.

    q is [..., L, E], k [..., S, E] and v [..., S, V]; the result is [..., L, V]. Leading axes, batch and heads,
    broadcast. Where q has more heads (axis -3) than k and v, as many neighbouring ones share theirs.

    A mask broadcasts to [..., L, S]: of booleans, keys count where it is true; numbers are added to the scores. A query
    that may look at no key gets zeros.

    Vaswani et al., Attention Is All You Need, 2017; Ainslie et al., GQA, 2023.
    """

    aliases = {"scaleddotproductattention": ""}
    random = True
    causal: bool = option("Does a query see no keys behind its own position?", default=False)
    dropout: float = option(
        "Probability that a weight becomes zero in training; the others are scaled by 1 / (1 - dropout).",
        default=0.0, minimum=0, below=1,
    )  # fmt: skip
    scale: float | None = option("Factor of the scores; none for 1 / sqrt(E).", default=None)

    def type(self, q: TensorType, k: TensorType, v: TensorType, mask: TensorType | None = None) -> TensorType:
        scores = weights_type(self.name, q, k, v, mask)
        if self.scale is None:
            decide(self.name, q.shape[-1], "the size of the last axis")
        return scores.with_last(v.shape[-1])

    def keeps_apart(self, operands: Sequence[TensorType], symbol: str) -> bool:
        return apart(symbol, operands[0], operands[1:])

    def draws(self, training: bool) -> bool:
        return training and self.dropout > 0

    def emit(self, context: Context, q: g.Tensor, k: g.Tensor, v: g.Tensor, mask: g.Tensor | None = None) -> g.Tensor:
        dropout = self.dropout if self.draws(context.training) else 0.0
        return attend(context, q, k, v, mask, causal=self.causal, dropout=dropout, scale=self.scale)

    def multiply_adds(self, q: TensorType, k: TensorType, v: TensorType, mask: TensorType | None = None) -> Dimension:
        return weights_type(self.name, q, k, v, mask).count * (q.shape[-1] + v.shape[-1])


@function
class alibi(Function):
    """A mask for attention that makes keys count less with their distance, in place of encoded positions.

    For sequences along an axis of x it is [heads, T, T]: minus the distance of two positions times the slope of a
    head. Slopes are powers of 2 ** (-8 / heads), and for numbers of heads that are no power of two those of the next
    smaller one, and then every other one of the next greater.

    Press et al., Train Short, Test Long, 2022.
    """

    local = True
    differentiable = False
    of_shapes = True
    heads: int = option("How many heads there are.", minimum=1)
    axis: int = option("The axis of x that positions lie along.", default=1)

    def type(self, x: TensorType) -> TensorType:
        size = x.shape[axis_of(self.name, self.axis, x.rank)]
        return TensorType(x.element if x.element.is_float else FLOAT32, (self.heads, size, size))

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        type = self.type(x.type)
        place = g.cast(arange(context.builder, type.shape[1]), type.element)
        distance = g.absolute(g.unsqueeze(place, [-1]) - place)
        return distance * context.builder.constant(-_slopes(self.heads)[:, None, None], type.element)


def _slopes(heads: int) -> np.ndarray:
    whole = 2 ** int(math.log2(heads))
    slopes = 2.0 ** (-8 / whole * np.arange(1, whole + 1))
    between = 2.0 ** (-4 / whole * np.arange(1, 2 * whole + 1, 2))
    return np.concatenate([slopes, between])[:heads]

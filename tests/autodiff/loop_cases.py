"""Loops to differentiate: rounds of all kinds, along the first axis of what they are given, forward and backward."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from dslc import graph as g
from dslc.graph import Tensor
from dslc.types import INT64, Dimension
from tests.autodiff.cases import Case, Draw, H, N, coin, index

Given = tuple[Sequence[Tensor], Sequence[Tensor]]


def lstm(x: Tensor, h: Tensor, c: Tensor, w: Tensor, u: Tensor, b: Tensor, *, reverse: bool = False) -> list[Tensor]:
    def step(h: Tensor, c: Tensor, x: Tensor) -> Given:
        gates = x @ w + h @ u + b
        units = int(u.shape[0])
        i, f, new, o = g.split(gates, [units] * 4, 1)
        c = g.sigmoid(f) * c + g.sigmoid(i) * g.tanh(new)
        h = g.sigmoid(o) * g.tanh(c)
        return [h, c], [h]

    last, stacks = g.scan(step, [h, c], [x], reverse=reverse)
    return [*last, *stacks]


def gru(x: Tensor, h: Tensor, w: Tensor, u: Tensor, b: Tensor) -> list[Tensor]:
    """Its weights are taken in PyTorch's layout, so that what is the same in all rounds are their transposes."""

    def step(h: Tensor, x: Tensor) -> Given:
        units = int(u.shape[1])
        ours, own = x @ w.mT, h @ u.mT + b
        (xr, xz, xn), (hr, hz, hn) = g.split(ours, [units] * 3, 1), g.split(own, [units] * 3, 1)
        z = g.sigmoid(xz + hz)
        new = g.tanh(xn + g.sigmoid(xr + hr) * hn)
        h = (1.0 - z) * new + z * h
        return [h], [h, z]

    last, stacks = g.scan(step, [h], [x])
    return [*last, *stacks]


def attention(memory: Tensor, x: Tensor, s: Tensor, w: Tensor) -> list[Tensor]:
    """A weight that is used twice; keys that are the same in all rounds; what only leaves."""

    def step(s: Tensor, x: Tensor) -> Given:
        keys = memory @ w
        scores = g.einsum("nd,nmd->nm", s @ w, keys)
        share = g.softmax(scores)
        read = g.einsum("nm,nmd->nd", share, memory)
        return [g.tanh(read + x)], [g.log_softmax(scores), read @ w]

    last, stacks = g.scan(step, [s], [x])
    return [*last, *stacks]


def counted(x: Tensor, h: Tensor, keep: Tensor, where: Tensor, *, reverse: bool = False) -> list[Tensor]:
    """A state of integers, one that is passed on, one that nothing needs, slices without a gradient."""

    def step(h: Tensor, seen: Tensor, still: Tensor, idle: Tensor, x: Tensor, keep: Tensor, at: Tensor) -> Given:
        share = g.reduce_sum(g.cast(g.modulo(seen, seen.builder.constant(3, INT64)), x.element)) * 0.5
        h = g.where(keep, g.tanh(h * still + x * share), h)
        picked = g.reduce_sum(g.gather(x, at, 1), [1])
        return [h, seen + at, still, g.floor(idle + x)], [picked, h * h]

    zero = x.builder.constant([0, 1], INT64)
    last, stacks = g.scan(step, [h, zero, h * 2.0, h], [x, keep, where], reverse=reverse)
    return [last[0], last[2], *stacks]


def chosen(x: Tensor, h: Tensor, w: Tensor) -> list[Tensor]:
    """A choice in each round, by the state, of what reads the round and what lies outside."""

    def step(h: Tensor, x: Tensor) -> Given:
        both = h @ w

        def then() -> list[Tensor]:
            y = g.softplus(both + x)
            return [y * g.tanh(y)]

        (h,) = g.branch(g.greater(g.reduce_sum(h * x), 0.0), then, lambda: [both - x])
        return [g.tanh(h)], [h]

    last, stacks = g.scan(step, [h], [x])
    return [*last, *stacks]


def nested(x: Tensor, h: Tensor, w: Tensor) -> list[Tensor]:
    """A loop in a loop, the inner one backward; both take the weight."""

    def outer(h: Tensor, rows: Tensor) -> Given:
        def inner(s: Tensor, row: Tensor) -> Given:
            s = g.tanh(s @ w + row * h)
            return [s], [s * row]

        (s,), (seen,) = g.scan(inner, [h], [rows], reverse=True)
        return [h + g.sin(s @ w)], [g.reduce_sum(seen, [0])]

    last, stacks = g.scan(outer, [h], [x])
    return [*last, *stacks]


def sums(x: Tensor, y: Tensor) -> list[Tensor]:
    """Without a state; two things scanned, one of them twice."""
    return list(g.scan(lambda a, b, again: ([], [a * b, g.sin(again) * 2.0]), [], [x, y, x])[1])


def looped(x: Tensor, w: Tensor, count: Tensor) -> list[Tensor]:
    def step(number: Tensor, h: Tensor) -> Given:
        h = g.tanh(h @ w) * g.cast(number + 1, h.element) + x
        return [h], [g.reduce_sum(h, [0])]

    (h,), (stack,) = g.loop(count, 4, step, [x])
    return [h, stack]


def powers(x: Tensor, count: Tensor) -> list[Tensor]:
    """Nothing of a round is needed for its gradient."""
    return list(g.loop(count, 4, lambda number, h: ([h * 0.5 + x], []), [x])[0])


def always(value: int) -> Draw:
    return lambda random, shape: np.array(value)


LENGTHS: tuple[Dimension, ...] = (0, 1, 4, H)

LOOPS = [
    *(
        Case("Scan", partial(lstm, reverse=way), ((t, n, 3), (n, 2), (n, 2), (3, 8), (2, 8), (8,)))
        for t, n, way in ((4, 2, False), (1, 2, True), (H, N, True), (H, 1, False))
    ),
    *(Case("Scan", gru, ((t, n, 3), (n, 2), (6, 3), (6, 2), (6,))) for t, n in ((3, 2), (H, N))),
    *(Case("Scan", attention, ((n, 4, 3), (t, n, 3), (n, 3), (3, 3))) for t, n in ((2, 2), (H, N))),
    *(
        Case(
            "Scan",
            partial(counted, reverse=way),
            ((t, N, 3), (N, 3)),
            others=(((t, N, 1), coin), ((t, 2), index(3))),
        )
        for t, way in ((5, False), (H, True))
    ),
    *(Case("Scan", chosen, ((t, 2, 3), (2, 3), (3, 3))) for t in (4, H)),
    *(Case("Scan", nested, ((t, s, 3), (3,), (3, 3))) for t, s in ((3, 2), (2, H), (H, 2))),
    *(Case("Scan", sums, ((t, 2), (t, 1))) for t in (3, H)),
    *(Case("Loop", looped, ((n, 2), (2, 2)), others=(((), always(4)),)) for n in (3, N)),
    Case("Loop", powers, ((2,),), others=(((), always(4)),)),
]

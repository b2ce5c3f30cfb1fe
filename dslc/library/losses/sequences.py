"""Losses of sequences whose labels are not laid out in time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from dslc import graph as g
from dslc.errors import losses as errors
from dslc.library.checks import need_rank
from dslc.library.losses.mean import Mean, constant_like, match_weight, weighted_mean
from dslc.library.losses.targets import class_targets, log_sum_exp
from dslc.library.operation import IndexUse, Scale, option
from dslc.library.statistic import Accumulators, loss
from dslc.types import INT64, TensorType, shape_text

NEVER = -1e30
"""The logarithm of a probability of 0; sums of two are finite."""


def blank_option() -> Any:
    """Return the option that says which class is no label."""
    return option("The class that stands for no label.", default=0, minimum=0)


def padding_option() -> Any:
    """Return the option that says what labels end with."""
    return option("What stands behind the labels of an example that has fewer.", default=-100)


class OfSpelling(Mean):
    """The mean over examples of how a sequence of logits [N, T, K] spells its labels [N, S]."""

    spreads: ClassVar[tuple[int, ...]] = ()
    blank: int
    ignore_index: int

    def takes(self, *operands: TensorType) -> Scale:
        return Scale.LOGIT

    def type(
        self, logits: TensorType, target: TensorType, lengths: TensorType, weight: TensorType | None = None
    ) -> TensorType:
        need_rank(self.name, logits, 3, 3, axes="examples, steps and classes")
        if not logits.element.is_float:
            raise errors.NOT_FLOAT(f"'{self.name}' takes logits, and is given {logits}")
        classes = logits.shape[2]
        if target.rank != 2 or target.shape[:1] != logits.shape[:1] or not target.element.is_integer:
            raise errors.CLASS_INDICES(
                f"'{self.name}' is given logits {logits}, so labels are class indices of the shape "
                f"[{logits.shape[0]}, S], and the target is {target}"
            )
        if lengths.shape != logits.shape[:1] or not lengths.element.is_integer:
            raise errors.CLASS_INDICES(
                f"'{self.name}' is given logits {logits}, so the numbers of their steps are whole numbers of the shape "
                f"{shape_text(logits.shape[:1])}, and 'lengths' is {lengths}"
            )
        if not isinstance(classes, int):
            raise errors.CLASS_COUNT(f"'{self.name}' must know how many classes there are, and the logits are {logits}")
        if self.blank >= classes:
            raise errors.CLASS_COUNT(f"'blank' is {self.blank}, and the logits {logits} are of {classes} classes")
        match_weight(self.name, weight, lengths.shape, logits.element)
        return TensorType(logits.element)

    def indexes(self, logits: TensorType, *operands: TensorType) -> Sequence[IndexUse]:
        steps, classes = logits.shape[1:]
        return [
            IndexUse(1, classes, f"is given {classes} classes", self.ignore_index, looks_up=False),
            IndexUse(2, steps + 1, f"is given {steps} steps", looks_up=False),
        ]


@loss
class ctc(OfSpelling):
    """How unlikely it is that a sequence of logits [N, T, K] spells its labels [N, S], over how many these are.

    The negative logarithm of the sum over all paths of T classes that are the labels once repeated classes are joined
    and blanks left out; the mean over examples. Of each example the first ``lengths`` [N] steps count, and the labels
    before its padding, ``ignore_index``, which stands at the end. It takes logits; logarithms of probabilities, as
    PyTorch's takes them with time first, are their own. Where no path has the labels, the steps being too few, it is
    infinite. Graves et al., Connectionist Temporal Classification, 2006.
    """

    aliases = {"ctcloss": "of logits [N, T, K]"}
    blank: int = blank_option()
    ignore_index: int = padding_option()
    zero_infinity: bool = option("Count examples as 0 whose labels no path has?", default=False)

    def accumulate(
        self, logits: g.Tensor, target: g.Tensor, lengths: g.Tensor, weight: g.Tensor | None = None
    ) -> Accumulators:
        paths = _Paths.of(logits, target, lengths, self.blank, self.ignore_index)
        impossible = g.less_equal(paths.total, NEVER / 10)  # what is not a number isn't
        cost = g.where(impossible, 0.0 if self.zero_infinity else math.inf, -paths.total)
        cost = g.with_gradients(
            cost, [(logits, lambda dy: paths.slopes() * g.unsqueeze(g.where(impossible, 0.0, dy), [1, 2]))]
        )
        return weighted_mean(cost / g.maximum(paths.labels, 1.0), weight)


@dataclass(frozen=True)
class _Paths:
    """The paths through an example's labels with a blank before, between and behind them: L = 2 S + 1 states.

    Probabilities are logarithms, those of a step less the greatest of it, so that they keep their digits.
    """

    logits: g.Tensor
    """[N, T, K]"""
    states: g.Tensor
    """The class of each state, [N, L]."""
    emitted: g.Tensor
    """The logarithm of the probability of each state's class in each step, [T, N, L]."""
    counts: g.Tensor
    """Whether a step counts, [T, N, 1]."""
    skip: g.Tensor
    """0 where a state may follow the one before the last, a blank between two labels left out, else NEVER: [N, L]."""
    end: g.Tensor
    """0 where a path may end, else NEVER: [N, L]."""
    labels: g.Tensor
    """How many labels there are, [N]."""
    forward: g.Tensor
    """How probable it is to be in a state after a step, [T, N, L]."""
    total: g.Tensor
    """The logarithm of the probability of all paths, [N]."""

    @classmethod
    def of(cls, logits: g.Tensor, target: g.Tensor, lengths: g.Tensor, blank: int, ignored: int) -> _Paths:
        """Go along all paths at once."""
        index, valid = class_targets(target, ignored)
        states, places = _between(index, blank), _numbers(_between(g.cast(valid, logits.element), 1), 1) - 1.0
        labels = g.reduce_max(_numbers(g.cast(valid, logits.element), 1) * g.cast(valid, logits.element), [1])
        left = g.unsqueeze(labels * 2.0, [1]) - places
        end = _unless(g.logical_or(g.equal(left, 0.0), g.equal(left, 1.0)), logits)
        changes = g.logical_not(g.equal(index, g.pad(index, [0, 1], [0, -1])))
        skip = _unless(g.equal(_between(g.cast(changes, INT64), 0), 1), logits)

        in_time = g.transpose(g.log_softmax(logits, 2), [1, 0, 2])
        spread = g.expand(g.unsqueeze(states, [0]), (in_time.shape[0], *states.shape))
        padding = _unless(g.equal(_between(valid, 1), 1), logits)
        emitted = g.maximum(g.gather_elements(in_time, spread, 2), NEVER) + padding
        steps = _numbers(g.full(logits, 1.0, logits.type.with_shape((logits.shape[1],))), 0)
        counts = g.less_equal(g.unsqueeze(steps, [1, 2]), g.unsqueeze(g.cast(lengths, steps.element), [0, 2]))

        def advance(
            state: g.Tensor, scale: g.Tensor, emission: g.Tensor, live: g.Tensor
        ) -> tuple[list[g.Tensor], list[g.Tensor]]:
            after = _sum_of_three(state, _shifted(state, 1), _shifted(state, 2) + skip) + emission
            after = g.where(live, after, state)
            largest = g.reduce_max(after, [1], keepdims=True)
            return [after - largest, scale + largest], [after]

        start = _unless(g.equal(places, 0.0), logits)
        unscaled = g.reduce_max(start, [1], keepdims=True)
        (last, scale), (forward,) = g.scan(advance, [start, unscaled], [emitted, counts])
        total = log_sum_exp(last + end, 1) + g.squeeze(scale, [1])
        return cls(logits, states, emitted, counts, skip, end, labels, forward, total)

    def slopes(self) -> g.Tensor:
        """Return the gradient of the total's negative by the logits: probabilities, less how often paths take them."""

        def go_back(state: g.Tensor, emission: g.Tensor, live: g.Tensor) -> tuple[list[g.Tensor], list[g.Tensor]]:
            entered = state + emission
            before = _sum_of_three(entered, _shifted(entered, -1), _shifted(entered + self.skip, -2))
            before = g.where(live, before, state)
            return [before - g.reduce_max(before, [1], keepdims=True)], [state]

        _, (backward,) = g.scan(go_back, [self.end], [self.emitted, self.counts], reverse=True)
        taken = g.transpose(g.softmax(self.forward + backward, 2), [1, 0, 2])
        classes = g.one_hot(self.states, int(self.logits.type.shape[2]), self.logits)
        counts = g.transpose(g.cast(self.counts, self.logits.element), [1, 0, 2])
        return (g.softmax(self.logits, 2) - taken @ classes) * counts


def _numbers(x: g.Tensor, axis: int) -> g.Tensor:
    """Return the positions along an axis, counted from 1, for each element."""
    return g.cumulative_sum(g.full(x, 1.0, x.type), axis)


def _unless(condition: g.Tensor, like: g.Tensor) -> g.Tensor:
    """Return 0 where a condition holds, and the logarithm of 0 elsewhere, of another tensor's element type."""
    return g.where(condition, *(constant_like(like, value) for value in (0.0, NEVER)))


def _between(x: g.Tensor, value: int) -> g.Tensor:
    """Return [N, S] with a value before, between and behind its entries, [N, 2 S + 1]."""
    pairs = g.pad(g.unsqueeze(x, [2]), [0, 0, 1], [0, 0, 0], value)
    return g.pad(g.reshape(pairs, (x.shape[0], x.shape[1] * 2)), [0, 0], [0, 1], value)


def _shifted(x: g.Tensor, by: int) -> g.Tensor:
    """Return what lies so many states before; the logarithm of 0 where nothing does."""
    return g.pad(x, [0, by], [0, -by], NEVER)


def _sum_of_three(a: g.Tensor, b: g.Tensor, c: g.Tensor) -> g.Tensor:
    """Return the logarithm of the sum of three numbers' exponentials."""
    largest = g.maximum(g.maximum(a, b), c)
    return largest + g.log(g.exp(a - largest) + g.exp(b - largest) + g.exp(c - largest))

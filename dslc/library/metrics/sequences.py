"""Metrics of sequences whose labels are not laid out in time."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from dslc import graph as g
from dslc.errors import losses as errors
from dslc.library.losses.mean import nonzero
from dslc.library.losses.sequences import OfSpelling, blank_option, padding_option
from dslc.library.losses.targets import class_targets
from dslc.library.statistic import Accumulators, Typed, metric
from dslc.types import FLOAT32, FLOAT64, INT64, ElementType, TensorType

FAR = 1e9
"""More than any number of edits."""


@metric
class edit_distance(OfSpelling):
    """The label error rate: how many edits make what logits [N, T, K] spell the labels [N, S], over how many these are.

    An edit inserts, deletes or replaces one label (Levenshtein's distance). What logits spell are the most likely
    classes of the first ``lengths`` [N] steps, repeated ones joined and blanks left out, as ``ctc`` trains them. Edits
    and labels of all examples are added up before they are divided.
    """

    aliases = {
        "levenshtein": "of logits [N, T, K]", "labelerrorrate": "", "charerrorrate": "of logits [N, T, K]",
        "worderrorrate": "of logits [N, T, K]", "ctcgreedydecoder": "is a part of it",
    }  # fmt: skip
    differentiable = False
    averages = False
    blank: int = blank_option()
    ignore_index: int = padding_option()

    def weighting(self, operands: Sequence[Typed]) -> Hashable:
        return None  # no gradient goes through it

    def type(
        self, logits: TensorType, target: TensorType, lengths: TensorType, weight: TensorType | None = None
    ) -> TensorType:
        super().type(logits, target, lengths, weight)
        if not isinstance(target.shape[1], int):
            raise errors.CLASS_COUNT(f"'{self.name}' must know how many labels there may be, and these are {target}")
        return TensorType(FLOAT32)

    def accumulate(
        self, logits: g.Tensor, target: g.Tensor, lengths: g.Tensor, weight: g.Tensor | None = None
    ) -> Accumulators:
        labels, valid = class_targets(target, self.ignore_index)
        count = g.reduce_sum(valid, [1])
        spelled, ends = self.spelled(logits, lengths)
        edits = g.cast(_edits(spelled, ends, labels, count), FLOAT64)
        each = g.cast(count, FLOAT64)
        if weight is not None:
            weight = g.cast(weight, FLOAT64)
            edits, each = edits * weight, each * weight
        return {"sum": g.reduce_sum(edits), "weight": g.reduce_sum(each)}

    def spelled(self, logits: g.Tensor, lengths: g.Tensor) -> tuple[g.Tensor, g.Tensor]:
        """Return the most likely class of each step [N, T], and where one is another label (bool)."""
        best = g.argmax(logits, 2)
        before = g.pad(best, [0, 1], [0, -1], -1)
        one = g.full(best, 1, TensorType(INT64, (best.shape[1],)))
        reached = g.less_equal(g.cumulative_sum(one, 0), g.unsqueeze(g.cast(lengths, INT64), [1]))
        other = g.logical_not(g.logical_or(g.equal(best, before), g.equal(best, self.blank)))
        return best, g.logical_and(other, reached)

    def finish(self, accumulators: Accumulators, element: ElementType) -> g.Tensor:
        return g.cast(accumulators["sum"] / nonzero(accumulators["weight"]), element)


def _edits(spelled: g.Tensor, counts: g.Tensor, labels: g.Tensor, lengths: g.Tensor) -> g.Tensor:
    """Return how many edits make the steps that count [N, T] the labels [N, S] of certain lengths (float32).

    A row has the edits that make what was spelled so far the first labels: none of them, one, and so on.
    """
    builder, size = labels.builder, labels.shape[1]
    assert isinstance(size, int)
    places = builder.constant(np.arange(size + 1), FLOAT32)
    wanted = g.pad(labels, [0, 1], [0, 0], -1)

    def step(row: g.Tensor, one: g.Tensor, is_label: g.Tensor) -> tuple[list[g.Tensor], list[g.Tensor]]:
        replaced = g.pad(row, [0, 1], [0, -1], FAR) + g.cast(g.logical_not(g.equal(wanted, one)), FLOAT32)
        least = g.minimum(row + 1.0, replaced) - places
        width = 1
        while width <= size:  # the least of all up to each
            least = g.minimum(least, g.pad(least, [0, width], [0, -width], FAR))
            width *= 2
        return [g.where(is_label, least + places, row)], []

    first = g.expand(places, wanted.shape)
    rounds = [g.unsqueeze(g.transpose(x, [1, 0]), [2]) for x in (spelled, counts)]
    (last,), _ = g.scan(step, [first], rounds)
    return g.squeeze(g.gather_elements(last, g.unsqueeze(lengths, [1]), 1), [1])

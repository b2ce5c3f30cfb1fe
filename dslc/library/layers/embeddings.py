"""Tables looked up by index, row by row or summed up over bags of rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dslc import graph as g
from dslc.errors.types import COMBINATION
from dslc.library.checks import agree, need_float, need_integer, need_rank
from dslc.library.initializers import normal
from dslc.library.operation import Context, IndexUse, Initializer, Layer, Role, Variable, layer, option
from dslc.types import FLOAT32, INT64, Dimension, TensorType

_ENTRIES = "How many rows the table has."
_SIZE = "Length of a row."
_INIT = "How the table starts."


class _Table(Layer):
    """What owns a table."""

    local = True
    outputs_axis = 0
    entries: Dimension
    size: Dimension
    padding_index: int | None
    init: Initializer

    def _check(self, x: TensorType) -> None:
        need_integer(self.name, x)
        if self.padding_index is not None and isinstance(self.entries, int) and self.padding_index >= self.entries:
            raise COMBINATION(
                f"{self.name}: padding_index = {self.padding_index} lies outside of a table of {self.entries} rows"
            )

    def variables(self, *operands: TensorType) -> Sequence[Variable]:
        return [Variable("weight", (self.entries, self.size), self.init, Role.EMBEDDING)]

    def indexes(self, *operands: TensorType) -> Sequence[IndexUse]:
        return [IndexUse(0, self.entries, f"has {self.entries} rows")]

    def _counts(self, indices: g.Tensor, table: g.Tensor) -> g.Tensor | None:
        """Return 0 where an index is that of padding, and 1 elsewhere; None if there is no such index."""
        if self.padding_index is None:
            return None
        padding = indices.builder.constant(self.padding_index, indices.element)
        return g.cast(g.logical_not(g.equal(indices, padding)), table.element)


@layer
class Embedding(_Table):
    """A table looked up by index: row i for each integer i.

    From integers [N, ...] to float32 [N, ..., size]. An index outside [0, entries) stops the run. With a
    ``padding_index``, that one stands for nothing: it gives zeros, whatever is in its row, which no gradient reaches.
    """

    entries: Dimension = option(_ENTRIES, minimum=1)
    size: Dimension = option(_SIZE, minimum=1)
    padding_index: int | None = option("An index that gives zeros, and learns nothing.", default=None, minimum=0)
    init: Initializer = option(_INIT, default=normal(std=0.02))

    def type(self, x: TensorType) -> TensorType:
        self._check(x)
        return TensorType(FLOAT32, (*x.shape, self.size))

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        indices, table = g.cast(x, INT64), context["weight"]
        rows, counts = g.gather(table, indices), self._counts(indices, table)
        return rows if counts is None else rows * g.unsqueeze(counts, [-1])


@layer
class EmbeddingBag(_Table):
    """The mean, the sum or the maximum of a table's rows over each bag of indices: [N, ..., n] to [N, ..., size].

    `(indices, weights) -> EmbeddingBag(..., mode = "sum")` multiplies each row with its weight first. An index outside
    [0, entries) stops the run; the ``padding_index`` is left out of its bag, and a bag of nothing else gives zeros, so
    that bags may differ in size.
    """

    entries: Dimension = option(_ENTRIES, minimum=1)
    size: Dimension = option(_SIZE, minimum=1)
    mode: str = option("What is made of the rows of a bag.", default="mean", choices=("mean", "sum", "max"))
    padding_index: int | None = option("An index that stands for no row.", default=None, minimum=0)
    init: Initializer = option(_INIT, default=normal(std=0.02))

    def type(self, x: TensorType, weights: TensorType | None = None) -> TensorType:
        self._check(x)
        need_rank(self.name, x, 1)
        if weights is not None:
            if self.mode != "sum":
                raise COMBINATION(f'{self.name}: weights go with mode = "sum", but it is "{self.mode}"')
            need_float(self.name, weights)
            need_rank(self.name, weights, x.rank, x.rank)
            if weights.element is not FLOAT32:
                raise COMBINATION(f"{self.name}: its table is of float32, but the weights are {weights}")
            for axis, (own, other) in enumerate(zip(x.shape, weights.shape, strict=True)):
                agree(self.name, own, other, f"sizes of indices and weights on axis {axis}")
        return TensorType(FLOAT32, (*x.shape[:-1], self.size))

    def emit(self, context: Context, x: g.Tensor, weights: g.Tensor | None = None) -> g.Tensor:
        indices, table = g.cast(x, INT64), context["weight"]
        rows, counts = g.gather(table, indices), self._counts(indices, table)
        if self.mode == "max":
            return _largest(rows, counts)
        if counts is None and weights is None:
            return (g.reduce_mean if self.mode == "mean" else g.reduce_sum)(rows, [-2])
        factors = counts if weights is None else weights if counts is None else weights * counts
        assert factors is not None
        if self.mode == "mean":
            factors = factors / g.maximum(g.reduce_sum(factors, [-1], keepdims=True), 1.0)
        return g.squeeze(g.unsqueeze(factors, [-2]) @ rows, [-2])


def _largest(rows: g.Tensor, counts: g.Tensor | None) -> g.Tensor:
    if counts is None:
        return g.reduce_max(rows, [-2])
    counts = g.unsqueeze(counts, [-1])
    lowest = float(np.finfo(rows.element.value).min)
    found = g.reduce_max(g.where(g.greater(counts, 0.0), rows, lowest), [-2])
    return g.where(g.greater(g.reduce_max(counts, [-2]), 0.0), found, 0.0)

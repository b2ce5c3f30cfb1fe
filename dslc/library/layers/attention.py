"""Attention with learned projections."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any, TypeVar

from dslc import graph as g
from dslc.library.checks import agree, divides, need_float, need_rank, same_elements, weight_size
from dslc.library.functions.attention import apart, attend, weights_type
from dslc.library.initializers import glorot_uniform, zeros
from dslc.library.layers.positions import RotaryEmbedding
from dslc.library.operation import Context, Initializer, Layer, Role, Variable, layer, option
from dslc.types import BOOL, Dimension, TensorType

NAMES = ("query", "key", "value")
T = TypeVar("T", "TensorType", "g.Tensor")


@layer
class MultiHeadAttention(Layer):
    """Attention in several heads: projections of what flows in, `attention` in each head, and a projection of it all.

    ``x -> MultiHeadAttention(heads = 8)`` looks at x itself, ``(x, memory) -> ...`` at another sequence, and
    ``(x, keys, values) -> ...`` takes keys and values from two. A mask is given by name, as in
    ``x -> MultiHeadAttention(heads = 8, mask = seen)``, and broadcasts to [..., heads, L, S]; see `attention`.

    From [..., L, C] to [..., L, units]. The weight of the projections to queries, keys and values is one,
    ``in_weight``, if all come from sequences of one width, as in PyTorch; its columns are those of the queries' heads,
    then the keys' and the values'. Vaswani et al., Attention Is All You Need, 2017.
    """

    aliases = {
        "multiheadedattention": "",
        "selfattention": "of one sequence",
        "groupedqueryattention": "with key_heads",
    }
    random = True
    heads: Dimension = option("How many heads there are.", minimum=1)
    key_heads: Dimension | None = option(
        "How many heads of keys and values there are, each for several of the queries; none for as many.",
        default=None, minimum=1,
    )  # fmt: skip
    key_size: Dimension | None = option(
        "Size of queries and keys in each head; none for the width of x by the heads.", default=None, minimum=1
    )
    value_size: Dimension | None = option("Size of values in each head; none for key_size.", default=None, minimum=1)
    units: Dimension | None = option(
        "Size of the last axis of the result; none for that of x.", default=None, minimum=1
    )
    bias: bool = option("Add biases?", default=True)
    causal: bool = option("Does a position see none behind itself?", default=False)
    dropout: float = option("Probability that a weight becomes zero in training.", default=0.0, minimum=0, below=1)
    rotary: float | None = option(
        "The base by which queries and keys are turned, 10_000 as a rule, see RotaryEmbedding; none: they are not.",
        default=None, above=0,
    )  # fmt: skip
    init: Initializer = option("How the weights start; biases start at zero.", default=glorot_uniform())

    @classmethod
    def filled(cls, given: dict[str, Any]) -> list[Any]:
        if "mask" in given or "value" in given:
            given.setdefault("key", given["query"])
            given.setdefault("value", given["key"])
        return [given[name] for name in (*NAMES, "mask") if name in given]

    def _sizes(self, query: TensorType) -> tuple[list[Dimension], Dimension, Dimension]:
        """Return the heads of queries, keys and values, and the sizes of keys and values in a head."""
        size = self.key_size
        if size is None:
            size = divides(self.name, self.heads, query.shape[-1], "the width of what looks")
        keys = self.heads if self.key_heads is None else self.key_heads
        divides(self.name, keys, self.heads, "the heads")
        return [self.heads, keys, keys], size, size if self.value_size is None else self.value_size

    def _widths(self, query: TensorType) -> list[Dimension]:
        """Return the widths of the projections to queries, keys and values."""
        heads, size, value_size = self._sizes(query)
        return [heads[0] * size, heads[1] * size, heads[2] * value_size]

    def _scores(self, sequences: Sequence[TensorType], mask: TensorType | None) -> TensorType:
        """Return the type of the weights of the values in each head."""
        heads, size, value_size = self._sizes(sequences[0])
        q, k, v = (
            x.with_shape((*x.shape[:-2], count, x.shape[-2], width))
            for x, count, width in zip(sequences, heads, (size, size, value_size), strict=True)
        )
        return weights_type(self.name, q, k, v, mask)

    def type(
        self, query: TensorType, key: TensorType | None = None, value: TensorType | None = None,
        mask: TensorType | None = None,
    ) -> TensorType:  # fmt: skip
        sequences, mask = _told_apart(query, key, value, mask)
        for x in sequences:
            need_float(self.name, x)
            need_rank(self.name, x, 2, axes="[..., T, C]")
            weight_size(self.name, x, -1, "each entry of the last axis")
        same_elements(self.name, *sequences)
        agree(self.name, sequences[1].shape[-2], sequences[2].shape[-2], "the numbers of keys and values")
        scores = self._scores(sequences, mask)
        return query.with_shape((*scores.shape[:-3], query.shape[-2], self._units(query)))

    def _units(self, query: TensorType) -> Dimension:
        return query.shape[-1] if self.units is None else self.units

    def variables(
        self, query: TensorType, key: TensorType | None = None, value: TensorType | None = None,
        mask: TensorType | None = None,
    ) -> Sequence[Variable]:  # fmt: skip
        sequences, _ = _told_apart(query, key, value, mask)
        element, widths = query.element, self._widths(query)
        whole = widths[0] + widths[1] + widths[2]
        if _of_one_width(sequences):
            found = [Variable("in_weight", (query.shape[-1], whole), self.init, Role.KERNEL, element=element)]
        else:
            found = [
                Variable(f"{name}_weight", (x.shape[-1], width), self.init, Role.KERNEL, element=element)
                for name, x, width in zip(NAMES, sequences, widths, strict=True)
            ]
        mixed, units = self._widths(query)[2] // self._sizes(query)[0][2] * self.heads, self._units(query)
        found.append(Variable("out_weight", (mixed, units), self.init, Role.KERNEL, element=element))
        biases = [("in_bias", whole), ("out_bias", units)] if self.bias else []
        return found + [Variable(name, (width,), zeros(), Role.BIAS, element=element) for name, width in biases]

    def keeps_apart(self, operands: Sequence[TensorType], symbol: str) -> bool:
        sequences, mask = _told_apart(*operands)
        query, *others = (x.with_shape((*x.shape[:-2], 1, *x.shape[-2:])) for x in sequences)  # with an axis of heads
        return apart(symbol, query, others if mask is None else [*others, mask])

    def draws(self, training: bool) -> bool:
        return training and self.dropout > 0

    def emit(
        self, context: Context, query: g.Tensor, key: g.Tensor | None = None, value: g.Tensor | None = None,
        mask: g.Tensor | None = None,
    ) -> g.Tensor:  # fmt: skip
        sequences, mask = _told_apart(query, key, value, mask)
        q, k, v = self._projected(context, sequences)
        if self.rotary is not None:
            turn = RotaryEmbedding(base=self.rotary)
            q, k = turn.emit(context, q), turn.emit(context, k)
        dropout = self.dropout if self.draws(context.training) else 0.0
        mixed = attend(context, q, k, v, mask, causal=self.causal, dropout=dropout, scale=None)
        mixed = _exchanged(mixed)
        result = g.reshape(mixed, (*mixed.shape[:-2], mixed.shape[-2] * mixed.shape[-1])) @ context["out_weight"]
        return result + context["out_bias"] if self.bias else result

    def _projected(self, context: Context, sequences: Sequence[g.Tensor]) -> list[g.Tensor]:
        """Return queries, keys and values in heads; a sequence that is several of them goes through one product."""
        widths = self._widths(sequences[0].type)
        heads, size, value_size = self._sizes(sequences[0].type)
        packed = _of_one_width([x.type for x in sequences])
        runs = [
            [place for place, _ in run]
            for _, run in groupby(enumerate(sequences), key=lambda each: (each[1].value, None if packed else each[0]))
        ]
        totals = [sum((widths[place] for place in run[1:]), widths[run[0]]) for run in runs]
        weights = g.split(context["in_weight"], totals, 1) if packed else [context[f"{name}_weight"] for name in NAMES]
        biases = g.split(context["in_bias"], totals, 0) if self.bias else None
        found: list[g.Tensor] = []
        for number, run in enumerate(runs):
            projected = sequences[run[0]] @ weights[number]
            if biases is not None:
                projected = projected + biases[number]
            if size == value_size or 2 not in run:  # all heads at once
                found.extend(_in_heads(projected, [heads[place] for place in run], value_size if run == [2] else size))
                continue
            parts = g.split(projected, [widths[place] for place in run], -1)
            for place, part in zip(run, parts, strict=True):
                found.extend(_in_heads(part, [heads[place]], value_size if place == 2 else size))
        return found

    def multiply_adds(
        self, query: TensorType, key: TensorType | None = None, value: TensorType | None = None,
        mask: TensorType | None = None,
    ) -> Dimension:  # fmt: skip
        sequences, mask = _told_apart(query, key, value, mask)
        _, size, value_size = self._sizes(query)
        scores = self._scores(sequences, mask)
        total = scores.count * (size + value_size)
        for x, width in zip(sequences, self._widths(query), strict=True):
            total = total + x.count * width
        return total + query.count // query.shape[-1] * self.heads * value_size * self._units(query)


def _told_apart(
    query: T, key: T | None = None, value: T | None = None, mask: T | None = None
) -> tuple[list[T], T | None]:
    """Return what is asked for, keys and values, and the mask, whichever of them flow in."""
    if value is not None and value.element is BOOL:
        value, mask = None, value
    elif key is not None and key.element is BOOL:
        key, mask = None, key
    key = query if key is None else key
    return [query, key, key if value is None else value], mask


def _of_one_width(sequences: Sequence[TensorType]) -> bool:
    return len({x.shape[-1] for x in sequences}) == 1


def _in_heads(x: g.Tensor, heads: Sequence[Dimension], size: Dimension) -> tuple[g.Tensor, ...]:
    """Cut the last axis into heads, and these into groups: each of them is [..., heads, T, size]."""
    total = sum(heads[1:], heads[0])
    return g.split(_exchanged(g.reshape(x, (*x.shape[:-1], total, size))), heads, -3)


def _exchanged(x: g.Tensor) -> g.Tensor:
    """Exchange the axes of positions and heads."""
    return g.transpose(x, (*range(x.rank - 3), x.rank - 2, x.rank - 3, x.rank - 1))

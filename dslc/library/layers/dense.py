"""Layers for vectors: Dense and its relatives."""

from __future__ import annotations

import re
from collections.abc import Sequence

from dslc import graph as g
from dslc.errors.types import BAD_PATTERN, RANK
from dslc.library.checks import agree, need_float, need_rank, same_elements, weight_size
from dslc.library.initializers import glorot_uniform, zeros
from dslc.library.operation import Context, Initializer, Layer, Role, Variable, layer, option
from dslc.types import Dimension, TensorType, element_count

_INIT = "How the weight starts; the bias starts at zero."


@layer
class Dense(Layer):
    """An affine map of the last axis: x @ weight + bias.

    From [N, ..., in] to [N, ..., units]; the weight is (in, units).
    """

    aliases = {
        "linear": "and takes the size of its input from what flows in",
        "fullyconnected": "",
        "fc": "",
        "innerproduct": "",
    }
    local = True
    outputs_axis = -1
    units: Dimension = option("Size of the last axis of the result.", minimum=1)
    bias: bool = option("Add a bias?", default=True)
    init: Initializer = option(_INIT, default=glorot_uniform())

    def type(self, x: TensorType) -> TensorType:
        need_float(self.name, x)
        need_rank(self.name, x, 1)
        weight_size(self.name, x, -1, "each entry of the last axis")
        return x.with_last(self.units)

    def variables(self, x: TensorType) -> Sequence[Variable]:
        weight = Variable("weight", (x.shape[-1], self.units), self.init, Role.KERNEL, element=x.element)
        bias = Variable("bias", (self.units,), zeros(), Role.BIAS, element=x.element)
        return [weight, bias] if self.bias else [weight]

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        product = x @ context["weight"]
        return product + context["bias"] if self.bias else product

    def multiply_adds(self, x: TensorType) -> Dimension:
        return x.count * self.units


@layer
class Bilinear(Layer):
    """A bilinear form of two vectors: `(a, b) -> Bilinear(5)` is a @ weight[k] @ b + bias[k] for each k.

    From [N, ..., A] and [N, ..., B] to [N, ..., units]; the weight is (units, A, B), as in PyTorch.
    """

    local = True
    units: Dimension = option("Size of the last axis of the result.", minimum=1)
    bias: bool = option("Add a bias?", default=True)
    init: Initializer = option(_INIT, default=glorot_uniform())

    def type(self, a: TensorType, b: TensorType) -> TensorType:
        need_float(self.name, a)
        same_elements(self.name, a, b)
        for x in (a, b):
            need_rank(self.name, x, 1)
            weight_size(self.name, x, -1, "each entry of the last axis")
        need_rank(self.name, b, a.rank, a.rank)
        for axis, (own, other) in enumerate(zip(a.shape[:-1], b.shape[:-1], strict=True)):
            agree(self.name, own, other, f"sizes on axis {axis}")
        return a.with_last(self.units)

    def variables(self, a: TensorType, b: TensorType) -> Sequence[Variable]:
        left, right = a.shape[-1], b.shape[-1]
        weight = Variable(
            "weight", (self.units, left, right), self.init, Role.KERNEL, fan_in=left * right, fan_out=self.units,
            element=a.element,
        )  # fmt: skip
        bias = Variable("bias", (self.units,), zeros(), Role.BIAS, element=a.element)
        return [weight, bias] if self.bias else [weight]

    def emit(self, context: Context, a: g.Tensor, b: g.Tensor) -> g.Tensor:
        left, right = a.shape[-1], b.shape[-1]
        matrix = g.reshape(g.transpose(context["weight"], (1, 0, 2)), (left, self.units * right))
        forms = g.reshape(a @ matrix, (*a.shape[:-1], self.units, right))
        result = g.squeeze(forms @ g.unsqueeze(b, [-1]), [-1])
        return result + context["bias"] if self.bias else result

    def multiply_adds(self, a: TensorType, b: TensorType) -> Dimension:
        return a.count * self.units * b.shape[-1] + element_count(b.shape) * self.units


@layer
class EinsumDense(Layer):
    """A product with a weight by Einstein's summation: `x -> EinsumDense("ntd,dhk->nthk", h = 4, k = 16)`.

    The second term is the weight. The sizes of letters that x does not have are given by name. What is summed over is
    what the result lacks; the first letter of x, the batch, has to be the first of the result.
    """

    keywords = "sizes"
    local = True
    equation: str = option('Letters for the axes of x and, after a comma, of the weight, then "->" and the result\'s.')
    bias: str = option("The letters of the result that a bias spans; none, there is no bias.", default="")
    init: Initializer = option(_INIT, default=glorot_uniform())
    sizes: tuple[tuple[str, Dimension], ...] = option("Sizes of axes, by letter.", default=())

    def _terms(self) -> tuple[str, str, str]:
        terms = re.fullmatch(r"([A-Za-z]+),([A-Za-z]+)->([A-Za-z]+)", self.equation.replace(" ", ""))
        if terms is None:
            raise BAD_PATTERN(
                f'{self.name}: "{self.equation}" is not of the form "ab,bc->ac": x, the weight and the result'
            )
        x, weight, result = terms.groups()
        for term in (x, weight, result):
            if len(set(term)) < len(term):
                raise BAD_PATTERN(f'{self.name}: a letter stands twice in "{term}"', hint="diagonals are not supported")
        if unknown := sorted(set(result) - set(x + weight)):
            raise BAD_PATTERN(f'{self.name}: "{unknown[0]}" stands in the result of "{self.equation}" but nowhere else')
        if result[0] != x[0] or x[0] in weight:
            raise BAD_PATTERN(
                f'{self.name}: "{x[0]}", the batch, must come first in the result of "{self.equation}", '
                "and not in the weight"
            )
        if odd := sorted(set(self.bias) - set(result[1:])):
            raise BAD_PATTERN(f'{self.name}: a bias can\'t span "{odd[0]}", no axis of an example of the result')
        return x, weight, result

    def _sizes(self, x: TensorType) -> dict[str, Dimension]:
        """Return the size of every letter."""
        term, weight, _ = self._terms()
        if len(term) != x.rank:
            raise RANK(f'{self.name}: "{term}" describes {len(term)} axes, but x is {x}')
        known = dict(zip(term, x.shape, strict=True))
        for letter, size in self.sizes:
            if letter not in known and letter not in weight:
                raise BAD_PATTERN(f'{self.name}: "{letter}" does not occur in "{self.equation}"')
            agree(self.name, known.setdefault(letter, size), size, f'the sizes of "{letter}"')
        if missing := [letter for letter in weight if letter not in known]:
            raise BAD_PATTERN(
                f'{self.name}: the size of "{missing[0]}" in "{self.equation}" does not follow from {x}',
                hint=f"give it: `{missing[0]} = ...`",
            )
        for letter in {*weight, *self.bias} & set(term):
            weight_size(self.name, x, term.index(letter), f'"{letter}"')
        return known

    def type(self, x: TensorType) -> TensorType:
        need_float(self.name, x)
        sizes = self._sizes(x)
        return x.with_shape(sizes[letter] for letter in self._terms()[2])

    def variables(self, x: TensorType) -> Sequence[Variable]:
        sizes, (_, letters, result) = self._sizes(x), self._terms()
        weight = Variable(
            "weight", tuple(sizes[letter] for letter in letters), self.init, Role.KERNEL,
            fan_in=element_count(sizes[letter] for letter in letters if letter not in result),
            fan_out=element_count(sizes[letter] for letter in letters if letter in result), element=x.element,
        )  # fmt: skip
        spanned = tuple(sizes[letter] for letter in result if letter in self.bias)
        return [weight, *([Variable("bias", spanned, zeros(), Role.BIAS, element=x.element)] if self.bias else [])]

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        result = self._terms()[2]
        y = g.einsum(self.equation, x, context["weight"])
        if not self.bias:
            return y
        between = [axis for axis, letter in enumerate(result) if letter not in self.bias]
        return y + g.unsqueeze(context["bias"], between)

    def multiply_adds(self, x: TensorType) -> Dimension:
        return element_count(self._sizes(x).values())


@layer
class Maxout(Layer):
    """The largest of several affine maps of the last axis, unit by unit: [N, ..., in] to [N, ..., units].

    The weight is (in, units * pieces), all pieces of a unit side by side.

    Goodfellow et al., Maxout Networks, 2013.
    """

    local = True
    units: Dimension = option("Size of the last axis of the result.", minimum=1)
    pieces: int = option("How many maps each unit chooses from.", default=2, minimum=1)
    bias: bool = option("Add a bias to each map?", default=True)
    init: Initializer = option(_INIT, default=glorot_uniform())

    def type(self, x: TensorType) -> TensorType:
        need_float(self.name, x)
        need_rank(self.name, x, 1)
        weight_size(self.name, x, -1, "each entry of the last axis")
        return x.with_last(self.units)

    def variables(self, x: TensorType) -> Sequence[Variable]:
        maps = self.units * self.pieces
        weight = Variable(
            "weight", (x.shape[-1], maps), self.init, Role.KERNEL, fan_in=x.shape[-1], fan_out=self.units,
            element=x.element,
        )  # fmt: skip
        return [weight, *([Variable("bias", (maps,), zeros(), Role.BIAS, element=x.element)] if self.bias else [])]

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        y = x @ context["weight"]
        y = y + context["bias"] if self.bias else y
        return g.reduce_max(g.reshape(y, (*x.shape[:-1], self.units, self.pieces)), [-1])

    def multiply_adds(self, x: TensorType) -> Dimension:
        return x.count * self.units * self.pieces

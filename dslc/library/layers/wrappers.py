"""Layers around a layer: what they make of its weight takes its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from dslc import graph as g
from dslc.errors.types import COMBINATION
from dslc.library.checks import axis_of
from dslc.library.initializers import normal
from dslc.library.operation import Context, IndexUse, Layer, Role, Types, Variable, layer, operands_of, option
from dslc.types import Dimension, TensorType


class _Around(Layer):
    """What layers around a layer have in common."""

    layer: Layer
    axis: int | None

    @property
    def operators(self) -> Sequence[str]:
        return self.layer.operators

    def type(self, x: TensorType) -> Types:
        if sum(operand.required for operand in operands_of(type(self.layer))) != 1:
            raise COMBINATION(f"{self.name} takes a layer of one tensor, and {self.layer.name} takes several")
        found, weight = self.layer.type(x), self._weight(x)
        if self.axis is None and self.layer.outputs_axis is None:
            raise COMBINATION(
                f"{self.name}: the outputs of {self.layer.name} lie along no one axis of its weight", hint="give `axis`"
            )
        self._axis(weight)
        return found

    def _weight(self, x: TensorType) -> Variable:
        """Return the inner layer's weight."""
        found = [v for v in self.layer.variables(x) if v.name == "weight" and v.role.regularized and len(v.shape) > 1]
        if not found:
            raise COMBINATION(
                f"{self.name} takes a layer with a weight of two axes or more, and {self.layer.name} has none"
            )
        return found[0]

    def _axis(self, weight: Variable) -> int:
        """Return the axis of the weight that its outputs lie along."""
        axis = self.layer.outputs_axis if self.axis is None else self.axis
        assert axis is not None
        return axis_of(self.name, axis, len(weight.shape))

    def _rest(self, weight: Variable) -> list[int]:
        return [axis for axis in range(len(weight.shape)) if axis != self._axis(weight)]

    def _variables(self, x: TensorType, *made: Variable) -> list[Variable]:
        """Return the inner layer's variables with those in place of its weight."""
        return [*made, *(v for v in self.layer.variables(x) if v.name != "weight")]

    def _emit(self, context: Context, weight: g.Tensor, x: g.Tensor) -> g.Tensor:
        """Let the inner layer compute, with that weight."""
        variables: Mapping[str, g.Tensor] = {**context.variables, "weight": weight}
        result = self.layer.emit(replace(context, variables=variables), x)
        assert not isinstance(result, tuple)
        return result

    def keeps_apart(self, operands: Sequence[TensorType], symbol: str) -> bool:
        return self.layer.keeps_apart(operands, symbol)

    def indexes(self, x: TensorType) -> Sequence[IndexUse]:
        return self.layer.indexes(x)

    def multiply_adds(self, x: TensorType) -> Dimension:
        return self.layer.multiply_adds(x)


@layer
class WeightNorm(_Around):
    """A layer whose weight is taken apart: ``length * direction / norm(direction)``, for each output.

    ``x -> WeightNorm(Dense(8))``. It starts as the layer without it. Salimans and Kingma, Weight Normalization, 2016.
    """

    aliases = {"weightnormalization": ""}
    layer: Layer = option("The layer, with its options.")
    axis: int | None = option("The axis of the weight whose entries have lengths; none for the outputs'.", default=None)

    def variables(self, x: TensorType) -> Sequence[Variable]:
        weight = self._weight(x)
        axis = self._axis(weight)
        shape = tuple(size if i == axis else 1 for i, size in enumerate(weight.shape))
        direction = replace(weight, name="direction")
        length = replace(weight, name="length", shape=shape, role=Role.SCALE, norm_of=direction)
        return self._variables(x, length, direction)

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        direction, rest = context["direction"], self._rest(self._weight(x.type))
        norm = g.sqrt(g.reduce_sum(direction * direction, rest, keepdims=True))
        return self._emit(context, direction * (context["length"] / norm), x)


@layer
class SpectralNorm(_Around):
    """A layer whose weight is divided by its largest singular value, seen as a matrix of outputs and all else.

    ``x -> SpectralNorm(Dense(8))``. Two vectors come nearer to the singular ones in each training step. Miyato et al.,
    Spectral Normalization for Generative Adversarial Networks, 2018.
    """

    aliases = {"spectralnormalization": ""}
    layer: Layer = option("The layer, with its options.")
    iterations: int = option("How often a training step makes the vectors better.", default=1, minimum=1)
    eps: float = option("The least norm that the vectors are divided by.", default=1e-12, above=0)
    axis: int | None = option("The axis of the weight that makes the rows; none for the outputs'.", default=None)

    def variables(self, x: TensorType) -> Sequence[Variable]:
        weight = self._weight(x)
        rows: Dimension = weight.shape[self._axis(weight)]
        columns: Dimension = 1
        for axis in self._rest(weight):
            columns = columns * weight.shape[axis]
        left, right = (
            Variable(name, (size,), normal(), Role.STATISTIC, element=weight.element)
            for name, size in (("left", rows), ("right", columns))
        )
        return self._variables(x, weight, left, right)

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        weight, variable = context["weight"], self._weight(x.type)
        rows = self._axis(variable)
        turned = g.transpose(weight, [rows, *self._rest(variable)])
        matrix = g.reshape(turned, (turned.shape[0], context["right"].shape[0]))
        left, right = context["left"], context["right"]
        if context.training:
            fixed = g.detach(matrix)
            for _ in range(self.iterations):
                left = self._unit(fixed @ right)
                right = self._unit(left @ fixed)
            context.updates.update(left=left, right=right)
        value = g.reduce_sum(left * (matrix @ right))
        return self._emit(context, weight / value, x)

    def _unit(self, vector: g.Tensor) -> g.Tensor:
        return vector / g.maximum(g.sqrt(g.reduce_sum(vector * vector)), self.eps)

"""What rules that say operators in an older set are made of: a place to put new nodes, and the end of the attempt."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir

from dslc.graph.values import Attribute, add_initializer, attribute_of, become

__all__ = ["Inexpressible", "Place", "Rule", "Rules", "constant_of", "element_of", "rank_of"]


class Inexpressible(Exception):
    """An operator has no form in the operator set, neither of its own nor in others."""


@dataclass
class Place:
    """A node that is being said in an older set; what is emitted comes before it, lowered in turn."""

    node: ir.Node
    opset: int
    lower: Callable[[ir.Node], None]
    became: bool = False
    """Whether it is another node by now, and has been lowered as that."""

    def operand(self, index: int) -> ir.Value:
        """Return an operand that must be there."""
        value = self.node.inputs[index] if index < len(self.node.inputs) else None
        if value is None:
            raise Inexpressible
        return value

    def ints(self, index: int) -> list[int] | None:
        """Return the numbers of an operand; None where it is left out.

        Raises:
            Inexpressible: they are known at run time only.
        """
        value = self.node.inputs[index] if index < len(self.node.inputs) else None
        if value is None:
            return None
        array = constant_of(value)
        if array is None:
            raise Inexpressible
        return [int(number) for number in array.reshape(-1)]

    def attribute(self, name: str, default: Any = None) -> Any:
        """Return the value of an attribute."""
        attribute = self.node.attributes.get(name)
        return default if attribute is None else attribute.value

    def drop(self, name: str, *neutral: Any) -> None:
        """Take away an attribute that the older form lacks.

        Raises:
            Inexpressible: it says something else than the older form always does.
        """
        attribute = self.node.attributes.pop(name, None)
        if attribute is not None and attribute.value not in neutral:
            raise Inexpressible

    def constant(self, numbers: np.ndarray | Sequence[int]) -> ir.Value:
        """Return a constant; of a list, int64."""
        array = numbers if isinstance(numbers, np.ndarray) else np.array(numbers, np.int64)
        return add_initializer(self._graph, self._unique("constant"), np.asarray(array, order="C"))

    @property
    def _graph(self) -> ir.Graph:
        assert isinstance(self.node.graph, ir.Graph)
        return self.node.graph

    def _unique(self, name: str) -> str:
        """Return what a new value is called."""
        number = self._graph.meta["lowered"] = self._graph.meta.get("lowered", 0) + 1
        return f"{self.node.name}/{name}_{number}"

    def emit(
        self,
        operator: str,
        operands: Sequence[ir.Value | None],
        element: ir.DataType | None,
        shape: ir.Shape | None = None,
        **attributes: Attribute,
    ) -> ir.Value:
        """Put a node with one result before this one, in its newest form; return the result."""
        name = self._unique(operator)
        made = ir.Node("", operator, operands, [attribute_of(*pair) for pair in attributes.items()], name=name)
        made.metadata_props.update(self.node.metadata_props)
        result = made.outputs[0]
        result.name, result.shape = name, shape
        result.type = ir.TensorType(element) if element is not None else None
        self.node.prepend(made)
        self.lower(made)
        return result

    def become(self, operator: str, operands: Sequence[ir.Value | None], **attributes: Attribute) -> None:
        """Turn the node into another of the same result, which is lowered in turn."""
        become(self.node, operator, operands, **attributes)
        self.became = True
        self.lower(self.node)


Rule = Callable[[Place], None]
Rules = Mapping[str, Sequence[tuple[int, Rule]]]
"""By operator, what to do below a set of that number, the newest first."""


def constant_of(value: ir.Value) -> np.ndarray | None:
    """Return the array that a constant holds; None of what is known at run time only."""
    maker = value.producer()
    if maker is not None and maker.op_type == "Constant" and "value" in maker.attributes:
        return maker.attributes["value"].as_tensor().numpy()
    if value.const_value is None or value.is_graph_input() or isinstance(value.const_value, ir.ExternalTensor):
        return None
    return value.const_value.numpy()


def rank_of(value: ir.Value) -> int:
    """Return how many axes a value has; raise Inexpressible where that is not known."""
    if value.shape is None:
        raise Inexpressible
    return len(value.shape)


def element_of(value: ir.Value) -> ir.DataType:
    """Return the element type of a value; raise Inexpressible where that is not known."""
    if value.dtype is None:
        raise Inexpressible
    return value.dtype

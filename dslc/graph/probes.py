"""A finished graph with everything that it computes on the way laid open, to find out where a value comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dslc.graph.model import Model, save_model
from dslc.graph.values import nodes_of, operands_of

__all__ = ["ProbedNode", "Probes", "probed"]


@dataclass(frozen=True)
class ProbedNode:
    """A node, as far as an explanation of its result needs it."""

    name: str
    operator: str
    inputs: tuple[str, ...]
    origin: str | None
    """The place in the spec that it comes from: ``digits.dl:12:14``."""


@dataclass(frozen=True)
class Probes:
    """A graph whose floating-point values are all outputs."""

    data: bytes
    """The model's file."""
    nodes: Mapping[str, ProbedNode]
    """What computes each value, by the value's name; nothing for inputs and constants."""
    constants: Mapping[str, np.ndarray]

    def named(self, name: str) -> ProbedNode | None:
        """Return the node of a name."""
        return next((node for node in self.nodes.values() if node.name == name), None)


def probed(model: Model) -> Probes:
    """Make every floating-point value that a graph computes an output, but for those inside of nodes; change it."""
    graph = model.graph
    nodes: dict[str, ProbedNode] = {}
    known = {id(value) for value in graph.outputs}
    for node in nodes_of(graph):
        inputs = tuple(str(value.name) for value in operands_of(node) if value is not None)
        own = ProbedNode(str(node.name), node.op_type, inputs, node.metadata_props.get("origin"))
        for value in node.outputs:
            nodes[str(value.name)] = own
            can_leave = node.graph is graph and id(value) not in known
            if can_leave and value.dtype is not None and value.dtype.is_floating_point():
                graph.outputs.append(value)
    constants = {
        str(name): value.const_value.numpy()
        for name, value in graph.initializers.items()
        if value.const_value is not None
    }
    return Probes(save_model(model), nodes, constants)

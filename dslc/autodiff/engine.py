"""Reverse-mode differentiation: walks a graph backwards and asks the table for each operand's share.

Works in time linear in the nodes between the loss and what it is differentiated by. Builds gradients only
for values on such a path. Knows no operator; broadcasting is undone and contributions are summed here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import onnx_ir as ir

from dslc import graph as g
from dslc.autodiff import rules  # noqa: F401 - fills the table
from dslc.autodiff.operands import operands_of
from dslc.autodiff.table import INSIDE, RULES, Following
from dslc.errors.objectives import NO_GRADIENT
from dslc.graph import Builder, Tensor, type_of
from dslc.graph.values import makers_of
from dslc.types import Shape

__all__ = ["gradients"]


def gradients(loss: Tensor, wrt: Sequence[Tensor], seed: Tensor | None = None) -> list[Tensor | None]:
    """Return the gradient of a loss by each tensor of ``wrt``, of that tensor's type; None where it is zero.

    ``seed``, of the loss's type, is the gradient by the loss itself; without it, ones: the sum of the
    loss's elements is differentiated. Raises E0590 at an operator that the table doesn't know.
    """
    return _pulled_back([(loss, seed)], wrt, None)


def _pulled_back(
    ends: Sequence[tuple[Tensor, Tensor | None]], wrt: Sequence[Tensor], within: ir.Graph | None
) -> list[Tensor | None]:
    """Return the gradients by tensors of results, each with the gradient by it, or None for ones.

    ``within`` is a graph inside of a node, of whose nodes alone the results are followed back.
    """
    order = _ancestors([end.value for end, _ in ends], within)
    active = _active(order, (tensor.value for tensor in wrt))
    arrived: dict[ir.Value, list[Tensor]] = {}
    for end, seed in ends:
        if end.value in active:
            arrived.setdefault(end.value, []).append(seed or g.full(end, 1.0, end.type))
    wanted = {tensor.value for tensor in wrt}
    found: dict[ir.Value, Tensor] = {}

    def gradient_of(value: ir.Value) -> Tensor | None:
        contributions = arrived.pop(value, None)
        if contributions is None:
            return None
        gradient = _summed(contributions, type_of(value).shape)
        if value in wanted:
            found[value] = gradient
        return gradient

    for node in reversed(order):
        if not any(value in arrived for value in node.outputs):
            continue
        builder = ends[0][0].builder
        with builder.scope(f"{node.name}/gradient", node.metadata_props.get("origin")):
            dy = tuple(gradient_of(value) for value in node.outputs)
            for value, contribution in _contributions(builder, node, dy, active):
                arrived.setdefault(value, []).append(_reduced(contribution, type_of(value).shape))
    for tensor in wrt:  # what is left belongs to inputs and weights
        with tensor.builder.scope(f"{tensor.value.name}/gradient"):
            gradient_of(tensor.value)
    return [found.get(tensor.value) for tensor in wrt]


def _ancestors(values: Sequence[ir.Value], within: ir.Graph | None) -> list[ir.Node]:
    """Return the nodes that values are computed from, operands first; of one graph alone if that is given."""
    order: list[ir.Node] = []
    seen: set[ir.Node] = set()
    stack: list[tuple[ir.Node, bool]] = [(node, False) for node in _producers(values, within)]
    while stack:
        node, is_complete = stack.pop()
        if is_complete:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            made = _producers(operands_of(node), within)
            stack.extend((producer, False) for producer in made if producer not in seen)
    return order


def _producers(values: Iterable[ir.Value | None], within: ir.Graph | None) -> list[ir.Node]:
    made = makers_of(values)
    return made if within is None else [node for node in made if node.graph is within]


def _active(order: Sequence[ir.Node], sources: Iterable[ir.Value]) -> set[ir.Value]:
    """Return the values that a gradient by the sources flows through."""
    active = set(sources)
    for node in order:
        operands = [index for index, value in enumerate(operands_of(node)) if value in active]
        if not operands:
            continue
        if node.domain or not (node.op_type in RULES or node.op_type in INSIDE):
            place = node.metadata_props.get("origin", node.name)
            raise NO_GRADIENT(f"the operator {node.op_type} has no gradient ({place})")
        if node.op_type in INSIDE or any(RULES[node.op_type](index) for index in operands):
            active.update(v for v in node.outputs if type_of(v).element.is_float and not v.meta.get("detached"))
    return active


def _reached(ends: Sequence[ir.Value], sources: Sequence[ir.Value], within: ir.Graph) -> set[ir.Value]:
    return _active(_ancestors(ends, within), sources)


def _contributions(
    builder: Builder, node: ir.Node, dy: tuple[Tensor | None, ...], active: set[ir.Value]
) -> Iterator[tuple[ir.Value, Tensor]]:
    """Yield what each active value that a node's results are computed from gets of their gradients."""
    own = node.outputs[0].meta.get("gradients")
    if own is not None:
        yield from ((value, rule(dy[0])) for value, rule in own if value in active)
        return
    if node.op_type in INSIDE:
        wanted = [value for value in operands_of(node) if value is not None and value in active]
        found = INSIDE[node.op_type](builder, node, dy, wanted, Following(_pulled_back, _reached))
        yield from ((value, gradient) for value, gradient in zip(wanted, found, strict=True) if gradient is not None)
        return
    operands = [Tensor(builder, value) if value is not None else None for value in node.inputs]
    outputs = tuple(Tensor(builder, value) for value in node.outputs)
    results = (dy[0], outputs[0]) if len(outputs) == 1 else (dy, outputs)
    attributes = {name: attribute.value for name, attribute in node.attributes.items()}
    for index, value in enumerate(node.inputs):
        rule = RULES[node.op_type](index)
        if rule is not None and value is not None and value in active:
            contribution = rule(*results, *operands, **attributes)
            if contribution is not None:
                yield value, contribution


def _reduced(gradient: Tensor, shape: Shape) -> Tensor:
    """Sum over the axes along which a value of this shape was broadcast."""
    added = gradient.rank - len(shape)
    if added < 0:
        return gradient
    repeated = [axis for axis, size in enumerate(shape, start=added) if size == 1 and gradient.shape[axis] != 1]
    total = g.reduce_sum(gradient, [*range(added), *repeated], keepdims=bool(repeated))
    return g.squeeze(total, range(added)) if added and repeated else total


def _summed(contributions: Sequence[Tensor], shape: Shape) -> Tensor:
    """Add contributions, which may be smaller than the value that they belong to."""
    gradient = g.expand(g.total(*contributions), shape)
    assert gradient.shape == shape
    return gradient

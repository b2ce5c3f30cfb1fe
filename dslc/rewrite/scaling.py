"""Products and sums with one number for each channel, as one convolution."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

import onnx_ir as ir

from dslc.graph.values import Attribute, become, makers_of, nodes_of, operand, target_of, type_of
from dslc.rewrite.algebra import insert, is_used_once, reshaped
from dslc.types import FLOAT32

__all__ = ["scale_and_shift"]


def scale_and_shift(model: ir.Model) -> bool:
    """Turn x * a + b into a convolution that takes each channel by itself, with one weight; say whether any was.

    x is (N, C, *spatial); a and b have one number for each channel. The runtime goes over x once for it, and it makes
    a Relu or another term in the same go: of (x * a + z) + b, which a gradient may be, the convolution takes x, a and
    b.
    """
    changed = False
    for node in list(nodes_of(model.graph)):
        if (found := next(_found_at(node), None)) is not None:
            _convolve(node, found)
            changed = True
    return changed


@dataclass(frozen=True)
class _ScaledAndShifted:
    x: ir.Value
    scale: ir.Value
    shift: ir.Value
    rest: ir.Value | None
    """What is added besides, as large as x."""
    replaced: Sequence[ir.Node]
    """What is not needed any more, last node first."""


def _found_at(node: ir.Node) -> Iterator[_ScaledAndShifted]:
    """Read a node as x * a + b or (x * a + z) + b."""
    fewest = target_of(node).scaled_points
    for total, shift in _operands(node, "Add"):
        if not _is_per_channel(shift, total, fewest):
            continue
        maker = _only_maker(total)
        terms = [(maker, None), *((_only_maker(term), rest) for term, rest in _operands(maker, "Add"))]
        for product, rest in terms:
            for x, scale in _operands(product, "Mul"):
                if type_of(x) != type_of(total) or not _is_per_channel(scale, x, fewest):
                    continue
                replaced = list(dict.fromkeys(one for one in (maker, product) if one is not None))
                if rest is None or _is_overwritten(rest, x, (scale, shift), replaced):
                    yield _ScaledAndShifted(x, scale, shift, rest, replaced)


FARTHEST = 100
"""So many nodes are looked at, at most, to see what numbers are computed from: those of BatchNorm from some ten."""


def _is_overwritten(rest: ir.Value, x: ir.Value, numbers: Sequence[ir.Value], replaced: Sequence[ir.Node]) -> bool:
    """Whether what is added besides is as large as x, and needed by nothing that comes later.

    Then the runtime adds to it where it lies; else it would copy it first, in one thread. What comes sooner is what the
    numbers are computed from, up to where that is as large as x.
    """
    if type_of(rest) != type_of(x) or rest.producer() is None or rest.is_graph_output():
        return False
    sooner: set[ir.Node] = set()
    open_ = makers_of(numbers)
    while open_ and len(sooner) < FARTHEST:
        node = open_.pop()
        if node in sooner:
            continue
        sooner.add(node)
        if any(value is not None and type_of(value) == type_of(x) for value in node.inputs):
            sooner.update(makers_of(node.inputs))
        else:
            open_ += makers_of(node.inputs)
    return all(use.node in sooner or use.node in replaced for use in rest.uses())


def _operands(node: ir.Node | None, operator: str) -> list[tuple[ir.Value, ir.Value]]:
    """Return both operands of a node, either way round, if it is this operator."""
    if node is None or node.op_type != operator or node.domain:
        return []
    left, right = operand(node, 0), operand(node, 1)
    return [(left, right), (right, left)]


def _only_maker(value: ir.Value) -> ir.Node | None:
    """Return the node that makes a value, if it is for one use only."""
    return value.producer() if is_used_once(value) else None


def _is_per_channel(value: ir.Value, x: ir.Value, fewest: int) -> bool:
    """Whether a value has one number for each channel of x, and a channel so many points or more."""
    type = type_of(x)
    if type.element is not FLOAT32 or type.rank < 3 or not all(isinstance(n, int) for n in type.shape[1:]):
        return False
    channels, *spatial = map(int, type.shape[1:])
    leading = type_of(value).rank - len(type.shape[1:])
    per_channel = (*[1] * leading, channels, *[1] * len(spatial))
    return channels > 0 and prod(spatial) >= fewest and type_of(value).shape == per_channel


def _convolve(node: ir.Node, found: _ScaledAndShifted) -> None:
    """Let the node be the convolution, or the sum of that and what is added besides."""
    type = type_of(found.x)
    channels, axes = int(type.shape[1]), type.rank - 2
    operands = [
        found.x,
        reshaped(node, "weight", found.scale, (channels, 1, *[1] * axes)),
        reshaped(node, "bias", found.shift, (channels,)),
    ]
    ones, pads = [1] * axes, [0] * 2 * axes
    attributes: dict[str, Attribute] = {
        "kernel_shape": ones, "strides": ones, "dilations": ones, "pads": pads, "group": channels,
    }  # fmt: skip
    if found.rest is None:
        become(node, "Conv", operands, **attributes)
    else:
        become(node, "Add", [insert(node, "scaled", type, "Conv", *operands, **attributes), found.rest])
    assert node.graph is not None
    for one in found.replaced:
        node.graph.remove(one, safe=True)

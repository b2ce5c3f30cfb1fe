"""Operators with graphs inside: a choice, and two kinds of loops.

What is inside is built by functions. They may take any tensor that is known where they are called; what they return
leaves the graph, and nothing else that they make is known outside of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import onnx_ir as ir

from dslc.graph.builder import Builder, Tensor
from dslc.graph.ops.shaping import full
from dslc.graph.rounds import discard, lift, mark_length, set_directions
from dslc.types import BOOL, INT64, Dimension, TensorType

__all__ = ["branch", "loop", "scan"]

Body = Callable[..., tuple[Sequence[Tensor], Sequence[Tensor]]]
"""Given what is carried, and what belongs to one round, returns what is carried on, and what is stacked."""


def branch(
    condition: Tensor, then: Callable[[], Sequence[Tensor]], otherwise: Callable[[], Sequence[Tensor]]
) -> tuple[Tensor, ...]:
    """ONNX ``If``: what the one function returns where the condition, one boolean, holds, and else the other.

    Raises TypeError where the types of both differ.
    """
    builder, bodies, types = condition.builder, [], []
    for name, function in (("then", then), ("else", otherwise)):
        body = builder.body(name)
        with builder.into(body):
            results = function()
            _return(builder, results)
        bodies.append(body)
        types.append([result.type for result in results])
    if types[0] != types[1]:
        raise TypeError(f"one branch gives {types[0]}, the other {types[1]}")
    return builder.nodes("If", [condition], types[0], {"then_branch": bodies[0], "else_branch": bodies[1]})


def loop(
    count: Tensor, length: Dimension, body: Body, carried: Sequence[Tensor]
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """ONNX ``Loop``, so many times: ``body(number of the round, *carried)``.

    What is the same in every round is computed once, before the loop.

    Args:
        count: how many rounds, an int64 scalar.
        length: the same, for the shapes of what is stacked.
        body: what happens in a round.
        carried: what the first round is given.

    Returns:
        what the last round carries on, and what was stacked, along a new first axis.
    """
    builder, inner = count.builder, count.builder.body("body")
    with builder.into(inner):
        number = builder.input("number", TensorType(INT64))
        goes_on = builder.input("goes_on", TensorType(BOOL))
        after, stacked = body(number, *_given(builder, [x.type for x in carried]))
        types = _results(builder, carried, after, stacked, length, [goes_on])
    builder.add(lift(inner))
    results = builder.nodes("Loop", [count, builder.constant(np.array(True)), *carried], types, {"body": inner})
    return _parted(results, carried, length)


def scan(
    body: Body, carried: Sequence[Tensor], inputs: Sequence[Tensor], *, reverse: bool = False
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """ONNX ``Scan`` along the first axis of the inputs: ``body(*carried, *one slice of each)``.

    What is the same in every round is computed once, before the loop. ONNX Runtime has no rounds along an axis whose
    length is 0 at run time, and says so.

    Args:
        body: what happens in a round.
        carried: what the first round is given.
        inputs: what rounds take their slices of, one or more, all of one length.
        reverse: go from the last slice to the first; what is stacked lies beside what it was computed from.

    Returns:
        what the last round carries on, and what was stacked, along a new first axis.
    """
    builder, inner, length = inputs[0].builder, inputs[0].builder.body("body"), inputs[0].shape[0]
    with builder.into(inner):
        given = [*(x.type for x in carried), *(x.type.with_shape(x.shape[1:]) for x in inputs)]
        after, stacked = body(*_given(builder, given))
        types = _results(builder, carried, after, stacked, length, [])
    if length == 0:
        discard(inner)
        return tuple(carried), tuple(full(inputs[0], 0, type) for type in types[len(carried) :])
    builder.add(lift(inner))
    results = builder.nodes("Scan", [*carried, *inputs], types, {"body": inner, "num_scan_inputs": len(inputs)})
    for kind, values in (("input", inputs), ("output", stacked)):
        set_directions(_maker(results), kind, [reverse] * len(values))
    return _parted(results, carried, length)


def _given(builder: Builder, types: Sequence[TensorType]) -> list[Tensor]:
    return [builder.input("given", type) for type in types]


def _return(builder: Builder, results: Sequence[Tensor]) -> None:
    for result in results:
        builder.output("result", result)


def _results(
    builder: Builder, carried: Sequence[Tensor], after: Sequence[Tensor], stacked: Sequence[Tensor], length: Dimension,
    first: Sequence[Tensor],
) -> list[TensorType]:  # fmt: skip
    """Make the results of a round the outputs of the open graph; return the types of the loop's."""
    types = [x.type for x in carried]
    if types != [x.type for x in after]:
        raise TypeError(f"a round is given {types} and carries {[x.type for x in after]} on")
    _return(builder, [*first, *after, *stacked])
    return types + [x.type.with_shape((length, *x.shape)) for x in stacked]


def _parted(
    results: Sequence[Tensor], carried: Sequence[Tensor], length: Dimension
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    mark_length(_maker(results), length)
    return tuple(results[: len(carried)]), tuple(results[len(carried) :])


def _maker(results: Sequence[Tensor]) -> ir.Node:
    node = results[0].value.producer()
    assert node is not None
    return node

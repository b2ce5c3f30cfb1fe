"""Operators with graphs inside: a choice, and two kinds of loops.

What is inside is built by functions. They may take any tensor that is known where they are called; what they return
leaves the graph, and nothing else that they make is known outside of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from dslc.graph.builder import Builder, Tensor
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


def loop(count: Tensor, length: Dimension, body: Body, carried: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """ONNX ``Loop``, so many times: ``body(number of the round, *carried)``.

    Args:
        count: how many rounds, an int64 scalar.
        length: the same, for the shapes of what is stacked.
        body: what happens in a round.
        carried: what the first round is given.

    Returns:
        what the last round carries on, then what was stacked, along a new first axis.
    """
    builder, inner = count.builder, count.builder.body("body")
    with builder.into(inner):
        number = builder.input("number", TensorType(INT64))
        goes_on = builder.input("goes_on", TensorType(BOOL))
        after, stacked = body(number, *_given(builder, [x.type for x in carried]))
        _return(builder, [goes_on, *after, *stacked])
    types = _results(carried, after, stacked, length)
    return builder.nodes("Loop", [count, builder.constant(np.array(True)), *carried], types, {"body": inner})


def scan(body: Body, carried: Sequence[Tensor], inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """ONNX ``Scan`` along the first axis of the inputs: ``body(*carried, *one slice of each)``.

    Returns what the last round carries on, then what was stacked, along a new first axis.
    """
    builder, inner = inputs[0].builder, inputs[0].builder.body("body")
    with builder.into(inner):
        types = [*(x.type for x in carried), *(x.type.with_shape(x.shape[1:]) for x in inputs)]
        after, stacked = body(*_given(builder, types))
        _return(builder, [*after, *stacked])
    types = _results(carried, after, stacked, inputs[0].shape[0])
    return builder.nodes("Scan", [*carried, *inputs], types, {"body": inner, "num_scan_inputs": len(inputs)})


def _given(builder: Builder, types: Sequence[TensorType]) -> list[Tensor]:
    return [builder.input("given", type) for type in types]


def _return(builder: Builder, results: Sequence[Tensor]) -> None:
    for result in results:
        builder.output("result", result)


def _results(
    before: Sequence[Tensor], after: Sequence[Tensor], stacked: Sequence[Tensor], length: Dimension
) -> list[TensorType]:
    """Return the types of what a loop gives: of what is carried, and of what is stacked along a new first axis."""
    types = [x.type for x in before]
    if types != [x.type for x in after]:
        raise TypeError(f"a round is given {types} and carries {[x.type for x in after]} on")
    return types + [x.type.with_shape((length, *x.shape)) for x in stacked]

"""ONNX's recurrent operators: RNN, GRU, LSTM."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dslc.graph.builder import Tensor
from dslc.graph.ops.elementwise import cast
from dslc.graph.ops.shaping import concat, gather, split, squeeze, unsqueeze
from dslc.graph.values import Attribute
from dslc.types import INT32

__all__ = ["Recurrence", "recurrent"]

Recurrence = tuple[Tensor, list[list[Tensor]]]
"""The sequences of all directions, (steps, directions, examples, units), and the final states of each direction."""


def recurrent(
    operator: str, x: Tensor, weights: Sequence[Sequence[Sequence[Tensor]]], gates: Sequence[int],
    starts: Sequence[Sequence[Tensor]], lengths: Tensor | None, states: int, **attributes: Attribute,
) -> Recurrence:  # fmt: skip
    """Go along x (steps, examples, features), in one direction or both.

    Args:
        operator: which of them.
        x: the sequence.
        weights: those of the input, those of the state and the biases, if there are any; of each direction, what is
            joined to one operand.
        gates: of the operator's gates, the places at which the weights have them.
        starts: of each direction, the states at the start, (examples, units), or nothing.
        lengths: how many steps each row has; None: all of them.
        states: how many the operator has.
        attributes: the operator's, but for its direction and size.
    """
    kernel, recurrence, *bias = [_operand(parts, gates) for parts in weights]
    directions, _, units = map(int, recurrence.shape)
    operands = [x, kernel, recurrence, bias[0] if bias else None, None if lengths is None else cast(lengths, INT32)]
    operands += [_stacked(parts) for parts in zip(*starts, strict=True)]
    types = [x.type.with_shape((x.shape[0], directions, x.shape[1], units))]
    types += [x.type.with_shape((directions, x.shape[1], units))] * states
    way = "bidirectional" if directions == 2 else "forward"
    y, *ends = x.builder.nodes(operator, operands, types, {"hidden_size": units, "direction": way, **attributes})
    by_state = [[squeeze(part, [0]) for part in split(end, [1] * directions, 0)] for end in ends]
    return y, [list(parts) for parts in zip(*by_state, strict=True)]


def _operand(parts: Sequence[Sequence[Tensor]], gates: Sequence[int]) -> Tensor:
    """Lay weights out as the operator takes them; at once where they are part of the graph."""
    first = parts[0][0]
    order = np.arange(int(first.shape[0])).reshape(len(gates), -1)[list(gates)].ravel()
    arrays = [[tensor.value.const_value for tensor in each] for each in parts]

    def laid_out() -> Tensor:
        joined = [np.concatenate([a.numpy()[order] for a in each if a is not None]) for each in arrays]
        return first.builder.parameter(f"{first.value.name}/laid_out", np.stack(joined))

    if all(array is not None for each in arrays for array in each):
        return first.builder.once(("laid out", *(tensor.value for each in parts for tensor in each)), laid_out)
    places = first.builder.constant(order)
    return _stacked([concat([gather(t, places) if len(gates) > 1 else t for t in each], 0) for each in parts])


def _stacked(parts: Sequence[Tensor]) -> Tensor:
    return concat([unsqueeze(part, [0]) for part in parts], 0)

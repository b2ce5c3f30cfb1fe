"""Going along a sequence step by step, a state carried from one to the next: what RNN, LSTM and a spec's cells share.

Sequences are (examples, steps, ...). Rows may be of several lengths: beyond the length of its own a row's state stays
as it is, and what is given there is 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from dslc import graph as g
from dslc.types import INT64, TensorType

if TYPE_CHECKING:
    from dslc.graph import Tensor

__all__ = ["Step", "exchanged", "recur"]

Step = Callable[[Sequence["Tensor"], Sequence["Tensor"]], tuple[Sequence["Tensor"], Sequence["Tensor"]]]
"""Given the states and one step of each sequence, without its axis, returns the next states and what the step gives."""


def recur(
    step: Step,
    sequences: Sequence[Tensor],
    states: Sequence[Tensor],
    *,
    reverse: bool = False,
    lengths: Tensor | None = None,
    last: Sequence[TensorType] | None = None,
    steps_first: bool = False,
) -> tuple[list[Tensor], list[Tensor]]:
    """Carry states along axis 1 of sequences.

    Args:
        step: what happens in a step.
        sequences: one or more, all of one length.
        states: what the first step is given, each with the examples on its first axis.
        reverse: go from the last step to the first; with ``lengths``, each row begins at its own end.
        lengths: how many steps each row has, int64 (examples); None: all of them.
        last: the types of what a step gives, where only the last step of each row is wanted.
        steps_first: the steps are axis 0 of the sequences and of what is returned, and the examples axis 1.

    Returns:
        what the steps give, along axis 1 (of the last step alone, 0 of a row without steps), and the states at the end.
    """
    inputs = list(sequences) if steps_first else [exchanged(x) for x in sequences]
    carried, ranks = list(states), sorted({x.rank for x in states} | {type.rank for type in last or ()})
    if last is not None:
        carried += [g.full(inputs[0], 0, type) for type in last]
    goes_on = [] if lengths is None else [_within(inputs[0], lengths, rank) for rank in ranks]

    def body(*given: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        before = given[: len(carried)]
        masks = dict(zip(ranks, given[len(carried) + len(inputs) :], strict=False))
        after, results = step(before[: len(states)], given[len(carried) : len(carried) + len(inputs)])
        kept = [*after, *results] if last is not None else list(after)
        if masks:
            kept = [g.where(masks[new.rank], new, old) for new, old in zip(kept, before, strict=True)]
        return kept, list(results) if last is None else []

    ends, stacked = g.scan(body, carried, [*inputs, *goes_on], reverse=reverse)
    if last is not None:
        return list(ends[len(states) :]), list(ends[: len(states)])
    if lengths is not None:
        stacked = tuple(g.where(_within(inputs[0], lengths, y.rank - 1), y, 0) for y in stacked)
    return list(stacked) if steps_first else [exchanged(y) for y in stacked], list(ends)


def exchanged(x: Tensor) -> Tensor:
    """Exchange the axes of examples and steps."""
    return g.transpose(x, (1, 0, *range(2, x.rank)))


def _within(x: Tensor, lengths: Tensor, rank: int) -> Tensor:
    """Return whether each row has each step of x: (steps, examples, 1, ...), to choose between a step's tensors."""
    builder, steps = x.builder, x.shape[0]

    def compared() -> Tensor:
        zero, one = (builder.constant(number, INT64) for number in (0, 1))
        limits = [zero, g.reshape(builder.dimension(steps), ()), one]
        numbers = builder.node("Range", limits, [TensorType(INT64, (steps,))])
        return g.less(g.unsqueeze(numbers, [1]), g.unsqueeze(lengths, [0]))

    within = builder.once(("within", steps, lengths.value), compared)
    return g.unsqueeze(within, range(2, rank + 1))

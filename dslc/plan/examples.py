"""Which operations keep the examples of a batch apart, although the batch stays an axis of what they give."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod

import numpy as np

from dslc.dimensions import evaluate, symbols_of
from dslc.plan.values import Application, Value
from dslc.types import Dimension, Shape, Symbolic, TensorType

__all__ = ["BATCH", "across", "is_batch", "mixing"]

BATCH = "batch"
"""The symbol of the number of examples in a batch."""
EXAMPLES, OTHERS = 3, 2
"""What symbols stand for where shapes are tried out: that of the batch, and any other."""
LARGEST = 10_000_000
"""Elements of a shape that is tried out."""

_Order = tuple[int, ...]
"""To which example each entry along the axis of the batch belongs."""


def is_batch(value: Value) -> bool:
    """Whether it has the examples of a batch among its dimensions."""
    return BATCH in value.type.symbols


def mixing(applications: Iterable[Application], batch: str = BATCH) -> frozenset[Application]:
    """Return those of some applications, given in topological order, whose results for one example hang on others.

    ``batch`` is the symbol that counts the examples.
    """
    applications = list(applications)
    moves = {a: move for a in applications if (move := _move_of(a, batch)) is not None}
    if not moves:
        return frozenset(a for a in applications if _mixes(a, batch))  # every order is that of the fields
    orders: dict[Value, _Order] = {}
    found = []
    for application in applications:
        given = [orders[o] for o in application.operands if o in orders]
        order = given[0] if given else None
        operation = application.operation
        move = moves.get(application)
        if move is not None and order is not None:
            order = _moved(application, order, batch, *move)
            apart = order is not None
        else:
            apart = len({len(order) for order in given}) == len(set(given))
        result = application.outputs[0].type
        axis = operation.concatenates(*(operand.type for operand in application.operands))
        if axis is not None and axis == _axis(result, batch):
            order = tuple(example for operand in given for example in operand)
        if not apart or _mixes(application, batch):
            found.append(application)
        for output in application.outputs:
            own = _order_of(output.type, batch)
            if own is not None:
                orders[output] = order if order is not None and len(order) == len(own) else own
    return frozenset(found)


def across(applications: Iterable[Application], batch: str = BATCH) -> Application | None:
    """Return the first of some applications that joins examples, be it that nothing of the single ones is left."""
    applications = list(applications)
    mixed = mixing(applications, batch)
    for application in applications:
        joins = not application.operation.of_shapes and all(batch not in o.type.symbols for o in application.outputs)
        if any(batch in o.type.symbols for o in application.operands) and (application in mixed or joins):
            return application
    return None


def _axis(type: TensorType, batch: str) -> int | None:
    """Return the axis of the examples, where one is."""
    axes = [axis for axis, size in enumerate(type.shape) if batch in symbols_of(size)]
    return axes[0] if len(axes) == 1 else None


def _tried(shape: Shape, batch: str) -> tuple[int, ...]:
    """Return a shape with numbers for its symbols."""
    return tuple(evaluate(d, {s: EXAMPLES if s == batch else OTHERS for s in symbols_of(d)}) for d in shape)


def _order_of(type: TensorType, batch: str) -> _Order | None:
    """Return the order of the examples where each has its entries one behind the other."""
    axis = _axis(type, batch)
    if axis is None or not _counts_examples(type.shape[axis], batch):
        return None
    each = _tried(type.shape, batch)[axis] // EXAMPLES
    return tuple(np.repeat(np.arange(EXAMPLES), max(each, 0)).tolist())


def _move_of(application: Application, batch: str) -> tuple[Shape, Sequence[int]] | None:
    """Return how an operation cuts and moves axes; None where it shapes anew only what lies behind the examples."""
    move = application.operation.reordered(application.operands[0].type) if application.operands else None
    if move is None:
        return None
    given, result = application.operands[0].type, application.outputs[0].type
    axis, places = _axis(given, batch), list(move[1])
    if axis is not None and places == sorted(places) and given.shape[: axis + 1] == result.shape[: axis + 1]:
        return None
    return move


def _moved(application: Application, order: _Order, batch: str, cut: Shape, places: Sequence[int]) -> _Order | None:
    """Return the order of the examples behind a reshape or a rearrange; None where an entry has several of them."""
    (operand,), (output,) = application.operands[:1], application.outputs
    axis, target = _axis(operand.type, batch), _axis(output.type, batch)
    shape, result = _tried(operand.type.shape, batch), _tried(output.type.shape, batch)
    if axis is None or target is None or prod(shape) != prod(result) or not 0 < prod(shape) <= LARGEST:
        return order
    upright = np.array(order).reshape([-1 if a == axis else 1 for a in range(len(shape))])
    elements = np.broadcast_to(upright, shape).reshape(_tried(cut, batch)).transpose(places)
    rows = np.moveaxis(elements.reshape(result), target, 0).reshape(result[target], -1)
    return tuple(rows[:, 0].tolist()) if (rows == rows[:, :1]).all() else None


def _mixes(application: Application, batch: str) -> bool:
    operation, operands = application.operation, application.operands
    types = [operand.type for operand in operands]
    if operation.of_shapes:
        return any(batch in output.type.symbols for output in application.outputs)
    if not operation.keeps_apart(types, batch):
        return True
    sizes = [d for output in application.outputs for d in output.type.shape if batch in symbols_of(d)]
    if not all(_counts_examples(size, batch) for size in sizes):
        return True  # a slice of the batch, say
    axes = [sum(batch in symbols_of(d) for d in output.type.shape) for output in application.outputs]
    before = [sum(batch in symbols_of(d) for d in type.shape) for type in types]
    return max(axes, default=0) > max(before, default=0) > 0


def _counts_examples(size: Dimension, batch: str) -> bool:
    """Whether a size is so many for each example of the batch."""
    return isinstance(size, Symbolic) and all([str(a) for a in m].count(batch) == 1 for m in size.terms)

"""Picking elements by number in older sets: slices, gathers, scatters, the largest."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from dslc.export.older.axes import INT64, VECTOR, axis_from_front
from dslc.export.older.rewriting import Inexpressible, Place, Rules, constant_of, element_of, rank_of

__all__ = ["PICKING"]

BOOL = ir.DataType.BOOL


def sequence(place: Place) -> None:
    """0, 1, 2, ...: the places of as many ones."""
    start, end, step = (place.operand(index) for index in range(3))
    known = [constant_of(value) for value in (start, end, step)]
    element = element_of(end)
    if all(array is not None for array in known):
        bounds = [array.item() for array in known if array is not None]
        place.become("Identity", [place.constant(np.arange(*bounds, dtype=element.numpy()))])
        return
    if element.is_floating_point() or known[0] is None or known[0].item() or known[2] is None or known[2].item() != 1:
        raise Inexpressible
    count = place.emit("Unsqueeze", [end, place.constant([0])], element, VECTOR)
    numbers = _count_up(place, place.emit("Cast", [count], INT64, VECTOR, to=int(INT64)))
    place.become("Cast", [numbers], to=int(element))


def _count_up(place: Place, count: ir.Value) -> ir.Value:
    """Return 0, 1, 2, ... (int64), as many as an int64[1] says."""
    ones = place.emit("ConstantOfShape", [count], INT64, _any(1), value=np.ones(1, np.int64))
    places = place.emit("NonZero", [ones], INT64, ir.Shape([1, None]))
    return place.emit("Squeeze", [places, place.constant([0])], INT64, _any(1))


def slice_(place: Place) -> None:
    """Axes from the front; then bounds as attributes, and every n-th element by its number."""
    node, x = place.node, place.operand(0)
    rank = rank_of(x)
    axes = place.ints(3)
    axes = [axis % rank for axis in axes] if axes is not None else list(range(len(place.ints(1) or [])))
    if place.opset >= 10:
        if len(node.inputs) > 3 and node.inputs[3] is not None:
            node.replace_input_with(3, place.constant(axes))
        return
    steps = place.ints(4) or [1] * len(axes)
    if any(constant_of(place.operand(number)) is None for number in (1, 2)):
        for number, (axis, step) in enumerate(zip(axes, steps, strict=True)):
            x = _taken(place, x, axis, _places(place, number, step))
        place.become("Identity", [x])
        return
    starts, ends = place.ints(1) or [], place.ints(2) or []
    for axis, start, end, step in zip(axes[:], starts[:], ends[:], steps, strict=True):
        if step == 1:
            continue
        size = x.shape[axis] if x.shape is not None else None
        if not isinstance(size, int):
            raise Inexpressible
        x = _taken(place, x, axis, place.constant(list(range(size))[start:end:step]))
        number = axes.index(axis)
        del axes[number], starts[number], ends[number]
    if not axes:
        place.become("Identity", [x])
        return
    node.resize_inputs(1)
    node.replace_input_with(0, x)
    for name, numbers in (("axes", axes), ("starts", starts), ("ends", ends)):
        node.attributes[name] = ir.AttrInt64s(name, numbers)


def _taken(place: Place, x: ir.Value, axis: int, places: ir.Value) -> ir.Value:
    return place.emit("Gather", [x, places], element_of(x), _any(rank_of(x)), axis=axis)


def _places(place: Place, number: int, step: int) -> ir.Value:
    """Return every n-th place between bounds that are known at run time only: within the axis, and not negative."""
    start, end = (
        place.emit("Gather", [place.operand(bound), place.constant([number])], INT64, VECTOR, axis=0)
        for bound in (1, 2)
    )
    width = place.emit("Sub", [end, start], INT64, VECTOR)
    rounded_up = place.emit("Add", [width, place.constant([step - 1])], INT64, VECTOR)
    numbers = _count_up(place, place.emit("Div", [rounded_up, place.constant([step])], INT64, VECTOR))
    scaled = place.emit("Mul", [numbers, place.constant([step])], INT64, _any(1))
    return place.emit("Add", [scaled, start], INT64, _any(1))


def gather(place: Place) -> None:
    """Indices count from the front, too."""
    axis_from_front()(place)
    x, indices = place.operand(0), place.operand(1)
    known = constant_of(indices)
    if known is not None and (known >= 0).all():
        return
    element = element_of(indices)
    axis = place.attribute("axis", 0)
    size = place.emit(
        "Cast", [place.emit("Shape", [x], INT64, VECTOR, start=axis, end=axis + 1)], element, VECTOR, to=int(element)
    )
    size = place.emit("Squeeze", [size, place.constant([0])], element, ir.Shape([]))
    place.node.replace_input_with(1, _from_front(place, indices, size))


def _from_front(place: Place, indices: ir.Value, size: ir.Value) -> ir.Value:
    """Count indices from the front; those that lie in front of it become the size, so that they lie outside, too."""
    element, shape = element_of(indices), indices.shape
    zero = place.constant(np.zeros((), element.numpy()))

    def where_negative(values: ir.Value, others: ir.Value) -> ir.Value:
        return place.emit("Where", [place.emit("Less", [values, zero], BOOL, shape), others, values], element, shape)

    return where_negative(where_negative(indices, place.emit("Add", [indices, size], element, shape)), size)


def gather_elements(place: Place) -> None:
    """Of the axis, add up what stands at the index, and zeros."""
    x, indices = place.operand(0), place.operand(1)
    axis = place.attribute("axis", 0) % rank_of(x)
    chosen = _chosen(place, x, indices, axis)
    kept = _where(place, chosen, x, axis)
    place.become("ReduceSum", [kept, place.constant([axis + 1])], keepdims=0)


def scatter_elements(place: Place) -> None:
    """For every place of the axis, add up what has its index, and zeros; what is put in place was another operator."""
    x, indices, updates = (place.operand(number) for number in range(3))
    axis = place.attribute("axis", 0) % rank_of(x)
    if place.attribute("reduction", "none") != "add":
        place.drop("reduction", "none")
        if place.opset < 11:
            place.become("Scatter", [x, indices, updates], axis=axis)
        return
    chosen = _chosen(place, x, indices, axis)
    kept = _where(place, chosen, updates, axis + 1)
    added = place.emit("ReduceSum", [kept, place.constant([axis])], element_of(x), x.shape, keepdims=0)
    place.become("Add", [x, added])


def _chosen(place: Place, x: ir.Value, indices: ir.Value, axis: int) -> ir.Value:
    """Return where an index is the number of a place: bool, the places on a new axis behind the indices' one."""
    index, element, rank = element_of(indices), element_of(x), rank_of(x)
    is_summed = element.is_floating_point() or element in (ir.DataType.INT32, INT64)
    size = x.shape[axis] if x.shape is not None else None
    if not isinstance(size, int) or not is_summed or x.shape is None or indices.shape is None:
        raise Inexpressible
    if any(x.shape[number] != indices.shape[number] for number in range(rank) if number != axis):
        raise Inexpressible
    indices = _from_front(place, indices, place.constant(np.array(size, index.numpy())))
    numbers = np.arange(size, dtype=index.numpy())
    # looked up among the numbers there are, an index that is none of them fails here as in newer sets
    indices = place.emit("Gather", [place.constant(numbers), indices], index, indices.shape, axis=0)
    numbers = numbers.reshape([size if n == axis + 1 else 1 for n in range(rank + 1)])
    wide = place.emit("Unsqueeze", [indices, place.constant([axis + 1])], index, _any(rank + 1))
    return place.emit("Equal", [wide, place.constant(numbers)], BOOL, _any(rank + 1))


def _where(place: Place, chosen: ir.Value, values: ir.Value, axis: int) -> ir.Value:
    """Return the values, repeated along a new axis, where they are chosen, and 0 elsewhere."""
    element, shape = element_of(values), _any(rank_of(values) + 1)
    wide = place.emit("Unsqueeze", [values, place.constant([axis])], element, shape)
    return place.emit("Where", [chosen, wide, place.constant(np.zeros((), element.numpy()))], element, shape)


def _any(rank: int) -> ir.Shape:
    return ir.Shape([None] * rank)


def top_k(place: Place) -> None:
    """The largest, sorted, along an axis from the front; below 10, how many is an attribute."""
    axis_from_front(-1)(place)
    place.drop("largest", 1)
    place.drop("sorted", 1, 0)
    if place.opset < 10:
        count = place.ints(1)
        assert count is not None
        place.node.resize_inputs(1)
        place.node.attributes["k"] = ir.AttrInt64("k", count[0])


def arg(place: Place) -> None:
    """ArgMax and ArgMin chose the first."""
    place.drop("select_last_index", 0)


PICKING: Rules = {
    "Range": [(11, sequence)],
    "Slice": [(11, slice_)],
    "Gather": [(11, gather)],
    "GatherElements": [(11, gather_elements)],
    "ScatterElements": [(16, scatter_elements)],
    "TopK": [(11, top_k)],
    **{operator: [(12, arg), (11, axis_from_front())] for operator in ("ArgMax", "ArgMin")},
}

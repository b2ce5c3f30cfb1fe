"""Operators along axes in older sets: what is an input now was an attribute, and axes counted from the front only."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from dslc.export.older.rewriting import Inexpressible, Place, Rule, Rules, constant_of, element_of, rank_of

__all__ = ["AXES", "axis_from_front"]

INT64 = ir.DataType.INT64
VECTOR = ir.Shape([1])


def axes_attribute(place: Place) -> None:
    """Squeeze, Unsqueeze, reductions: axes from the second input."""
    node, axes = place.node, place.ints(1)
    nothing = place.attribute("noop_with_empty_axes", 0)
    node.attributes.pop("noop_with_empty_axes", None)
    if not axes and nothing:
        place.become("Identity", [place.operand(0)])
        return
    node.resize_inputs(1)
    if axes:
        rank = rank_of(place.operand(0)) + (len(axes) if node.op_type == "Unsqueeze" else 0)
        node.attributes["axes"] = ir.AttrInt64s("axes", sorted(axis % rank for axis in axes))


def axis_from_front(default: int | None = None) -> Rule:
    """Return a rule that counts the one axis from the front; ``default`` is what it is where it is left out."""

    def rule(place: Place) -> None:
        axis = place.attribute("axis", default)
        if axis is not None and axis < 0:
            place.node.attributes["axis"] = ir.AttrInt64("axis", axis % rank_of(place.operand(0)))

    return rule


def softmax(place: Place) -> None:
    """All axes from one on were taken together: the axis has to be the last one."""
    x = place.operand(0)
    last = rank_of(x) - 1
    axis = place.attribute("axis", -1) % (last + 1)
    place.node.attributes["axis"] = ir.AttrInt64("axis", last)
    if axis != last:
        order = [*range(last + 1)]
        order[axis], order[last] = last, axis
        shape = ir.Shape([x.shape[number] for number in order]) if x.shape is not None else None
        turned = place.emit("Transpose", [x], element_of(x), shape, perm=order)
        result = place.emit(place.node.op_type, [turned], element_of(x), shape, axis=last)
        place.become("Transpose", [result], perm=order)


def split(place: Place) -> None:
    """Sizes as an attribute."""
    place.drop("num_outputs", len(place.node.outputs))
    if place.opset < 13:
        sizes = place.ints(1)
        place.node.resize_inputs(1)
        if sizes is not None:
            place.node.attributes["split"] = ir.AttrInt64s("split", sizes)


def pad(place: Place) -> None:
    """Amounts on every axis; then these and what is put there as attributes."""
    node, rank = place.node, rank_of(place.operand(0))
    axes = place.ints(3)
    if axes is not None:
        given, amounts = place.ints(1) or [], [0] * (2 * rank)
        for number, axis in enumerate(axes):
            amounts[axis % rank], amounts[rank + axis % rank] = given[number], given[len(axes) + number]
        node.replace_input_with(1, place.constant(amounts))
        node.resize_inputs(3)
    if place.opset >= 11:
        return
    amounts = place.ints(1) or []
    fill = constant_of(node.inputs[2]) if len(node.inputs) > 2 and node.inputs[2] is not None else np.zeros(())
    if fill is None:
        raise Inexpressible
    node.resize_inputs(1)
    node.attributes["pads"] = ir.AttrInt64s("pads", amounts)
    node.attributes["value"] = ir.AttrFloat32("value", float(fill.reshape(())))


def cumulative_sum(place: Place) -> None:
    """Sums of twice as many neighbours each time; what is not there counts as zero."""
    x, axis = place.operand(0), (place.ints(1) or [0])[0]
    size = x.shape[axis] if x.shape is not None else None
    if not isinstance(size, int) or not element_of(x).is_floating_point():
        raise Inexpressible
    backwards, rank = place.attribute("reverse", 0), rank_of(x)
    axis %= rank

    def moved(value: ir.Value, by: int) -> ir.Value:
        ends = ([by], [size]) if backwards else ([0], [size - by])
        rest = place.emit("Slice", [value, *map(place.constant, (*ends, [axis]))], element_of(x))
        rest.shape = ir.Shape([size - by if i == axis else d for i, d in enumerate(x.shape or ())])
        pads = [0] * (2 * rank)
        pads[axis + rank if backwards else axis] = by
        return place.emit("Pad", [rest, place.constant(pads)], element_of(x), x.shape)

    total, reach = moved(x, 1) if place.attribute("exclusive", 0) else x, 1
    while reach < size:
        total = place.emit("Add", [total, moved(total, reach)], element_of(x), x.shape)
        reach *= 2
    place.become("Identity", [total])


def reshape(place: Place) -> None:
    """A 0 meant the size that was there; what has no elements is made anew."""
    empty = place.attribute("allowzero", 0)
    place.node.attributes.pop("allowzero", None)
    if not empty:
        return
    shape, result = place.operand(1), place.node.outputs[0]
    if result.shape is None or 0 not in tuple(result.shape):
        raise Inexpressible
    place.become("ConstantOfShape", [shape], value=np.zeros(1, element_of(result).numpy()))


def shape(place: Place) -> None:
    """A part of the shape is taken from all of it."""
    x = place.operand(0)
    start, end = place.attribute("start", 0), place.attribute("end")
    if start == 0 and end is None:
        return
    sizes = list(range(rank_of(x)))[start:end]
    whole = place.emit("Shape", [x], INT64, ir.Shape([rank_of(x)]))
    place.become("Gather", [whole, place.constant(sizes)], axis=0)


def pool(place: Place) -> None:
    """Neither gaps in the window nor windows that stick out."""
    place.drop("ceil_mode", 0)
    dilations = place.node.attributes.pop("dilations", None)
    if dilations is not None and any(number != 1 for number in dilations.as_ints()):
        raise Inexpressible


def product(place: Place) -> None:
    """Gemm adds something: zero."""
    if len(place.node.inputs) < 3 or place.node.inputs[2] is None:
        place.node.resize_inputs(3)
        place.node.replace_input_with(2, place.constant(np.zeros(1, element_of(place.operand(0)).numpy())))


REDUCTIONS = ("Max", "Min", "Mean", "Prod", "L1", "L2", "LogSum", "LogSumExp", "SumSquare")
AXES: Rules = {
    "Squeeze": [(13, axes_attribute)],
    "Unsqueeze": [(13, axes_attribute)],
    "ReduceSum": [(13, axes_attribute)],
    **{f"Reduce{name}": [(18, axes_attribute)] for name in REDUCTIONS},
    **{operator: [(11, axis_from_front())] for operator in ("Concat", "Flatten")},
    **{operator: [(13, softmax)] for operator in ("Softmax", "LogSoftmax")},
    "Split": [(18, split), (11, axis_from_front())],
    "Pad": [(18, pad)],
    "CumSum": [(11, cumulative_sum)],
    "Reshape": [(14, reshape)],
    "Shape": [(15, shape)],
    "MaxPool": [(10, pool)],
    "AveragePool": [(10, pool)],
    "Gemm": [(11, product)],
}

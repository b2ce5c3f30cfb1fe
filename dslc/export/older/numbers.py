"""Element-wise operators in older sets, or where kernels are missing: types that they lack, and whole operators.

Each replacement gives the same elements, NaN, infinities and ties included; that of Erf within rounding.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from dslc.export.older.rewriting import Inexpressible, Place, Rule, Rules, constant_of, element_of

__all__ = ["NUMBERS"]

BOOL, INT32, INT64, FLOAT = ir.DataType.BOOL, ir.DataType.INT32, ir.DataType.INT64, ir.DataType.FLOAT
WIDER = {
    ir.DataType.INT8: INT32, ir.DataType.UINT8: INT32, ir.DataType.INT16: INT32, ir.DataType.UINT16: INT32,
    ir.DataType.UINT32: INT64,
}  # fmt: skip
"""Integers that hold all of those that an older operator does not take."""
LARGEST_POWER = 16
"""Up to this exponent an integer is multiplied with itself."""


def _is_float(value: ir.Value) -> bool:
    return element_of(value).is_floating_point()


def _number(place: Place, number: float, like: ir.Value) -> ir.Value:
    return place.constant(np.array(number, element_of(like).numpy()))


def _is_nan(place: Place, value: ir.Value) -> ir.Value:
    """NaN of any type as that of float32, for which every runtime has a kernel: others become infinite at worst."""
    if element_of(value) is not FLOAT:
        value = place.emit("Cast", [value], FLOAT, value.shape, to=int(FLOAT))
    return place.emit("IsNaN", [value], BOOL, value.shape)


def equal(place: Place) -> None:
    """Floats: neither less nor greater, and both are numbers. Narrow integers: as wider ones."""
    a, b = place.operand(0), place.operand(1)
    if _is_float(a):
        apart = place.emit("Or", [place.emit(o, [a, b], BOOL) for o in ("Less", "Greater")], BOOL)
        no_number = place.emit("Or", [_is_nan(place, value) for value in (a, b)], BOOL)
        place.become("Not", [place.emit("Or", [apart, no_number], BOOL)])
    elif (wider := WIDER.get(element_of(a))) is not None:
        place.become("Equal", [place.emit("Cast", [v], wider, v.shape, to=int(wider)) for v in (a, b)])


def or_equal(strict: str, opposite: str) -> Rule:
    """a <= b: of integers, not a > b; of floats, which may be NaN, a < b or a == b."""

    def rule(place: Place) -> None:
        a, b = place.operand(0), place.operand(1)
        if _is_float(a):
            place.become("Or", [place.emit(operator, [a, b], BOOL) for operator in (strict, "Equal")])
        else:
            place.become("Not", [place.emit(opposite, [a, b], BOOL)])

    return rule


def extremum(comparison: str) -> Rule:
    """Max and Min of integers as a choice."""

    def rule(place: Place) -> None:
        result, *others = (place.operand(index) for index in range(len(place.node.inputs)))
        if _is_float(result):
            return
        if not others:
            place.become("Identity", [result])
            return
        *others, last = others
        for other in others:
            element = element_of(result)
            result = place.emit("Where", [place.emit(comparison, [result, other], BOOL), result, other], element)
        place.become("Where", [place.emit(comparison, [result, last], BOOL), result, last])

    return rule


def clip(place: Place) -> None:
    """Limits as attributes where both are float32 numbers, else as Max and Min.

    A limit that is left out has no attribute that says so: its default is the largest finite number. In set 11, ONNX
    Runtime has a kernel for float32 alone.
    """
    node = place.node
    x, low, high = (*node.inputs, None, None)[:3]
    assert x is not None
    if place.opset >= 11 and element_of(x) is FLOAT:
        return
    limits = [None if limit is None else constant_of(limit) for limit in (low, high)]
    if element_of(x) is FLOAT and limits[0] is not None and limits[1] is not None:
        lowest, highest = (float(limit.reshape(())) for limit in limits if limit is not None)
        place.node.resize_inputs(1)
        place.node.attributes["min"] = ir.AttrFloat32("min", lowest)
        place.node.attributes["max"] = ir.AttrFloat32("max", highest)
    elif low is None or high is None:
        operator, limit = ("Min", high) if low is None else ("Max", low)
        place.become("Identity", [x]) if limit is None else place.become(operator, [x, limit])
    else:
        place.become("Min", [place.emit("Max", [x, low], element_of(x), x.shape), high])


def power(place: Place) -> None:
    """Both operands have one floating-point type; of integers, a product."""
    base, exponent = place.operand(0), place.operand(1)
    if _is_float(base):
        if element_of(exponent) is not element_of(base):
            to = element_of(base)
            place.become("Pow", [base, place.emit("Cast", [exponent], to, exponent.shape, to=int(to))])
        return
    known = constant_of(exponent)
    if known is None or known.size != 1 or not 1 <= known.item() <= LARGEST_POWER or known.item() % 1:
        raise Inexpressible
    factors = [base] * int(known.item())
    result = factors.pop()
    while len(factors) > 1:
        result = place.emit("Mul", [result, factors.pop()], element_of(base), base.shape)
    place.become("Mul", [result, factors[0]]) if factors else place.become("Identity", [base])


def modulo(place: Place) -> None:
    """a - b * trunc(a / b), and b more where that has the other sign than b; of integers."""
    a, b = place.operand(0), place.operand(1)
    element = element_of(a)
    if _is_float(a) or place.attribute("fmod", 0):
        raise Inexpressible
    whole = place.emit("Mul", [place.emit("Div", [a, b], element), b], element)
    rest = place.emit("Sub", [a, whole], element)
    zero = _number(place, 0, a)
    signs = place.emit("Xor", [place.emit("Less", [value, zero], BOOL) for value in (rest, b)], BOOL)
    is_rest = place.emit("Not", [place.emit("Equal", [rest, zero], BOOL)], BOOL)
    wrong = place.emit("And", [signs, is_rest], BOOL)
    place.become("Where", [wrong, place.emit("Add", [rest, b], element), rest])


def round_half_even(place: Place) -> None:
    """The integer below, or the one above it where that is nearer, or the even one of both."""
    x = place.operand(0)
    element, shape = element_of(x), x.shape
    half, one, two = (_number(place, number, x) for number in (0.5, 1, 2))

    def step(operator: str, *operands: ir.Value, element: ir.DataType = element) -> ir.Value:
        return place.emit(operator, operands, element, shape)

    below = step("Floor", x)
    rest, above = step("Sub", x, below), step("Add", below, one)
    even = step("Mul", step("Floor", step("Mul", above, half)), two)
    nearer = step("Where", step("Less", rest, half, element=BOOL), below, even)
    place.become("Where", [step("Greater", rest, half, element=BOOL), above, nearer])


def relu(place: Place) -> None:
    """The larger of an integer and 0."""
    x = place.operand(0)
    if not _is_float(x):
        place.become("Max", [x, _number(place, 0, x)])


def is_infinite(place: Place) -> None:
    """Equal to an infinity."""
    x = place.operand(0)
    if not (place.attribute("detect_negative", 1) and place.attribute("detect_positive", 1)):
        raise Inexpressible
    place.become("Equal", [place.emit("Abs", [x], element_of(x), x.shape), _number(place, np.inf, x)])


_FAR = (-1.72853470e-5, 3.83197126e-4, -3.88396438e-3, 2.42546219e-2, -1.06777877e-1, -6.34846687e-1, -1.28717512e-1)
_NEAR = (-5.96761703e-4, 4.99119423e-3, -2.67681349e-2, 1.12819925e-1, -3.76125336e-1, 1.28379166e-1)


def erf(place: Place) -> None:
    """x + x p(x^2) near 0, and sign(x) (1 - exp(q(|x|))) from there on; of float32, to 1.3 units in the last place.

    The polynomials are those of ONNX Runtime's own kernel (onnxruntime/core/mlas/lib/erf.cpp), due to N. Juffa.
    """
    x = place.operand(0)
    if element_of(x) is ir.DataType.FLOAT16:
        wide = place.emit("Cast", [x], FLOAT, x.shape, to=int(FLOAT))
        place.become("Cast", [place.emit("Erf", [wide], FLOAT, x.shape)], to=int(ir.DataType.FLOAT16))
        return
    if element_of(x) is not FLOAT:
        raise Inexpressible

    def step(operator: str, *operands: ir.Value | float, element: ir.DataType = FLOAT) -> ir.Value:
        values = [_number(place, one, x) if isinstance(one, float) else one for one in operands]
        return place.emit(operator, values, element, x.shape)

    def polynomial(coefficients: tuple[float, ...], variable: ir.Value) -> ir.Value:
        first, second, *others = coefficients
        result = step("Add", step("Mul", variable, first), second)
        for coefficient in others:
            result = step("Add", step("Mul", result, variable), coefficient)
        return result

    distance = step("Abs", x)
    exponent = step("Sub", step("Mul", polynomial(_FAR, distance), distance), distance)
    far = step("Mul", step("Sign", x), step("Sub", 1.0, step("Exp", exponent)))
    near = step("Add", step("Mul", polynomial(_NEAR, step("Mul", x, x)), x), x)
    place.become("Where", [step("Greater", distance, 0.921875, element=BOOL), far, near])


NUMBERS: Rules = {
    "Erf": [(9, erf)],
    "Equal": [(11, equal)],
    "LessOrEqual": [(12, or_equal("Less", "Greater"))],
    "GreaterOrEqual": [(12, or_equal("Greater", "Less"))],
    "Max": [(12, extremum("Greater"))],
    "Min": [(12, extremum("Less"))],
    "Clip": [(12, clip)],
    "Pow": [(12, power)],
    "Mod": [(10, modulo)],
    "Round": [(11, round_half_even)],
    "Relu": [(14, relu)],
    "IsInf": [(10, is_infinite)],
}

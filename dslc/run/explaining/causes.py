"""What made a number infinite or no number at all, in words, and what helps: by the operator that did it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from dslc.graph.probes import ProbedNode, Probes
from dslc.run.explaining.tracing import Birth, at_place, reach

__all__ = ["GRADIENT", "SCALE", "Cause", "cause_of"]

GRADIENT = "/gradient/"
"""In the names of the nodes of a gradient, behind that of the node it belongs to."""

POWERS = {"Sqrt": 0.5, "Reciprocal": -1.0}
"""Operators that powers are computed by, and their exponents."""

SCALE = "bring what comes in to the size of 1, with standardize for example"
INSIDE = "add a small number inside"
NO_ROOT = f"the root of 0 has no gradient: {INSIDE}, as in sqrt(x + 1e-8)"
DIVISOR = "add a small number to what divides, or keep it away from 0 with clip"


@dataclass(frozen=True)
class Cause:
    """A cause in words."""

    text: str
    hint: str
    overflows: bool = False
    """Whether it is that numbers grew too large."""


LOGS = {
    "Softmax": "log_softmax(x) is log(softmax(x)) without reaching 0 on the way",
    "Sigmoid": "-softplus(-x) is log(sigmoid(x)) without reaching 0 on the way",
}
"""What to write in place of the logarithm of an operator's result."""

Operands = Sequence[float]


def n(value: float) -> str:
    """Return a number as it is told."""
    return f"{value:.5g}"


def _overflow(text: str, element: str, hint: str = SCALE) -> Cause:
    return Cause(f"{text} overflows {element}", hint, overflows=True)


def _log(x: Operands, element: str) -> Cause:  # noqa: ARG001
    what = "log of 0 is -inf" if x[0] == 0 else f"log of {n(x[0])} is not a number"
    return Cause(what, f"a logarithm takes numbers above 0: {INSIDE}, as in log(x + 1e-8), or use clip")


def _sqrt(x: Operands, element: str) -> Cause:  # noqa: ARG001
    return Cause(f"sqrt of {n(x[0])} is not a number", "a root takes no numbers below 0: relu or clip keeps them out")


def _exp(x: Operands, element: str) -> Cause:
    largest = int(np.log(float(np.finfo(element).max)))
    return _overflow(
        f"exp of {n(x[0])}", element, f"exp of more than {largest} overflows: bound its argument, with clip for example"
    )


def _divide(x: Operands, element: str) -> Cause:
    if x[1] == 0:
        what = "0 / 0 is not a number" if x[0] == 0 else f"division by 0 in {n(x[0])} / 0"
        return Cause(what, DIVISOR)
    return _overflow(f"{n(x[0])} / {n(x[1])}", element, DIVISOR if abs(x[1]) < 1 else SCALE)


def _reciprocal(x: Operands, element: str) -> Cause:
    return _divide((1.0, x[0]), element)


def _power(x: Operands, element: str) -> Cause:
    base, exponent = x[0], x[1]
    text = f"({n(base)}) ** {n(exponent)}" if base < 0 else f"{n(base)} ** {n(exponent)}"
    if base < 0 and exponent != int(exponent):
        return Cause(
            f"{text} is not a number", "a number below 0 has no power that is not whole: take abs(x) or relu(x) to it"
        )
    if base == 0:
        return Cause(f"division by 0 in {text}", DIVISOR)
    return _overflow(text, element)


def _cast(x: Operands, element: str) -> Cause:
    largest = np.finfo(element).max
    return Cause(
        f"{n(x[0])} is beyond {element}, whose largest number is {n(float(largest))}",
        f"scale it down before it becomes {element}, or stay with float32",
        overflows=True,
    )


def _between(sign: str) -> Callable[[Operands, str], Cause]:
    return lambda x, element: _overflow(f"{n(x[0])} {sign} {n(x[1])}", element)


def _softmax(x: Operands, element: str) -> Cause:  # noqa: ARG001
    return Cause(
        f"softmax of nothing but {n(x[0])} is not a number",
        "where a mask leaves nothing of a row, fill it with a large negative number in place of -inf",
    )


def _sum(x: Operands, element: str) -> Cause:
    return _overflow(f"a sum of numbers up to {n(abs(x[0]))}", element)


def _product(x: Operands, element: str) -> Cause:
    return _overflow(f"a sum of products, of numbers up to {n(abs(x[0]))} and {n(abs(x[1]))},", element)


CAUSES: Mapping[str, Callable[[Operands, str], Cause]] = {
    "Log": _log, "Sqrt": _sqrt, "Exp": _exp, "Div": _divide, "Reciprocal": _reciprocal, "Pow": _power, "Cast": _cast,
    "Add": _between("+"), "Sub": _between("-"), "Mul": _between("*"), "Softmax": _softmax, "LogSoftmax": _softmax,
    **dict.fromkeys(("ReduceSum", "ReduceMean", "ReduceSumSquare", "ReduceL2", "AveragePool"), _sum),
    **dict.fromkeys(("MatMul", "Gemm", "Conv", "ConvTranspose", "Einsum"), _product),
}  # fmt: skip
"""By operator of ONNX, for its operands and the type of its result."""
NEEDS = {"Div": 2, "Pow": 2, "Add": 2, "Sub": 2, "Mul": 2, "MatMul": 2, "Gemm": 2, "Conv": 2, "ConvTranspose": 2}


def cause_of(birth: Birth, probes: Probes, values: Mapping[str, np.ndarray]) -> Cause:
    """Return why a value is not finite though what it is computed of is.

    Args:
        birth: the value.
        probes: the graph.
        values: all of its values.
    """
    node = birth.node
    if node is None:
        what = "a constant" if birth.value in probes.constants else f"'{birth.value}'"
        return Cause(f"{what} holds {birth.result:g}", "leave such rows out, or give them a value with impute")
    scope, is_gradient, _ = node.name.partition(GRADIENT)
    forward = probes.named(scope) if is_gradient else None
    if forward is not None and (slope := _slope_of(forward, _operands_of(forward, birth, values))) is not None:
        return slope
    if node.operator == "Log" and (before := probes.nodes.get(node.inputs[0])) and before.operator in LOGS:
        return replace(_made_by(birth), hint=LOGS[before.operator])
    cause, word = _made_by(birth), (scope if is_gradient else node.name).rpartition("/")[0]
    if not is_gradient and node.origin is None:  # an update
        return replace(cause, text=cause.text.replace("the square of", "the square of a gradient of"))
    operator = node.operator.lower()
    if is_gradient:
        return replace(cause, text=f"{cause.text} in the gradient of '{word}'")
    is_said = word == "pow" or operator in word or word in operator
    return cause if is_said else replace(cause, text=f"{cause.text} in '{word}'")


def _operands_of(node: ProbedNode, birth: Birth, values: Mapping[str, np.ndarray]) -> list[float]:
    """Return what a node was computed of at the place where its gradient is not finite."""
    shape, found = values[birth.value].shape, []
    for name in node.inputs:
        if name in values:
            same = at_place(values[name], birth.place, shape)
            found.append(reach(values[name]) if same is None else same)
    return found


def _made_by(birth: Birth) -> Cause:
    """Return why a node's result is not finite, by its operator."""
    assert birth.node is not None
    operator, x = _as_written(birth.node.operator, birth.operands, birth.node.name)
    if operator == "Mul" and len(set(birth.node.inputs)) == 1:
        return _overflow(f"the square of {n(x[0])}", birth.element)
    if operator in CAUSES and len(x) >= NEEDS.get(operator, 1):
        return CAUSES[operator](x, birth.element)
    result = "not a number" if np.isnan(birth.result) else "infinite"
    return Cause(f"{operator.lower()} of {', '.join(map(n, x))} is {result}" if x else f"{operator} is {result}", SCALE)


def _as_written(operator: str, x: Operands, name: str) -> tuple[str, Operands]:
    """Return a power as such, which an operator of its own may compute."""
    return ("Pow", (x[0], POWERS[operator])) if name.startswith("pow/") and operator in POWERS else (operator, x)


def _slope_of(node: ProbedNode, x: Operands) -> Cause | None:
    """Return why the slope of a node's operator is not finite at certain operands; None where it is."""
    if not x:
        return None
    operator, x = _as_written(node.operator, x, node.name)
    last = x[-1]
    if operator == "Sqrt" and x[0] == 0:
        return Cause("sqrt of 0 has an infinite slope", NO_ROOT)
    if operator == "Pow" and x[0] == 0 and last < 1:
        return Cause(f"0 ** {n(last)} has an infinite slope", f"a power below 1 has no gradient at 0: {INSIDE}")
    if operator == "Pow" and x[0] < 0 and last != int(last):
        return _power(x, "")
    if operator == "Log" and x[0] == 0:
        return Cause("log of 0 has an infinite slope", f"{INSIDE}, as in log(x + 1e-8)")
    if operator in {"Div", "Reciprocal"} and last == 0:
        return Cause("a division by 0 has an infinite slope", DIVISOR)
    if operator == "ReduceL2" and x[0] == 0:
        return Cause("the norm of zeros has no slope", f"{INSIDE} of a root: sqrt(sum(x ** 2) + 1e-8)")
    if operator in {"Acos", "Asin", "Atanh", "Acosh"} and abs(x[0]) == 1:
        return Cause(f"{operator.lower()} of {n(x[0])} has an infinite slope", "keep it within bounds with clip")
    return None

"""What made a number infinite or no number at all, in words, and what helps: by the operator that did it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from dslc.graph.probes import ProbedNode, Probes
from dslc.run.explaining.tracing import Birth, operands_at, trace

__all__ = ["GRADIENT", "SCALE", "Cause", "cause_of"]

GRADIENT = "/gradient/"
"""In the names of the nodes of a gradient, behind that of the node it belongs to."""

POWERS = {"Sqrt": 0.5, "Reciprocal": -1.0}
"""Operators that powers are computed by, and their exponents."""

SCALE = "bring what comes in to the size of 1, with standardize for example"
STEPS = "bound what a step leaves to the next, with tanh for example"
INSIDE = "add a small number inside"
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

SIGNS = {"Add": "+", "Sub": "-", "Mul": "*"}


def n(value: float) -> str:
    """Return a number as it is told."""
    return f"{value:.5g}"


def cause_of(probes: Probes, values: Mapping[str, np.ndarray], target: str) -> tuple[Birth, Cause]:
    """Return where a value that is not finite comes from, and why that is not finite though its operands are.

    Args:
        probes: the graph.
        values: all of its values, by name.
        target: the value.
    """
    birth = trace(probes, values, target)
    return birth, _cause_of(birth, probes, values)


def _cause_of(birth: Birth, probes: Probes, values: Mapping[str, np.ndarray]) -> Cause:
    node = birth.node
    if node is None:
        what = "a constant" if birth.value in probes.constants else f"'{birth.value}'"
        return Cause(f"{what} holds {birth.result:g}", "leave such rows out, or give them a value with impute")
    scope, is_gradient, _ = node.name.partition(GRADIENT)
    forward = probes.named(scope) if is_gradient else None
    if forward is not None:
        slope = _slope_of(forward, operands_at(forward, values, birth.place, values[birth.value].shape))
        if slope is not None:
            return slope
    cause, word = _made_by(node, birth), (scope if is_gradient else node.name).rpartition("/")[0]
    if node.operator == "Log" and (before := probes.nodes.get(node.inputs[0])) and before.operator in LOGS:
        return replace(cause, hint=LOGS[before.operator])
    if not is_gradient and node.origin is None:  # an update
        return replace(cause, text=cause.text.replace("the square of", "the square of a gradient of"))
    operator = node.operator.lower()
    if is_gradient:
        return replace(cause, text=f"{cause.text} in the gradient of '{word}'")
    is_said = word == "pow" or operator in word or word in operator
    return cause if is_said else replace(cause, text=f"{cause.text} in '{word}'")


def _made_by(node: ProbedNode, birth: Birth) -> Cause:
    """Return why a node's result is not finite, by its operator."""
    element = birth.element
    match _as_written(node, birth.operands):
        case "Log", [x, *_]:
            what = "log of 0 is -inf" if x == 0 else f"log of {n(x)} is not a number"
            return Cause(what, f"a logarithm takes numbers above 0: {INSIDE}, as in log(x + 1e-8), or use clip")
        case "Sqrt", [x, *_]:
            hint = "a root takes no numbers below 0: relu or clip keeps them out"
            return Cause(f"sqrt of {n(x)} is not a number", hint)
        case "Exp", [x, *_]:
            largest = int(np.log(float(np.finfo(element).max)))
            hint = f"exp of more than {largest} overflows: bound its argument, with clip for example"
            return _overflow(f"exp of {n(x)}", element, hint)
        case "Div", [x, y, *_]:
            return _quotient(x, y, element)
        case "Reciprocal", [x, *_]:
            return _quotient(1.0, x, element)
        case "Pow", [x, y, *_]:
            return _power(x, y, element)
        case "Cast", [x, *_]:
            text = f"{n(x)} is beyond {element}, whose largest number is {n(float(np.finfo(element).max))}"
            return Cause(text, f"scale it down before it becomes {element}, or stay with float32", overflows=True)
        case "Mul", [x, *_] if len(set(node.inputs)) == 1:
            return _overflow(f"the square of {n(x)}", element)
        case ("Add" | "Sub" | "Mul") as operator, [x, y, *_]:
            return _overflow(f"{n(x)} {SIGNS[operator]} {n(y)}", element)
        case "Softmax" | "LogSoftmax", [x, *_]:
            hint = "where a mask leaves nothing of a row, fill it with a large negative number in place of -inf"
            return Cause(f"softmax of nothing but {n(x)} is not a number", hint)
        case "ReduceSum" | "ReduceMean" | "ReduceSumSquare" | "ReduceL2" | "AveragePool", [x, *_]:
            return _overflow(f"a sum of numbers up to {n(abs(x))}", element)
        case "MatMul" | "Gemm" | "Conv" | "ConvTranspose" | "Einsum", [x, y, *_]:
            return _overflow(f"a sum of products, of numbers up to {n(abs(x))} and {n(abs(y))},", element)
        case operator, operands:
            return _other(operator, operands, "not a number" if np.isnan(birth.result) else "infinite")


def _slope_of(node: ProbedNode, operands: Sequence[float]) -> Cause | None:
    """Return why the slope of a node's operator is not finite at certain operands; None where it is."""
    match _as_written(node, operands):
        case "Sqrt", [0, *_]:
            hint = f"the root of 0 has no gradient: {INSIDE}, as in sqrt(x + 1e-8)"
            return Cause("sqrt of 0 has an infinite slope", hint)
        case "Pow", [0, exponent, *_] if exponent < 1:
            hint = f"a power below 1 has no gradient at 0: {INSIDE}"
            return Cause(f"0 ** {n(exponent)} has an infinite slope", hint)
        case "Pow", [base, exponent, *_] if base < 0 and not exponent.is_integer():
            return _power(base, exponent, "")
        case "Log", [0, *_]:
            return Cause("log of 0 has an infinite slope", f"{INSIDE}, as in log(x + 1e-8)")
        case "Div" | "Reciprocal", [*_, 0]:
            return Cause("a division by 0 has an infinite slope", DIVISOR)
        case "ReduceL2", [0, *_]:
            return Cause("the norm of zeros has no slope", f"{INSIDE} of a root: sqrt(sum(x ** 2) + 1e-8)")
        case ("Acos" | "Asin" | "Atanh" | "Acosh") as operator, [x, *_] if abs(x) == 1:
            return Cause(f"{operator.lower()} of {n(x)} has an infinite slope", "keep it within bounds with clip")
    return None


def _as_written(node: ProbedNode, operands: Sequence[float]) -> tuple[str, Sequence[float]]:
    """Return a node's operator and operands, of a power as such, which an operator of its own may compute."""
    if node.name.startswith("pow/") and node.operator in POWERS and operands:
        return "Pow", (operands[0], POWERS[node.operator])
    return node.operator, operands


def _other(operator: str, operands: Sequence[float], becomes: str) -> Cause:
    """Return why the result of an operator that is not known more of is not finite."""
    if operator in ("Scan", "Loop"):
        return Cause(f"what is computed from step to step becomes {becomes}", STEPS)
    what = f"{operator.lower()} of {', '.join(map(n, operands))}" if operands else operator
    return Cause(f"{what} is {becomes}", SCALE)


def _overflow(text: str, element: str, hint: str = SCALE) -> Cause:
    return Cause(f"{text} overflows {element}", hint, overflows=True)


def _quotient(x: float, y: float, element: str) -> Cause:
    if y == 0:
        return Cause("0 / 0 is not a number" if x == 0 else f"division by 0 in {n(x)} / 0", DIVISOR)
    return _overflow(f"{n(x)} / {n(y)}", element, DIVISOR if abs(y) < 1 else SCALE)


def _power(base: float, exponent: float, element: str) -> Cause:
    text = f"({n(base)}) ** {n(exponent)}" if base < 0 else f"{n(base)} ** {n(exponent)}"
    if base < 0 and not exponent.is_integer():
        hint = "a number below 0 has no power that is not whole: take abs(x) or relu(x) to it"
        return Cause(f"{text} is not a number", hint)
    return Cause(f"division by 0 in {text}", DIVISOR) if base == 0 else _overflow(text, element)

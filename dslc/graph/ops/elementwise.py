"""Element-wise operators: arithmetic, comparisons, activations, casts."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from dslc.graph.builder import Operand, Tensor, binary, joined
from dslc.graph.values import onnx_type
from dslc.types import BOOL, FLOAT32, FLOAT64, ElementType, broadcast_types


def unary(operator: str, x: Tensor, **attributes: float) -> Tensor:
    """Apply an ONNX operator that keeps the type."""
    return x.builder.node(operator, [x], [x.type], attributes)


Unary = Callable[[Tensor], Tensor]
Binary = Callable[[Operand, Operand], Tensor]


def _unary(operator: str) -> Callable[[Tensor], Tensor]:
    def apply(x: Tensor) -> Tensor:
        return unary(operator, x)

    apply.__doc__ = f"ONNX ``{operator}``, element by element."
    return apply


def _binary(operator: str) -> Callable[[Operand, Operand], Tensor]:
    def apply(a: Operand, b: Operand) -> Tensor:
        return binary(operator, a, b)

    apply.__doc__ = f"ONNX ``{operator}`` of broadcast operands."
    return apply


absolute: Unary = _unary("Abs")
exp: Unary = _unary("Exp")
log: Unary = _unary("Log")
sqrt: Unary = _unary("Sqrt")
reciprocal: Unary = _unary("Reciprocal")
relu: Unary = _unary("Relu")
sigmoid: Unary = _unary("Sigmoid")
tanh: Unary = _unary("Tanh")
erf: Unary = _unary("Erf")
floor: Unary = _unary("Floor")
ceil: Unary = _unary("Ceil")
round_half_even: Unary = _unary("Round")
sin: Unary = _unary("Sin")
logical_not: Unary = _unary("Not")
identity: Unary = _unary("Identity")


def cos(x: Tensor) -> Tensor:
    """ONNX ``Cos``, element by element; through the sine where the target has no kernel."""
    if not x.builder.target.lacks("Cos", x.element):
        return unary("Cos", x)
    half = sin(x * 0.5)
    return 1.0 - half * half * 2.0


maximum: Binary = _binary("Max")
minimum: Binary = _binary("Min")
modulo: Binary = _binary("Mod")
equal: Binary = _binary("Equal")
less: Binary = _binary("Less")
less_equal: Binary = _binary("LessOrEqual")
greater: Binary = _binary("Greater")
greater_equal: Binary = _binary("GreaterOrEqual")
logical_and: Binary = _binary("And")
logical_or: Binary = _binary("Or")
logical_xor: Binary = _binary("Xor")
bitwise_and: Binary = _binary("BitwiseAnd")
bitwise_xor: Binary = _binary("BitwiseXor")


def leaky_relu(x: Tensor, alpha: float) -> Tensor:
    """ONNX ``LeakyRelu``: x where positive, alpha * x elsewhere."""
    if _is_rounded(alpha, x):
        return where(greater(x, 0.0), x, x * alpha)
    return unary("LeakyRelu", x, alpha=float(alpha))


def elu(x: Tensor, alpha: float) -> Tensor:
    """ONNX ``Elu``: x where positive, alpha * (exp(x) - 1) elsewhere."""
    if _is_rounded(alpha, x):
        return where(greater(x, 0.0), x, unary("Elu", x, alpha=1.0) * alpha)
    return unary("Elu", x, alpha=float(alpha))


def _is_rounded(number: float, x: Tensor) -> bool:
    """Would a number lose digits that x has, as an attribute of an operator, which is of single precision?"""
    return x.element is FLOAT64 and float(np.float32(number)) != number


def is_nan(x: Tensor) -> Tensor:
    """Return where x is not a number."""
    return x.builder.node("IsNaN", [x], [x.type.with_element(BOOL)])


def cast(x: Tensor, element: ElementType) -> Tensor:
    """Convert the elements; nothing is added where they have that type already."""
    if x.element is element:
        return x
    return x.builder.node("Cast", [x], [x.type.with_element(element)], {"to": int(onnx_type(element))})


def sign(x: Tensor) -> Tensor:
    """Return -1, 0 or 1; NaN stays."""
    wide = FLOAT32 if x.builder.target.lacks("Sign", x.element) else x.element
    return cast(unary("Sign", cast(x, wide)), x.element)


def softplus(x: Tensor) -> Tensor:
    """Return log(1 + exp(x)), of float16 in float32."""
    if x.element is ElementType.FLOAT16:
        return cast(softplus(cast(x, FLOAT32)), x.element)
    if not x.builder.target.lacks("Softplus", x.element):
        return unary("Softplus", x)
    return with_gradients(log1p(exp(-absolute(x))) + relu(x), [(x, lambda dy: dy * sigmoid(x))])


def log1p(x: Tensor) -> Tensor:
    """Return log(1 + x), of small numbers to the last bit but few: what rounding took off 1 + x is made good."""
    rounded = x + 1.0
    return log(rounded) - ((rounded - 1.0) - x) / rounded


def clip(x: Tensor, low: float | None, high: float | None) -> Tensor:
    """Limit the elements to [low, high]; without a limit there is none, also for infinity."""
    if x.builder.target.lacks("Clip", x.element):
        y = x if low is None else maximum(x, low)
        y = y if high is None else minimum(y, high)
        return with_gradients(y, [(x, lambda dy: dy * cast(equal(x, y), x.element))])
    if x.element.is_float:  # an absent limit is the largest finite number
        low, high = (-math.inf if low is None else low), (math.inf if high is None else high)
    limits = [None if limit is None else x.builder.as_tensor(limit, x.element) for limit in (low, high)]
    while limits and limits[-1] is None:
        limits.pop()
    return x.builder.node("Clip", [x, *limits], [x.type])


def where(condition: Tensor, a: Operand, b: Operand) -> Tensor:
    """Choose a where the condition holds and b elsewhere; all three broadcast."""
    builder, (_, a, b) = (
        joined(condition, a, b)
        if isinstance(a, Tensor) or isinstance(b, Tensor)
        else (condition.builder, [condition, *(condition.builder.as_tensor(v, FLOAT32) for v in (a, b))])
    )
    if a.element is BOOL:  # Where has no kernel of booleans
        return logical_or(logical_and(condition, a), logical_and(logical_not(condition), b))
    shape = broadcast_types(condition.type, a.type, b.type)
    return builder.node("Where", [condition, a, b], [shape.with_element(a.element)])


def total(*terms: Tensor) -> Tensor:
    """Add tensors, one after another: ONNX Runtime's Sum of several takes twice as long."""
    result, *others = terms
    for term in others:
        result = result + term
    return result


def positive(x: Tensor) -> Tensor:
    """Return 1 where x > 0 and 0 elsewhere, in x's type, without a branch.

    One steep HardSigmoid costs a third of a comparison and a cast on ONNX Runtime's CPU, and half of a product and a
    Clip, which serve where it has no kernel for HardSigmoid. What is positive but below 1e-30 (subnormal after scaling
    aside) gives less than 1; no network works at that scale.
    """
    if not x.builder.target.lacks("HardSigmoid", x.element):
        return _flat(hard_sigmoid(x, 1e30, 0.0))
    return steep(x)


def hard_sigmoid(x: Tensor, alpha: float, beta: float) -> Tensor:
    """ONNX ``HardSigmoid``: alpha * x + beta, limited to [0, 1]."""
    return unary("HardSigmoid", x, alpha=alpha, beta=beta)


def steep(x: Tensor, at_zero: float = 0.0, low: float = 0.0) -> Tensor:
    """Return ``low`` for negative x and 1 for positive x, in x's type, by a product and a Clip; no gradient.

    The factor is beyond float16, which is computed in float32.
    """
    scaled = (cast(x, FLOAT32) if x.element is ElementType.FLOAT16 else x) * 1e30
    return _flat(cast(clip(scaled + at_zero if at_zero else scaled, low, 1.0), x.element))


def detach(x: Tensor) -> Tensor:
    """Pass x on; no gradient passes back."""
    return _flat(identity(x))


def with_gradients(y: Tensor, rules: Sequence[tuple[Tensor, Callable[[Tensor], Tensor]]]) -> Tensor:
    """Pass y on; tensors that it is computed from get of a gradient dy what their rules make of it, and nothing else.

    For what has a gradient that is shorter than that of the operators it is written in.
    """
    result = identity(y)
    result.value.meta["gradients"] = [(operand.value, rule) for operand, rule in rules]
    return result


def _flat(x: Tensor) -> Tensor:
    """Mark a value that differentiation takes for a constant."""
    x.value.meta["detached"] = True
    return x

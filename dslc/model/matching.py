"""Meeting declared types: shape patterns bind symbols, or say what does not fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dslc.diagnostics import Label, Problem, did_you_mean
from dslc.errors import matching as errors
from dslc.model.scope import Scope
from dslc.model.values import POISON, is_number, kind_of
from dslc.source import Span
from dslc.syntax import tree
from dslc.types import Dimension, ElementType, Symbolic, TensorType, same_value, shape_text, symbol, symbols_of

__all__ = ["declared_type", "element_type", "is_symbol", "match_type"]

Evaluate = Callable[[tree.Expression], Any]


def is_symbol(name: str) -> bool:
    """Is it written as a symbol: upper-case letters, digits and underscores?"""
    return name.upper() == name and name.isascii() and name[0].isalpha() and name.replace("_", "").isalnum()


def element_type(declared: tree.TypeOf) -> ElementType | None:
    """Return the declared element type, None where there is none.

    Raises:
        Problem: no element type has that name.
    """
    if declared.element is None:
        return None
    try:
        return ElementType(declared.element)
    except ValueError:
        known = [e.value for e in ElementType]
        usual = {"float": "float32", "int": "int64", "double": "float64", "str": "string", "boolean": "bool"}
        hint = (f"write {usual[declared.element]}" if declared.element in usual
                else did_you_mean(declared.element, known) or "element types are " + ", ".join(known))  # fmt: skip
        raise errors.BAD_TYPE(f"there is no element type '{declared.element}'", hint=hint).at(declared.span) from None


def declared_type(declared: tree.TypeOf, scope: Scope, evaluate: Evaluate) -> TensorType:
    """Return the type that a declaration says by itself, with symbols left free and bound in ``scope``.

    Raises:
        Problem: it is not a complete type.
    """
    element = element_type(declared)
    if element is None:
        raise errors.BAD_TYPE("an element type is needed here", hint=f"write float32{declared.span.text}").at(declared.span)
    shape: list[Dimension] = []
    for number, dimension in enumerate(declared.dims or ()):
        if isinstance(dimension, tree.Wildcard):
            shape.append(symbol(f"ANY_{number}"))
        elif isinstance(dimension, tree.Ellipsis_):
            raise errors.BAD_TYPE("'...' matches dimensions of a tensor that is given; here the shape must be told",
                                  hint="give every dimension a number or a symbol").at(dimension.span)  # fmt: skip
        else:
            introduce_symbols(dimension, scope)
            shape.append(dimension_of(dimension, evaluate))
    return TensorType(element, tuple(shape))


def introduce_symbols(expression: tree.Expression, scope: Scope) -> None:
    """Make every symbol of a dimension that is not bound yet a free one."""
    for name in _names(expression):
        if is_symbol(name) and name not in scope:
            scope.bind(name, symbol(name))


def _names(expression: tree.Expression) -> list[str]:
    if isinstance(expression, tree.Name):
        return [expression.id]
    if isinstance(expression, tree.Binary):
        return _names(expression.left) + _names(expression.right)
    if isinstance(expression, tree.Unary):
        return _names(expression.operand)
    return []


def dimension_of(expression: tree.Expression, evaluate: Evaluate) -> Dimension:
    """Return the dimension that an expression says.

    Raises:
        Problem: it is not a whole number, or negative.
    """
    value = evaluate(expression)
    if value is POISON:
        raise Silent
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not is_number(value) or isinstance(value, float):
        raise errors.BAD_TYPE(f"a dimension is a whole number, not {kind_of(value)}").at(expression.span)
    if isinstance(value, int) and value < 0:
        raise errors.BAD_TYPE(f"a dimension cannot be negative, and this is {value}").at(expression.span)
    return value  # type: ignore[no-any-return]


class Silent(Exception):
    """The fault has been reported already."""


def match_type(
    declared: tree.TypeOf,
    actual: TensorType,
    scope: Scope,
    evaluate: Evaluate,
    *,
    what: str,
    span: Span,
) -> None:
    """Match a tensor's type against a declaration, binding the symbols it mentions first.

    Raises:
        Problem: they do not fit.
    """
    element = element_type(declared)
    place = Label(declared.span, "declared here")
    if element is not None and element is not actual.element:
        raise errors.WRONG_TYPE(
            f"{what} is declared as {element}, and this is {actual}", hint=f"convert it: cast(..., {element})"
        ).at(span, place)
    if declared.dims is None:
        if element is not None and actual.rank:
            raise errors.WRONG_TYPE(f"{what} is declared as a scalar, and this is {actual}").at(span, place)
        return
    dims = list(declared.dims)
    shape = list(actual.shape)
    rest = [i for i, d in enumerate(dims) if isinstance(d, tree.Ellipsis_)]
    if len(rest) > 1 or (rest and rest[0] != 0):
        raise errors.BAD_TYPE("'...' stands once, in front of the other dimensions").at(dims[rest[-1]].span)
    if rest:
        dims = dims[1:]
        if len(shape) >= len(dims):
            shape = shape[len(shape) - len(dims) :]
    if len(dims) != len(shape):
        least = "at least " if rest else ""
        raise errors.WRONG_TYPE(
            f"{what} has {least}{len(dims)} dimension{'s' * (len(dims) != 1)}, {declared.span.text}, and this is {actual}"
        ).at(span, place)
    for dimension, size in zip(dims, shape, strict=True):
        if isinstance(dimension, tree.Wildcard):
            continue
        assert not isinstance(dimension, tree.Ellipsis_)
        _match_dimension(dimension, size, scope, evaluate, what, actual, span)


def _match_dimension(
    dimension: tree.Expression, size: Dimension, scope: Scope, evaluate: Evaluate,
    what: str, actual: TensorType, span: Span,
) -> None:  # fmt: skip
    unbound = [n for n in dict.fromkeys(_names(dimension)) if is_symbol(n) and n not in scope]
    place = Label(dimension.span, "declared here")
    if len(unbound) == 1:
        name = unbound[0]
        if isinstance(dimension, tree.Name):
            scope.bind(name, size)
            return
        scope.bind(name, symbol(name))
        solved = _solve(dimension_of(dimension, evaluate), name, size)
        if solved is None:
            raise errors.WRONG_TYPE(
                f"{what} is declared with the dimension {dimension.span.text}, and {size} is none of that form"
            ).at(span, place)
        scope.bind(name, solved)
        return
    if unbound:
        raise errors.BAD_TYPE(f"{' and '.join(unbound)} can't both be found from one dimension").at(dimension.span)
    expected = dimension_of(dimension, evaluate)
    same = same_value(expected, size)
    if same:
        return
    said = dimension.span.text if isinstance(expected, int) and dimension.span.text == str(expected) else (
        f"{dimension.span.text} = {expected}" if dimension.span.text != str(expected) else str(expected))
    if same is None:
        raise errors.UNDECIDED(
            f"{what} has the dimension {said} where this has {size}; whether they agree is known at run time only"
        ).at(span, place, Label(span, f"this is {actual}"))
    raise errors.WRONG_TYPE(
        f"{what} has the dimension {said} where this has {size}: it is {shape_text(actual.shape)}"
    ).at(span, place)


def _solve(pattern: Dimension, name: str, size: Dimension) -> Dimension | None:
    """Find the symbol's value for which a linear pattern equals the size."""
    if not isinstance(pattern, Symbolic):
        return None
    linear = [(m, c) for m, c in pattern.terms.items() if len(m) == 1 and str(m[0]) == name]
    if len(linear) != 1 or any(name in symbols_of(Symbolic({m: 1}, {})) for m in pattern.terms if m and m != linear[0][0]):
        return None
    monomial, coefficient = linear[0]
    difference = size - (pattern - coefficient * symbol(name))
    remainder = difference % coefficient
    return difference // coefficient if isinstance(remainder, int) and remainder == 0 else None

"""Meeting declared types: shape patterns bind symbols, or say what does not fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dslc.check.core.scope import Scope
from dslc.check.core.values import POISON, Silent, kind_of, whole_number
from dslc.diagnostics import Code, Label, Repair, did_you_mean
from dslc.dimensions import same_value, symbols_of
from dslc.errors import matching as errors
from dslc.errors.names import UNKNOWN_NAME
from dslc.source import Span
from dslc.syntax import tree
from dslc.types import Dimension, ElementType, Symbolic, TensorType, symbol, symbols_in

__all__ = ["declared_type", "dimension_of", "element_type", "is_symbol", "match_type", "names_in"]

Evaluate = Callable[[tree.Expression], Any]


def is_symbol(name: str) -> bool:
    """Return whether it is written as a symbol: upper-case letters, digits and underscores."""
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
        hint = did_you_mean(declared.element, known) or "element types are " + ", ".join(known)
        if declared.element in usual:
            hint = Repair(f"write {usual[declared.element]}", usual[declared.element])
        start = declared.span.start
        span = declared.span.source.span(start, start + len(declared.element))
        raise errors.BAD_TYPE(f"there is no element type '{declared.element}'", hint=hint).at(span) from None


def declared_type(declared: tree.TypeOf, scope: Scope, evaluate: Evaluate) -> TensorType:
    """Return the type that a declaration says by itself, with symbols left free and bound in ``scope``.

    Raises:
        Problem: it is not a complete type.
    """
    element = element_type(declared)
    if element is None:
        raise errors.BAD_TYPE("an element type is needed here", hint=f"write float32{declared.span.text}").at(
            declared.span
        )
    shape: list[Dimension] = []
    for number, dimension in enumerate(declared.dims or ()):
        if isinstance(dimension, tree.Wildcard):
            shape.append(symbol(f"ANY_{number}"))
        elif isinstance(dimension, tree.Ellipsis_):
            message = "'...' matches dimensions of a tensor that is given; here the shape must be told"
            raise errors.BAD_TYPE(message, hint="give every dimension a number or a symbol").at(dimension.span)
        else:
            introduce_symbols(dimension, scope)
            shape.append(dimension_of(dimension, evaluate))
    return TensorType(element, tuple(shape))


def introduce_symbols(expression: tree.Expression, scope: Scope) -> None:
    """Make every symbol of a dimension that is not bound yet a free one."""
    refuse_small_letters(expression, scope)
    for name in names_in(expression):
        if is_symbol(name) and name not in scope:
            scope.bind(name, symbol(name))


def refuse_small_letters(expression: tree.Expression, scope: Scope) -> None:
    """Refuse a dimension that is an unknown name, as other tools write free sizes.

    Raises:
        Problem: it is one, and no slip in writing a name that is known.
    """
    if not isinstance(expression, tree.Name) or is_symbol(expression.id) or expression.id in scope:
        return
    elsewhere = any(expression.id in place.elsewhere for place in scope.chain())
    if not (scope.is_incomplete or elsewhere or did_you_mean(expression.id, scope.names())):
        symbol_ = "N" if expression.id == "None" else expression.id.upper()
        example = f": {symbol_}" if is_symbol(symbol_) else ""
        raise UNKNOWN_NAME(
            f"there is no value '{expression.id}' here", hint=f"a size that is free is a symbol in capitals{example}"
        ).at(expression.span)


def names_in(expression: tree.Node) -> list[str]:
    """Return all names in an expression, in no order."""
    return [node.id for node in expression.walk() if isinstance(node, tree.Name)]


def dimension_of(expression: tree.Expression, evaluate: Evaluate) -> Dimension:
    """Return the dimension that an expression says.

    Raises:
        Problem: it is not a whole number, or less than 1.
    """
    value = evaluate(expression)
    if value is POISON:
        raise Silent
    size = whole_number(value)
    if size is None:
        raise errors.BAD_TYPE(f"a dimension is a whole number, not {kind_of(value)}").at(expression.span)
    if isinstance(size, int) and size < 1:
        hint = "a size that is free is a symbol in capitals: N"
        raise errors.BAD_TYPE(f"a dimension is at least 1, and this is {size}", hint=hint).at(expression.span)
    return size


def match_type(
    declared: tree.TypeOf,
    actual: TensorType,
    scope: Scope,
    evaluate: Evaluate,
    *,
    what: str,
    span: Span,
    origin: Span | None,
) -> None:
    """Match a tensor's type against a declaration, binding the symbols it mentions first.

    ``span`` is where they meet, ``origin`` where the tensor comes from.

    Raises:
        Problem: they do not fit.
    """
    element = element_type(declared)
    labels = [Label(declared.span, "declared here")]
    if origin is not None and origin != span:
        labels.append(Label(origin, f"this is {actual}"))
    if element is not None and element is not actual.element:
        raise errors.WRONG_TYPE(
            f"{what} is declared as {element}, and this is {actual}", hint=f"convert it: cast(..., {element})"
        ).at(span, *labels)
    if declared.dims is None:
        if element is not None and actual.rank:
            hint = "the batch is the first axis: write " + f"{element}[N]" if actual.rank == 1 else None
            raise errors.WRONG_TYPE(f"{what} is declared as a scalar, and this is {actual}", hint=hint).at(
                span, *labels
            )
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
        hint = None
        if len(shape) == len(dims) + 1 and "N" not in names_in(declared):
            written = ", ".join(["N", *(dimension.span.text for dimension in dims)])
            hint = f"the batch is the first axis: write {declared.element or ''}[{written}]"
        raise errors.WRONG_TYPE(
            f"{what} has {least}{len(dims)} dimension{'s' * (len(dims) != 1)}, {declared.span.text}, "
            f"and this is {actual}",
            hint=hint,
        ).at(span, *labels)
    for dimension, size in zip(dims, shape, strict=True):
        if isinstance(dimension, tree.Wildcard):
            continue
        assert not isinstance(dimension, tree.Ellipsis_)
        problem = _match_dimension(dimension, size, scope, evaluate)
        if problem is not None:
            code, place, symbols = problem
            message = f"{what} is declared as {declared.span.text}, and this is {actual}"
            if code is errors.UNDECIDED:
                message += "; whether they agree is known at run time only"
            raise code(message, depends_on=symbols).at(span, place, *labels[1:])


def _match_dimension(
    dimension: tree.Expression, size: Dimension, scope: Scope, evaluate: Evaluate
) -> tuple[Code, Label, frozenset[str]] | None:
    """Match one dimension, binding a symbol that it mentions first; say what misfits, where, and by which symbols."""
    refuse_small_letters(dimension, scope)
    unbound = sorted({name for name in names_in(dimension) if is_symbol(name) and name not in scope})
    if len(unbound) > 1:
        raise errors.BAD_TYPE(f"{' and '.join(unbound)} can't both be found from one dimension").at(dimension.span)
    written = dimension.span.text
    if unbound:
        name = unbound[0]
        solved: Dimension | None = size
        if not isinstance(dimension, tree.Name):
            scope.bind(name, symbol(name))
            solved = _solve(dimension_of(dimension, evaluate), name, size)
        if solved is None:
            scope.bind(name, POISON)
            return (
                errors.WRONG_TYPE,
                Label(dimension.span, f"{size} is not {written} for any whole number {name}"),
                symbols_of(size),
            )
        scope.bind(name, solved)
        return None
    expected = dimension_of(dimension, evaluate)
    same = same_value(expected, size)
    if same:
        return None
    said = f"{written} is {expected}" if written != str(expected) else written
    place = Label(dimension.span, f"{said} here, and the tensor has {size}")
    return errors.WRONG_TYPE if same is False else errors.UNDECIDED, place, symbols_in(expected, size)


def _solve(pattern: Dimension, name: str, size: Dimension) -> Dimension | None:
    """Find the symbol's value for which a linear pattern equals the size."""
    if not isinstance(pattern, Symbolic):
        return None
    linear = [(m, c) for m, c in pattern.terms.items() if len(m) == 1 and str(m[0]) == name]
    if len(linear) != 1 or any(
        name in symbols_of(Symbolic({m: 1}, {})) for m in pattern.terms if m and m != linear[0][0]
    ):
        return None
    _, coefficient = linear[0]
    difference = size - (pattern - coefficient * symbol(name))
    remainder = difference % coefficient
    return difference // coefficient if isinstance(remainder, int) and remainder == 0 else None

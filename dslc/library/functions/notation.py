"""Functions whose argument is a notation of its own: einsum and rearrange."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from dslc import graph as g
from dslc.dimensions import symbols_of
from dslc.errors.types import BAD_PATTERN, RANK
from dslc.library.checks import agree, divides, need_float, same_elements
from dslc.library.functions.shaping import Rearrangement
from dslc.library.operation import Context, Function, function, option
from dslc.types import Dimension, Shape, TensorType, element_count


@function
class einsum(Function):
    """Einstein's summation: one letter per axis; letters missing from the result are summed over.

    ``einsum("bid,bjd->bij", q, k)`` is the product of each row of q with each row of k. Without ``->`` the result has
    the letters that occur once, in alphabetical order.
    """

    leading = ("equation",)
    equation: str = option('Letters for the axes of each operand, then "->" and those of the result.')

    def _terms(self, operands: int) -> tuple[list[str], str]:
        text = self.equation.replace(" ", "")
        if not re.fullmatch(r"[A-Za-z,]*(->[A-Za-z]*)?", text):
            raise BAD_PATTERN(
                f'einsum: "{self.equation}" is made of letters, commas and one "->"',
                hint="the operators of `@` and `sum` take any number of leading axes" if "." in text else None,
            )
        left, _, right = text.partition("->")
        terms = left.split(",")
        if len(terms) != operands:
            raise BAD_PATTERN(f'einsum: "{self.equation}" describes {len(terms)} operands, but there are {operands}')
        for term in terms:
            if len(set(term)) < len(term):
                raise BAD_PATTERN(f'einsum: a letter stands twice in "{term}"', hint="diagonals are not supported")
        if "->" not in text:
            right = "".join(sorted(c for c in set(left) - {","} if left.count(c) == 1))
        unknown = sorted(set(right) - set(left))
        if unknown:
            raise BAD_PATTERN(f'einsum: "{unknown[0]}" stands in the result of "{self.equation}" but in no operand')
        if len(set(right)) < len(right):
            raise BAD_PATTERN(f'einsum: a letter stands twice in the result "{right}"')
        return terms, right

    def keeps_apart(self, operands: Sequence[TensorType], symbol: str) -> bool:
        terms, result = self._terms(len(operands))
        letters = {
            letter
            for term, x in zip(terms, operands, strict=True)
            for letter, size in zip(term, x.shape, strict=True)
            if symbol in symbols_of(size)
        }
        return not letters & set(result) or (len(letters) < 2 and letters <= set(result))  # else they are summed over

    def _sizes(self, operands: tuple[TensorType, ...]) -> tuple[dict[str, Dimension], str]:
        terms, result = self._terms(len(operands))
        sizes: dict[str, Dimension] = {}
        for term, x in zip(terms, operands, strict=True):
            if len(term) != x.rank:
                raise RANK(f'einsum: "{term}" describes {len(term)} axes, but the operand is {x}')
            for letter, size in zip(term, x.shape, strict=True):
                agree(f'einsum "{self.equation}"', sizes.setdefault(letter, size), size, f'the sizes of "{letter}"')
        return sizes, result

    def type(self, *operands: TensorType) -> TensorType:
        need_float(self.name, operands[0])
        same_elements(self.name, *operands)
        sizes, result = self._sizes(operands)
        return operands[0].with_shape(sizes[letter] for letter in result)

    def emit(self, context: Context, *operands: g.Tensor) -> g.Tensor:
        terms, result = self._terms(len(operands))
        return g.einsum(f"{','.join(terms)}->{result}", *operands)

    def multiply_adds(self, *operands: TensorType) -> Dimension:
        return element_count(self._sizes(operands)[0].values())


# --- rearrange ---------------------------------------------------------------------------------------

_ELLIPSIS = "..."
_Groups = list[list[str]]
"""One list of axis names per axis: ``n (h d)`` is [["n"], ["h", "d"]], and 1 is []."""


def _groups(pattern: str, side: str) -> _Groups:
    signs = re.findall(r"\.\.\.|\w+|[()]|\S", side)
    groups: _Groups = []
    inside = False
    for sign in signs:
        if sign == "(" and not inside:
            groups.append([])
            inside = True
        elif sign == ")" and inside:
            inside = False
        elif sign == "1":
            groups += [] if inside else [[]]
        elif sign == _ELLIPSIS and not inside:
            groups.append([_ELLIPSIS])
        elif sign.isidentifier():
            if inside:
                groups[-1].append(sign)
            else:
                groups.append([sign])
        else:
            raise BAD_PATTERN(f'rearrange: "{sign}" can\'t stand there in "{pattern}"')
    if inside:
        raise BAD_PATTERN(f'rearrange: a "(" is never closed in "{pattern}"')
    names = [name for group in groups for name in group]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise BAD_PATTERN(f'rearrange: "{twice}" stands twice on one side of "{pattern}"')
    return groups


@dataclass(frozen=True)
class Plan:
    """How axes are cut, put into another order, and joined."""

    split: tuple[Dimension, ...]
    order: tuple[int, ...]
    merged: tuple[Dimension, ...]


@function
class rearrange(Rearrangement, Function):
    """Axes split, reordered and merged by a pattern: ``rearrange(x, "n t (h d) -> n h t d", h = 8)``.

    Each name is an axis; names in parentheses are one axis of x, or of the result, in row-major order; 1 is an axis of
    size one; ``...`` stands for any axes, kept as they are. Sizes that do not follow from x are given by name.

    Rogozhnikov, Einops: Clear and Reliable Tensor Manipulations with Einstein-like Notation, 2022.
    """

    keywords = "sizes"
    pattern: str = option('The axes of x, "->", and the axes of the result.')
    sizes: tuple[tuple[str, Dimension], ...] = option("Sizes of axes, by name.", default=())

    def plan(self, x: TensorType) -> Plan:
        """Return what happens to the axes of x."""
        sides = self.pattern.split("->")
        if len(sides) != 2:
            raise BAD_PATTERN(f'rearrange: "{self.pattern}" needs one "->"')
        left, right = (_groups(self.pattern, side) for side in sides)
        left, right = self._without_ellipsis(left, right, x)
        names = [name for group in left for name in group]
        result = [name for group in right for name in group]
        if set(names) != set(result):
            odd = min(set(names) ^ set(result))
            raise BAD_PATTERN(f'rearrange: "{odd}" stands on one side only of "{self.pattern}"')
        sizes = self._solve(left, x)
        return Plan(
            split=tuple(sizes[name] for name in names),
            order=tuple(names.index(name) for name in result),
            merged=tuple(element_count(sizes[name] for name in group) for group in right),
        )

    def _without_ellipsis(self, left: _Groups, right: _Groups, x: TensorType) -> tuple[_Groups, _Groups]:
        """Give the axes that ``...`` stands for names of their own."""
        hidden = x.rank - len(left) + 1 if [_ELLIPSIS] in left else 0
        if hidden < 0 or ([_ELLIPSIS] not in left and len(left) != x.rank):
            raise RANK(f'rearrange: "{self.pattern}" describes {len(left)} axes, but x is {x}')
        if ([_ELLIPSIS] in left) != ([_ELLIPSIS] in right):
            raise BAD_PATTERN(f'rearrange: "..." stands on one side only of "{self.pattern}"')
        axes = [[f"...{i}"] for i in range(hidden)]

        def opened(groups: _Groups) -> _Groups:
            return [g for group in groups for g in (axes if group == [_ELLIPSIS] else [group])]

        return opened(left), opened(right)

    def _solve(self, left: _Groups, x: TensorType) -> dict[str, Dimension]:
        """Return the size of every name."""
        known = dict(self.sizes)
        unused = sorted(set(known) - {name for group in left for name in group})
        if unused:
            raise BAD_PATTERN(f'rearrange: "{unused[0]}" does not occur in "{self.pattern}"')
        for axis, (group, size) in enumerate(zip(left, x.shape, strict=True)):
            unknown = [name for name in group if name not in known]
            if len(unknown) > 1:
                raise BAD_PATTERN(
                    f'rearrange: the sizes of "{unknown[0]}" and "{unknown[1]}" do not follow from axis {axis} of {x}',
                    hint=f"give one of them: `{unknown[0]} = ...`",
                )
            given = element_count(known[name] for name in group if name in known)
            if unknown:
                known[unknown[0]] = divides(self.name, given, size, f"axis {axis} of {x}")
            else:
                described = f'"{" ".join(group) or 1}" in "{self.pattern}" and axis {axis} of {x}'
                agree(self.name, given, size, described)
        return known

    def type(self, x: TensorType) -> TensorType:
        return x.with_shape(self.plan(x).merged)

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        plan = self.plan(x.type)
        return g.reshape(g.transpose(g.reshape(x, plan.split), plan.order), plan.merged)

    def reordered(self, x: TensorType) -> tuple[Shape, Sequence[int]]:
        plan = self.plan(x)
        return plan.split, plan.order

"""Functions of real numbers, element by element."""

from __future__ import annotations

import math

from dslc import graph as g
from dslc.dimensions import Undecided
from dslc.errors.types import COMBINATION
from dslc.library.checks import need_number, need_room
from dslc.library.operation import Context, Function, OfFloats, function, option
from dslc.types import Symbolic, TensorType


class _Real(OfFloats, Function):
    """A function of real numbers."""


class _Signed(Function):
    """The same for integers too."""

    elementwise = True

    def type(self, x: TensorType) -> TensorType:
        need_number(self.name, x)
        return x


@function
class exp(_Real):
    """The exponential function, e to the power of x."""

    formula, of_numbers = lambda x: g.exp(x), math.exp


@function
class log(_Real):
    """The natural logarithm."""

    formula, of_numbers = lambda x: g.log(x), math.log


@function
class sqrt(_Real):
    """The square root."""

    formula, of_numbers = lambda x: g.sqrt(x), math.sqrt


@function
class sin(_Real):
    """The sine, of radians."""

    formula, of_numbers = lambda x: g.sin(x), math.sin


@function
class cos(_Real):
    """The cosine, of radians."""

    formula, of_numbers = lambda x: g.cos(x), math.cos


@function
class erf(_Real):
    """The error function, 2 / sqrt(pi) times the integral of exp(-t ** 2) from 0 to x."""

    operators = ("Erf",)
    formula, of_numbers = lambda x: g.erf(x), math.erf


@function
class floor(_Real):
    """The largest whole number that is not above x; the gradient is zero."""

    formula, of_numbers = lambda x: g.floor(x), math.floor


@function
class ceil(_Real):
    """The smallest whole number that is not below x; the gradient is zero."""

    formula, of_numbers = lambda x: g.ceil(x), math.ceil


@function
class round(_Real):
    """The nearest whole number, the even one of two; the gradient is zero."""

    formula, of_numbers = lambda x: g.round_half_even(x), round


def _sign(x: float) -> int:
    return (x > 0) - (x < 0)


@function
class sign(_Signed):
    """-1, 0 or 1; the gradient is zero."""

    wraps = False
    formula, of_numbers = lambda x: g.sign(x), _sign


def _absolute(x: float) -> float:
    if isinstance(x, Symbolic):
        raise Undecided(f"the sign of '{x}' is not known before run time", x)
    return x if x >= 0 else -x


@function
class abs(_Signed):
    """The absolute value."""

    wraps_exactly = True
    formula, of_numbers = lambda x: g.absolute(x), _absolute

    def bounds(self, x: tuple[int, int]) -> tuple[int, int]:
        return 0, max(-x[0], x[1], x[0], -x[1])


@function
class clip(Function):
    """x limited to [min, max]; where a limit cuts it off, the gradient is zero."""

    aliases = {"clamp": "", "clipbyvalue": ""}
    carries = True
    elementwise = True

    min: float | int | None = option("The lower limit; none for no limit.", default=None)
    max: float | int | None = option("The upper limit; none for no limit.", default=None)

    def type(self, x: TensorType) -> TensorType:
        need_number(self.name, x)
        if self.min is None and self.max is None:
            raise COMBINATION("clip without a limit", hint="give `min`, `max` or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise COMBINATION(f"clip: the lower limit, {self.min}, is above the upper one, {self.max}")
        if x.element.is_integer and any(isinstance(limit, float) for limit in (self.min, self.max)):
            raise COMBINATION(f"clip of {x} takes whole numbers as limits")
        need_room(self.name, x, min=self.min, max=self.max)
        return x

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        return g.clip(x, self.min, self.max)

"""What a fitted step is: constants taken from the training split, and operations that use them.

A step says what it works on, which constants it keeps, how they follow from the rows that it is fitted on, and what of
the language its result is; ``original`` undoes those that say how. Its first operand is what it works on, an option
without a default stands behind it by position, and all others are given by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

import numpy as np

from dslc.diagnostics import Problem
from dslc.errors import objectives
from dslc.library.fits.statistics import Array
from dslc.library.word import FITS, Word, option, word_decorator
from dslc.types import TensorType

__all__ = ["Call", "Coding", "FittedStep", "Over", "fit", "over_option"]

Call: TypeAlias = Callable[..., Any]
"""Applies a function of the library by name: ``call("subtract", x, mean)``."""
Over: TypeAlias = str | int | tuple[int, ...] | None


def over_option() -> Any:
    """Return the option that says which axes are taken together."""
    return option(
        'Axes of one example that are taken together: an axis, a list, or "all"; without it, each element is taken by '
        "itself.",
        default=None,
    )


class FittedStep(Word):
    """A step of a field whose constants are fitted on the training split."""

    constants: ClassVar[tuple[str, ...]] = ()
    """Their names; each has the shape of one example, with size 1 along axes that are taken together."""
    undoes: ClassVar[bool] = False
    """Whether :meth:`undone` says how ``original`` undoes it."""
    usage: ClassVar[str | None] = None
    """How it is written, for hints."""

    over: Over = None
    """The option of that name, its axes counted from that behind the examples'."""

    @classmethod
    def refuse(cls, option: str, value: Any) -> str | None:
        """Return what an option must be, where a value is no such thing; what else its declaration says is checked."""
        return None

    @classmethod
    def refuse_text(cls, column: str) -> Problem | None:
        """Return what is said of a column of text; None: what is no number in it is told when it is read."""
        return None

    @classmethod
    def check(cls, x: TensorType) -> None:
        """Raise a Problem where it does not work on such a tensor."""
        if not x.element.is_float:
            raise objectives.BAD_FITTED(f"{cls.name} works on numbers, and this is {x.element}")

    def known(self) -> Mapping[str, float]:
        """Return the constants that follow from the options alone, the same everywhere."""
        return {}

    def fitted(self, values: Array, rows: Array | None, over: Sequence[int]) -> Mapping[str, np.ndarray]:
        """Return the constants by name, in float64.

        ``values`` (all rows, ...) are fitted on ``rows`` (None: on all), with the axes ``over`` of an example taken
        together. :mod:`dslc.library.fits.statistics` has functions of these three.
        """
        raise NotImplementedError

    def apply(self, call: Call, x: Any, constants: Mapping[str, Any]) -> Any:
        """Return its result for a tensor of the batch, made of functions of the library and its constants."""
        raise NotImplementedError

    def undone(self, call: Call, y: Any, constants: Mapping[str, Any]) -> Any:
        """Return what its result was made of."""
        raise NotImplementedError


class Coding(FittedStep):
    """A step that numbers the values of a column; the host codes them, whatever they are."""

    unknown: bool
    missing: bool

    @classmethod
    def refuse(cls, option: str, value: Any) -> str | None:
        return None if isinstance(value, bool) else f"'{option}' is true or false"


fit = word_decorator("fitted step", FITS)

"""What the type rules of words have in common: checks that raise a Problem in the user's words."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dslc.dimensions import Undecided, is_class_count, same_value, symbols_of
from dslc.errors import types as errors
from dslc.types import (
    BOOL,
    INT32,
    INT64,
    STRING,
    BroadcastError,
    Dimension,
    ElementType,
    Shape,
    Symbolic,
    TensorType,
    broadcast,
    shape_text,
)

__all__ = [
    "Axes", "Sizes", "agree", "axes_of", "axis_of", "broadcast_shapes", "compute", "decide", "divides", "need_bool",
    "need_float", "need_integer", "need_no_text", "need_number", "need_rank", "need_room", "per_axis",
    "same_elements", "weight_size",
]  # fmt: skip

Sizes = int | tuple[int, ...]
"""One number for all axes, or one for each."""
Axes = int | tuple[int, ...] | None
"""One axis, several, or all."""


# --- element types -----------------------------------------------------------------------------------


def _cast_hint(example: str) -> str:
    return f"convert it with `cast(..., {example})`"


def need_float(word: str, x: TensorType) -> None:
    """Refuse anything but floating-point numbers."""
    if not x.element.is_float:
        raise errors.ELEMENT(f"{word} takes floating-point numbers, but this is {x}", hint=_cast_hint("float32"))


def need_bool(word: str, x: TensorType) -> None:
    """Refuse anything but booleans."""
    if x.element is not BOOL:
        raise errors.ELEMENT(f"{word} takes booleans, but this is {x}", hint="compare first, as in `x > 0`")


def need_integer(word: str, x: TensorType) -> None:
    """Refuse anything but integers."""
    if not x.element.is_integer:
        raise errors.ELEMENT(f"{word} takes integers, but this is {x}", hint=_cast_hint("int64"))


def need_number(word: str, x: TensorType) -> None:
    """Refuse what arithmetic is not defined for: booleans, strings, and integers other than int32 and int64."""
    if not (x.element.is_float or x.element in (INT32, INT64)):
        example = "int32" if x.element.is_integer else "float32"
        raise errors.ELEMENT(f"{word} is not defined for {x}", hint=_cast_hint(example))


def need_room(word: str, x: TensorType, **values: float | None) -> None:
    """Refuse options that x's element type does not hold; floating-point ones round."""
    if x.element.is_float:
        return
    least, most = (0, 0) if x.element is STRING else (0, 1)  # of text, 0 is the empty one
    if x.element.is_integer:
        least, most = (int(limit) for limit in (np.iinfo(x.element.value).min, np.iinfo(x.element.value).max))
    for name, value in values.items():
        if value is not None and not (least <= value <= most and int(value) == value):
            raise errors.COMBINATION(
                f"{word}: {name} = {value} is no {x.element}, of which this is: {x}", hint=_cast_hint("float32")
            )


def need_no_text(word: str, x: TensorType) -> None:
    """Refuse text."""
    if x.element is STRING:
        need_number(word, x)


def same_elements(word: str, *types: TensorType) -> ElementType:
    """Return the element type that all operands have."""
    first = types[0]
    for other in types[1:]:
        if other.element is not first.element:
            keeps = first.element.is_float or not other.element.is_float
            target = first.element if keeps and first.element is not BOOL else other.element
            raise errors.ELEMENTS_DIFFER(
                f"{word} of {first} and {other}: the element types differ",
                hint=f"convert one of them: `cast(..., {target})`",
            )
    return first.element


# --- shapes ------------------------------------------------------------------------------------------


def broadcast_shapes(word: str, *types: TensorType) -> Shape:
    """Return the shape that the operands broadcast to."""
    try:
        return broadcast(*(t.shape for t in types))
    except BroadcastError as error:
        shapes = " and ".join(shape_text(t.shape) for t in types)
        raise errors.BROADCAST(
            f"{word} of shapes {shapes}: they do not broadcast ({error})", hint=_broadcast_hint(types)
        ) from None


def _broadcast_hint(types: Sequence[TensorType]) -> str | None:
    low, high = sorted(types[:2], key=lambda t: t.rank)
    if low.rank and low.rank < high.rank and low.shape == high.shape[: low.rank]:
        missing = ", ".join(["..."] + ["none"] * (high.rank - low.rank))
        return f"shapes are aligned from the right; add axes to the smaller one: `x[{missing}]`"
    return None


def need_rank(word: str, x: TensorType, least: int, most: int | None = None, axes: str = "") -> None:
    """Refuse fewer than ``least`` or more than ``most`` axes; ``axes`` names them for the message."""
    if x.rank >= least and (most is None or x.rank <= most):
        return
    if most is None:
        expected = f"at least {least} axes" if least != 1 else "at least one axis"
    else:
        expected = f"{least} ax{'is' if most == 1 else 'es'}" if least == most else f"{least} to {most} axes"
    named = f", {axes}" if axes else ""
    hint = None
    if x.rank < least:
        hint = "`Reshape(...)` gives each example another shape" if x.rank > 1 else "`x[..., none]` adds an axis"
    elif most is not None:
        hint = "`Flatten` merges all axes but the first"
    raise errors.RANK(f"{word} takes {expected}{named}, but this is {x}", hint=hint)


def axis_of(word: str, axis: int, rank: int) -> int:
    """Return the axis counted from the front."""
    if not -rank <= axis < rank:
        exist = f"axes go from {-rank} to {rank - 1}" if rank else "a scalar has no axes"
        raise errors.AXIS(f"{word}: axis {axis} of a tensor of rank {rank}", hint=exist)
    return axis % rank


def axes_of(word: str, axes: Axes, rank: int) -> tuple[int, ...]:
    """Return sorted axes counted from the front; none means all."""
    if axes is None:
        return tuple(range(rank))
    given = (axes,) if isinstance(axes, int) else axes
    found = [axis_of(word, axis, rank) for axis in given]
    if len(set(found)) < len(found):
        raise errors.AXIS(f"{word}: an axis is named twice in {list(given)}")
    if not found:
        raise errors.AXIS(f"{word}: the list of axes is empty", hint="leave `axis` out to take all axes")
    return tuple(sorted(found))


def agree(word: str, a: Dimension, b: Dimension, what: str) -> None:
    """Refuse two dimensions that differ, or whose equality depends on run-time sizes."""
    same = same_value(a, b)
    if same is None:
        raise errors.UNDECIDED(
            f"{word}: {what} are {a} and {b}, and whether they are equal is not known before run time"
        )
    if not same:
        raise errors.SIZE(f"{word}: {what} must be equal, but are {a} and {b}")


def divides(word: str, part: Dimension, whole: Dimension, what: str) -> Dimension:
    """Return ``whole // part``; refuse a remainder. ``what`` completes "8 does not divide ...": "the channels, 12"."""
    if part == 0:
        raise errors.SIZE(f"{word}: a size of 0 does not divide {what}, {whole}")
    rest = whole % part
    if isinstance(rest, Symbolic):
        raise errors.UNDECIDED(f"{word}: whether {part} divides {what}, {whole}, is not known before run time")
    if rest != 0:
        raise errors.SIZE(f"{word}: {part} does not divide {what}, {whole}")
    return whole // part


def decide(word: str, dimension: Dimension, what: str) -> int:
    """Return a dimension as a number."""
    if isinstance(dimension, Symbolic):
        raise errors.UNDECIDED(f"{word}: {what} must be a number, but is {dimension}, known at run time only")
    return dimension


def weight_size(word: str, x: TensorType, axis: int, what: str) -> Dimension:
    """Return the size of an axis that a parameter spans.

    A symbol is refused, except numbers of categories, which the data settle before any weight is made.
    """
    size = x.shape[axis]
    free = sorted(name for name in symbols_of(size) if not is_class_count(name))
    if free:
        raise errors.UNKNOWN_SIZE(
            f"{word} has weights for {what}, so that their number must be known, but in {x} it is {size}",
            hint="declare the dimension as a number; if it is a batch without features, add an axis: `x[:, none]`"
            if x.rank == 1
            else "declare the dimension as a number",
        )
    return size


def per_axis(word: str, option: str, value: Sizes, axes: int) -> tuple[int, ...]:
    """Return one number for each of the axes."""
    if isinstance(value, int):
        return (value,) * axes
    if len(value) != axes:
        raise errors.COMBINATION(
            f"{word}: {option} = {list(value)} has {len(value)} entries, but the input has {axes} spatial "
            f"{'axis' if axes == 1 else 'axes'}"
        )
    return value


# --- numbers at compile time -------------------------------------------------------------------------

_LARGEST = 2**63


def compute(word: str, function: Callable[..., Any], *values: Any) -> Any:
    """Apply a function to compile-time values; whatever has no result becomes a Problem."""
    shown = ", ".join(str(v).lower() if isinstance(v, bool) else str(v) for v in values)
    try:
        result = function(*values)
    except Undecided as error:
        raise errors.UNDECIDED(str(error), depends_on=error.symbols) from None
    except (ValueError, OverflowError, TypeError):
        raise errors.NOT_COMPUTABLE(f"{word} of {shown} has no value") from None
    if (isinstance(result, int) and not -_LARGEST <= result < _LARGEST) or (
        isinstance(result, float) and not math.isfinite(result)
    ):
        raise errors.NOT_COMPUTABLE(f"{word} of {shown} has no value that fits in 64 bits")
    return result

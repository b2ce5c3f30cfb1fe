"""``over``: which axes of an example a fitted step takes together."""

from __future__ import annotations

from dslc.check.core.applicable import CallSite
from dslc.check.core.values import kind_of, whole_number
from dslc.diagnostics import Problem
from dslc.errors import names
from dslc.library.checks import axes_of

__all__ = ["OVER", "pooled_axes"]

OVER = "over"


def pooled_axes(call: CallSite, rank: int) -> tuple[int, ...]:
    """Return the axes of one example, whose rank is given, that ``over`` names; none where it is not written.

    Raises:
        Problem: it is neither "all", an axis nor a list of axes, or there is no such axis.
    """
    given = next((argument for argument in call.arguments if argument.name == OVER), None)
    if given is None:
        return ()
    if given.value == "all":
        return tuple(range(rank))
    items = given.value if isinstance(given.value, (list, tuple)) else [given.value]
    axes = [whole_number(item) for item in items]
    found = tuple(axis for axis in axes if isinstance(axis, int))
    if len(found) < len(axes):
        raise names.WRONG_KIND(
            f"'over' of {call.name} is \"all\", an axis or a list of axes, not {kind_of(given.value)}",
            hint=f'{call.name}(x) takes each element by itself, over = "all" the whole example, over = [1, 2] the '
            "positions of channels-first images",
        ).at(given.span)
    try:
        return axes_of(f"{call.name} of one example", found, rank)
    except Problem as problem:
        raise problem.at(given.span) from None

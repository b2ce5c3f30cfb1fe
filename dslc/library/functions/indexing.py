"""Indexing, ``x[...]``: integers, slices, new axes, and look-ups by a tensor of integers."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from math import isnan, nan
from typing import NamedTuple

from dslc import graph as g
from dslc.dimensions import bounds, range_size
from dslc.errors.types import BAD_INDEX, UNDECIDED
from dslc.library.checks import decide
from dslc.library.operation import Context, Function, IndexUse, function, option
from dslc.types import INT64, Dimension, Symbolic, TensorType


class Slice(NamedTuple):
    """``start:stop:step``; negative bounds count from the end, as in Python."""

    start: Dimension | None = None
    stop: Dimension | None = None
    step: int = 1


class Mark(Enum):
    """What may stand in brackets beside numbers and slices."""

    NEW = "none"
    REST = "..."
    TENSOR = "a tensor"
    """The second operand of ``index``."""


Item = Dimension | Slice | Mark


def _settled(dimension: Dimension) -> float:
    """Return what decides the sign of a dimension: negative, none, or positive if its symbols are large enough.

    It is not a number where the sign hangs on how large they are.
    """
    least, most = bounds(dimension)
    if least == most or most <= 0:
        return most
    grows = isinstance(dimension, Symbolic) and all(c > 0 for monomial, c in dimension.terms.items() if monomial)
    return 1 if least >= 0 or grows else nan


@function
class index(Function):
    """Part of x: ``x[:, 0]``, ``x[..., none]``, ``x[:, 1:-1]``, ``x[::2]``, ``x[order]``.

    An integer picks one entry and removes the axis, a slice keeps a range, ``none`` makes a new axis of size one, and
    ``...`` stands for the axes not named. A tensor of integers picks entries: its shape takes the place of the axis.
    Those integers count from 0: one below that or beyond the axis ends the run.
    """

    carries = True

    items: tuple[Item, ...] = option("What stands in the brackets, one entry for each comma.")

    def _named(self, x: TensorType) -> list[Item]:
        """Return one item per axis of x, new axes in between."""
        axes = [item for item in self.items if item not in (Mark.NEW, Mark.REST)]
        if len(axes) > x.rank:
            raise BAD_INDEX(f"{len(axes)} indices for {x}, which has {x.rank} axes")
        if self.items.count(Mark.REST) > 1:
            raise BAD_INDEX("`...` can stand once in an index")
        if self.items.count(Mark.TENSOR) > 1:
            raise BAD_INDEX(
                "only one tensor can stand in an index", hint="`gather(x, indices, axis = ...)` picks single elements"
            )
        items: list[Item] = list(self.items)
        position = items.index(Mark.REST) if Mark.REST in items else len(items)
        items[position : position + 1] = [Slice()] * (x.rank - len(axes))
        return items

    def _bounds(self, x: TensorType, axis: int, part: Slice) -> tuple[Dimension, Dimension]:
        """Return where a slice starts and ends, counted from the front.

        An axis whose size is a symbol is taken to have the entries that the slice leaves out, and one whose size is
        a number those that symbols name; but how many a slice takes must not hang on the size silently, so that `:5`
        and `-5:` are refused where it is a symbol.
        """
        size = x.shape[axis]
        if part.step < 1:
            raise BAD_INDEX(f"the step of a slice must be positive, but is {part.step}")
        unclear = UNDECIDED(
            f"how many entries this slice takes depends on the size of axis {axis} of {x}",
            hint="bounds in terms of the symbol, or a number as the size of the axis, decide it",
        )
        if isinstance(size, Symbolic) and (
            (isinstance(part.stop, int) and part.stop > 0) or (isinstance(part.start, int) and part.start < -1)
        ):
            raise unclear

        def counted(bound: Dimension) -> Dimension:
            if not isinstance(bound, Symbolic) and bound < 0:
                bound = size + bound
            if _settled(bound) < 0:
                return 0
            beyond = _settled(size - bound)
            if isnan(beyond) and isinstance(size, Symbolic):
                raise unclear
            return size if beyond < 0 else bound

        start = counted(0 if part.start is None else part.start)
        stop = size if part.stop is None else counted(part.stop)
        length = _settled(stop - start)
        if isnan(length) and isinstance(size, Symbolic):
            raise unclear
        return start, start if length <= 0 else stop

    def type(self, x: TensorType, indices: TensorType | None = None) -> TensorType:
        shape: list[Dimension] = []
        axis = 0
        for item in self._named(x):
            if item is Mark.NEW:
                shape.append(1)
                continue
            if isinstance(item, Slice):
                start, stop = self._bounds(x, axis, item)
                shape.append(range_size(start, stop, item.step))
            elif item is Mark.TENSOR:
                assert indices is not None
                if not indices.element.is_integer:
                    raise BAD_INDEX(
                        f"an index is made of integers, but this is {indices}",
                        hint="`where(mask, a, b)` chooses by a mask" if not indices.element.is_float else None,
                    )
                shape += indices.shape
            else:
                self._entry(x, axis, item)
            axis += 1
        return x.with_shape(shape)

    def picked(self, x: TensorType) -> int | None:
        """Return the axis that a tensor of integers picks from, where one does."""
        axes = [item for item in self._named(x) if item is not Mark.NEW]
        return axes.index(Mark.TENSOR) if Mark.TENSOR in axes else None

    def joined_axes(self, x: TensorType, indices: TensorType | None = None) -> Sequence[int]:
        axis = self.picked(x)
        return () if axis is None else [axis]

    def indexes(self, x: TensorType, indices: TensorType | None = None) -> Sequence[IndexUse]:
        axis = self.picked(x)
        if axis is None:
            return ()
        return [IndexUse(1, x.shape[axis], f"picks from {x.shape[axis]} along axis {axis}")]

    def _entry(self, x: TensorType, axis: int, item: Item) -> int:
        """Return an integer index counted from the front, or from the end of a symbolic axis."""
        number = decide("an index", item, "an entry") if isinstance(item, (int, Symbolic)) else 0
        size = x.shape[axis]
        if isinstance(size, int) and not -size <= number < size:
            raise BAD_INDEX(f"axis {axis} of {x} has {size} entries, so that {number} lies outside of it")
        return number

    def emit(self, context: Context, x: g.Tensor, indices: g.Tensor | None = None) -> g.Tensor:
        items = self._named(x.type)
        axes: list[Item] = [item for item in items if item is not Mark.NEW]
        cuts = [(axis, item) for axis, item in enumerate(axes) if isinstance(item, Slice) and item != Slice()]
        result = x
        if cuts:
            bounds = [self._bounds(x.type, axis, item) for axis, item in cuts]
            result = g.slice_(
                x, [b[0] for b in bounds], [b[1] for b in bounds], [c[0] for c in cuts], [c[1].step for c in cuts]
            )
        for axis in reversed(range(len(axes))):
            item = axes[axis]
            if item is Mark.TENSOR:
                assert indices is not None
                result = g.gather(result, g.cast(indices, INT64), axis)
            elif not isinstance(item, Slice):
                result = g.gather(result, context.builder.constant(self._entry(x.type, axis, item), INT64), axis)
        new: list[int] = []
        place = 0
        for item in items:
            if item is Mark.NEW:
                new.append(place)
                place += 1
            elif isinstance(item, Slice):
                place += 1
            elif item is Mark.TENSOR and indices is not None:
                place += indices.rank
        return g.unsqueeze(result, new) if new else result

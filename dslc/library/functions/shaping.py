"""Functions that move elements: reshape, transpose, concat, split, pad and their kin."""

from __future__ import annotations

from collections.abc import Sequence

from dslc import graph as g
from dslc.dimensions import same_value
from dslc.errors.types import COMBINATION, RANK, RESHAPE, SIZE, UNDECIDED
from dslc.library.checks import (
    Axes,
    agree,
    axes_of,
    axis_of,
    broadcast_shapes,
    decide,
    need_integer,
    need_rank,
    same_elements,
)
from dslc.library.operation import Context, Function, IndexUse, Operation, function, option
from dslc.types import INT64, Dimension, Shape, Symbolic, TensorType, element_count, shape_text


def reshaped(word: str, x: TensorType, shape: Sequence[Dimension], *, example: bool = False) -> TensorType:
    """Return the type of x with another shape, -1 resolved; ``example`` says in messages that x is one example."""
    free = [axis for axis, d in enumerate(shape) if d == -1]
    if len(free) > 1:
        raise COMBINATION(f"{word}: at most one dimension may be -1, but {list(shape)} has {len(free)}")
    if any(isinstance(d, int) and d < -1 for d in shape):
        raise COMBINATION(f"{word}: a dimension can't be negative: {list(shape)}")
    known = element_count(d for d in shape if d != -1)
    whole = f"each example, {shape_text(x.shape)}," if example else shape_text(x.shape)
    if not free:
        same = same_value(x.count, known)
        if same is None:
            raise UNDECIDED(
                f"{word}: whether {whole} has as many elements as {shape_text(shape)} is not known before run time"
            )
        if not same:
            raise RESHAPE(
                f"{word}: {whole} has {x.count} elements, but {shape_text(shape)} has {known}",
                hint="one dimension may be -1: it becomes what the others leave",
            )
        return x.with_shape(shape)
    if known == 0:
        raise RESHAPE(f"{word}: beside a dimension of 0, -1 could be anything: {list(shape)}")
    rest = x.count % known
    if isinstance(rest, Symbolic):
        raise UNDECIDED(f"{word}: whether {known} divides {x.count} elements is not known before run time")
    if rest != 0:
        raise RESHAPE(
            f"{word}: {whole} has {x.count} elements, which {known} does not divide, so that "
            f"nothing fits -1 in {list(shape)}"
        )
    return x.with_shape(x.count // known if d == -1 else d for d in shape)


class Rearrangement(Operation):
    """All elements of its operand, in another shape or order."""

    carries = True
    local = True
    rearranges = True
    additive = True


class Reshaping(Rearrangement):
    """All elements of its operand in their order, in the shape that its type says."""

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        shape: Shape = self.type(x.type).shape  # type: ignore[union-attr]
        return g.reshape(x, shape)

    def reordered(self, x: TensorType) -> tuple[Shape, Sequence[int]]:
        return x.shape, range(x.rank)


@function
class reshape(Reshaping, Function):
    """The same elements in another shape; the layer ``Reshape`` keeps the batch axis by itself.

    One dimension may be -1: it becomes what the others leave.
    """

    aliases = {"view": ""}
    shape: tuple[Dimension, ...] = option("The whole shape, the batch axis included.")

    def type(self, x: TensorType) -> TensorType:
        return reshaped(self.name, x, self.shape)


@function
class transpose(Rearrangement, Function):
    """The axes in another order; without ``axes``, the last two exchanged."""

    aliases = {"permute": "with axes = [...]", "swapaxes": "with axes = [...]"}
    axes: tuple[int, ...] | None = option("For each axis of the result, which axis of x it is.", default=None)

    def _permutation(self, x: TensorType) -> tuple[int, ...]:
        if self.axes is None:
            need_rank(self.name, x, 2)
            return (*range(x.rank - 2), x.rank - 1, x.rank - 2)
        found = tuple(axis_of(self.name, axis, x.rank) for axis in self.axes)
        if sorted(found) != list(range(x.rank)):
            raise COMBINATION(
                f"transpose: axes = {list(self.axes)} must name each of the {x.rank} axes of {x} once",
                hint=f"for instance axes = {[0, *range(x.rank - 1, 0, -1)]}" if x.rank > 1 else None,
            )
        return found

    def type(self, x: TensorType) -> TensorType:
        return x.with_shape(x.shape[axis] for axis in self._permutation(x))

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        return g.transpose(x, self._permutation(x.type))


@function
class squeeze(Rearrangement, Function):
    """Without the axes of size one, all of them or those named."""

    axis: Axes = option("The axis, or a list of axes, to remove; none means all of size one.", default=None)

    def _axes(self, x: TensorType) -> tuple[int, ...]:
        if self.axis is None:
            return tuple(axis for axis, d in enumerate(x.shape) if d == 1)
        axes = axes_of(self.name, self.axis, x.rank)
        for axis in axes:
            if x.shape[axis] != 1:
                raise SIZE(f"squeeze removes axes of size 1, but axis {axis} of {x} is {x.shape[axis]}")
        return axes

    def type(self, x: TensorType) -> TensorType:
        axes = self._axes(x)
        return x.with_shape(d for axis, d in enumerate(x.shape) if axis not in axes)

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        return g.squeeze(x, self._axes(x.type))


@function
class unsqueeze(Rearrangement, Function):
    """With a new axis of size one, or several."""

    aliases = {"expanddims": ""}
    axis: int | tuple[int, ...] = option("Where the new axis, or each of a list, stands in the result.")

    def _axes(self, x: TensorType) -> tuple[int, ...]:
        return axes_of(self.name, self.axis, x.rank + (1 if isinstance(self.axis, int) else len(self.axis)))

    def type(self, x: TensorType) -> TensorType:
        axes, sizes = self._axes(x), iter(x.shape)
        return x.with_shape(1 if axis in axes else next(sizes) for axis in range(x.rank + len(axes)))

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        return g.unsqueeze(x, self._axes(x.type))


@function
class expand(Function):
    """x repeated along axes of size one, or along new leading axes, to a larger shape."""

    aliases = {"broadcastto": "", "tile": "of axes of size one"}
    carries = True
    local = True

    shape: tuple[Dimension, ...] = option("The whole shape; -1 keeps an axis as it is.")

    def type(self, x: TensorType) -> TensorType:
        if len(self.shape) < x.rank:
            raise RANK(f"expand: {x} has more axes than {list(self.shape)}")
        kept = (*[-1] * (len(self.shape) - x.rank), *x.shape)
        target = x.with_shape(old if new == -1 else new for old, new in zip(kept, self.shape, strict=True))
        if any(isinstance(d, int) and d < 0 for d in target.shape):
            raise COMBINATION(f"expand: -1 keeps an axis, but {list(self.shape)} has it where {x} has none")
        if broadcast_shapes(self.name, x, target) != target.shape:
            raise SIZE(
                f"expand: {shape_text(x.shape)} can't become {shape_text(target.shape)}: only axes of size 1 grow"
            )
        return target

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        return g.expand(x, self.type(x.type).shape)


@function
class concat(Function):
    """Tensors joined along an axis; all other axes agree."""

    aliases = {"cat": "", "concatenate": "", "hstack": "with axis = 1"}
    carries = True
    local = True

    axis: int = option("The axis along which they follow each other.", default=0)

    def type(self, *parts: TensorType) -> TensorType:
        first = parts[0]
        same_elements(self.name, *parts)
        axis = axis_of(self.name, self.axis, first.rank)
        joined: Dimension = 0
        for part in parts:
            if part.rank != first.rank:
                raise RANK(f"concat joins tensors with equally many axes, but these are {first} and {part}")
            for other in set(range(first.rank)) - {axis}:
                agree(f"concat of {first} and {part}", first.shape[other], part.shape[other], f"sizes on axis {other}")
            joined = joined + part.shape[axis]
        return first.with_shape((*first.shape[:axis], joined, *first.shape[axis + 1 :]))

    def emit(self, context: Context, *parts: g.Tensor) -> g.Tensor:
        return g.concat(parts, self.axis)

    def concatenates(self, *parts: TensorType) -> int:
        return self.axis % parts[0].rank


@function
class stack(Function):
    """Tensors of one shape joined along a new axis."""

    carries = True
    local = True

    axis: int = option("Where the new axis stands in the result.", default=0)

    def type(self, *parts: TensorType) -> TensorType:
        first = parts[0]
        same_elements(self.name, *parts)
        axis = axis_of(self.name, self.axis, first.rank + 1)
        for part in parts[1:]:
            if part.shape != first.shape:
                raise SIZE(f"stack joins tensors of one shape, but these are {first} and {part}")
        return first.with_shape((*first.shape[:axis], len(parts), *first.shape[axis:]))

    def emit(self, context: Context, *parts: g.Tensor) -> g.Tensor:
        return g.concat([g.unsqueeze(part, [self.axis]) for part in parts], self.axis)


@function
class split(Function):
    """x cut along an axis: ``a, b = split(x, [2, 6], axis = 1)``.

    A number in place of the list is the size of each part, as in PyTorch, the last one smaller if need be.
    """

    carries = True
    local = True

    sizes: Dimension | tuple[Dimension, ...] = option("The sizes of the parts, or one size for all.")
    axis: int = option("The axis to cut.", default=0)

    def _sizes(self, x: TensorType) -> tuple[Dimension, ...]:
        size = x.shape[axis_of(self.name, self.axis, x.rank)]
        if isinstance(self.sizes, tuple):
            total: Dimension = 0
            for part in self.sizes:
                total = total + part
            agree(f"split of {x}", total, size, f"the sum of the sizes and the size of axis {self.axis}")
            if any(isinstance(part, int) and part < 0 for part in self.sizes):
                raise SIZE(f"split: a size can't be negative: {list(self.sizes)}")
            return self.sizes
        whole, part = decide(self.name, size, f"axis {self.axis} of {x}"), decide(self.name, self.sizes, "the size")
        if part < 1:
            raise SIZE(f"split: the size of a part must be at least 1, but is {part}")
        return tuple(part if start + part <= whole else whole - start for start in range(0, whole, part))

    def type(self, x: TensorType) -> tuple[TensorType, ...]:
        sizes, axis = self._sizes(x), axis_of(self.name, self.axis, x.rank)
        return tuple(x.with_shape((*x.shape[:axis], size, *x.shape[axis + 1 :])) for size in sizes)

    def emit(self, context: Context, x: g.Tensor) -> tuple[g.Tensor, ...]:
        return g.split(x, self._sizes(x.type), self.axis)


@function
class gather(Function):
    """Single elements picked along an axis: ``gather(q, action[:, none], axis = 1)`` is one entry of each row.

    ``indices`` (integers) has as many axes as x and its sizes on all axes but that one; the result has its shape.
    An index below 0 or beyond the axis ends the run.
    """

    carries = True

    axis: int = option("The axis that the indices count along.", default=-1)

    def type(self, x: TensorType, indices: TensorType) -> TensorType:
        need_integer(self.name, indices)
        axis = axis_of(self.name, self.axis, x.rank)
        if indices.rank != x.rank:
            raise RANK(f"gather takes indices with as many axes as x, but these are {x} and {indices}")
        for other in set(range(x.rank)) - {axis}:
            agree(f"gather of {x} at {indices}", x.shape[other], indices.shape[other], f"sizes on axis {other}")
        return x.with_shape(indices.shape)

    def joined_axes(self, x: TensorType, indices: TensorType) -> Sequence[int]:
        return [axis_of(self.name, self.axis, x.rank)]

    def indexes(self, x: TensorType, indices: TensorType) -> Sequence[IndexUse]:
        count = x.shape[axis_of(self.name, self.axis, x.rank)]
        return [IndexUse(1, count, f"picks from {count} along axis {self.axis}")]

    def emit(self, context: Context, x: g.Tensor, indices: g.Tensor) -> g.Tensor:
        return g.gather_elements(x, g.cast(indices, INT64), self.axis)

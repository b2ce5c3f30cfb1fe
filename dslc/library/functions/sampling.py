"""Points between the points of [N, C, *spatial], taken where another tensor says: spatial transformers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np

from dslc import graph as g
from dslc.errors.types import COMBINATION
from dslc.library.checks import agree, decide, need_float, need_rank, same_elements
from dslc.library.operation import Context, Function, function, option
from dslc.types import FLOAT32, INT64, Dimension, ElementType, TensorType, element_count

_CORNERS = "Are -1 and 1 the first and last points, rather than the edges around them?"


@function
class affine_grid(Function):
    """Where each point of a result lies in its source after an affine map, for `grid_sample`.

    ``theta`` is [N, axes, axes + 1], a matrix and a shift for each example, of coordinates from -1 to 1 with the last
    axis first: x, y, z. The result is [N, *size, axes].

    Jaderberg et al., Spatial Transformer Networks, 2015.
    """

    local = True
    size: tuple[Dimension, ...] = option("Size of the spatial axes of the result, 1 to 3 of them.", minimum=1)
    align_corners: bool = option(_CORNERS, default=False)

    def type(self, theta: TensorType) -> TensorType:
        need_float(self.name, theta)
        need_rank(self.name, theta, 3, 3, "[N, axes, axes + 1]")
        axes = len(self.size)
        if not 1 <= axes <= 3:
            raise COMBINATION(f"{self.name}: size = {list(self.size)} must have 1 to 3 entries")
        agree(self.name, theta.shape[1], axes, f"axis 1 of {theta} and the number of spatial axes")
        agree(self.name, theta.shape[2], axes + 1, f"axis 2 of {theta} and the number of spatial axes and one")
        return theta.with_shape((theta.shape[0], *self.size, axes))

    def emit(self, context: Context, theta: g.Tensor) -> g.Tensor:
        sizes = [decide(self.name, size, "the size of a grid") for size in self.size]
        shrink = [1.0 if self.align_corners else (size - 1) / size for size in sizes]
        pairs = zip(sizes, shrink, strict=True)
        places = [np.linspace(-1, 1, size) * share if size > 1 else np.zeros(1) for size, share in pairs]
        grid = np.stack([*np.meshgrid(*places, indexing="ij")[::-1], np.ones(sizes)], -1)
        points = context.builder.constant(grid.reshape(-1, len(sizes) + 1), theta.element)
        return g.reshape(points @ theta.mT, self.type(theta.type).shape)


@function
class grid_sample(Function):
    """What lies at places in between: x [N, C, *spatial] at grid [N, *points, axes] is [N, C, *points].

    A place is given by coordinates from -1 to 1, with the last axis of x first: x, y, z. At one that is not a number
    neither is the result, but for the nearest point, which is the first one then, or 0 with zeros outside.
    """

    aliases = {"gridsampler": ""}
    mode: str = option(
        'How points around a place are weighed: "nearest" takes one, "linear" the two along each axis, "cubic" four.',
        default="linear", choices=("nearest", "linear", "cubic"),
    )  # fmt: skip
    padding: str = option(
        'What lies outside: "zeros", the nearest point of the "border", or what is inside by "reflection".',
        default="zeros", choices=("zeros", "border", "reflection"),
    )  # fmt: skip
    align_corners: bool = option(_CORNERS, default=False)

    def type(self, x: TensorType, grid: TensorType) -> TensorType:
        need_float(self.name, x)
        same_elements(self.name, x, grid)
        need_rank(self.name, x, 3, 5, "[N, C, ...] with 1 to 3 spatial axes")
        need_rank(self.name, grid, 2)
        agree(self.name, x.shape[0], grid.shape[0], "the numbers of examples of x and of the grid")
        axes = x.rank - 2
        agree(self.name, grid.shape[-1], axes, f"the last axis of {grid} and the number of spatial axes of {x}")
        if self.mode == "cubic" and axes > 2:
            raise COMBINATION(f'{self.name}: mode = "cubic" takes one or two spatial axes, but this is {x}')
        return x.with_shape((*x.shape[:2], *grid.shape[1:-1]))

    @property
    def hides_missing(self) -> Sequence[int]:
        return (1,) if self.mode == "nearest" else ()

    def joined_axes(self, x: TensorType, grid: TensorType) -> Sequence[int]:
        return range(2, x.rank)

    def emit(self, context: Context, x: g.Tensor, grid: g.Tensor) -> g.Tensor:
        (batch, channels, *spatial), axes = x.shape, x.rank - 2
        points = element_count(grid.shape[1:-1])
        exact = FLOAT32 if x.element is ElementType.FLOAT16 else x.element
        coordinates = g.reshape(g.cast(grid, exact), (batch, points, axes))
        ways = []
        for axis, size in enumerate(spatial):
            along = g.gather(coordinates, x.builder.constant(axes - 1 - axis, INT64), 2)
            ways.append(list(self._taps(along, size)))
        flat = g.reshape(x, (batch, channels, element_count(spatial)))
        terms = [self._term(flat, taps, spatial) for taps in product(*ways)]
        return g.reshape(g.total(*terms), (batch, channels, *grid.shape[1:-1]))

    def _term(
        self, flat: g.Tensor, taps: Sequence[tuple[g.Tensor, g.Tensor | None]], spatial: Sequence[Dimension]
    ) -> g.Tensor:
        """Return the points of x (N, C, flat) at one tap of each axis, times their weights."""
        index: g.Tensor | None = None
        weight: g.Tensor | None = None
        for (place, share), size in zip(taps, spatial, strict=True):
            index = place if index is None else index * _number(flat, size, INT64) + place
            if share is not None:
                weight = share if weight is None else weight * share
        assert index is not None
        shape = (*flat.shape[:2], index.shape[1])
        found = g.gather_elements(flat, g.expand(g.unsqueeze(index, [1]), shape), 2)
        return found if weight is None else found * g.cast(g.unsqueeze(weight, [1]), found.element)

    def _taps(self, coordinate: g.Tensor, size: Dimension) -> Iterator[tuple[g.Tensor, g.Tensor | None]]:
        """Return the indices of the points of an axis that count at a place, each with its weight; None: 1."""
        count = _number(coordinate, size, coordinate.element)
        if self.align_corners:
            place = (coordinate + 1.0) * ((count - 1.0) * 0.5)
        else:
            place = ((coordinate + 1.0) * count - 1.0) * 0.5
        if self.mode == "nearest":
            yield self._inside(g.round_half_even(self._moved(place, count)), count, None)
            return
        if self.mode == "linear":
            place = self._moved(place, count)
        first = g.floor(place)
        rest = place - first
        if self.mode == "linear":
            yield self._inside(first, count, 1.0 - rest)
            yield self._inside(first + 1.0, count, rest)
            return
        for offset in range(-1, 3):
            beyond = rest if offset < 1 else 1.0 - rest
            share = _near(beyond) if offset in (0, 1) else _far(beyond)
            yield self._inside(self._moved(first + float(offset), count), count, share)

    def _moved(self, place: g.Tensor, count: g.Tensor) -> g.Tensor:
        """Bring places outside to the border, or reflect them."""
        if self.padding == "zeros":
            return place
        if self.padding == "reflection":
            least = 0.0 if self.align_corners else -0.5
            span = g.maximum(count - 1.0, 1.0) if self.align_corners else count
            distance = g.absolute(place - least)
            turns = g.floor(distance / span)
            beyond = distance - turns * span
            odd = turns - g.floor(turns * 0.5) * 2.0
            place = beyond + odd * (span - beyond * 2.0) + least
        last = count - 1.0
        inside = g.logical_and(g.greater(place, 0.0), g.less(place, last))  # at the border nothing moves, as in PyTorch
        clipped = g.minimum(g.maximum(place, 0.0), last)
        return g.with_gradients(clipped, [(place, lambda dy: dy * g.cast(inside, dy.element))])

    def _inside(self, place: g.Tensor, count: g.Tensor, weight: g.Tensor | None) -> tuple[g.Tensor, g.Tensor | None]:
        """Return the index of a point, brought to one that there is; outside of zeros its weight is 0."""
        within = g.minimum(g.maximum(place, 0.0), count - 1.0)
        index = g.maximum(g.cast(within, INT64), 0)  # of what is no number, the least that there is or 0
        if self.padding != "zeros":
            return index, weight
        counts = g.cast(g.equal(place, within), place.element)
        return index, counts if weight is None else weight * counts


_SHARPNESS = -0.75
"""The free number of Keys's cubic kernel."""


def _near(d: g.Tensor) -> g.Tensor:
    """Return the kernel at a distance from 0 to 1."""
    return (d * (_SHARPNESS + 2) - (_SHARPNESS + 3)) * d * d + 1.0


def _far(d: g.Tensor) -> g.Tensor:
    """Return the kernel at a distance from 1 to 2, of which d is what is beyond 1."""
    rest = 1.0 - d
    return d * rest * rest * _SHARPNESS


def _number(x: g.Tensor, size: Dimension, element: ElementType) -> g.Tensor:
    return g.reshape(g.cast(x.builder.dimension(size), element), ())

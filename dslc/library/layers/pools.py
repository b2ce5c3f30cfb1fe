"""Pools: one number in place of those in each window, channel by channel, of [N, C, *spatial]."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

from dslc import graph as g
from dslc.errors.types import COMBINATION, RANK, WINDOW
from dslc.library.checks import Sizes, agree, need_integer
from dslc.library.layers.windows import PADDING, Padding, fitting, need_spatial, reaching_over, windows_of
from dslc.library.operation import Context, IndexUse, Layer, layer, option
from dslc.types import INT64, Dimension, TensorType, element_count
from dslc.windows import Windows

_SIZE = "Size of the window: a number, or one for each axis."
_STRIDE = "Step of the window; none means its size."
_CEIL = "May the last window of an axis reach beyond its end, so that no element is left out?"


class _Pool(Layer):
    """What the pools share; they differ in what they do with a window."""

    size: Sizes
    stride: int | tuple[int, ...] | None
    ceil: bool

    def _windows(self, x: TensorType, padding: Padding = 0, dilation: Sizes = 1) -> Windows:
        """Return the windows as options say them; :meth:`_reaching` sees to ``ceil``."""
        stride = self.size if self.stride is None else self.stride
        windows = windows_of(self.name, x.rank - 2, self.size, stride, dilation, padding, size="size")
        if padding != "same" and any(b > e // 2 for b, e in zip(windows.before, windows.kernel, strict=True)):
            raise COMBINATION(
                f"{self.name}: padding {list(windows.before)} is more than half of the window {list(windows.kernel)}, "
                "so that windows would see nothing but padding"
            )
        return windows

    def _given(self, x: TensorType) -> Windows:
        """Return the windows of its own options."""
        return self._windows(x)

    def _reaching(self, x: TensorType) -> Windows:
        windows = self._given(x)
        return reaching_over(self.name, x, windows) if self.ceil else windows

    def type(self, x: TensorType) -> TensorType | tuple[TensorType, ...]:
        need_spatial(self.name, x)
        return x.with_shape((*x.shape[:2], *fitting(self.name, x, self._reaching(x))))

    def joined_axes(self, x: TensorType) -> Sequence[int]:
        return range(2, x.rank)


@layer
class MaxPool(_Pool):
    """The maximum in each window, channel by channel: [N, C, *spatial] to [N, C, *smaller].

    Padding never wins, and NaN is passed over. With ``indices = true`` there is a second result, which `MaxUnpool`
    takes: where each maximum lies (int64), counted row by row through the points of its channel.
    """

    aliases = {"maxpooling": ""}
    carries = True
    size: Sizes = option(_SIZE, minimum=1)
    stride: int | tuple[int, ...] | None = option(_STRIDE, default=None, minimum=1)
    padding: Padding = option(PADDING, default="valid", minimum=0, choices=("same", "valid"))
    dilation: Sizes = option("Distance between neighbouring elements of the window.", default=1, minimum=1)
    ceil: bool = option(_CEIL, default=False)
    indices: bool = option("Return where the maxima lie, too?", default=False)

    def _given(self, x: TensorType) -> Windows:
        return self._windows(x, self.padding, self.dilation)

    def type(self, x: TensorType) -> TensorType | tuple[TensorType, ...]:
        result = super().type(x)
        assert isinstance(result, TensorType)
        return (result, result.with_element(INT64)) if self.indices else result

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor | tuple[g.Tensor, ...]:
        windows = self._reaching(x.type)
        result = g.max_pool(x, windows)  # without indices it is many times as fast
        return (result, g.max_pool_indices(x, windows)) if self.indices else result


def _averaged(x: g.Tensor, windows: Windows, reaching: Windows, *, count_include_pad: bool) -> g.Tensor:
    """Return means; what windows reach over beyond the padding counts in no case."""
    if reaching == windows or not count_include_pad:
        return g.average_pool(x, reaching, count_include_pad=count_include_pad)
    padded = g.pad(x, [0, 0, *windows.before], [0, 0, *windows.after])
    beyond = [r - a for r, a in zip(reaching.after, windows.after, strict=True)]
    rest = replace(reaching, before=(0,) * len(beyond), after=tuple(beyond))
    return g.average_pool(padded, rest, count_include_pad=False)


@layer
class AveragePool(_Pool):
    """The mean of each window, channel by channel: [N, C, *spatial] to [N, C, *smaller]."""

    aliases = {"avgpool": "", "averagepooling": ""}
    carries = True
    operators = ("AveragePool",)
    size: Sizes = option(_SIZE, minimum=1)
    stride: int | tuple[int, ...] | None = option(_STRIDE, default=None, minimum=1)
    padding: Padding = option(PADDING, default="valid", minimum=0, choices=("same", "valid"))
    count_include_pad: bool = option("Does padding count, as zeros?", default=True)
    ceil: bool = option(_CEIL, default=False)

    def _given(self, x: TensorType) -> Windows:
        return self._windows(x, self.padding)

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        windows, reaching = self._given(x.type), self._reaching(x.type)
        return _averaged(x, windows, reaching, count_include_pad=self.count_include_pad)


@layer
class LpPool(_Pool):
    """The p-th root of the sum of the p-th powers in each window: [N, C, *spatial] to [N, C, *smaller].

    As in PyTorch the powers keep their sign where p is odd, and a sum below 0 has no root: NaN. A window that reaches
    beyond the end (``ceil``) counts as if it were full of the mean of what it holds. Where all is 0, so is the
    gradient.
    """

    aliases = {"lppooling": ""}
    operators = ("AveragePool",)
    power: float = option("p: 1 gives sums, 2 the Euclidean norm; towards infinity it comes to the maximum.", above=0)
    size: Sizes = option(_SIZE, minimum=1)
    stride: int | tuple[int, ...] | None = option(_STRIDE, default=None, minimum=1)
    ceil: bool = option(_CEIL, default=False)

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        p, windows = self.power, self._given(x.type)
        powers = x if p == 1 else x**p
        total = _averaged(powers, windows, self._reaching(x.type), count_include_pad=True) * float(prod(windows.kernel))
        if p == 1:
            return total

        def by_total(dy: g.Tensor) -> g.Tensor:
            return g.where(g.equal(total, 0.0), 0.0, dy * (1 / p) * total ** (1 / p - 1))

        return g.with_gradients(total ** (1 / p), [(total, by_total)])


@layer
class MaxUnpool(_Pool):
    """What `MaxPool` leaves, back in its place, and 0 elsewhere: `(pooled, indices) -> MaxUnpool(2)`.

    From [N, C, *spatial] and the indices that `MaxPool(..., indices = true)` returns to [N, C, *larger], each axis
    (n - 1) * stride + size - 2 * padding unless ``output_size`` says otherwise, as it must where a `MaxPool` left
    something at the end. Where windows overlap, so that an index repeats, its numbers should be equal.

    Zeiler et al., Adaptive Deconvolutional Networks for Mid and High Level Feature Learning, 2011.
    """

    aliases = {"maxunpooling": ""}
    size: Sizes = option("Size of the window that was pooled: a number, or one for each axis.", minimum=1)
    stride: int | tuple[int, ...] | None = option(_STRIDE, default=None, minimum=1)
    padding: Sizes = option("How much was padded on both sides: a number, or one for each axis.", default=0, minimum=0)
    output_size: tuple[Dimension, ...] | None = option("The spatial axes of the result.", default=None)

    def _spatial(self, x: TensorType) -> Sequence[Dimension]:
        windows = self._windows(x, self.padding)
        if self.output_size is None:
            return windows.covered(x.shape[2:])
        if len(self.output_size) != x.rank - 2:
            raise COMBINATION(
                f"{self.name}: output_size = {list(self.output_size)} has {len(self.output_size)} entries, but the "
                f"input has {x.rank - 2} spatial axes"
            )
        return self.output_size

    def type(self, x: TensorType, indices: TensorType) -> TensorType:
        need_spatial(self.name, x)
        need_integer(self.name, indices)
        if indices.rank != x.rank:
            raise RANK(f"{self.name} takes as many indices as numbers, but these are {x} and {indices}")
        for axis, (own, other) in enumerate(zip(x.shape, indices.shape, strict=True)):
            agree(self.name, own, other, f"sizes of numbers and indices on axis {axis}")
        spatial = self._spatial(x)
        if any(isinstance(size, int) and size < 1 for size in spatial):
            raise WINDOW(f"{self.name}: {x} would become {list(spatial)} points")
        return x.with_shape((*x.shape[:2], *spatial))

    def joined_axes(self, x: TensorType, indices: TensorType) -> Sequence[int]:
        return range(2, x.rank)

    def indexes(self, x: TensorType, indices: TensorType) -> Sequence[IndexUse]:
        count = element_count(self._spatial(x))
        return [IndexUse(1, count, f"makes channels of {count} points")]

    def emit(self, context: Context, x: g.Tensor, indices: g.Tensor) -> g.Tensor:
        result = self.type(x.type, indices.type)
        flat = result.with_shape((*result.shape[:2], element_count(result.shape[2:])))
        rows = (*x.shape[:2], element_count(x.shape[2:]))
        places = g.reshape(g.cast(indices, INT64), rows)
        return g.reshape(g.scatter_elements(g.full(x, 0.0, flat), places, g.reshape(x, rows), 2), result.shape)

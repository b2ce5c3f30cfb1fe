"""What windows hold, laid side by side, and the way back."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from dslc import graph as g
from dslc.errors.types import COMBINATION
from dslc.library.checks import Sizes, agree, divides, need_float, need_rank
from dslc.library.layers.windows import fitting, need_spatial, windows_of
from dslc.library.operation import Context, Layer, layer, option
from dslc.types import Dimension, Shape, TensorType, element_count
from dslc.windows import Windows

_KERNEL = "Size of the window: a number, or one for each axis."
_DILATION = "Distance between neighbouring elements of the window."
_PADDING = "How much is padded on both sides, with zeros: a number, or one for each axis."
_STRIDE = "Step of the window."


class _Patches(Layer):
    """What both have in common."""

    kernel: Sizes
    dilation: Sizes
    padding: Sizes
    stride: Sizes

    def _windows(self, axes: int) -> Windows:
        return windows_of(self.name, axes, self.kernel, self.stride, self.dilation, self.padding)

    def joined_axes(self, x: TensorType) -> Sequence[int]:
        return range(2, x.rank)


@layer
class Unfold(_Patches):
    """What each window holds, as a column: [N, C, *spatial] to [N, C * window, windows] (im2col).

    Of each channel, all places of the window follow each other, row by row.
    """

    aliases = {"im2col": "", "extractpatches": "with the channels outside", "extractimagepatches": ""}
    kernel: Sizes = option(_KERNEL, minimum=1)
    dilation: Sizes = option(_DILATION, default=1, minimum=1)
    padding: Sizes = option(_PADDING, default=0, minimum=0)
    stride: Sizes = option(_STRIDE, default=1, minimum=1)

    def type(self, x: TensorType) -> TensorType:
        need_spatial(self.name, x)
        windows = self._windows(x.rank - 2)
        points = element_count(fitting(self.name, x, windows))
        return x.with_shape((x.shape[0], x.shape[1] * prod(windows.kernel), points))

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        return g.unfold(x, self._windows(x.rank - 2))


@layer
class Fold(_Patches):
    """Columns added up where `Unfold` took them from: [N, C * window, windows] to [N, C, *output_size] (col2im).

    The sum over windows that overlap, so that it undoes `Unfold` where none do.
    """

    aliases = {"col2im": ""}
    output_size: tuple[Dimension, ...] = option("The spatial axes of the result.", minimum=1)
    kernel: Sizes = option(_KERNEL, minimum=1)
    dilation: Sizes = option(_DILATION, default=1, minimum=1)
    padding: Sizes = option(_PADDING, default=0, minimum=0)
    stride: Sizes = option(_STRIDE, default=1, minimum=1)

    def _shape(self, x: TensorType) -> Shape:
        windows = self._windows(len(self.output_size))
        channels = divides(self.name, prod(windows.kernel), x.shape[1], f"axis 1 of {x}")
        return (x.shape[0], channels, *self.output_size)

    def type(self, x: TensorType) -> TensorType:
        need_float(self.name, x)
        need_rank(self.name, x, 3, 3, "[N, C * window, windows]")
        if not 1 <= len(self.output_size) <= 3:
            raise COMBINATION(f"{self.name}: output_size = {list(self.output_size)} must have 1 to 3 entries")
        result = x.with_shape(self._shape(x))
        points = element_count(fitting(self.name, result, self._windows(result.rank - 2)))
        agree(self.name, x.shape[2], points, f"axis 2 of {x} and the number of windows in {list(self.output_size)}")
        return result

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        return g.fold(x, self._windows(len(self.output_size)), self._shape(x.type))

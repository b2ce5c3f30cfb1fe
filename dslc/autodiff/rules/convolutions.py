"""Gradients of convolutions, along any number of axes.

x is (N, C, *spatial), dy (N, M, *points), and weights are (M, C / groups, *kernel).
"""
# ruff: noqa: ARG001 - all rules have the same parameters

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

from dslc import graph as g
from dslc.autodiff.rules.stacks import is_worth_stacking, is_worth_summing, stacked_input_gradient
from dslc.autodiff.rules.weights import weight_gradient
from dslc.autodiff.table import vjp
from dslc.graph import Tensor
from dslc.types import Shape, Symbolic
from dslc.windows import Windows


def _conv_input(
    dy: Tensor, y: Tensor, x: Tensor, w: Tensor, b: Tensor | None = None, *, group: int = 1, **attributes: Sequence[int]
) -> Tensor:
    windows = Windows.read(**attributes)
    dy, factor = _without_factor(dy)
    w = w if factor is None else w * factor
    if is_worth_stacking(x, dy, windows, group) and is_worth_summing(x, dy, windows):
        return stacked_input_gradient(x, dy, w, windows)
    reach = [e - 1 for e in windows.extent]
    before = [r - b for r, b in zip(reach, windows.before, strict=True)]
    after = [r - a for r, a in zip(reach, windows.after, strict=True)]
    if all(s == 1 for s in windows.strides) and min(before + after) >= 0:
        around = replace(windows, before=tuple(before), after=tuple(after))
        return g.conv(dy, _turned(w, group), None, around, groups=group)
    return _conv_transposed(dy, w, windows, group, x.shape)


def _turned(w: Tensor, groups: int) -> Tensor:
    """Weights (M, C / groups, *kernel) to (C, M / groups, *kernel), with every kernel axis reversed."""
    kernel = w.shape[2:]
    size = prod(int(k) for k in kernel)
    outputs, inputs = int(w.shape[0]) // groups, int(w.shape[1])
    grouped = g.reshape(w, (groups, outputs, inputs, size))
    turned = g.transpose(grouped, (0, 2, 1, 3))
    if size > 1:
        turned = g.slice_(turned, [size - 1], [-size - 1], [3], [-1], turned.shape)  # half the time of a Gather
    return g.reshape(turned, (groups * inputs, outputs, *kernel))


def _conv_transposed(dy: Tensor, w: Tensor, windows: Windows, groups: int, shape: Shape) -> Tensor:
    """The transpose of a convolution, to a result of the given shape."""
    least = windows.covered(dy.shape[2:])
    missing = [size - known for size, known in zip(shape[2:], least, strict=True)]
    # what a stride skipped at the end: known in numbers, or else made full and cropped
    extra = [s - 1 if isinstance(m, Symbolic) else m for m, s in zip(missing, windows.strides, strict=True)]
    whole = (*shape[:2], *(known + e for known, e in zip(least, extra, strict=True)))
    result = g.conv_transpose(dy, w, None, windows, output_padding=extra, groups=groups, shape=whole)
    return g.cut(result, [0] * len(extra), shape)


def _conv_weight(
    dy: Tensor, y: Tensor, x: Tensor, w: Tensor, b: Tensor | None = None, *, group: int = 1, **attributes: Sequence[int]
) -> Tensor:
    dy, factor = _without_factor(dy)
    by_weight = weight_gradient(x, dy, Windows.read(**attributes), group)
    return by_weight if factor is None else by_weight * factor


def _without_factor(dy: Tensor) -> tuple[Tensor, Tensor | None]:
    """Take dy apart into what was multiplied by a number for each channel, and those numbers, as weights take them.

    Weights are smaller than dy, which then is never made. BatchNorm's gradient ends in such a product.
    """
    maker = dy.value.producer()
    if maker is not None and maker.op_type == "Mul":
        channels = (dy.shape[1], *[1] * (dy.rank - 2))
        left, right = (Tensor(dy.builder, value) for value in maker.inputs if value is not None)
        for rest, factor in ((left, right), (right, left)):
            if rest.type == dy.type and factor.shape in (channels, (1, *channels)):
                return rest, g.reshape(factor, (dy.shape[1], 1, *channels[1:]))
    return dy, None


def _conv_bias(dy: Tensor, y: Tensor, x: Tensor, w: Tensor, b: Tensor, **attributes: object) -> Tensor:
    return g.reduce_sum(dy, [0, *range(2, dy.rank)])


vjp("Conv", _conv_input, _conv_weight, _conv_bias)


def _conv_transpose_input(
    dy: Tensor, y: Tensor, x: Tensor, w: Tensor, b: Tensor | None = None, *, group: int = 1,
    output_padding: Sequence[int] = (), **attributes: Sequence[int],
) -> Tensor:  # fmt: skip
    windows = Windows.read(**attributes)
    result = g.conv(dy, w, None, windows, groups=group)
    return g.cut(result, [0] * len(windows.kernel), x.shape)


def _conv_transpose_weight(
    dy: Tensor, y: Tensor, x: Tensor, w: Tensor, b: Tensor | None = None, *, group: int = 1,
    output_padding: Sequence[int] = (), **attributes: Sequence[int],
) -> Tensor:  # fmt: skip
    return weight_gradient(dy, x, Windows.read(**attributes), group)


vjp("ConvTranspose", _conv_transpose_input, _conv_transpose_weight, _conv_bias)

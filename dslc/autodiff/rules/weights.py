"""The gradient of a convolution by its weights: the ways in which it is computed, and which one is taken when.

x is (N, C, *spatial), dy (N, M, *points). A third way is in :mod:`dslc.autodiff.rules.stacks`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from dslc import graph as g
from dslc.autodiff.rules.stacks import is_worth_stacking, stacked_weight_gradient
from dslc.graph import Tensor
from dslc.types import element_count
from dslc.windows import Windows


def weight_gradient(x: Tensor, dy: Tensor, windows: Windows, groups: int) -> Tensor:
    """Products of dy with the elements of x in every window, summed up: (M, C / groups, *kernel). Sizes choose how."""
    can_stack = is_worth_stacking(x, dy, windows, groups)
    if can_convolve(x, dy, windows, groups) and is_worth_convolving(x, dy, windows, instead_of_stacks=can_stack):
        return convolved_weight_gradient(x, dy, windows)
    if can_stack:
        return stacked_weight_gradient(x, dy, windows)
    return windowed_weight_gradient(x, dy, windows, groups)


def windowed_weight_gradient(x: Tensor, dy: Tensor, windows: Windows, groups: int) -> Tensor:
    """Cut the elements at each place of the kernel out of x: matrix products with dy, for each example."""
    batch, coarse = dy.shape[0], dy.shape[2:]
    points = element_count(coarse)
    outputs, inputs = int(dy.shape[1]) // groups, int(x.shape[1]) // groups
    columns = [g.reshape(element, (batch, groups, inputs, points)) for element in g.elements(x, windows, coarse)]
    cotangents = g.reshape(dy, (batch, groups, outputs, points))
    if inputs >= x.builder.target.separate_products:
        total = g.concat([g.reduce_sum(cotangents @ column.mT, [0]) for column in columns], 2)
    else:
        total = g.reduce_sum(cotangents @ g.concat(columns, 2).mT, [0])
    by_place = g.reshape(total, (groups, outputs, len(columns), inputs))
    return g.reshape(g.transpose(by_place, (0, 1, 3, 2)), (groups * outputs, inputs, *windows.kernel))


def can_convolve(x: Tensor, dy: Tensor, windows: Windows, groups: int) -> bool:
    """Whether :func:`convolved_weight_gradient` can be used."""
    return groups == 1 and windows.dilations[-1] == 1 and all(isinstance(n, int) for n in (*x.shape[1:], *dy.shape[1:]))


def is_worth_convolving(x: Tensor, dy: Tensor, windows: Windows, *, instead_of_stacks: bool) -> bool:
    """Whether :func:`convolved_weight_gradient` is faster than stacks, or else than windows.

    Of fewer results than there are outputs, ONNX Runtime would lay out the elements of all windows at once.
    """
    places, channels, target = prod(windows.kernel), int(x.shape[1]), x.builder.target
    shortest = target.convolved_run_or_stacks if instead_of_stacks else target.convolved_run
    return places > 1 and windows.kernel[-1] * channels >= shortest and places * channels >= int(dy.shape[1])


def convolved_weight_gradient(x: Tensor, dy: Tensor, windows: Windows) -> Tensor:
    """One convolution, of which dy is the kernels, and examples the channels: a point for each place of the kernel.

    The channels of x are laid beside the columns, so that a row of results is one for each channel and each place along
    a row of the kernel, and long. Strides and dilations change their parts: what x is passed over in steps is dy.
    """
    (batch, channels, *spatial), outputs, rank = x.shape, dy.shape[1], x.rank
    channels_last = g.transpose(x, (0, *range(2, rank), 1))
    image = g.reshape(channels_last, (1, batch, *spatial[:-1], spatial[-1] * channels))
    kernels = g.transpose(dy, (1, 0, *range(2, rank)))

    def widened(steps: Sequence[int]) -> list[int]:
        return [*steps[:-1], steps[-1] * int(channels)]

    exchanged = Windows.of(
        kernels.shape[2:], windows.dilations, widened(windows.strides), widened(windows.before), widened(windows.after)
    )
    by_place = g.conv(image, kernels, None, exchanged)
    # what a stride skipped at the end makes further places
    by_place = g.cut(by_place, [0] * (rank - 2), (1, outputs, *widened(windows.kernel)))
    by_place = g.reshape(by_place, (outputs, *windows.kernel, channels))
    return g.transpose(by_place, (0, rank - 1, *range(1, rank - 1)))

"""Gradients of pools, of (N, C, *spatial)."""
# ruff: noqa: ARG001 - all rules have the same parameters

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from dslc import graph as g
from dslc.autodiff.table import vjp
from dslc.graph import Tensor
from dslc.windows import Windows


def _max_pool(dy: Tensor, y: Tensor, x: Tensor, **attributes: Sequence[int]) -> Tensor:
    """The first maximum of a window takes its gradient, as in PyTorch; later equal ones get nothing.

    What is not yet given away is handed from place to place; the last one takes the rest, since one of them
    must be the maximum.
    """
    windows = Windows.read(**attributes)
    lowest = float(np.finfo(x.element.value).min)
    *places, _ = g.elements(x, windows, y.shape[2:], lowest)
    parts = []
    for element in places:
        left = dy * g.positive(y - element)  # nothing at the maximum, all below it
        parts.append(dy - left)
        dy = left
    return g.assemble([*parts, dy], windows, x.shape)


def _average_pool(
    dy: Tensor, y: Tensor, x: Tensor, *, count_include_pad: int = 0, **attributes: Sequence[int]
) -> Tensor:
    windows = Windows.read(**attributes)
    size = prod(windows.kernel)
    if count_include_pad or not any(windows.before + windows.after):
        share = dy * (1 / size)
    else:
        ones = g.full(x, 1.0, x.type.with_shape((1, 1, *x.shape[2:])))
        share = dy / (g.average_pool(ones, windows) * float(size))
    return g.assemble([share] * size, windows, x.shape)


vjp("MaxPool", _max_pool)
vjp("AveragePool", _average_pool)

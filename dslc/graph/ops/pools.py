"""Pools: one number in place of those in each window, of (N, C, *spatial)."""

from __future__ import annotations

from dataclasses import replace
from math import inf

from dslc.graph.builder import Tensor
from dslc.graph.ops.elementwise import modulo
from dslc.graph.ops.linear import window_attributes
from dslc.graph.ops.shaping import pad, reshape
from dslc.graph.values import Attribute
from dslc.types import INT64, Dimension, TensorType, element_count
from dslc.windows import Windows

__all__ = ["average_pool", "max_pool", "max_pool_indices"]


def max_pool(x: Tensor, windows: Windows) -> Tensor:
    """Maximum over windows; what is padded never wins."""
    x, windows = _with_small_padding(x, windows)
    return x.builder.node("MaxPool", [x], [_pooled(x, windows)], _attributes(windows))


def average_pool(x: Tensor, windows: Windows, *, count_include_pad: bool = True) -> Tensor:
    """Mean over windows; padding counts as zeros, as in PyTorch, unless told otherwise."""
    attributes = {**_attributes(windows), "count_include_pad": int(count_include_pad)}
    return x.builder.node("AveragePool", [x], [_pooled(x, windows)], attributes)


def max_pool_indices(x: Tensor, windows: Windows) -> Tensor:
    """Where the maximum of each window lies: its int64 index among the points of its channel, as if these were flat."""
    padded, inner = _with_small_padding(x, windows)
    result = _pooled(padded, inner)
    types = [result, result.with_element(INT64)]
    _, indices = padded.builder.nodes("MaxPool", [padded], types, _attributes(inner))
    if padded is x:
        return modulo(indices, _number(x, element_count(x.shape[2:])))
    flat: Tensor | None = None
    own: Dimension = 1
    for axis in reversed(range(2, x.rank)):
        size = _number(x, padded.shape[axis])
        place = (modulo(indices, size) - windows.before[axis - 2]) * _number(x, own)
        flat = place if flat is None else flat + place
        indices, own = indices / size, own * x.shape[axis]
    assert flat is not None
    return flat


def _number(x: Tensor, dimension: Dimension) -> Tensor:
    return reshape(x.builder.dimension(dimension), ())


def _pooled(x: Tensor, windows: Windows) -> TensorType:
    return x.type.with_shape((*x.shape[:2], *windows.counts(x.shape[2:])))


def _attributes(windows: Windows) -> dict[str, Attribute]:
    attributes = window_attributes(windows)
    if max(windows.dilations) == 1:
        del attributes["dilations"]
    return attributes


def _with_small_padding(x: Tensor, windows: Windows) -> tuple[Tensor, Windows]:
    """Put all of the padding around x where some of it is as large as the kernel, which ONNX Runtime refuses."""
    widths = (*windows.before, *windows.after)
    if all(width < size for width, size in zip(widths, windows.kernel * 2, strict=True)):
        return x, windows
    none = (0,) * len(windows.kernel)
    padded = pad(x, [0, 0, *windows.before], [0, 0, *windows.after], -inf)
    return padded, replace(windows, before=none, after=none)

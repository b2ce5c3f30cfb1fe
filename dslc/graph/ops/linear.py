"""Windows: Conv and its transpose, the pools."""

from __future__ import annotations

from collections.abc import Sequence

from dslc.graph.builder import Tensor
from dslc.graph.values import Attribute
from dslc.types import Dimension, Shape, window_size


def _window_shape(
    spatial: Sequence[Dimension], kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int],
    before: Sequence[int], after: Sequence[int],
) -> list[Dimension]:  # fmt: skip
    return [window_size(*axis) for axis in zip(spatial, kernel, strides, dilations, before, after, strict=True)]


def conv(
    x: Tensor, w: Tensor, b: Tensor | None, *, strides: Sequence[int], dilations: Sequence[int],
    before: Sequence[int], after: Sequence[int], groups: int = 1,
) -> Tensor:  # fmt: skip
    """Cross-correlate x (N, C, *spatial) with w (M, C / groups, *kernel), plus b (M); zeros around x."""
    kernel = [int(k) for k in w.shape[2:]]
    spatial = _window_shape(x.shape[2:], kernel, strides, dilations, before, after)
    attributes: dict[str, Attribute] = {
        "kernel_shape": kernel, "strides": strides, "dilations": dilations, "pads": [*before, *after], "group": groups,
    }  # fmt: skip
    operands = [x, w] if b is None else [x, w, b]
    return x.builder.node("Conv", operands, [x.type.with_shape((x.shape[0], w.shape[0], *spatial))], attributes)


def conv_transpose(
    x: Tensor, w: Tensor, *, strides: Sequence[int], dilations: Sequence[int], before: Sequence[int],
    after: Sequence[int], output_padding: Sequence[int], groups: int, shape: Shape,
) -> Tensor:  # fmt: skip
    """The transpose of :func:`conv`: x (N, M, *spatial), w (M, C / groups, *kernel); the result has ``shape``."""
    attributes: dict[str, Attribute] = {
        "kernel_shape": [int(k) for k in w.shape[2:]], "strides": strides, "dilations": dilations,
        "pads": [*before, *after], "output_padding": output_padding, "group": groups,
    }  # fmt: skip
    return x.builder.node("ConvTranspose", [x, w], [x.type.with_shape(shape)], attributes)


def max_pool(
    x: Tensor, size: Sequence[int], *, strides: Sequence[int], before: Sequence[int], after: Sequence[int]
) -> Tensor:
    """Maximum over windows of x (N, C, *spatial); what is padded never wins."""
    return _pool("MaxPool", x, size, strides, before, after)


def average_pool(
    x: Tensor, size: Sequence[int], *, strides: Sequence[int], before: Sequence[int], after: Sequence[int],
    count_include_pad: bool = True,
) -> Tensor:  # fmt: skip
    """Mean over windows of x (N, C, *spatial); padding counts as zeros, as in PyTorch, unless told otherwise."""
    return _pool("AveragePool", x, size, strides, before, after, count_include_pad=int(count_include_pad))


def _pool(
    operator: str, x: Tensor, size: Sequence[int], strides: Sequence[int], before: Sequence[int], after: Sequence[int],
    **more: int,
) -> Tensor:  # fmt: skip
    spatial = _window_shape(x.shape[2:], size, strides, [1] * len(size), before, after)
    window: dict[str, Attribute] = {"kernel_shape": size, "strides": strides, "pads": [*before, *after]}
    return x.builder.node(operator, [x], [x.type.with_shape((*x.shape[:2], *spatial))], window | more)

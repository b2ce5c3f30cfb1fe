"""Convolutions and their transposes."""

from __future__ import annotations

from collections.abc import Sequence

from dslc.graph.builder import Tensor
from dslc.graph.values import Attribute
from dslc.types import Shape
from dslc.windows import Windows

__all__ = ["conv", "conv_transpose", "window_attributes"]


def window_attributes(windows: Windows) -> dict[str, Attribute]:
    """Return the geometry of windows as ONNX's operators take it."""
    return {
        "kernel_shape": windows.kernel, "strides": windows.strides, "dilations": windows.dilations,
        "pads": [*windows.before, *windows.after],
    }  # fmt: skip


def conv(x: Tensor, w: Tensor, b: Tensor | None, windows: Windows, *, groups: int = 1) -> Tensor:
    """Cross-correlate x (N, C, *spatial) with w (M, C / groups, *kernel), plus b (M); zeros around x."""
    shape = (x.shape[0], w.shape[0], *windows.counts(x.shape[2:]))
    operands = [x, w] if b is None else [x, w, b]
    attributes = {**window_attributes(windows), "group": groups}
    return x.builder.node("Conv", operands, [x.type.with_shape(shape)], attributes)


def conv_transpose(
    x: Tensor, w: Tensor, b: Tensor | None, windows: Windows, *, output_padding: Sequence[int], groups: int,
    shape: Shape,
) -> Tensor:  # fmt: skip
    """The transpose of :func:`conv`: x (N, M, *spatial), w (M, C / groups, *kernel); the result has ``shape``."""
    attributes = {**window_attributes(windows), "output_padding": output_padding, "group": groups}
    operands = [x, w] if b is None else [x, w, b]
    return x.builder.node("ConvTranspose", operands, [x.type.with_shape(shape)], attributes)

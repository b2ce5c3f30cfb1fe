"""Convolutions that keep channels apart or go backwards, and the options of pools; see also ``layers.py``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.library.cases.rows import Given, Operand, Real, Row

IMAGE = Real((3, 4, 9, 8))
SMALL = Real((2, 4, 5, 4))
TIED = Given([[[[0, 1, 1, 0, 1], [1, 1, 0, 0, 0], [0, 0, 0, 0, 1], [2, 2, 0, 1, 1]]]])


def _transposed(
    note: str, x: Real, weight: tuple[int, ...], torch: Callable[..., Any], groups: int = 1, **options: Any
) -> Row:
    variables: dict[str, Operand] = {"weight": Real(weight, -0.5, 0.5)}
    if options.get("bias", True):
        variables["bias"] = Real((weight[1] * groups,))
    options = {"channels": weight[1] * groups, "kernel": list(weight[2:]), **options}
    return Row("ConvTranspose", (x,), torch, options | ({"groups": groups} if groups > 1 else {}), variables, note=note)


def _separable(t: Any, p: Any, x: Any, **options: Any) -> Any:
    convolve = t.conv1d if x.ndim == 3 else t.conv2d
    return convolve(convolve(x, p["depthwise"], groups=x.shape[1], **options), p["pointwise"], p.get("bias"))


def _dilated(t: Any, x: Any) -> Any:
    """Windows of 2 x 2 over 6 x 3 elements, which PyTorch pads no further than by 1."""
    padded = t.nn.functional.pad(x, (1, 1, 2, 3), value=-t.inf)
    y, places = t.nn.functional.max_pool2d(padded, 2, (1, 2), 0, (5, 2), return_indices=True)
    row, column = places // padded.shape[3] - 2, places % padded.shape[3] - 1
    return y, row * x.shape[3] + column


ROWS = [
    _transposed("2d", SMALL, (4, 3, 2, 2), stride=2,
                torch=lambda t, p, x: t.conv_transpose2d(x, p["weight"], p["bias"], stride=2)),
    _transposed("1d", Real((2, 3, 6)), (3, 5, 4), stride=2, padding=1, bias=False,
                torch=lambda t, p, x: t.conv_transpose1d(x, p["weight"], stride=2, padding=1)),
    _transposed("3d", Real((2, 2, 2, 3, 2)), (2, 3, 2, 1, 3), stride=[1, 2, 3], padding=[0, 0, 1],
                torch=lambda t, p, x: t.conv_transpose3d(x, p["weight"], p["bias"], (1, 2, 3), (0, 0, 1))),
    _transposed("output-padding", SMALL, (4, 3, 3, 3), stride=2, padding=1, output_padding=[1, 0],
                torch=lambda t, p, x: t.conv_transpose2d(x, p["weight"], p["bias"], 2, 1, (1, 0))),
    _transposed("groups", SMALL, (4, 3, 2, 3), groups=2, stride=[2, 1], padding="valid",
                torch=lambda t, p, x: t.conv_transpose2d(x, p["weight"], p["bias"], (2, 1), groups=2)),
    _transposed("dilated", SMALL, (4, 2, 3, 2), stride=[1, 2], dilation=[2, 3], padding=[2, 1], output_padding=[1, 2],
                torch=lambda t, p, x: t.conv_transpose2d(
                    x, p["weight"], p["bias"], (1, 2), (2, 1), (1, 2), dilation=(2, 3))),
    _transposed("dilated-groups", Real((2, 6, 4)), (6, 2, 3), groups=3, stride=3, dilation=2,
                torch=lambda t, p, x: t.conv_transpose1d(x, p["weight"], p["bias"], 3, groups=3, dilation=2)),
    _transposed("same", SMALL, (4, 3, 4, 3), stride=[1, 2], padding="same",
                torch=lambda t, p, x: t.conv_transpose2d(x, p["weight"], p["bias"], (1, 2))[:, :, 1:6, :8]),
    _transposed("same-gaps", Real((2, 3, 4)), (3, 2, 2), stride=3, padding="same",
                torch=lambda t, p, x: t.conv_transpose1d(x, p["weight"], p["bias"], 3, output_padding=1)),
    _transposed("one-point", Real((2, 3, 1, 1)), (3, 4, 4, 4),
                torch=lambda t, p, x: t.conv_transpose2d(x, p["weight"], p["bias"])),
    Row("DepthwiseConv", (IMAGE,), lambda t, p, x: t.conv2d(x, p["weight"], p["bias"], groups=4, padding=1),
        {"kernel": 3}, {"weight": Real((4, 1, 3, 3)), "bias": Real((4,))}),
    Row("DepthwiseConv", (IMAGE,), lambda t, p, x: t.conv2d(
        x, p["weight"], groups=4, stride=(2, 1), padding=(2, 0), dilation=(2, 1)),
        {"kernel": [3, 2], "multiplier": 3, "stride": [2, 1], "padding": [2, 0], "dilation": [2, 1], "bias": False},
        {"weight": Real((12, 1, 3, 2))}, note="multiplier"),
    Row("DepthwiseConv", (Real((2, 3, 7)),), lambda t, p, x: t.conv1d(x, p["weight"], p["bias"], groups=3),
        {"kernel": 4, "multiplier": 2, "padding": "valid"}, {"weight": Real((6, 1, 4)), "bias": Real((6,))}, note="1d"),
    Row("SeparableConv", (IMAGE,), lambda t, p, x: _separable(t, p, x, padding=1), {"channels": 5, "kernel": 3},
        {"depthwise": Real((4, 1, 3, 3), -1, 1), "pointwise": Real((5, 4, 1, 1), -1, 1), "bias": Real((5,))}),
    Row("SeparableConv", (IMAGE,), lambda t, p, x: _separable(t, p, x, stride=2, padding=(2, 1), dilation=(2, 1)),
        {"channels": 3, "kernel": 3, "multiplier": 2, "stride": 2, "padding": [2, 1], "dilation": [2, 1],
         "bias": False},
        {"depthwise": Real((8, 1, 3, 3), -1, 1), "pointwise": Real((3, 8, 1, 1), -1, 1)}, note="multiplier"),
    Row("SeparableConv", (Real((2, 3, 7)),), _separable, {"channels": 2, "kernel": 2, "padding": "valid"},
        {"depthwise": Real((3, 1, 2)), "pointwise": Real((2, 3, 1)), "bias": Real((2,))}, note="1d"),
    Row("MaxPool", (IMAGE,), lambda t, p, x: t.max_pool2d(x, 2, 2, 0, (3, 2)), {"size": 2, "dilation": [3, 2]},
        note="dilated"),
    Row("MaxPool", (IMAGE,), lambda t, p, x: _dilated(t, x)[0],
        {"size": 2, "stride": [1, 2], "dilation": [5, 2], "padding": "same"}, note="dilated-same"),
    Row("MaxPool", (IMAGE,), lambda t, p, x: t.max_pool2d(x, 2, ceil_mode=True), {"size": 2, "ceil": True},
        note="ceil"),
    Row("MaxPool", (IMAGE,), lambda t, p, x: t.max_pool2d(x, 3, 3, 1, ceil_mode=True),
        {"size": 3, "stride": 3, "padding": 1, "ceil": True}, note="ceil-padding"),
    Row("MaxPool", (Real((2, 3, 6)),), lambda t, p, x: t.max_pool1d(x, 2, 4, 1, ceil_mode=True),
        {"size": 2, "stride": 4, "padding": 1, "ceil": True}, note="ceil-gaps"),
    Row("MaxPool", (Real((2, 3, 10)),), lambda t, p, x: t.max_pool1d(x, 3, 2, 1, 2, True),
        {"size": 3, "stride": 2, "padding": 1, "dilation": 2, "ceil": True}, note="ceil-dilated"),
    Row("MaxPool", (Real((1, 2, 3, 4, 5)),), lambda t, p, x: t.nn.functional.max_pool3d(
        x, 2, ceil_mode=True, return_indices=True), {"size": 2, "ceil": True, "indices": True}, gradient=False,
        note="indices-3d"),
    Row("MaxPool", (TIED,), lambda t, p, x: t.nn.functional.max_pool2d(x, 2, 1, return_indices=True),
        {"size": 2, "stride": 1, "indices": True}, gradient=False, note="indices-ties"),
    Row("MaxPool", (IMAGE,), lambda t, p, x: _dilated(t, x),
        {"size": 2, "stride": [1, 2], "dilation": [5, 2], "padding": "same", "indices": True}, gradient=False,
        note="indices-dilated"),
    Row("MaxPool", (TIED,), lambda t, p, x: t.max_pool2d(x, 2, 1, 1, 2),
        {"size": 2, "stride": 1, "padding": 1, "dilation": 2}, note="ties"),
    Row("AveragePool", (IMAGE,), lambda t, p, x: t.nn.functional.avg_pool2d(x, 2, ceil_mode=True),
        {"size": 2, "ceil": True}, note="ceil"),
    Row("AveragePool", (IMAGE,), lambda t, p, x: t.nn.functional.avg_pool2d(x, 3, 3, 1, ceil_mode=True),
        {"size": 3, "padding": 1, "ceil": True}, note="ceil-padding"),
    Row("AveragePool", (IMAGE,), lambda t, p, x: t.nn.functional.avg_pool2d(x, 4, 3, (2, 1), True, False),
        {"size": 4, "stride": 3, "padding": [2, 1], "ceil": True, "count_include_pad": False},
        note="ceil-without-padding"),
    Row("AveragePool", (Real((2, 3, 6)),), lambda t, p, x: t.nn.functional.avg_pool1d(x, 2, 4, 1, True),
        {"size": 2, "stride": 4, "padding": 1, "ceil": True}, note="ceil-gaps"),
    Row("LpPool", (IMAGE,), lambda t, p, x: t.nn.functional.lp_pool2d(x, 2, 2), {"power": 2.0, "size": 2}),
    Row("LpPool", (Real((2, 3, 8), 0.1, 2),), lambda t, p, x: t.nn.functional.lp_pool1d(x, 3.5, 3, 2, True),
        {"power": 3.5, "size": 3, "stride": 2, "ceil": True}, note="ceil"),
    Row("LpPool", (Real((2, 2, 3, 4, 3)),), lambda t, p, x: t.nn.functional.lp_pool3d(x, 1, (1, 2, 3)),
        {"power": 1.0, "size": [1, 2, 3]}, note="sums"),
]  # fmt: skip

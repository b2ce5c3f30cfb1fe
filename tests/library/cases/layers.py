"""Layers that are not activations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.library.cases.rows import Operand, Real, Row, Whole

IMAGE = Real((3, 4, 9, 8))


def _conv(note: str, x: Real, kernel: Any, weight: tuple[int, ...], torch: Callable[..., Any], **options: Any) -> Row:
    variables: dict[str, Operand] = {"weight": Real(weight, -0.5, 0.5)}
    if options.get("bias", True):
        variables["bias"] = Real(weight[:1])
    return Row("Conv", (x,), torch, {"channels": weight[0], "kernel": kernel, **options}, variables, note=note)


def _batch_norm(t: Any, p: Any, x: Any, **options: Any) -> Any:
    mean, variance = p["running_mean"].detach().clone(), p["running_var"].detach().clone()
    y = t.nn.functional.batch_norm(x, mean, variance, p.get("weight"), p.get("bias"), **options)
    return (y, mean, variance) if options.get("training") else y


AFFINE = {"weight": Real((4,), 0.5, 2), "bias": Real((4,))}
MOMENTS = {"running_mean": Real((4,)), "running_var": Real((4,), 0.5, 2)}

ROWS = [
    Row("Dense", (Real((3, 5)),), lambda t, p, x: x @ p["weight"] + p["bias"], {"units": 4},
        {"weight": Real((5, 4)), "bias": Real((4,))}),
    Row("Dense", (Real((3, 2, 5)),), lambda t, p, x: x @ p["weight"], {"units": 4, "bias": False},
        {"weight": Real((5, 4))}, note="no-bias"),
    _conv("2d", IMAGE, 3, (6, 4, 3, 3), lambda t, p, x: t.conv2d(x, p["weight"], p["bias"], padding=1)),
    _conv("1d-stride", Real((3, 4, 11)), 5, (6, 4, 5), stride=2,
          torch=lambda t, p, x: t.conv1d(x, p["weight"], p["bias"], stride=2, padding=2)),
    _conv("3d", Real((2, 2, 4, 5, 3)), [3, 1, 3], (3, 2, 3, 1, 3),
          lambda t, p, x: t.conv3d(x, p["weight"], p["bias"], padding=(1, 0, 1))),
    _conv("valid-dilated", IMAGE, [3, 2], (6, 4, 3, 2), padding="valid", dilation=[2, 3], bias=False,
          torch=lambda t, p, x: t.conv2d(x, p["weight"], dilation=(2, 3))),
    _conv("groups", IMAGE, 3, (8, 2, 3, 3), groups=2, stride=[2, 1], padding=[0, 2],
          torch=lambda t, p, x: t.conv2d(x, p["weight"], p["bias"], groups=2, stride=(2, 1), padding=(0, 2))),
    _conv("depthwise", IMAGE, 3, (4, 1, 3, 3), groups=4, bias=False,
          torch=lambda t, p, x: t.conv2d(x, p["weight"], groups=4, padding=1)),
    _conv("even", IMAGE, [4, 2], (5, 4, 4, 2), lambda t, p, x: t.conv2d(
        t.nn.functional.pad(x, (0, 1, 1, 2)), p["weight"], p["bias"])),
    Row("MaxPool", (IMAGE,), lambda t, p, x: t.max_pool2d(x, 2), {"size": 2}),
    Row("MaxPool", (IMAGE,), lambda t, p, x: t.max_pool2d(x, 3, 2, 1), {"size": 3, "stride": 2, "padding": 1},
        note="overlap"),
    Row("MaxPool", (Real((2, 3, 7)),), lambda t, p, x: t.max_pool1d(x, 3, 1, 1),
        {"size": 3, "stride": 1, "padding": "same"}, note="1d-same"),
    Row("MaxPool", (Real((2, 2, 4, 4, 4)),), lambda t, p, x: t.nn.functional.max_pool3d(x, (2, 1, 2)),
        {"size": [2, 1, 2]}, note="3d"),
    Row("AveragePool", (IMAGE,), lambda t, p, x: t.nn.functional.avg_pool2d(x, 2), {"size": 2}),
    Row("AveragePool", (IMAGE,), lambda t, p, x: t.nn.functional.avg_pool2d(x, 3, 2, 1),
        {"size": 3, "stride": 2, "padding": "same"}, note="same"),
    Row("AveragePool", (IMAGE,), lambda t, p, x: t.nn.functional.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
        {"size": 3, "stride": 2, "padding": 1, "count_include_pad": False}, note="without-padding"),
    Row("GlobalAveragePool", (IMAGE,), lambda t, p, x: x.mean((2, 3))),
    Row("GlobalAveragePool", (IMAGE,), lambda t, p, x: t.nn.functional.adaptive_avg_pool2d(x, 1), {"keepdims": True},
        note="keepdims"),
    Row("GlobalMaxPool", (IMAGE,), lambda t, p, x: x.amax((2, 3))),
    Row("GlobalMaxPool", (Real((3, 4, 5)),), lambda t, p, x: x.amax(2, keepdim=True), {"keepdims": True},
        note="keepdims"),
    Row("BatchNorm", (IMAGE,), _batch_norm, {}, {**AFFINE, **MOMENTS}),
    Row("BatchNorm", (IMAGE,), lambda t, p, x: _batch_norm(t, p, x, training=True), {}, {**AFFINE, **MOMENTS},
        training=True),
    Row("BatchNorm", (Real((5, 4)),), lambda t, p, x: _batch_norm(t, p, x, training=True, momentum=0.3, eps=0.01),
        {"momentum": 0.3, "eps": 0.01}, {**AFFINE, **MOMENTS}, training=True, note="2d"),
    Row("BatchNorm", (IMAGE,), lambda t, p, x: _batch_norm(t, p, x, training=True), {"affine": False}, MOMENTS,
        training=True, note="plain"),
    Row("BatchNorm", (Real((5, 4, 3)),), _batch_norm, {"affine": False}, MOMENTS, note="plain"),
    Row("LayerNorm", (Real((3, 5, 4)),), lambda t, p, x: t.layer_norm(x, (4,), p["weight"], p["bias"]), {}, AFFINE),
    Row("LayerNorm", (Real((3, 5, 4)),), lambda t, p, x: t.layer_norm(x, (5, 4), p["weight"], None, 0.1),
        {"axes": [-2, -1], "bias": False, "eps": 0.1}, {"weight": Real((5, 4))}, training=True, note="axes"),
    Row("LayerNorm", (Real((3, 5, 4)),), lambda t, p, x: t.layer_norm(x, (4,)), {"affine": False}, note="plain"),
    Row("Embedding", (Whole((3, 5), 0, 7),), lambda t, p, x: t.nn.functional.embedding(x, p["weight"]),
        {"entries": 7, "size": 4}, {"weight": Real((7, 4))}),
    Row("Embedding", (Whole((6,), 0, 7, "int32"),), lambda t, p, x: t.nn.functional.embedding(x, p["weight"]),
        {"entries": 7, "size": 4}, {"weight": Real((7, 4))}, note="int32"),
    Row("Flatten", (Real((3, 2, 4, 5)),), lambda t, p, x: t.flatten(x, 1)),
    Row("Reshape", (Real((3, 8)),), lambda t, p, x: x.reshape(3, 2, 4), {"shape": [2, 4]}),
    Row("Reshape", (Real((3, 8, 3)),), lambda t, p, x: x.reshape(3, 4, 6), {"shape": [4, -1]}, note="rest"),
]  # fmt: skip

"""Layers that move points and channels, what lies around them, patches, and pools that go backwards or adapt."""

from __future__ import annotations

from typing import Any

from tests.library.cases.rows import Given, Real, Row, Whole

IMAGE = Real((3, 4, 9, 8))
SMALL = Real((2, 3, 4, 5))
LINE = Real((2, 3, 6))
VOLUME = Real((2, 2, 3, 4, 2))
TIED = Given([[[[0, 1, 1, 0, 1], [1, 1, 0, 0, 0], [0, 0, 0, 0, 1], [2, 2, 0, 1, 1]]]])
PLACES = Given([[[1, 4, 7], [9, 2, 5]], [[0, 3, 9], [8, 1, 4]]], "int64")


def _shuffled(t: Any, x: Any, factor: int) -> Any:
    """Along one axis, which PyTorch does not have."""
    n, c, size = x.shape
    return x.reshape(n, c // factor, factor, size).transpose(2, 3).reshape(n, c // factor, size * factor)


ROWS = [
    Row("PixelShuffle", (Real((2, 8, 3, 2)),), lambda t, p, x: t.nn.functional.pixel_shuffle(x, 2), {"factor": 2}),
    Row("PixelShuffle", (Real((2, 9, 1, 2)),), lambda t, p, x: t.nn.functional.pixel_shuffle(x, 3), {"factor": 3},
        note="3"),
    Row("PixelShuffle", (Real((2, 6, 4)),), lambda t, p, x: _shuffled(t, x, 3), {"factor": 3}, note="1d"),
    Row("PixelUnshuffle", (Real((2, 3, 4, 6)),), lambda t, p, x: t.nn.functional.pixel_unshuffle(x, 2), {"factor": 2}),
    Row("PixelUnshuffle", (Real((2, 1, 3, 3)),), lambda t, p, x: t.nn.functional.pixel_unshuffle(x, 3), {"factor": 3},
        note="3"),
    Row("PixelUnshuffle", (Real((2, 2, 6)),), lambda t, p, x: x.reshape(2, 2, 3, 2).transpose(2, 3).reshape(2, 4, 3),
        {"factor": 2}, note="1d"),
    Row("ChannelShuffle", (Real((2, 6, 3, 2)),), lambda t, p, x: t.channel_shuffle(x, 2), {"groups": 2}),
    Row("ChannelShuffle", (Real((2, 6, 3, 1)),), lambda t, p, x: t.channel_shuffle(x, 3), {"groups": 3}, note="3"),
    Row("ChannelShuffle", (LINE,), lambda t, p, x: t.channel_shuffle(x[..., None], 1)[..., 0], {"groups": 1}, note="1"),
    Row("Pad", (SMALL,), lambda t, p, x: t.nn.functional.pad(x, (1, 1, 1, 1)), {"padding": 1}),
    Row("Pad", (SMALL,), lambda t, p, x: t.nn.functional.pad(x, (3, 0, 1, 2), value=-1.5),
        {"padding": [1, 2, 3, 0], "value": -1.5}, note="value"),
    Row("Pad", (SMALL,), lambda t, p, x: t.nn.functional.pad(x, (2, 2, 3, 3), "reflect"),
        {"padding": [3, 2], "mode": "reflect"}, note="reflect"),
    Row("Pad", (LINE,), lambda t, p, x: t.nn.functional.pad(x, (0, 4), "reflect"),
        {"padding": [0, 4], "mode": "reflect"}, note="reflect-1d"),
    Row("Pad", (SMALL,), lambda t, p, x: t.nn.functional.pad(x, (6, 0, 1, 2), "replicate"),
        {"padding": [1, 2, 6, 0], "mode": "replicate"}, note="replicate"),
    Row("Pad", (VOLUME,), lambda t, p, x: t.nn.functional.pad(x, (1, 2, 0, 1, 3, 0), "replicate"),
        {"padding": [3, 0, 0, 1, 1, 2], "mode": "replicate"}, note="replicate-3d"),
    Row("Pad", (SMALL,), lambda t, p, x: t.nn.functional.pad(x, (5, 0, 1, 4), "circular"),
        {"padding": [1, 4, 5, 0], "mode": "circular"}, note="circular"),
    Row("Pad", (VOLUME,), lambda t, p, x: t.nn.functional.pad(x, (1, 1, 2, 2, 3, 3), "circular"),
        {"padding": [3, 2, 1], "mode": "circular"}, note="circular-3d"),
    Row("pad", (LINE,), lambda t, p, x: t.nn.functional.pad(x, (2, 1), "reflect"),
        {"padding": [2, 1], "mode": "reflect"}, note="reflect"),
    Row("pad", (Whole((2, 3)),), lambda t, p, x: t.cat([x[:, -2:], x, x[:, :3]], 1),
        {"padding": [2, 3], "mode": "circular"}, gradient=False, note="circular"),
    Row("Crop", (SMALL,), lambda t, p, x: x[:, :, 1:-1, 1:-1], {"cropping": 1}),
    Row("Crop", (SMALL,), lambda t, p, x: x[:, :, 1:-2, :-3], {"cropping": [1, 2, 0, 3]}, note="each-side"),
    Row("Crop", (VOLUME,), lambda t, p, x: x[:, :, 1:-1, 1:-1], {"cropping": [1, 1, 0]}, note="each-axis"),
    Row("Unfold", (SMALL,), lambda t, p, x: t.nn.functional.unfold(x, 2), {"kernel": 2}),
    Row("Unfold", (IMAGE,), lambda t, p, x: t.nn.functional.unfold(x, (3, 2), (2, 1), (1, 2), (2, 3)),
        {"kernel": [3, 2], "dilation": [2, 1], "padding": [1, 2], "stride": [2, 3]}, note="all"),
    Row("Unfold", (LINE,), lambda t, p, x: t.nn.functional.unfold(x[:, :, None], (1, 3), stride=2),
        {"kernel": 3, "stride": 2}, note="1d"),
    Row("Fold", (Real((2, 12, 12)),), lambda t, p, x: t.nn.functional.fold(x, (4, 5), 2),
        {"output_size": [4, 5], "kernel": 2}),
    Row("Fold", (Real((2, 12, 16)),), lambda t, p, x: t.nn.functional.fold(x, (9, 8), (3, 2), (2, 1), (1, 2), (2, 3)),
        {"output_size": [9, 8], "kernel": [3, 2], "dilation": [2, 1], "padding": [1, 2], "stride": [2, 3]}, note="all"),
    Row("Fold", (Real((2, 6, 2)),), lambda t, p, x: t.nn.functional.fold(x, (1, 6), (1, 3), stride=(1, 2))[:, :, 0],
        {"output_size": [6], "kernel": 3, "stride": 2}, note="1d"),
    Row("MaxUnpool", (Real((2, 2, 3)), PLACES), lambda t, p, x, i: t.nn.functional.max_unpool1d(
        x, i, 2, 4, output_size=(11,)), {"size": 2, "stride": 4, "output_size": [11]}),
    Row("MaxUnpool", (Real((2, 2, 3)), Given([[[1, 2, 5], [0, 3, 4]], [[1, 3, 4], [0, 2, 5]]], "int64")),
        lambda t, p, x, i: t.nn.functional.max_unpool1d(x, i, 2), {"size": 2}, note="size"),
    Row("MaxUnpool", (Real((1, 1, 2, 2)), Given([[[[0, 9], [13, 24]]]], "int32")),
        lambda t, p, x, i: t.nn.functional.max_unpool2d(x, i.long(), 3, 4, 1),
        {"size": 3, "stride": 4, "padding": 1}, note="2d"),
    Row("MaxUnpool", (Real((1, 1, 1, 2, 2)), Given([[[[[0, 9], [13, 24]]]]], "int64")),
        lambda t, p, x, i: t.nn.functional.max_unpool3d(x, i, (2, 3, 2), output_size=(2, 6, 5)),
        {"size": [2, 3, 2], "output_size": [2, 6, 5]}, note="3d"),
    Row("AdaptiveAveragePool", (IMAGE,), lambda t, p, x: t.nn.functional.adaptive_avg_pool2d(x, (3, 4)),
        {"size": [3, 4]}),
    Row("AdaptiveAveragePool", (IMAGE,), lambda t, p, x: t.nn.functional.adaptive_avg_pool2d(x, (4, 3)),
        {"size": [4, 3]}, note="uneven"),
    Row("AdaptiveAveragePool", (LINE,), lambda t, p, x: t.nn.functional.adaptive_avg_pool1d(x, 9), {"size": 9},
        note="larger"),
    Row("AdaptiveAveragePool", (VOLUME,), lambda t, p, x: t.nn.functional.adaptive_avg_pool3d(x, (2, 3, 1)),
        {"size": [2, 3, 1]}, note="3d"),
    Row("AdaptiveMaxPool", (IMAGE,), lambda t, p, x: t.nn.functional.adaptive_max_pool2d(x, (3, 4)), {"size": [3, 4]}),
    Row("AdaptiveMaxPool", (TIED,), lambda t, p, x: t.nn.functional.adaptive_max_pool2d(x, (3, 2)), {"size": [3, 2]},
        note="ties"),
    Row("AdaptiveMaxPool", (LINE,), lambda t, p, x: t.nn.functional.adaptive_max_pool1d(x, 9), {"size": 9},
        note="larger"),
    Row("AdaptiveMaxPool", (VOLUME,), lambda t, p, x: t.nn.functional.adaptive_max_pool3d(x, (2, 3, 1)),
        {"size": [2, 3, 1]}, note="3d"),
]  # fmt: skip

"""The ways in which the gradients of convolutions are computed, and which one is taken."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest

from dslc import graph as g
from dslc.autodiff import gradients
from dslc.autodiff.rules.stacks import is_worth_summing, stacked_input_gradient, stacked_weight_gradient
from dslc.autodiff.rules.weights import convolved_weight_gradient, windowed_weight_gradient
from dslc.graph import Builder, type_of
from dslc.rewrite.passes import simplify
from dslc.types import FLOAT32, TensorType, symbol
from dslc.windows import Windows
from tests.autodiff.harness import at


def by_definition(x: np.ndarray, dy: np.ndarray, windows: Windows) -> np.ndarray:
    padded = np.pad(x, [(0, 0), (0, 0), *zip(windows.before, windows.after, strict=True)]).astype(np.float64)
    result = np.zeros((dy.shape[1], x.shape[1], *windows.kernel))
    for place in np.ndindex(*windows.kernel):
        steps = zip(place, windows.dilations, windows.strides, dy.shape[2:], strict=True)
        taken = tuple(slice(i * d, i * d + s * (n - 1) + 1, s) for i, d, s, n in steps)
        summed = [0, *range(2, dy.ndim)]
        result[at(*place)] = np.tensordot(dy, padded[at(*taken)], (summed, summed))
    return result


WAYS = {
    "windows": lambda x, dy, windows: windowed_weight_gradient(x, dy, windows, 1),
    "stacks": stacked_weight_gradient,
    "convolution": convolved_weight_gradient,
}


def windows_of(kernel: tuple[int, ...], padding: int = 0, stride: int = 1, dilation: int = 1) -> Windows:
    """The same along all axes; the last one has no gaps."""
    rank = len(kernel)
    return Windows(kernel, (stride,) * rank, (*[dilation] * (rank - 1), 1), (padding,) * rank, (padding,) * rank)


@pytest.mark.parametrize(
    ("way", "windows"),
    [
        *(
            (way, windows_of(kernel, padding))
            for way in WAYS
            for kernel, padding in (((3, 3), 1), ((5, 5), 0), ((5, 3), 2), ((1, 1), 0), ((2, 4), 1), ((3,), 1))
        ),
        *(
            (way, windows)
            for way in ("windows", "convolution")
            for windows in (
                windows_of((3, 3), 1, stride=2), windows_of((2, 2), 0, stride=3), windows_of((3, 3), 2, dilation=2),
                windows_of((2, 3), 1, 2, 2), windows_of((2, 2, 3), 1, stride=2), windows_of((4,), 1, stride=3),
            )
        ),
    ],
)  # fmt: skip
def test_each_way_agrees_with_the_definition(way: str, windows: Windows) -> None:
    random = np.random.default_rng(0)
    x = random.standard_normal((3, 2, *(6, 7, 5)[: len(windows.kernel)])).astype(np.float32)
    points = [
        (n + before + after - extent) // stride + 1
        for n, before, after, extent, stride in zip(
            x.shape[2:], windows.before, windows.after, windows.extent, windows.strides, strict=True
        )
    ]
    dy = random.standard_normal((3, 4, *points)).astype(np.float32)
    builder = Builder("weights")
    operands = [
        builder.input(name, TensorType(FLOAT32, (symbol("N"), *array.shape[1:])))
        for name, array in (("x", x), ("dy", dy))
    ]
    result = WAYS[way](operands[0], operands[1], windows)
    assert result.shape == (4, 2, *windows.kernel)
    builder.output("dw", result)
    session = onnxruntime.InferenceSession(ir.to_proto(builder.model()).SerializeToString())
    (found,) = session.run(None, {"x": x, "dy": dy})
    np.testing.assert_allclose(found, by_definition(x, dy, windows), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("kernel", "dilation"), [((3, 3), 1), ((5, 3), 1), ((1, 1), 1), ((2, 3), 2), ((3,), 1)])
def test_by_the_input_without_padding(kernel: tuple[int, ...], dilation: int) -> None:
    random = np.random.default_rng(0)
    spatial = (8, 9)[: len(kernel)]
    points = [n - dilation * (k - 1) for n, k in zip(spatial, kernel, strict=True)]
    dy = random.standard_normal((3, 4, *points)).astype(np.float32)
    w = random.standard_normal((4, 2, *kernel)).astype(np.float32)
    builder = Builder("input")
    x = builder.input("x", TensorType(FLOAT32, (symbol("N"), 2, *spatial)))
    given = builder.input("dy", TensorType(FLOAT32, (symbol("N"), *dy.shape[1:])))
    weights = builder.input("w", TensorType(FLOAT32, w.shape))
    rank = len(kernel)
    windows = Windows.of(kernel, dilations=(dilation,) * rank)
    assert is_worth_summing(x, given, windows)
    assert not is_worth_summing(x, given, replace(windows, before=(1,) * rank))
    builder.output("dx", stacked_input_gradient(x, given, weights, windows))
    session = onnxruntime.InferenceSession(ir.to_proto(builder.model()).SerializeToString())
    (found,) = session.run(None, {"x": np.zeros((3, 2, *spatial), np.float32), "dy": dy, "w": w})
    expected = np.zeros((3, 2, *spatial))
    for place in np.ndindex(*kernel):
        taken = tuple(slice(i * dilation, i * dilation + n) for i, n in zip(place, points, strict=True))
        expected[at(*taken)] += np.einsum("no...,oc->nc...", dy, w[at(*place)])
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("channels", "outputs", "size", "kernel", "stride", "groups", "way"),
    [
        (64, 64, 8, 3, 1, 1, "convolution"),
        (16, 32, 32, 3, 2, 1, "convolution"),
        (1, 6, 28, 5, 1, 1, "stacks"),
        (1, 16, 28, 3, 1, 1, "windows"),
        (16, 16, 32, 3, 1, 16, "windows"),
        (64, 64, 8, 1, 1, 1, "stacks"),
    ],
)
def test_the_shape_chooses(
    channels: int, outputs: int, size: int, kernel: int, stride: int, groups: int, way: str
) -> None:
    builder = Builder("rule")
    x = builder.input("x", TensorType(FLOAT32, (symbol("N"), channels, size, size)))
    w = builder.input("w", TensorType(FLOAT32, (outputs, channels // groups, kernel, kernel)))
    y = g.conv(x, w, None, windows_of((kernel, kernel), kernel // 2, stride), groups=groups)
    gradients(g.reduce_sum(y), [w])
    operators = Counter(node.op_type for node in builder.graph)
    if operators["Conv"] == 2:
        assert way == "convolution"
    else:
        assert way == ("stacks" if operators["MatMul"] == 1 and not operators["Slice"] else "windows")


def test_a_factor_by_channel_is_taken_into_the_weights() -> None:
    builder = Builder("factor")
    x = builder.input("x", TensorType(FLOAT32, (symbol("N"), 4, 8, 8)))
    w = builder.input("w", TensorType(FLOAT32, (6, 4, 3, 3)))
    factor = builder.input("factor", TensorType(FLOAT32, (1, 6, 1, 1)))
    y = g.conv(x, w, None, windows_of((3, 3), 1)) * factor
    dx, dw = gradients(g.reduce_sum(y * y), [x, w])
    assert dx is not None
    assert dw is not None
    builder.output("dx", dx)
    builder.output("dw", dw)
    model = simplify(builder.model())
    products = [node.outputs[0] for node in model.graph if node.op_type == "Mul"]
    assert sum(type_of(value).shape == (symbol("N"), 6, 8, 8) for value in products) == 1  # y, but not dy * factor
    random = np.random.default_rng(0)
    feeds = {
        "x": random.standard_normal((3, 4, 8, 8)).astype(np.float32),
        "w": random.standard_normal((6, 4, 3, 3)).astype(np.float32),
        "factor": random.standard_normal((1, 6, 1, 1)).astype(np.float32),
    }
    found = onnxruntime.InferenceSession(ir.to_proto(model).SerializeToString()).run(None, feeds)
    windows = windows_of((3, 3), 1)
    padded = np.pad(feeds["x"], [(0, 0), (0, 0), (1, 1), (1, 1)]).astype(np.float64)
    result = sum(
        np.einsum("nc...,oc->no...", padded[:, :, i : i + 8, j : j + 8], feeds["w"][:, :, i, j])
        for i, j in np.ndindex(3, 3)
    )
    dy = 2 * result * feeds["factor"] ** 2
    by_input = np.zeros_like(padded)
    for i, j in np.ndindex(3, 3):
        by_input[:, :, i : i + 8, j : j + 8] += np.einsum("no...,oc->nc...", dy, feeds["w"][:, :, i, j])
    np.testing.assert_allclose(found[0], by_input[:, :, 1:-1, 1:-1], rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(found[1], by_definition(feeds["x"], dy, windows), rtol=1e-4, atol=1e-3)

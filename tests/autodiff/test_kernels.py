"""The gradient of a convolution by its weights, by moves stacked for one product."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest

from dslc import graph as g
from dslc.autodiff import gradients
from dslc.autodiff.rules.kernels import is_worth_summing, stacked_input_gradient, stacked_weight_gradient
from dslc.graph import Builder
from dslc.types import FLOAT32, TensorType, symbol


def by_definition(x: np.ndarray, dy: np.ndarray, kernel: tuple[int, int], padding: int) -> np.ndarray:
    padded = np.pad(x, [(0, 0), (0, 0), (padding, padding), (padding, padding)]).astype(np.float64)
    rows, columns = dy.shape[2:]
    result = np.zeros((dy.shape[1], x.shape[1], *kernel))
    for i, j in np.ndindex(*kernel):
        result[:, :, i, j] = np.einsum("nohw,nchw->oc", dy, padded[:, :, i : i + rows, j : j + columns])
    return result


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize(("kernel", "padding"), [((3, 3), 1), ((5, 5), 0), ((5, 3), 2), ((1, 1), 0), ((2, 4), 1)])
def test_both_layouts_agree_with_the_definition(kernel: tuple[int, int], padding: int, wide: bool) -> None:
    random = np.random.default_rng(0)
    x = random.standard_normal((3, 2, 6, 7)).astype(np.float32)
    points = [n + 2 * padding - k + 1 for n, k in zip(x.shape[2:], kernel, strict=True)]
    dy = random.standard_normal((3, 4, *points)).astype(np.float32)
    builder = Builder("weights")
    operands = [
        builder.input(name, TensorType(FLOAT32, (symbol("N"), *array.shape[1:])))
        for name, array in (("x", x), ("dy", dy))
    ]
    offsets = [[i - padding for i in range(k)] for k in kernel]
    builder.output("dw", stacked_weight_gradient(*operands, kernel, offsets, wide=wide))
    session = onnxruntime.InferenceSession(ir.to_proto(builder.model()).SerializeToString())
    (found,) = session.run(None, {"x": x, "dy": dy})
    np.testing.assert_allclose(found, by_definition(x, dy, kernel, padding), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("kernel", "dilation"), [((3, 3), 1), ((5, 3), 1), ((1, 1), 1), ((2, 3), 2), ((3,), 1)])
def test_by_the_input_without_padding(kernel: tuple[int, ...], dilation: int) -> None:
    random = np.random.default_rng(0)
    spatial = (8, 9)[: len(kernel)]
    points = [n - dilation * (k - 1) for n, k in zip(spatial, kernel, strict=True)]
    dy = random.standard_normal((3, 4, *points)).astype(np.float32)
    w = random.standard_normal((4, 2, *kernel)).astype(np.float32)
    builder = Builder("input")
    x = builder.input("x", TensorType(FLOAT32, (symbol("N"), 2, *spatial)))
    operands = [builder.input("dy", TensorType(FLOAT32, (symbol("N"), *dy.shape[1:])))]
    operands.append(builder.input("w", TensorType(FLOAT32, w.shape)))
    moves = [[place * dilation for place in range(k)] for k in kernel]
    assert is_worth_summing(x, operands[0], moves)
    assert not is_worth_summing(x, operands[0], [[m - 1 for m in axis] for axis in moves])
    builder.output("dx", stacked_input_gradient(x, *operands, moves))
    session = onnxruntime.InferenceSession(ir.to_proto(builder.model()).SerializeToString())
    (found,) = session.run(None, {"x": np.zeros((3, 2, *spatial), np.float32), "dy": dy, "w": w})
    expected = np.zeros((3, 2, *spatial))
    for place in np.ndindex(*kernel):
        taken = tuple(slice(i * dilation, i * dilation + n) for i, n in zip(place, points, strict=True))
        expected[(..., *taken)] += np.einsum("no...,oc->nc...", dy, w[(..., *place)])
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("channels", "outputs", "size", "kernel", "groups", "products"),
    [
        (16, 16, 32, 3, 1, "by example"),
        (64, 64, 8, 3, 1, "over the batch"),
        (1, 16, 28, 3, 1, "windows"),
        (16, 16, 32, 3, 16, "windows"),
    ],
)
def test_the_shape_chooses(channels: int, outputs: int, size: int, kernel: int, groups: int, products: str) -> None:
    builder = Builder("rule")
    x = builder.input("x", TensorType(FLOAT32, (symbol("N"), channels, size, size)))
    w = builder.input("w", TensorType(FLOAT32, (outputs, channels // groups, kernel, kernel)))
    same = [kernel // 2] * 2
    y = g.conv(x, w, None, strides=[1, 1], dilations=[1, 1], before=same, after=same, groups=groups)
    gradients(g.reduce_sum(y), [w])
    moved = [node for node in builder.graph if node.op_type == "Slice"]
    shapes = [node.outputs[0].shape for node in builder.graph if node.op_type == "MatMul"]
    found = "windows" if moved else "over the batch" if len(shapes[0]) == 2 else "by example"
    assert found == products

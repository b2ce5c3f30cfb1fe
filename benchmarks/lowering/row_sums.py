"""Sums over the first axis, or all but the second: a reduction, or products with ones. And sums of several tensors: one
node, or one each.

`python benchmarks/lowering/row_sums.py`. See `dslc.rewrite.sums` and `dslc.graph.ops.elementwise.total`.
"""

from __future__ import annotations

import math

import numpy as np
from harness import compare, normal

from dslc import graph as g
from dslc.graph import Tensor
from dslc.types import FLOAT32

SHAPES = [(32, 128), (128, 10), (128, 784), (256, 512), (512, 384), (512, 1536), (8192, 64), (128, 9216)]


def product(x: Tensor) -> Tensor:
    """What the pass makes of a sum."""
    return x.builder.constant(np.ones(int(x.shape[0]), np.float32), FLOAT32) @ x


def products(x: Tensor) -> Tensor:
    """What the pass makes of a sum by channel."""
    batch, channels, *points = map(int, x.shape)
    ones = x.builder.constant(np.ones((1, math.prod(points)), np.float32), FLOAT32)
    rows = g.reshape(x, (batch * channels, ones.shape[1]))
    sums = x.builder.node("Gemm", [ones, rows], [x.type.with_shape((1, batch * channels))], {"transB": 1})
    return product(g.reshape(sums, (batch, channels)))


def one_node(*terms: Tensor) -> Tensor:
    """ONNX's Sum."""
    return terms[0].builder.node("Sum", terms, [terms[0].type])


def main() -> None:
    """Measure and print."""
    for shape in SHAPES:
        ways = {"ReduceSum": lambda x: g.reduce_sum(x, [0]), "product with ones": product}
        compare(f"sum of rows, {shape}", ways, normal(*shape), runs=20)
    for image in [(128, 16, 32, 32), (128, 32, 16, 16), (128, 64, 8, 8), (32, 64, 56, 56)]:
        channels = {"ReduceSum": lambda x: g.reduce_sum(x, [0, 2, 3]), "products with ones": products}
        compare(f"sum by channel, {image}", channels, normal(*image), runs=20)
    summed: list[tuple[int, ...]] = [(128, 512), (512, 384), (64, 16, 28, 28)]
    for size in summed:
        terms = [normal(*size, seed=seed) for seed in range(3)]
        compare(f"sum of three, {size}", {"Sum": one_node, "Adds": g.total}, *terms, runs=20)


if __name__ == "__main__":
    main()

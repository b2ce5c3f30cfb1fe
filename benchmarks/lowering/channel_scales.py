"""A scale and a shift for each channel: a product and a sum, or a convolution of each channel by itself.

`python benchmarks/lowering/channel_scales.py`. See `dslc.rewrite.scaling`.
"""

from __future__ import annotations

from harness import compare, normal

from dslc import graph as g
from dslc.graph import Tensor
from dslc.windows import Windows

SHAPES = [(128, 16, 32, 32), (128, 32, 16, 16), (128, 64, 8, 8), (32, 64, 56, 56)]


def product_and_sum(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Two operators."""
    return x * scale + shift


def convolution(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """One operator."""
    channels = x.shape[1]
    weight, bias = g.reshape(scale, (channels, 1, 1, 1)), g.reshape(shift, (channels,))
    return g.conv(x, weight, bias, Windows.of((1, 1)), groups=int(channels))


def main() -> None:
    """Measure and print."""
    for shape in SHAPES:
        numbers = [normal(shape[1], 1, 1, seed=seed) for seed in (1, 2)]
        terms = normal(*shape), *numbers
        compare(f"{shape}", {"Mul, Add": product_and_sum, "Conv": convolution}, *terms)
        compare(
            f"{shape}, and another term", {
                "Mul, Add, Add": lambda x, z, a, b: (x * a + z) + b,
                "Conv, Add": lambda x, z, a, b: convolution(x, a, b) + z,
            }, normal(*shape), normal(*shape, seed=3), *numbers,
        )  # fmt: skip
        compare(
            f"{shape}, and another term, made by a Mul and needed for nothing else", {
                "Mul, Add, Add": lambda x, z, a, b: (x * a + z * z) + b,
                "Conv, Add": lambda x, z, a, b: convolution(x, a, b) + z * z,
            }, normal(*shape), normal(*shape, seed=3), *numbers,
        )  # fmt: skip


if __name__ == "__main__":
    main()

"""The gradient of a convolution by its weights: the elements of all windows, moves stacked for one product, or one more
convolution.

`python benchmarks/lowering/weight_gradient.py`. See `dslc.autodiff.rules.weights` and `stacks`.
"""

from __future__ import annotations

from harness import Way, compare, normal

from dslc.autodiff.rules.stacks import stacked_weight_gradient
from dslc.autodiff.rules.weights import convolved_weight_gradient, weight_gradient, windowed_weight_gradient
from dslc.graph import Tensor
from dslc.windows import Windows

SHAPES = [  # batch, channels in and out, size, kernel, padding, stride
    (128, 1, 16, 28, 3, 1, 1),
    (128, 1, 6, 28, 5, 2, 1),
    (128, 3, 16, 32, 3, 1, 1),
    (128, 6, 16, 14, 5, 0, 1),
    (128, 16, 32, 14, 3, 1, 1),
    (128, 16, 16, 32, 3, 1, 1),
    (128, 32, 32, 16, 3, 1, 1),
    (128, 64, 64, 8, 3, 1, 1),
    (32, 64, 64, 28, 3, 1, 1),
    (8, 64, 64, 56, 3, 1, 1),
    (16, 256, 256, 14, 3, 1, 1),
    (128, 16, 32, 32, 3, 1, 2),
    (128, 32, 64, 16, 3, 1, 2),
    (64, 4, 16, 32, 4, 1, 2),
    (64, 3, 64, 64, 7, 3, 2),
    (16, 128, 256, 28, 3, 1, 2),
]


def main() -> None:
    """Measure and print, with the way that the compiler takes among the others."""
    for batch, channels, outputs, size, k, padding, stride in SHAPES:
        windows = Windows((k, k), (stride, stride), (1, 1), (padding, padding), (padding, padding))
        points = (size + 2 * padding - k) // stride + 1
        title = f"{batch} x {channels} -> {outputs} channels, {size} x {size}, kernel {k} x {k}, stride {stride}"
        operands = normal(batch, channels, size, size), normal(batch, outputs, points, points)
        compare(title, ways(windows), *operands, passes=["multiply-by-identity"])


def ways(windows: Windows) -> dict[str, Way]:
    """Return those that can be used."""

    def windowed(x: Tensor, dy: Tensor) -> Tensor:
        return windowed_weight_gradient(x, dy, windows, 1)

    def stacked(x: Tensor, dy: Tensor) -> Tensor:
        return stacked_weight_gradient(x, dy, windows)

    def convolved(x: Tensor, dy: Tensor) -> Tensor:
        return convolved_weight_gradient(x, dy, windows)

    def chosen(x: Tensor, dy: Tensor) -> Tensor:
        return weight_gradient(x, dy, windows, 1)

    stacks: dict[str, Way] = {"stacks": stacked} if max(windows.strides) == 1 else {}
    return {"elements of windows": windowed, **stacks, "a convolution": convolved, "as the compiler does": chosen}


if __name__ == "__main__":
    main()

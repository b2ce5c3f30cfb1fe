"""The gradient of a convolution by its weights: a matrix product for each place of the kernel (or one over the elements
of all windows, with few channels), against moves stacked for one product, by example or over the whole batch.

`python benchmarks/lowering/weight_gradient.py`. See `dslc.autodiff.rules.kernels`.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness import compare, normal

from dslc.autodiff.rules.kernels import is_worth_stacking, stacked_weight_gradient
from dslc.autodiff.rules.windows import Windows, weight_gradient
from dslc.graph import Tensor

SHAPES = [  # batch, channels in and out, size, kernel, padding
    (128, 1, 16, 28, 3, 1),
    (128, 3, 16, 32, 3, 1),
    (128, 6, 16, 14, 5, 0),
    (128, 16, 32, 14, 3, 1),
    (128, 16, 16, 32, 3, 1),
    (128, 32, 32, 16, 3, 1),
    (128, 64, 64, 8, 3, 1),
    (32, 64, 64, 28, 3, 1),
    (16, 256, 256, 14, 3, 1),
]


def main() -> None:
    """Measure and print; the way that the compiler takes is marked."""
    for batch, channels, outputs, size, k, padding in SHAPES:
        kernel, offsets = (k, k), [[i - padding for i in range(k)]] * 2
        windows = Windows(kernel, (1, 1), (1, 1), (padding, padding), (padding, padding))
        points = size + 2 * padding - k + 1
        chosen: list[str] = []

        def windowed(x: Tensor, dy: Tensor, windows: Windows = windows) -> Tensor:
            return weight_gradient(x, dy, windows.kernel, windows, 1)

        def stacked(
            x: Tensor, dy: Tensor, *, wide: bool, kernel: Sequence[int] = kernel,
            offsets: Sequence[Sequence[int]] = offsets, chosen: list[str] = chosen,
        ) -> Tensor:  # fmt: skip
            chosen += ["stacked" if is_worth_stacking(x, dy, kernel, (1, 1), offsets, 1) else "windows"]
            return stacked_weight_gradient(x, dy, kernel, offsets, wide=wide)

        ways = {
            "elements of windows": windowed,
            "stacked, by example": lambda x, dy, way=stacked: way(x, dy, wide=False),
            "stacked, over the batch": lambda x, dy, way=stacked: way(x, dy, wide=True),
        }
        title = f"{batch} x {channels} -> {outputs} channels, {size} x {size}, kernel {k} x {k}"
        compare(title, ways, normal(batch, channels, size, size), normal(batch, outputs, points, points))
        print(f"    the compiler takes: {chosen[0]}")


if __name__ == "__main__":
    main()

"""A convolution and BatchNorm in training, forward and backward: BatchNorm as in textbooks, against what is emitted.

`python benchmarks/lowering/batch_norm.py`. See `dslc.library.layers.norms` and `dslc.autodiff.rules.convolutions`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness import Way, compare, normal

from dslc import graph as g
from dslc.autodiff import gradients
from dslc.graph import Tensor
from dslc.library.layers.norms import normalized
from dslc.rewrite.passes import PASSES
from dslc.windows import Windows


def textbook(x: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
    """Center, square, scale: two passes for the variance, one for each step."""
    mean = g.reduce_mean(x, (0, 2, 3), keepdims=True)
    centered = x - mean
    variance = g.reduce_mean(centered * centered, (0, 2, 3), keepdims=True)
    return centered * (g.reciprocal(g.sqrt(variance + 1e-5)) * scale) + bias


def emitted(x: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
    """What the layer emits."""
    return normalized(x, (0, 2, 3), 1e-5, scale, bias)[0]


def main() -> None:
    """Measure and print."""

    def whole(forward: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Way:
        def run(x: Tensor, w: Tensor, dy: Tensor, scale: Tensor, bias: Tensor) -> Sequence[Tensor | None]:
            windows = Windows.of((3, 3), before=(1, 1), after=(1, 1))
            y = forward(g.conv(x, w, None, windows), scale, bias)
            return [y, *gradients(y, [x, w, scale, bias], dy)]

        return run

    ways = {"as in textbooks": whole(textbook), "as emitted": whole(emitted)}
    for shape in [(128, 16, 32, 32), (128, 32, 16, 16), (128, 64, 8, 8)]:
        channels = (1, shape[1], 1, 1)
        compare(
            f"Convolution and BatchNorm, forward and backward, {shape}", ways, normal(*shape),
            normal(shape[1], shape[1], 3, 3), normal(*shape, seed=1), normal(*channels), normal(*channels, seed=1),
            passes=list(PASSES),
        )  # fmt: skip


if __name__ == "__main__":
    main()

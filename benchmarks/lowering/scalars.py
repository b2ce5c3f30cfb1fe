"""A number times a tensor that ends in axes of size one: the number without axes, or with one axis more than those.

`python benchmarks/lowering/scalars.py`. See `dslc.rewrite.forms`.
"""

from __future__ import annotations

from harness import compare, normal

from dslc import graph as g
from dslc.graph import Tensor

SHAPES = [(64, 1), (768, 1), (8192, 1), (12, 64, 1), (64, 32, 1, 1), (512, 512, 1, 1)]


def main() -> None:
    """Measure and print."""
    for shape in SHAPES:
        axes = next(i for i, size in enumerate(reversed(shape)) if size > 1) + 1

        def plain(x: Tensor, number: Tensor) -> Tensor:
            return repeated(x, number)

        def wide(x: Tensor, number: Tensor, axes: int = axes) -> Tensor:
            return repeated(x, g.reshape(number, (1,) * axes))

        compare(f"{shape}", {"a number without axes": plain, "with axes": wide}, normal(*shape), normal())


def repeated(x: Tensor, number: Tensor) -> Tensor:
    """Ten products, so that they take longer than the call does."""
    for _ in range(10):
        x = x * number
    return x


if __name__ == "__main__":
    main()

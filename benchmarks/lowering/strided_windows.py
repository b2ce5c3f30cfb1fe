"""The elements of windows at a stride: steps over x, or runs of the grids of points with one place in the stride.

`python benchmarks/lowering/strided_windows.py`. See `dslc.graph.ops.windows`.
"""

from __future__ import annotations

from harness import compare, normal

from dslc.graph import elements_by_steps, elements_of_grids
from dslc.windows import Windows

SHAPES = [  # batch, channels, size, kernel, padding, stride
    (64, 16, 28, 2, 0, 2),
    (64, 32, 14, 2, 0, 2),
    (128, 16, 32, 3, 1, 2),
    (128, 32, 16, 3, 1, 2),
    (128, 16, 32, 1, 0, 2),
    (32, 3, 64, 7, 3, 2),
    (64, 16, 28, 4, 0, 4),
]


def main() -> None:
    """Measure and print."""
    for batch, channels, size, k, padding, stride in SHAPES:
        windows = Windows((k, k), (stride, stride), (1, 1), (padding, padding), (padding, padding))
        points = [(size + 2 * padding - k) // stride + 1] * 2
        ways = {
            "steps": lambda x, windows=windows, points=points: list(elements_by_steps(x, windows, points, 0.0)),
            "runs of grids": lambda x, windows=windows, points=points: list(elements_of_grids(x, windows, points, 0.0)),
        }
        title = f"{batch} x {channels} channels, {size} x {size}, kernel {k} x {k}, stride {stride}"
        compare(title, ways, normal(batch, channels, size, size))


if __name__ == "__main__":
    main()

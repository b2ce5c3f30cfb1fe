"""Spatial axes at another size: matrices of weights, or copies joined, and ONNX's Resize.

`python benchmarks/lowering/resizing.py`. See `dslc.library.layers.resizing`.
"""

from __future__ import annotations

from functools import partial

from harness import Way, compare, normal

from dslc import graph as g
from dslc.graph import Tensor
from dslc.graph.values import Attribute
from dslc.library.layers.resizing import resize
from dslc.library.operation import Context

ATTRIBUTES: dict[str, dict[str, Attribute]] = {
    "nearest": {"nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"},
    "linear": {"coordinate_transformation_mode": "half_pixel"},
    "cubic": {"coordinate_transformation_mode": "half_pixel"},
}


def operator(x: Tensor, *, mode: str) -> Tensor:
    """One operator."""
    shape = (*x.shape[:2], *(size * 2 for size in x.shape[2:]))
    sizes = x.builder.shape(shape)
    return x.builder.node(
        "Resize", [x, None, None, sizes], [x.type.with_shape(shape)], {"mode": mode, **ATTRIBUTES[mode]}
    )


def emitted(x: Tensor, *, mode: str) -> Tensor:
    """What the word emits."""
    return resize(factor=2.0, mode=mode).emit(Context(x.builder), x)


def spread(x: Tensor) -> Tensor:
    """Copies of nearest points made by an Expand."""
    batch, channels, height, width = x.shape
    apart = g.expand(g.reshape(x, (batch, channels, height, 1, width, 1)), (batch, channels, height, 2, width, 2))
    return g.reshape(apart, (batch, channels, height * 2, width * 2))


def main() -> None:
    """Measure and print."""
    for size in (14, 28, 56, 112):
        for mode in ATTRIBUTES:
            ways: dict[str, Way] = {"as emitted": partial(emitted, mode=mode), "Resize": partial(operator, mode=mode)}
            ways |= {"Expand": spread} if mode == "nearest" else {}
            compare(f"{mode}, 8 x 32 channels, {size} to {2 * size}", ways, normal(8, 32, size, size))


if __name__ == "__main__":
    main()

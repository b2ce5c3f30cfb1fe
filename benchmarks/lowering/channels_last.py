"""Channels brought behind the points: a Transpose, or a product of what is transposed with the identity.

`python benchmarks/lowering/channels_last.py`. See `dslc.rewrite.forms`. What is transposed lies in the caches here;
in a training step it does not, and the product gains more than this shows.
"""

from __future__ import annotations

import numpy as np
from harness import compare, normal

from dslc import graph as g
from dslc.graph import Tensor
from dslc.types import FLOAT32, element_count

SHAPES = [  # batch, channels, size
    (128, 3, 32),
    (128, 8, 28),
    (128, 16, 16),
    (128, 16, 32),
    (128, 24, 28),
    (128, 32, 16),
    (128, 64, 8),
    (32, 64, 28),
]


def transpose(x: Tensor) -> Tensor:
    """One operator, in one thread."""
    return _summed(g.transpose(x, (0, 2, 3, 1)))


def product(x: Tensor) -> Tensor:
    """The runtime takes the transposed operand into the product."""
    batch, channels, height, width = x.shape
    assert isinstance(channels, int)
    identity = x.builder.constant(np.eye(channels), FLOAT32)
    return _summed(g.reshape(x, (batch, channels, height * width)).mT @ identity)


def _summed(x: Tensor) -> Tensor:
    """Sum each example up, in an order of elements that the runtime can't go back on."""
    return g.reduce_sum(g.reshape(x, (x.shape[0], element_count(x.shape[1:]))), [1])


def main() -> None:
    """Measure and print."""
    for batch, channels, size in SHAPES:
        title = f"{batch} x {channels} channels, {size} x {size}"
        compare(title, {"Transpose": transpose, "product": product}, normal(batch, channels, size, size))


if __name__ == "__main__":
    main()

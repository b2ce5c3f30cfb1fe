"""How windows lie on the axes that they move along: what convolutions, pools and their gradients have in common."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from dslc.dimensions import Dimension

__all__ = ["Windows"]


@dataclass(frozen=True)
class Windows:
    """The geometry of windows; one number for each spatial axis."""

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]

    @classmethod
    def of(
        cls, kernel: Sequence[Dimension], strides: Sequence[int] = (), dilations: Sequence[int] = (),
        before: Sequence[int] = (), after: Sequence[int] = (),
    ) -> Windows:  # fmt: skip
        """Return windows that move in steps of 1, have no gaps and meet no padding, unless told otherwise."""
        ones, zeros = (1,) * len(kernel), (0,) * len(kernel)
        return cls(
            tuple(map(int, kernel)), tuple(strides) or ones, tuple(dilations) or ones, tuple(before) or zeros,
            tuple(after) or zeros,
        )  # fmt: skip

    @classmethod
    def read(
        cls, kernel_shape: Sequence[int], strides: Sequence[int], pads: Sequence[int], dilations: Sequence[int] = ()
    ) -> Windows:
        """Read ONNX's attributes."""
        rank = len(kernel_shape)
        return cls.of(kernel_shape, strides, dilations, pads[:rank], pads[rank:])

    @property
    def extent(self) -> tuple[int, ...]:
        """How many elements a window reaches over, gaps included."""
        return tuple(d * (k - 1) + 1 for d, k in zip(self.dilations, self.kernel, strict=True))

    @property
    def moves(self) -> list[list[int]]:
        """For each axis, how far from its window's point each place of the kernel lies in what it slides over."""
        axes = zip(self.kernel, self.dilations, self.before, strict=True)
        return [[place * dilation - before for place in range(size)] for size, dilation, before in axes]

    def offsets(self) -> Iterator[tuple[int, ...]]:
        """The places in a window, in row-major order."""
        return product(*(range(0, d * k, d) for d, k in zip(self.dilations, self.kernel, strict=True)))

    def counts(self, spatial: Sequence[Dimension]) -> list[Dimension]:
        """Return how many windows fit along each axis."""
        axes = zip(spatial, self.extent, self.strides, self.before, self.after, strict=True)
        return [(size + before + after - extent) // stride + 1 for size, extent, stride, before, after in axes]

    def covered(self, counts: Sequence[Dimension]) -> list[Dimension]:
        """Return how much of each axis so many windows cover, paddings aside."""
        axes = zip(counts, self.extent, self.strides, self.before, self.after, strict=True)
        return [(count - 1) * stride + extent - before - after for count, extent, stride, before, after in axes]

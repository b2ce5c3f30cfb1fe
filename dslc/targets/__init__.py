"""What graphs are made for: the type here, and a table for each target in a module of its own.

A table is the one place that knows what a runtime has kernels of and what was measured on it. The builder carries its
target, so that words, rules of gradients and passes find it where they build. It lies below all of these.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dslc.types import ElementType

__all__ = ["Target"]


@dataclass(frozen=True)
class Target:
    """A runtime on a kind of processor: what it has kernels of, and from which sizes on which way is faster there."""

    name: str
    """What messages call it."""
    opset: int
    """The set of the standard operators that graphs are written in."""
    missing: Mapping[str, frozenset[ElementType]]
    """Operators without a kernel, or with one that is wrong, and the element types for which that is so."""
    passes: frozenset[str]
    """Of the passes that make more nodes, those whose nodes are faster there."""
    convolved_run: int
    """So many numbers of x that lie side by side, channels times places along a row of the kernel, make the gradient of
    a convolution by its weights faster as a convolution than by windows,"""
    convolved_run_or_stacks: int
    """and so many faster than by stacks."""
    separate_products: int
    """From so many channels a group on, a matrix product for each place of the kernel beats one over all places
    (im2col), whose operand must be copied together first."""
    stacked_share: float
    """Stacks that hold less than so many times what windows would are faster than these."""
    channel_block: int
    """Channels of the blocks in which convolutions work; fewer leave most of a block empty."""
    one_hot_rows: int
    """Up to so many rows of a table, a product with one-hot rows is faster than a scatter."""
    scaled_points: int
    """From so many points a channel on, scales and shifts of channels are faster as a convolution."""
    moved_channels: int
    """Up to so many channels are brought behind the points by a product with the identity,"""
    moved_points: int
    """if there are so many points or more."""
    widened_elements: int
    """From so many elements of a result on, giving a number that is computed more axes is worth a Reshape."""
    laid_out: int
    """Up to so many numbers in all tensors of a run, these lie in one block, which the first run lays out."""
    unrolled_rounds: int
    """Loops of up to so many rounds are written as these, one after the other."""
    split_threads: int
    """So many threads, which fill all cores, keep to a part of every tensor each."""

    def lacks(self, operator: str, element: ElementType) -> bool:
        """Whether there is no kernel of an operator for operands of an element type, or a wrong one."""
        return element in self.missing.get(operator, ())

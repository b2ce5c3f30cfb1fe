"""What layers that move a window over spatial axes have in common, for [N, C, *spatial] with 1 to 3 of these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dslc.errors.types import COMBINATION, UNDECIDED, WINDOW
from dslc.library.checks import Sizes, need_float, need_rank, per_axis
from dslc.types import Dimension, Symbolic, TensorType
from dslc.windows import Windows

__all__ = ["PADDING", "Padding", "at_least", "fitting", "reaching_over", "need_spatial", "windows_of"]

Padding = str | int | tuple[int, ...]

PADDING = (
    '"same" pads dilation * (kernel - 1) in all, half of it on each side (the odd one after); "valid" pads nothing; '
    "a number, or one for each axis, pads that much on both sides."
)


def need_spatial(word: str, x: TensorType) -> None:
    """Refuse anything but floating-point numbers with one to three spatial axes."""
    need_float(word, x)
    need_rank(word, x, 3, 5, "[N, C, ...] with 1 to 3 spatial axes")


def at_least(word: str, option: str, values: Sequence[int], least: int) -> None:
    """Refuse numbers that are too small."""
    if any(v < least for v in values):
        raise COMBINATION(f"{word}: {option} must be at least {least}, but is {list(values)}")


def windows_of(
    word: str, axes: int, kernel: Sizes, stride: Sizes, dilation: Sizes = 1, padding: Padding = 0, *,
    size: str = "kernel",
) -> Windows:  # fmt: skip
    """Return the geometry that options say; ``size`` is what the word calls the first of them."""
    windows = Windows.of(
        per_axis(word, size, kernel, axes), per_axis(word, "stride", stride, axes),
        per_axis(word, "dilation", dilation, axes),
        *_paddings(word, padding, per_axis(word, size, kernel, axes), per_axis(word, "dilation", dilation, axes)),
    )  # fmt: skip
    at_least(word, "the window's size", windows.kernel, 1)
    at_least(word, "stride", windows.strides, 1)
    at_least(word, "dilation", windows.dilations, 1)
    return windows


def _paddings(
    word: str, padding: Padding, kernel: Sequence[int], dilation: Sequence[int]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return how much is padded before and after each axis."""
    if padding == "same":
        totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return tuple(t // 2 for t in totals), tuple(t - t // 2 for t in totals)
    if padding == "valid":
        return (0,) * len(kernel), (0,) * len(kernel)
    if isinstance(padding, str):
        raise COMBINATION(f'{word}: padding = "{padding}" is neither "same" nor "valid", nor a number')
    sizes = per_axis(word, "padding", padding, len(kernel))
    at_least(word, "padding", sizes, 0)
    return sizes, sizes


def fitting(word: str, x: TensorType, windows: Windows) -> list[Dimension]:
    """Return how many windows fit along each spatial axis of x; refuse those that are larger than their axis."""
    axes = zip(x.shape[2:], windows.kernel, windows.extent, windows.before, windows.after, strict=True)
    for axis, (size, kernel, extent, before, after) in enumerate(axes, start=2):
        padding = before + after
        if not isinstance(size, Symbolic) and size + padding < extent:
            dilated = f" (dilated to {extent})" if extent > kernel else ""
            padded = f" with {padding} of padding" if padding else ""
            raise WINDOW(
                f"{word}: a window of {kernel}{dilated} does not fit into axis {axis} of {x}, which has {size}{padded}",
                hint='use a smaller window, fewer pools before it, or padding = "same"',
            )
    return windows.counts(x.shape[2:])


def reaching_over(word: str, x: TensorType, windows: Windows) -> Windows:
    """Return the windows with as much behind each axis of x as it takes for its last elements to be in one.

    As in PyTorch, none begins behind the axis, in its padding.
    """
    after = []
    axes = zip(x.shape[2:], windows.extent, windows.strides, windows.before, windows.after, strict=True)
    for axis, (size, extent, stride, before, behind) in enumerate(axes, start=2):
        if isinstance(size, Symbolic):
            if stride > extent - behind:
                raise UNDECIDED(
                    f"{word}: whether a window begins in the padding behind axis {axis} of {x} is not known before run "
                    "time",
                    hint="windows overlap enough where the stride is at most the window's size less the padding",
                )
            after.append(behind + stride - 1)
        else:
            last = -((size + before + behind - extent) // -stride) * stride  # where the last window begins
            last -= stride if last >= size + before else 0
            after.append(max(behind, last + extent - size - before))
    return replace(windows, after=tuple(after))

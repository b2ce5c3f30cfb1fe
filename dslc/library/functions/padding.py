"""Elements around a tensor: the function pad, and what the layer Pad shares with it."""

from __future__ import annotations

from collections.abc import Sequence

from dslc import graph as g
from dslc.dimensions import bounds
from dslc.errors.types import COMBINATION, SIZE, UNDECIDED
from dslc.library.checks import need_room
from dslc.library.operation import Context, Function, function, option
from dslc.types import TensorType

PAD_MODES = ("constant", "reflect", "replicate", "circular")
PAD_MODE = (
    'What lies around x: "constant" is ``value``, "reflect" what lies inside, mirrored at the edge, "replicate" the '
    'outermost elements, "circular" the other end.'
)


def padded_type(
    word: str, x: TensorType, before: Sequence[int], after: Sequence[int], mode: str, value: float
) -> TensorType:
    """Return the type of x with elements around it; refuse more of them than a mode can take from x."""
    if mode != "constant" and value != 0:
        raise COMBINATION(
            f'{word}: mode = "{mode}" puts elements of x around it, so that value = {value:g} has no place'
        )
    need_room(word, x, value=value)
    for axis, (size, widths) in enumerate(zip(x.shape, zip(before, after, strict=True), strict=True)):
        if mode == "constant" or widths == (0, 0):
            continue
        if min(widths) < 0:
            raise COMBINATION(
                f'{word}: mode = "{mode}" goes with positive widths, but those of axis {axis} are {widths}'
            )
        needed = {"reflect": max(widths) + 1, "circular": max(widths), "replicate": 1}[mode]
        least, most = bounds(size - needed)
        if most < 0:
            raise SIZE(
                f'{word}: "{mode}" takes {needed} entries of axis {axis} to pad {max(widths)}, but {x} has {size}'
            )
        if least < 0:
            raise UNDECIDED(
                f'{word}: whether axis {axis} of {x} has the {needed} entries that "{mode}" takes is not known before '
                "run time",
                hint=f"write the size as a number, or so that it shows, as in [..., {needed} * T]",
            )
    return x.with_shape(d + b + a for d, b, a in zip(x.shape, before, after, strict=True))


def padded_axes(before: Sequence[int], after: Sequence[int], mode: str) -> Sequence[int]:
    """Return the axes along which elements come to lie beside others."""
    widths = enumerate(zip(before, after, strict=True))
    return [axis for axis, pair in widths if mode != "constant" and pair != (0, 0)]


def padded(x: g.Tensor, before: Sequence[int], after: Sequence[int], mode: str, value: float) -> g.Tensor:
    """Put elements around x."""
    if mode == "circular":
        return g.pad_around(x, before, after)
    return g.pad(x, before, after, value, mode="edge" if mode == "replicate" else mode)


@function
class pad(Function):
    """x with elements around it.

    ``padding`` holds two numbers for each padded axis, before and after, beginning with the last axis, as in PyTorch:
    ``pad(x, [1, 1])`` pads the last axis, ``pad(x, [left, right, top, bottom])`` the last two. Negative ones crop.
    """

    aliases = {"zeropad": "", "reflectionpad": 'with mode = "reflect"', "replicationpad": 'with mode = "replicate"'}
    wraps = False
    padding: tuple[int, ...] = option("Before and after the last axis, before and after the one before it, ...")
    value: float | int = option("What is put around x.", default=0.0)
    mode: str = option(PAD_MODE, default="constant", choices=PAD_MODES)

    def _widths(self, x: TensorType) -> tuple[list[int], list[int]]:
        if len(self.padding) % 2 or len(self.padding) > 2 * x.rank:
            raise COMBINATION(
                f"pad takes two numbers for each padded axis, at most {2 * x.rank} for {x}, but {list(self.padding)} "
                f"has {len(self.padding)}"
            )
        untouched = [0] * (x.rank - len(self.padding) // 2)
        return untouched + list(self.padding[-2::-2]), untouched + list(self.padding[::-2])

    def type(self, x: TensorType) -> TensorType:
        before, after = self._widths(x)
        for axis, (size, b, a) in enumerate(zip(x.shape, before, after, strict=True)):
            least, most = bounds(size + min(b, 0) + min(a, 0))
            if most < 0 or size + b + a == 0:
                raise SIZE(f"pad: cropping {list(self.padding)} leaves nothing of axis {axis} of {x}")
            if least < 0:
                raise UNDECIDED(
                    f"pad: whether axis {axis} of {x} has as many entries as cropping {list(self.padding)} takes is "
                    "not known before run time",
                    hint="crop an axis whose size is a number",
                )
        return padded_type(self.name, x, before, after, self.mode, self.value)

    def joined_axes(self, x: TensorType) -> Sequence[int]:
        return padded_axes(*self._widths(x), self.mode)

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        return padded(x, *self._widths(x.type), self.mode, self.value)

"""Cross entropy and its gradient: what derives from its operators, against the gradient that is written out.

`python benchmarks/lowering/cross_entropy.py`. See `dslc.library.losses.targets`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
from harness import Way, compare, normal

from dslc import graph as g
from dslc.autodiff import gradients
from dslc.graph import Tensor
from dslc.library.losses.targets import surprise
from dslc.rewrite.passes import PASSES


def derived(_: Tensor, log_probability: Tensor, index: Tensor, axis: int) -> Tensor:
    """The logarithm at each class, found by the operator that picks it."""
    return -g.gather_elements(log_probability, index, axis)


def whole(form: Way) -> Way:
    """Return the loss of all examples and its gradient by the logits."""

    def run(logits: Tensor, index: Tensor) -> Sequence[Tensor | None]:
        loss = g.reduce_sum(cast(Tensor, form(logits, g.log_softmax(logits, 1), index, 1)))
        return [loss, *gradients(loss, [logits])]

    return run


def main() -> None:
    """Measure and print."""
    ways = {"derived": whole(derived), "written out": whole(surprise)}
    for examples, classes in [(32, 10), (128, 1000), (768, 65), (768, 8192)]:
        index = np.random.default_rng(0).integers(0, classes, (examples, 1))
        compare(f"Cross entropy of {examples} x {classes}", ways, normal(examples, classes), index, passes=list(PASSES))


if __name__ == "__main__":
    main()

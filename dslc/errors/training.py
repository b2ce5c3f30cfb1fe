"""E05: training. Objectives, optimizers, gradients."""

from __future__ import annotations

from dslc.diagnostics import register

__all__ = ["NO_GRADIENT"]

NO_GRADIENT = register(
    "E0590",
    "no gradient",
    "Training follows the derivative of the objective back through every operation between it and the weights. "
    "For the operation named here no derivative is known, so the weights before it can't be trained. "
    "Write it with operations that have one, or put `detach(...)` around it where nothing before it is to be "
    "trained.",
)

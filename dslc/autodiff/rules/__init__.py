"""The table of gradients, by family of operators. Importing it fills the table."""

from dslc.autodiff.rules import control, convolutions, elementwise, linear, loops, reductions, shaping, windows

__all__ = ["control", "convolutions", "elementwise", "linear", "loops", "reductions", "shaping", "windows"]

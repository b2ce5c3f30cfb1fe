"""The table of gradients, by family of operators. Importing it fills the table."""

from dslc.autodiff.rules import control, convolutions, elementwise, linear, loops, pools, reductions, shaping

__all__ = ["control", "convolutions", "elementwise", "linear", "loops", "pools", "reductions", "shaping"]

"""Reverse-mode differentiation of ONNX graphs: an engine and a table of rules.

The table is in ``rules``, one line of mathematics per operator; the engine walks the graph and knows no
operator. Nothing else in the compiler lists operators' gradients.
"""

from dslc.autodiff.engine import gradients

__all__ = ["gradients"]

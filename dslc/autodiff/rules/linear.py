"""Gradients of MatMul."""
# ruff: noqa: ARG001 - all rules have the same parameters

from __future__ import annotations

from dslc import graph as g
from dslc.autodiff.table import vjp
from dslc.graph import Tensor
from dslc.types import element_count


def _rows(x: Tensor) -> Tensor:
    """Merge all axes but the last."""
    return g.reshape(x, (element_count(x.shape[:-1]), x.shape[-1]))


def _as_matrices(dy: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Give vectors the axis that makes them matrices, in the product as well."""
    if b.rank == 1:
        dy, b = g.unsqueeze(dy, [-1]), g.unsqueeze(b, [-1])
    if a.rank == 1:
        dy, a = g.unsqueeze(dy, [-2]), g.unsqueeze(a, [-2])
    return dy, a, b


def _matmul_left(dy: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Tensor:
    matrix, _, right = _as_matrices(dy, a, b)
    product = matrix @ right.mT
    return g.squeeze(product, [-2]) if a.rank == 1 else product


def _matmul_right(dy: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Tensor:
    if b.rank == 2 and a.rank > 2:  # one product sums over the batch as well
        return _rows(a).mT @ _rows(dy)
    if b.rank == 1 and a.rank > 1:
        return g.reshape(dy, (element_count(dy.shape),)) @ _rows(a)
    matrix, left, _ = _as_matrices(dy, a, b)
    product = left.mT @ matrix
    return g.squeeze(product, [-1]) if b.rank == 1 else product


vjp("MatMul", _matmul_left, _matmul_right)

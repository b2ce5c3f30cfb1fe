"""Gradients of reductions and softmax. A result that lost axes gets them back at size one; the engine repeats
it along them."""
# ruff: noqa: ARG001, ARG005 - all rules have the same parameters

from __future__ import annotations

from dslc import graph as g
from dslc.autodiff.table import no_gradient, vjp
from dslc.graph import Tensor, constant_of


def _axes(x: Tensor, axes: Tensor | None) -> tuple[int, ...]:
    """Return the axes that were reduced; absent means all."""
    known = None if axes is None else constant_of(axes)
    assert axes is None or known is not None
    return g.normal_axes(None if known is None else known.tolist(), x.rank)


def _restored(y: Tensor, x: Tensor, axes: Tensor | None, keepdims: int) -> Tensor:
    """Put the reduced axes of x back into y, with size one."""
    return y if keepdims else g.unsqueeze(y, _axes(x, axes))


def _mean(dy: Tensor, y: Tensor, x: Tensor, axes: Tensor | None = None, *, keepdims: int = 1) -> Tensor:
    return _restored(dy / g.cast(g.count(x, _axes(x, axes)), x.element), x, axes, keepdims)


def _extreme(dy: Tensor, y: Tensor, x: Tensor, axes: Tensor | None = None, *, keepdims: int = 1) -> Tensor:
    """Equal extremes share the gradient."""
    is_extreme = g.cast(g.equal(x, _restored(y, x, axes, keepdims)), x.element)
    return is_extreme * (_restored(dy, x, axes, keepdims) / g.reduce_sum(is_extreme, _axes(x, axes), keepdims=True))


vjp("ReduceSum", lambda dy, y, x, axes=None, *, keepdims=1: _restored(dy, x, axes, keepdims))
vjp("ReduceMean", _mean)
vjp("ReduceMax", _extreme)
vjp("ReduceMin", _extreme)


def _softmax(dy: Tensor, y: Tensor, x: Tensor, *, axis: int = -1) -> Tensor:
    return y * (dy - g.reduce_sum(dy * y, [axis], keepdims=True))


def _log_softmax(dy: Tensor, y: Tensor, x: Tensor, *, axis: int = -1) -> Tensor:
    return dy - g.exp(y) * g.reduce_sum(dy, [axis], keepdims=True)


vjp("Softmax", _softmax)
vjp("LogSoftmax", _log_softmax)


def _top_k(
    dy: tuple[Tensor | None, ...], y: tuple[Tensor, ...], x: Tensor, k: Tensor, *, axis: int = -1
) -> Tensor | None:
    values, _ = dy
    return None if values is None else g.scatter_elements_add(g.full(x, 0.0, x.type), y[1], values, axis)


vjp("TopK", _top_k)


def _cumulative_sum(dy: Tensor, y: Tensor, x: Tensor, axis: Tensor, *, exclusive: int = 0, reverse: int = 0) -> Tensor:
    """An element is part of all sums from its own on: these are added up the other way."""
    return dy.builder.node("CumSum", [dy, axis], [dy.type], {"exclusive": exclusive, "reverse": 1 - reverse})


vjp("CumSum", _cumulative_sum)

no_gradient("ArgMax", "Shape", "Range")

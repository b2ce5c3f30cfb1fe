"""Penalties on weights."""

from __future__ import annotations

from dslc import graph as g
from dslc.errors import losses as errors
from dslc.library.operation import Function
from dslc.library.statistic import loss
from dslc.types import TensorType


class Penalty(Function):
    """A function of networks: its operands are the kernels and embeddings of the networks that it is given."""

    local = True
    of_networks = True

    def type(self, *weights: TensorType) -> TensorType:
        if not weights or not all(w.element is weights[0].element and w.element.is_float for w in weights):
            raise errors.NEEDS_NETWORK(
                f"'{self.name}' finds no kernels to sum over"
                if not weights
                else f"'{self.name}' takes a network, and is given {', '.join(map(str, weights))}"
            )
        return TensorType(weights[0].element)


@loss
class l2(Penalty):
    """The sum of squares of a network's kernels and embeddings; biases, scales and shifts are left out.

    As part of a loss, ``a * l2(net)`` pulls these weights to 0 with strength ``2 * a``.
    """

    of_tensor = "sum(x ** 2)"
    formula = lambda *weights: g.total(*(g.reduce_sum(w * w) for w in weights))


@loss
class l1(Penalty):
    """The sum of absolute values of a network's kernels and embeddings; biases, scales and shifts are left out."""

    of_tensor = "sum(abs(x))"
    formula = lambda *weights: g.total(*(g.reduce_sum(g.absolute(w)) for w in weights))

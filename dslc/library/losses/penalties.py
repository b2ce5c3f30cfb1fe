"""Penalties on weights."""

from __future__ import annotations

import numpy as np

from dslc import graph as g
from dslc.errors import losses as errors
from dslc.library.operation import Context, Function, option
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


@loss
class elastic(Penalty):
    """``l1`` and half of ``l2``, mixed: ``ratio * l1(net) + (1 - ratio) / 2 * l2(net)``, scikit-learn's elastic net.

    Zou and Hastie, Regularization and Variable Selection via the Elastic Net, 2005.
    """

    aliases = {"elasticnet": "", "l1l2": "as ratio * l1 + (1 - ratio) / 2 * l2"}
    of_tensor = "0.5 * sum(abs(x)) + 0.25 * sum(x ** 2)"
    ratio: float = option("The share of l1.", default=0.5, minimum=0, maximum=1)

    def emit(self, context: Context, *weights: g.Tensor) -> g.Tensor:
        half = (1 - self.ratio) / 2
        return g.total(*(g.reduce_sum(g.absolute(w) * self.ratio + w * w * half) for w in weights))


@loss
class orthogonality(Penalty):
    """How far the rows or columns of a network's kernels and embeddings, whichever are fewer, are from orthonormal.

    The sum over all of them of the squares of ``W @ transpose(W) - 1``, or of ``transpose(W) @ W - 1``. Kernels of
    convolutions are taken as one row for each channel that comes out.
    Bansal, Chen and Wang, Can We Gain More from Orthogonality Regularizations in Training Deep CNNs?, 2018.
    """

    aliases = {"orthogonalregularizer": "a sum of squares", "orthogonal": "of a network's weights, as part of a loss"}

    def type(self, *weights: TensorType) -> TensorType:
        flat = next((w for w in weights if w.rank < 2), None)
        if flat is not None:
            raise errors.NEEDS_NETWORK(f"'{self.name}' is of matrices, and is given {flat}")
        return super().type(*weights)

    def emit(self, context: Context, *weights: g.Tensor) -> g.Tensor:
        return g.total(*map(self.apart, weights))

    def apart(self, weight: g.Tensor) -> g.Tensor:
        """Return how far one of them is from orthonormal."""
        matrix = g.flatten(weight)
        rows, columns = map(int, matrix.type.shape)
        products = matrix @ matrix.mT if rows <= columns else matrix.mT @ matrix
        off = products - weight.builder.constant(np.eye(min(rows, columns)), weight.element)
        return g.reduce_sum(off * off)

"""Every operator that may leave a loop, applied to stacks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import onnx_ir as ir
import pytest

from dslc import graph as g
from dslc.graph import Builder, Tensor
from dslc.graph.values import bodies_of
from dslc.rewrite.passes import simplify
from dslc.rewrite.stacking import OPERATORS
from dslc.types import FLOAT32, INT32, INT64, TensorType, symbol
from tests.autodiff.harness import runner
from tests.graph.verifying import verify


def whole(x: Tensor) -> Tensor:
    """Integers from 0 to 3."""
    return g.cast(g.floor(g.clip(g.absolute(x), 0.0, 3.0)), INT64)


def table(x: Tensor) -> Tensor:
    return x.builder.constant(np.arange(24.0).reshape(4, 6) / 7, FLOAT32)


APPLIED: dict[str, Sequence[Callable[..., Tensor]]] = {
    **{
        name: [lambda x, name=name: g.unary(name, x)]
        for name in (
            "Abs",
            "Ceil",
            "Cos",
            "Erf",
            "Exp",
            "Floor",
            "Identity",
            "Neg",
            "Reciprocal",
            "Relu",
            "Round",
            "Sigmoid",
            "Sign",
            "Sin",
            "Softplus",
            "Tanh",
        )
    },
    "Log": [lambda x: g.log(x * x + 1.0)],
    "Sqrt": [lambda x: g.sqrt(x * x)],
    "Elu": [lambda x: g.elu(x, 0.5)],
    "LeakyRelu": [lambda x: g.leaky_relu(x, 0.5)],
    "HardSigmoid": [lambda x: g.unary("HardSigmoid", x, alpha=0.3, beta=0.1)],
    "Cast": [lambda x: g.cast(x, INT32)],
    "IsNaN": [g.is_nan],
    "Not": [lambda x: g.logical_not(g.greater(x, 0.0))],
    **{
        name: [
            lambda x, name=name: g.binary(name, x, x * 2.0 + 1.0),
            lambda x, name=name: g.binary(name, x, 0.5),
            lambda x, name=name: g.binary(name, g.reduce_sum(x, [0]), x),  # of unequal rank
            lambda x, name=name: g.binary(name, g.expand(x.builder.constant(0.5, FLOAT32), (2, 3, 4)), x),
        ]
        for name in (
            "Add",
            "Sub",
            "Mul",
            "Div",
            "Max",
            "Min",
            "Equal",
            "Less",
            "LessOrEqual",
            "Greater",
            "GreaterOrEqual",
        )
    },
    "Pow": [lambda x: x**2.0],
    "Mod": [lambda x: g.modulo(whole(x), x.builder.constant(2, INT64))],
    **{
        name: [lambda x, name=name: g.binary(name, g.greater(x, 0.0), g.less(g.reduce_sum(x, [0]), 1.0))]
        for name in ("And", "Or", "Xor")
    },
    **{
        name: [lambda x, name=name: g.binary(name, g.cast(x, INT32), x.builder.constant(3, INT32))]
        for name in ("BitwiseAnd", "BitwiseOr", "BitwiseXor")
    },
    "Where": [
        lambda x: g.where(g.greater(g.reduce_sum(x, [0]), 0.0), x, 2.0),
        lambda x: g.where(g.greater(x, 0.0), 1.0, x),
    ],
    "Clip": [lambda x: g.clip(x, -0.5, None)],
    "MatMul": [
        lambda x: x @ x.mT,
        lambda x: x @ g.transpose(table(x), (1, 0)).mT,
        lambda x: g.reduce_sum(x, [0]) @ table(x),
        lambda x: x @ x.builder.constant(np.ones(4), FLOAT32),
        lambda x: g.unsqueeze(x, [0]) @ g.unsqueeze(x.mT, [0]),
        lambda x: x @ x.builder.constant(np.arange(48.0).reshape(2, 4, 6) / 9, FLOAT32),
        lambda x: x.builder.constant(np.arange(12.0).reshape(2, 2, 3) / 9, FLOAT32) @ x,
    ],
    "Transpose": [lambda x: x.mT, lambda x: g.transpose(g.unsqueeze(x, [0]), (2, 0, 1))],
    **{
        name: [
            lambda x, f=f: f(x, [1], False),
            lambda x, f=f: f(x, [-2], True),
        ]
        for name, f in (
            ("ReduceSum", g.reduce_sum),
            ("ReduceMean", g.reduce_mean),
            ("ReduceMax", g.reduce_max),
            ("ReduceMin", g.reduce_min),
        )
    },
    "CumSum": [lambda x: g.cumulative_sum(x, 0), lambda x: g.cumulative_sum(x, -1)],
    "Softmax": [lambda x: g.softmax(x, 0), lambda x: x.builder.node("Softmax", [x], [x.type])],
    "LogSoftmax": [lambda x: g.log_softmax(x, 1)],
    "ArgMax": [lambda x: g.argmax(x, 0)],
    "TopK": [lambda x: g.top_k(x, 2)[0]],
    "Concat": [lambda x: g.concat([x, x * 2.0], 0), lambda x: g.concat([x, x * 2.0], -1)],
    "Split": [lambda x: g.split(x, [1, 2], 0)[1], lambda x: g.split(x, [1, 3], -1)[0]],
    "Slice": [lambda x: g.slice_(x, [1, 0], [3, 4], [0, 1], [1, 2])],
    "Squeeze": [lambda x: g.squeeze(g.slice_(x, [1], [2], [0], [1]), [0])],
    "Unsqueeze": [lambda x: g.unsqueeze(x, [-2, 0])],
    "Gather": [
        lambda x: g.gather(x, x.builder.constant([0, 2, 2], INT64), 1),
        lambda x: g.gather(table(x), whole(x)),
    ],
    "GatherElements": [lambda x: g.gather_elements(x, g.modulo(whole(x), x.builder.constant(3, INT64)), 0)],
    "ScatterElements": [lambda x: g.scatter_elements_add(x, whole(x), x, -1)],
    "Reshape": [lambda x: g.reshape(x, (2, 6)), lambda x: g.reshape(x, (12,))],
    "Expand": [lambda x: g.expand(x, (2, 3, 4)), lambda x: g.expand(g.reduce_sum(x, [0]), (3, 4))],
    "Pad": [lambda x: g.pad(x, [1, 0], [0, 2], 0.5)],
}  # fmt: skip


def test_every_operator_that_is_stacked_is_tried() -> None:
    assert set(APPLIED) == OPERATORS


@pytest.mark.parametrize(("name", "number"), [(name, i) for name, rows in APPLIED.items() for i in range(len(rows))])
def test_operators_are_applied_to_stacks(name: str, number: int) -> None:
    """Everything that leads to a product with a matrix is taken out."""

    def make() -> ir.Model:
        builder = Builder("stacked")
        x = builder.input("x", TensorType(FLOAT32, (symbol("T"), 3, 4)))

        def step(h: Tensor, x: Tensor) -> tuple[list[Tensor], list[Tensor]]:
            y = g.cast(APPLIED[name][number](x), FLOAT32)
            product = y @ builder.constant(np.linspace(0, 1, int(y.shape[-1]) * 2).reshape(-1, 2), FLOAT32)
            return [h * 0.5 + g.reduce_sum(product)], []

        (last,), _ = g.scan(step, [builder.constant(0.0, FLOAT32)], [x])
        builder.output("last", last)
        return builder.model()

    model, feeds = make(), {"x": np.random.default_rng(0).normal(size=(5, 3, 4)).astype(np.float32)}
    expected = runner(make())(feeds)
    simplify(model, ["take-out-of-loops"])
    verify(model)
    (loop,) = (node for node in model.graph if bodies_of(node))
    assert [node.op_type for node in bodies_of(loop)[0]] == ["Mul", "ReduceSum", "Add"]
    np.testing.assert_allclose(runner(model)(feeds)[0], expected[0], rtol=1e-5, atol=1e-6)

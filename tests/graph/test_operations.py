"""The builder's types against ONNX's own shape inference, for every function that makes a node."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from dslc import graph as g
from dslc.autodiff.table import INSIDE, RULES
from dslc.graph import Builder, Tensor
from dslc.graph import builder as core
from dslc.graph.ops import contraction, elementwise, linear, pools, reductions, shaping, whole, windows
from dslc.types import BOOL, FLOAT32, INT32, INT64, ElementType, Shape, TensorType, symbol
from dslc.windows import Windows
from tests.graph.verifying import verify

N, T = symbol("N"), symbol("T")
WINDOWS = Windows.of((3, 2), (2, 1), (1, 2), (1, 2), (0, 2))
GAPS = Windows.of((2, 2), (1, 2), (5, 2), (2, 1), (3, 1))


def pooled(pool: Callable[..., Tensor]) -> Callable[[Tensor], Tensor]:
    return lambda x: pool(x, Windows.of((3, 2), (2, 2), before=(1, 0), after=(1, 0)))


UNARY = (
    "absolute", "exp", "log", "log1p", "sqrt", "reciprocal", "relu", "sigmoid", "tanh", "softplus", "erf", "sign",
    "floor", "ceil", "round_half_even", "sin", "cos", "identity", "is_nan", "positive", "steep", "detach",
)  # fmt: skip
BINARY = ("maximum", "minimum", "equal", "less", "less_equal", "greater", "greater_equal")

Operands = tuple[Shape | TensorType, ...]

# the function, how it is called, and its operands: a shape of float32, or a shape with an element type
CASES: list[tuple[str, Callable[..., Tensor | Sequence[Tensor]], Operands]] = [
    *((name, getattr(g, name), (shape,)) for name in UNARY for shape in ((N, 3), ())),
    *((name, getattr(g, name), pair) for name in BINARY for pair in (((N, 3), (3,)), ((2, 1), (4, 1, 3)))),
    *((name, getattr(g, name), (TensorType(BOOL, (N, 3)), TensorType(BOOL, (3,))))
      for name in ("logical_and", "logical_or", "logical_xor")),
    *((name, getattr(g, name), (TensorType(INT32, (N, 3)), TensorType(INT32, (3,))))
      for name in ("bitwise_and", "bitwise_xor", "modulo")),
    ("exact_sum", lambda x: g.exact_sum(x, [1], keepdims=True), (TensorType(INT64, (N, 3)),)),
    ("exact_power", g.exact_power, (TensorType(INT64, (N, 3)), TensorType(INT64, (3,)))),
    ("logical_not", g.logical_not, (TensorType(BOOL, (N,)),)),
    *(("binary", lambda a, b, o=o: g.binary(o, a, b), ((N, 1, 3), (T, 3)))
      for o in ("Add", "Sub", "Mul", "Div", "Pow")),
    ("unary", lambda x: g.unary("Neg", x), ((N, 3),)),
    ("leaky_relu", lambda x: g.leaky_relu(x, 0.1), ((N, 3),)),
    ("elu", lambda x: g.elu(x, 0.5), ((N, 3),)),
    *(("cast", lambda x, e=e: g.cast(x, e), ((N, 3),))
      for e in (INT64, BOOL, ElementType.FLOAT64, ElementType.FLOAT16)),
    ("hard_sigmoid", lambda x: g.hard_sigmoid(x, 0.5, 0.25), ((N, 3),)),
    ("cumulative_sum", lambda x: g.cumulative_sum(x, -2), ((N, 3),)),
    ("clip", lambda x: g.clip(x, None, 1.0), ((N, 3),)),
    ("where", g.where, (TensorType(BOOL, (N, 1)), (3,), ())),
    ("where", lambda c: g.where(c, 1.0, 0.0), (TensorType(BOOL, (N, 1)),)),
    ("with_gradients", lambda x: g.with_gradients(x, [(x, g.exp)]), ((N, 3),)),
    ("total", g.total, ((N, 3), (3,), ())),
    *(("matmul", g.matmul, pair) for pair in (
        ((2, 3), (3, 4)), ((3,), (3,)), ((N, 3), (3,)), ((3,), (N, 3, 4)), ((N, T, 3), (3, 4)),
        ((N, 1, 2, 3), (5, 3, T)))),
    ("einsum", lambda a, b: g.einsum("bid, bjd -> bij", a, b), ((2, 3, 4), (2, 5, 4))),
    ("conv", lambda x, w, b: g.conv(x, w, b, WINDOWS, groups=2), ((N, 4, 9, 8), (6, 2, 3, 2), (6,))),
    ("conv_transpose",
     lambda x, w: g.conv_transpose(x, w, None, WINDOWS, output_padding=[1, 0], groups=2, shape=(N, 6, 7, 3)),
     ((N, 4, 3, 5), (4, 3, 3, 2))),
    ("max_pool", pooled(g.max_pool), ((N, 3, 8, 7),)),
    ("average_pool", pooled(g.average_pool), ((N, 3, 8, 7),)),
    ("max_pool", lambda x: g.max_pool(x, GAPS), ((N, 3, 8, 7),)),
    ("max_pool_indices", pooled(g.max_pool_indices), ((N, 3, 8, 7),)),
    ("max_pool_indices", lambda x: g.max_pool_indices(x, GAPS), ((N, 3, 8, T),)),
    *(("elements", lambda x: list(g.elements(x, WINDOWS, WINDOWS.counts(x.shape[2:]))), (shape,))
      for shape in ((N, 2, 9, 8), (N, 2, 9, T))),
    *((name, lambda x, name=name: list(getattr(g, name)(x, WINDOWS, WINDOWS.counts(x.shape[2:]), 0.0)),
       ((N, 2, 9, 8),)) for name in ("elements_by_steps", "elements_of_grids")),
    ("assemble", lambda *parts: g.assemble(parts, WINDOWS, (N, 2, 9, 8)), ((N, 2, 4, 10),) * 6),
    ("unfold", lambda x: g.unfold(x, WINDOWS), ((N, 2, 9, 8),)),
    ("fold", lambda x: g.fold(x, WINDOWS, (N, 2, 9, 8)), ((N, 12, 40),)),
    ("scatter_elements", lambda x, i, u: g.scatter_elements(x, i, u, 1),
     ((N, 9), TensorType(INT64, (N, 2)), (N, 2))),
    *(("along_axis", lambda x, a=a: g.along_axis(x, np.ones((5, 3)), a), ((N, 3, 3, 3),)) for a in (1, 2, -1)),
    ("cut", lambda x: g.cut(x, [1, 2], (N, 2, 9, 4)), ((N, 2, 9, 8),)),
    *((name, lambda x, name=name, a=a, k=k: getattr(g, name)(x, a, k), ((N, 2, 3),))
      for name in ("reduce_sum", "reduce_mean", "reduce_max", "reduce_min")
      for a in (None, [1], [-1, 0]) for k in (True, False)),
    *(("widened", lambda x, a=a, k=k: g.widened(g.reduce_sum(x, a, k)), ((N, 2, 3),))
      for a in (None, [1], [0], [-1, 0]) for k in (True, False)),
    ("widened", g.widened, ((N, 2),)),
    *(("count", lambda x, a=a: g.count(x, a), ((N, 2, 3),)) for a in (None, [1, 2])),
    *(("argmax", lambda x, k=k: g.argmax(x, 1, k), ((N, 3, 2),)) for k in (True, False)),
    ("top_k", lambda x: g.top_k(x, 2), ((N, 3),)),
    ("softmax", lambda x: g.softmax(x, 1), ((N, 3, 2),)),
    ("log_softmax", g.log_softmax, ((N, 3),)),
    *(("reshape", lambda x, s=s: g.reshape(x, s), ((N, T, 6),))
      for s in ((N * T, 6), (N, T, 2, 3), (N, T * 6), (6, N * T))),
    ("reshape", lambda x: g.reshape(x, (0, 5)), ((3, 0),)),
    ("flatten", lambda x: g.flatten(x, 2), ((N, 2, 3, 4),)),
    ("transpose", lambda x: g.transpose(x, (2, 0, -2)), ((N, T, 3),)),
    ("expand", lambda x: g.expand(x, (N, T, 3)), ((N, 1, 3), (T,))),
    ("unsqueeze", lambda x: g.unsqueeze(x, [0, -1]), ((N, 3),)),
    ("squeeze", lambda x: g.squeeze(x, [0, -1]), ((1, N, 1),)),
    ("concat", lambda a, b: g.concat([a, b], 1), ((N, T, 3), (N, 2, 3))),
    ("split", lambda x: g.split(x, [1, 2], -1), ((N, 3),)),
    ("slice_", lambda x: g.slice_(x, [1, 0], [6, T], [2, 1], [2, 1]), ((N, T, 7),)),
    ("slice_", lambda x: g.slice_(x, [T - 1], [T], [1], [1]), ((N, T),)),
    ("pad", lambda x: g.pad(x, [0, 1, T], [0, 2, 0], -1.0), ((N, T, 7),)),
    ("pad", lambda x: g.pad(x, [-1], [-2]), ((7,),)),
    *(("pad", lambda x, m=m: g.pad(x, [0, 1, 2], [0, 2, 0], mode=m), ((N, T, 7),)) for m in ("reflect", "edge")),
    ("pad_around", lambda x: g.pad_around(x, [0, 1, 2], [0, 2, 0]), ((N, T, 7),)),
    ("gather", lambda x, i: g.gather(x, i, 1), ((2, 9, 3), TensorType(INT64, (N, T)))),
    ("gather", lambda x: g.gather(x, x.builder.constant(1, INT64)), ((9, 3),)),
    ("gather_elements", lambda x, i: g.gather_elements(x, i, 1), ((N, 9), TensorType(INT64, (N, 2)))),
    ("scatter_elements_add", lambda x, i, u: g.scatter_elements_add(x, i, u, 1),
     ((N, 9), TensorType(INT64, (N, 2)), (N, 2))),
    ("one_hot", lambda x, i: g.one_hot(i, 5, x), ((), TensorType(INT64, (N, T)))),
    ("with_nan", lambda x: g.with_nan(g.reduce_max(x, [1]), x, [1]), ((N, 4),)),
    ("full", lambda x: g.full(x, 2.0, TensorType(FLOAT32, (N, T, 3))), ((N, T),)),
]  # fmt: skip

NO_NODE = {"constant_of", "dimensions_of", "joined", "normal_axis", "normal_axes", "window_attributes"}


def build(function: Callable[..., Tensor | Sequence[Tensor]], operands: Operands) -> Builder:
    builder = Builder("case")
    types = [operand if isinstance(operand, TensorType) else TensorType(FLOAT32, operand) for operand in operands]
    inputs = [builder.input(f"x{i}", type) for i, type in enumerate(types)]
    if len(function_parameters := inspect.signature(function).parameters) < len(inputs) and not any(
        p.kind is p.VAR_POSITIONAL for p in function_parameters.values()
    ):
        inputs = inputs[: len(function_parameters)]  # the rest only says how long T is
    results = function(*inputs)
    for index, tensor in enumerate([results] if isinstance(results, Tensor) else results):
        builder.output(f"y{index}", tensor)
    return builder


@pytest.mark.parametrize(("name", "function", "operands"), CASES, ids=[case[0] for case in CASES])
def test_types_are_those_that_onnx_derives(
    name: str, function: Callable[..., Tensor | Sequence[Tensor]], operands: Operands
) -> None:
    builder = build(function, operands)
    verify(builder.model())
    for node in builder.graph:
        assert node.op_type in RULES or node.op_type in INSIDE, f"{node.op_type} is not in the table of gradients"


def test_every_function_has_a_case() -> None:
    public = {
        name
        for module in (core, contraction, elementwise, linear, pools, reductions, shaping, whole, windows)
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_")
    }
    assert {name for name, _, _ in CASES} == public - NO_NODE

"""Attention beyond the table of rows: lengths known at run time, dropout, products, and what keeps examples apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from dslc import graph as g
from dslc.autodiff import gradients
from dslc.graph import Builder, Tensor
from dslc.graph.random import Randomness
from dslc.library.operation import Context, Operation
from dslc.library.word import FUNCTIONS, LAYERS
from dslc.types import BOOL, FLOAT32, INT64, ElementType, Shape, TensorType, symbol
from tests.library.graphs import compiled

N, T, S = symbol("N"), symbol("T"), symbol("S")
GENERATOR = np.random.default_rng(0)


def real(*shape: int) -> np.ndarray:
    return GENERATOR.normal(size=shape).astype(np.float32)


def f32(*shape: Any) -> TensorType:
    return TensorType(FLOAT32, shape)


def computed(word: Operation, types: Sequence[TensorType], arrays: Sequence[np.ndarray]) -> np.ndarray:
    """What a word gives; its weights are the same ones each time."""
    generator = np.random.default_rng(1)

    def build(builder: Builder, *x: Tensor) -> Sequence[Tensor]:
        weights = {
            v.name: builder.parameter(v.name, generator.normal(size=[int(d) for d in v.shape]).astype(np.float32))
            for v in word.variables(*types)
        }
        y = word.emit(Context(builder, variables=weights), *x)
        assert isinstance(y, Tensor)
        assert y.type == word.type(*types)
        return [y]

    return compiled(build, types)(*arrays)[0]


OF_LENGTHS: list[tuple[Operation, Sequence[Shape], Sequence[tuple[int, ...]]]] = [
    (FUNCTIONS["attention"](causal=True), [(N, 2, T, 4)] * 3, [(3, 2, 5, 4)] * 3),
    (FUNCTIONS["attention"](), [(N, 6, T, 4), (N, 2, S, 4), (N, 2, S, 3)], [(3, 6, 5, 4), (3, 2, 7, 4), (3, 2, 7, 3)]),
    (FUNCTIONS["attention"](causal=True), [(N, 4, T, 4)] + [(N, 2, T, 4)] * 2, [(3, 4, 5, 4)] + [(3, 2, 5, 4)] * 2),
    (FUNCTIONS["alibi"](heads=3), [(N, T, 4)], [(2, 5, 4)]),
    (LAYERS["MultiHeadAttention"](heads=2, causal=True, rotary=100.0), [(N, T, 8)], [(2, 5, 8)]),
    (LAYERS["MultiHeadAttention"](heads=4, key_heads=2), [(N, T, 8), (N, S, 8)], [(2, 5, 8), (2, 3, 8)]),
    (LAYERS["RotaryEmbedding"](), [(N, 2, T, 8)], [(2, 2, 5, 8)]),
    (LAYERS["RotaryEmbedding"](interleaved=True, axis=1), [(N, T, 2, 8)], [(2, 5, 2, 8)]),
    (LAYERS["PositionalEncoding"](), [(N, T, 7)], [(2, 5, 7)]),
    (LAYERS["PositionalEncoding"](kind="learned", length=6), [(N, T, 7)], [(2, 5, 7)]),
]


@pytest.mark.parametrize(("word", "shapes", "sizes"), OF_LENGTHS, ids=lambda x: getattr(x, "name", ""))
def test_lengths_known_at_run_time_make_no_difference(
    word: Operation, shapes: Sequence[Shape], sizes: Sequence[tuple[int, ...]]
) -> None:
    arrays = [real(*size) for size in sizes]
    fixed = [f32(*sizes[0]), *(f32(*size) for size in sizes[1:])]
    if word.name == "PositionalEncoding" and word.variables(*fixed):
        assert word.variables(*fixed)[0].shape == (6, 7)
    expected = computed(word, fixed, arrays)
    np.testing.assert_allclose(computed(word, [f32(*s) for s in shapes], arrays), expected, rtol=1e-5, atol=1e-6)


def test_a_sequence_longer_than_the_table_ends_the_run() -> None:
    word = LAYERS["PositionalEncoding"](kind="learned", length=4)
    assert computed(word, [f32(N, T, 3)], [real(2, 4, 3)]).shape == (2, 4, 3)
    with pytest.raises(Exception, match=r"out of data bounds|broadcast"):
        computed(word, [f32(N, T, 3)], [real(2, 5, 3)])


@pytest.mark.parametrize("heads", [2, 6])  # as many as of keys, or three times as many
def test_dropout_of_weights(heads: int) -> None:
    """With values that are a unit matrix the result is the weights; the rest follows from those that were drawn."""
    rate, size, scale = 0.3, 40, 1 / math.sqrt(5)
    word = FUNCTIONS["attention"](dropout=rate)
    assert not word.draws(training=False)
    q, k = real(3, heads, 50, 5), real(3, 2, size, 5)
    v = np.broadcast_to(np.eye(size, dtype=np.float32), (3, 2, size, size))
    seed = real(3, heads, 50, size)

    def build(builder: Builder, step: Tensor, *inputs: Tensor) -> list[Tensor]:
        context = Context(builder, training=True, site="here", randomness=Randomness(builder, step, step))
        y = word.emit(context, *inputs[:3])
        slopes = gradients(g.reduce_sum(y * inputs[3]), list(inputs[:3]))
        assert all(slope is not None for slope in slopes)
        return [y, *(slope for slope in slopes if slope is not None)]

    types = [f32(*a.shape) for a in (q, k, v, seed)]
    weights, dq, dk, dv = compiled(build, [TensorType(INT64), *types])(np.asarray(1), q, k, v, seed)
    share = heads // 2
    q64, keys = q.astype(np.float64), np.repeat(k.astype(np.float64), share, 1)
    scores = q64 @ keys.swapaxes(-1, -2) * scale
    p = np.exp(scores - scores.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    kept = weights != 0
    assert abs(kept.mean() - (1 - rate)) < 4 * math.sqrt(rate * (1 - rate) / kept.size)
    factor = kept / (1 - rate)
    np.testing.assert_allclose(weights, p * factor, rtol=1e-5, atol=1e-6)
    dp = seed * factor
    ds = p * (dp - (dp * p).sum(-1, keepdims=True)) * scale

    def summed(x: np.ndarray) -> np.ndarray:
        return x.reshape(3, 2, share, *x.shape[2:]).sum(2)

    for found, wanted in (
        (dq, ds @ keys), (dk, summed(ds.swapaxes(-1, -2) @ q64)), (dv, summed((p * factor).swapaxes(-1, -2) @ seed)),
    ):  # fmt: skip
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("element", [ElementType.FLOAT16, ElementType.FLOAT64], ids=str)
def test_a_query_that_sees_nothing_gets_nothing(element: ElementType) -> None:
    word = FUNCTIONS["attention"]()
    q, mask = np.full((3, 4), 50, element.numpy), np.array([[True, False], [False, False], [True, True]])
    types = [TensorType(element, (3, 4)), *[TensorType(element, (2, 4))] * 2, TensorType(BOOL, (3, 2))]
    k, v = (np.arange(8).reshape(2, 4).astype(element.numpy) for _ in range(2))

    def build(builder: Builder, *x: Tensor) -> list[Tensor]:
        y = word.emit(Context(builder), *x)
        (slope,) = gradients(g.reduce_sum(y), [x[0]])
        assert slope is not None
        return [y, slope]

    y, slope = compiled(build, types)(q, k, v, mask)
    np.testing.assert_array_equal(y[1], 0)
    np.testing.assert_array_equal(slope[1], 0)
    np.testing.assert_allclose(y[0], v[0])
    assert np.isfinite(slope).all()


@pytest.mark.parametrize(("operands", "products"), [(1, 4), (2, 5), (3, 6)])
def test_a_sequence_is_projected_by_one_product(operands: int, products: int) -> None:
    word = LAYERS["MultiHeadAttention"](heads=2)
    builder = Builder("test")
    given = [builder.input(f"x{i}", f32(N, 4 + (i > 0), 8)) for i in range(operands)]
    weights = {
        v.name: builder.parameter(v.name, np.zeros([int(d) for d in v.shape], np.float32))
        for v in word.variables(*(x.type for x in given))
    }
    word.emit(Context(builder, variables=weights), *given)
    assert [node.op_type for node in builder.graph].count("MatMul") == products


@pytest.mark.parametrize(
    ("word", "operands", "symbol", "apart"),
    [
        (FUNCTIONS["attention"](), [f32(N, 2, T, 4)] * 3, "N", True),
        (FUNCTIONS["attention"](), [f32(N, 2, T, 4)] * 3, "T", False),
        (FUNCTIONS["attention"](), [f32(N, 4)] * 3, "N", False),
        (FUNCTIONS["attention"](), [f32(N, 2, 3, 4), f32(2, 5, 4), f32(2, 5, 4)], "N", True),
        (FUNCTIONS["attention"](), [f32(N, 3, 4), f32(N, 1, 5, 4), f32(N, 1, 5, 4)], "N", False),
        (FUNCTIONS["attention"](), [*[f32(N, 2, 3, 4)] * 3, f32(N, 1, 1, 3)], "N", True),
        (LAYERS["MultiHeadAttention"](heads=2), [f32(N, T, 4)], "N", True),
        (LAYERS["MultiHeadAttention"](heads=2), [f32(N, T, 4)], "T", False),
        (LAYERS["MultiHeadAttention"](heads=2), [f32(N, 4)], "N", False),
        (LAYERS["MultiHeadAttention"](heads=2), [f32(N, 3, 4), TensorType(BOOL, (N, 1, 1, 3))], "N", True),
        (LAYERS["MultiHeadAttention"](heads=2), [f32(N, 3, 4), f32(N, 5, 4), TensorType(BOOL, (N, 1, 3, 5))], "N",
         True),
    ],
    ids=str,
)  # fmt: skip
def test_what_keeps_examples_apart(word: Operation, operands: list[TensorType], symbol: str, apart: bool) -> None:
    assert word.keeps_apart(operands, symbol) is apart


def test_work_is_counted() -> None:
    layer = LAYERS["MultiHeadAttention"](heads=2, key_heads=1, units=5)
    projections, scores, out = 3 * 8 * (8 + 4 + 4), 2 * 3 * 3 * (4 + 4), 3 * 8 * 5
    assert layer.multiply_adds(f32(3, 8)) == projections + scores + out
    assert FUNCTIONS["attention"]().multiply_adds(f32(7, 3, 4), f32(7, 5, 4), f32(7, 5, 6)) == 7 * 3 * 5 * (4 + 6)

"""Recurrent layers beyond the rows of tables: by ONNX's operators, sizes known at run time only, dropout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from dslc.graph import Builder, Tensor
from dslc.graph.random import Randomness
from dslc.library.initializers import orthogonal
from dslc.library.operation import Context
from dslc.library.word import LAYERS
from dslc.types import FLOAT32, FLOAT64, INT64, TensorType, symbol
from tests.conftest import mostly_alike
from tests.library.cases import FAMILIES
from tests.library.cases.rows import Row
from tests.library.graphs import compiled, type_of_array
from tests.library.test_words import expected, instance_of

N, T = symbol("N"), symbol("T")
ROWS = FAMILIES["recurrent"]


def operators(builder: Builder) -> set[str]:
    return {node.op_type for node in builder.graph}


def emitted(word: Any, context: Context, inputs: Sequence[Tensor]) -> list[Tensor]:
    result = word.emit(context, *inputs)
    return list(result) if isinstance(result, tuple) else [result]


@pytest.mark.parametrize("inside", [True, False], ids=["weights-inside", "weights-given"])
@pytest.mark.parametrize("row", mostly_alike(ROWS, every=6), ids=lambda row: row.id)
def test_onnx_operators_give_the_same(row: Row, inside: bool) -> None:
    arrays, variables = row.draw()
    found: set[str] = set()

    def build(builder: Builder, *inputs: Tensor) -> list[Tensor]:
        given = dict(zip(variables, inputs[len(arrays) :], strict=False))
        weights = given or {name: builder.parameter(name, array) for name, array in variables.items()}
        context = Context(builder, differentiated=False, variables=weights)
        results = emitted(instance_of(row), context, inputs[: len(arrays)])
        found.update(operators(builder))
        return results

    taken = [*arrays, *([] if inside else variables.values())]
    results = compiled(build, [type_of_array(array, symbolic=False) for array in taken])(*taken)
    assert (row.word in found) is ("projection" not in row.options)
    assert ("Scan" in found) is ("projection" in row.options)
    assert not (inside and "Gather" in found)  # the weights lie in the model as the operator takes them
    for i, result in enumerate(results):
        np.testing.assert_allclose(result, expected(row, f"y{i}"), rtol=2e-5, atol=5e-6)


@pytest.mark.parametrize("word", ["RNN", "GRU", "LSTM"])
@pytest.mark.parametrize("differentiated", [True, False])
def test_sizes_known_at_run_time_only(word: str, differentiated: bool) -> None:
    """A row of any length, 0 and all included, is what it is by itself."""
    layer = LAYERS[word](units=3, layers=2, bidirectional=True, return_state=True)
    drawn = np.random.default_rng(1)
    x, lengths = drawn.normal(size=(4, 5, 2)).astype(np.float32), np.array([3, 0, 5, 1])
    types = [TensorType(FLOAT32, (N, T, 2)), TensorType(INT64, (N,))]
    arrays = [drawn.normal(size=v.shape).astype(np.float32) for v in layer.variables(*types)]

    def build(builder: Builder, *inputs: Tensor) -> list[Tensor]:
        owned = zip(layer.variables(*types), arrays, strict=True)
        weights = {v.name: builder.parameter(v.name, array) for v, array in owned}
        return emitted(layer, Context(builder, differentiated=differentiated, variables=weights), inputs)

    several, alone = compiled(build, types), compiled(build, types[:1])
    y, *states = several(x, lengths)
    for row, length in enumerate(lengths):
        assert not y[row, length:].any()
        if not length:
            assert not any(state[row].any() for state in states)
            continue
        wanted = alone(x[row : row + 1, :length])
        for found, one in zip([y[row, :length], *(state[row] for state in states)], wanted, strict=True):
            np.testing.assert_allclose(found, one[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("word", ["RNN", "GRU", "LSTM"])
@pytest.mark.parametrize("differentiated", [True, False])
def test_a_row_without_steps_ends_where_it_starts(word: str, differentiated: bool) -> None:
    layer = LAYERS[word](units=3, bidirectional=True, last=True, return_state=True)
    drawn = np.random.default_rng(2)
    x, lengths = drawn.normal(size=(2, 4, 2)).astype(np.float32), np.array([0, 4])
    starts = [drawn.normal(size=(2, 2, 3)).astype(np.float32) for _ in range(layer.states)]
    types = [type_of_array(array, symbolic=False) for array in (x, *starts, lengths)]
    arrays = {v.name: drawn.normal(size=v.shape).astype(np.float32) for v in layer.variables(*types)}

    def build(builder: Builder, *inputs: Tensor) -> list[Tensor]:
        weights = {name: builder.parameter(name, array) for name, array in arrays.items()}
        return emitted(layer, Context(builder, differentiated=differentiated, variables=weights), inputs)

    last, *states = compiled(build, types)(x, *starts, lengths)
    np.testing.assert_array_equal(last[0], starts[0][0].reshape(-1))
    for found, start in zip(states, starts, strict=True):
        np.testing.assert_array_equal(found[0], start[0])
        assert (found[1] != start[1]).all()


def test_dropout_acts_between_layers_in_training() -> None:
    layer = LAYERS["GRU"](units=200, layers=2, dropout=0.25)
    type = TensorType(FLOAT64, (1, 1, 2))
    owned = layer.variables(type)
    arrays = {v.name: np.zeros([int(d) for d in v.shape]) for v in owned}
    arrays["bias_ih_l0"][400:] = 0.7  # what the first layer gives in its one step is tanh(0.7) / 2 everywhere
    arrays["weight_ih_l1"][400:] = np.eye(200)

    def build(builder: Builder, x: Tensor, seed: Tensor, step: Tensor) -> list[Tensor]:
        weights = {name: builder.parameter(name, array) for name, array in arrays.items()}
        randomness = Randomness(builder, seed, step)
        return [
            layer.emit(Context(builder, training=t, variables=weights, site="here", randomness=randomness), x)
            for t in (True, False)
        ]

    run = compiled(build, [type, TensorType(INT64), TensorType(INT64)])
    first = np.tanh(0.7) / 2
    shares = []
    for step in range(20):
        training, evaluating = run(np.zeros((1, 1, 2)), np.array(5), np.array(step))
        np.testing.assert_allclose(evaluating, np.full((1, 1, 200), np.tanh(first) / 2))
        np.testing.assert_allclose(training[training != 0], np.tanh(first / 0.75) / 2)
        shares.append((training == 0).mean())
    assert 0.22 < np.mean(shares) < 0.28
    assert len(set(shares)) > 5


def test_parameters_start_as_pytorchs_or_as_asked() -> None:
    x = TensorType(FLOAT32, (N, T, 40))
    for v in LAYERS["LSTM"](units=16, projection=4).variables(x):
        array = v.initializer.sample(np.random.default_rng(0), tuple(map(int, v.shape)), 1, 1)
        assert -0.25 <= array.min() < -0.2
        assert 0.2 < array.max() <= 0.25
    asked = {v.name: v.initializer.name for v in LAYERS["GRU"](units=16, init=orthogonal()).variables(x)}
    assert asked == {
        "weight_ih_l0": "orthogonal",
        "weight_hh_l0": "orthogonal",
        "bias_ih_l0": "zeros",
        "bias_hh_l0": "zeros",
    }

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from dslc.diagnostics import Problem
from dslc.engine.engines import choose_engine
from dslc.engine.evaluation import MetricRunner, Predictor
from dslc.engine.protocol import Engine

from .graphs import accumulate, batch_of, line, mean, mlp, mlp_state

X = np.linspace(-1, 1, 23).astype(np.float32)
Y = (X**2).astype(np.float32)
SLOPE = np.array(0.5, np.float32)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return choose_engine("cpu", 2)


@pytest.fixture(scope="module")
def evaluator(engine: Engine) -> MetricRunner:
    return MetricRunner(accumulate(), mean(), engine)


@pytest.mark.parametrize("size", [1, 4, 8, 22, 23])
def test_metrics_do_not_depend_on_the_batches(evaluator: MetricRunner, size: int) -> None:
    batches = [{"x": X[i : i + size], "y": Y[i : i + size]} for i in range(0, len(X), size)]
    found = evaluator.run(batches, {"slope": SLOPE, "not read": np.zeros(3)})
    expected = np.mean((X * SLOPE - Y).astype(np.float64) ** 2)
    np.testing.assert_allclose(found["error"], [expected, expected], rtol=1e-12)
    assert found["count of examples"] == 23
    assert found["count of examples"].shape == ()
    np.testing.assert_array_equal(found["score"], X * SLOPE)


def test_every_evaluation_starts_from_zeros_with_the_state_given(evaluator: MetricRunner) -> None:
    batches = [{"x": X, "y": Y}]
    first = evaluator.run(batches, {"slope": SLOPE})
    other = evaluator.run(batches, {"slope": (SLOPE * 2).astype(SLOPE.dtype)})
    assert other["error"][0] != first["error"][0]
    assert evaluator.run(batches, {"slope": SLOPE})["error"][0] == first["error"][0]


def test_without_batches_all_sums_are_zero(evaluator: MetricRunner) -> None:
    found = evaluator.run([], {"slope": SLOPE})
    assert found["count of examples"] == 0
    assert np.isnan(found["error"]).all()
    assert "score" not in found


def address(buffer: Any) -> int:
    """Where ONNX Runtime's buffer lies."""
    return int(buffer.data_ptr())


@pytest.mark.parametrize("steps", [0, 1, 2, 3])
def test_buffers_on_loan_are_the_state(engine: Engine, steps: int) -> None:
    """The training step's own buffers are read where they lie, whichever set is current."""
    graphs = [engine.load(mlp(6, 4, 3))]
    train = engine.open(graphs, mlp_state(6, 4, 3))
    for step in range(steps):
        train.run_batch(batch_of(8, 6, 3, seed=step))
    lent = train.lend()
    loss_on_loan = engine.open(graphs, train.state())
    loss_on_loan.run_batch(batch_of(8, 6, 3))
    for name, array in train.state().items():
        np.testing.assert_array_equal(lent[name].numpy(), array)
    before = {name: address(value) for name, value in lent.items()}
    evaluator = MetricRunner(accumulate(), mean(), engine)
    found = evaluator.run([{"x": X, "y": Y}], {"slope": lent["rate"], "w1": lent["w1"]})
    np.testing.assert_allclose(
        found["error"][0], np.mean((X * np.float32(0.1) - Y).astype(np.float64) ** 2), rtol=1e-12
    )
    train.run_batch(batch_of(8, 6, 3))
    np.testing.assert_array_equal(train.state()["w1"], loss_on_loan.state()["w1"])
    assert {name: address(value) for name, value in lent.items()} == before


def test_missing_state_is_named(evaluator: MetricRunner) -> None:
    with pytest.raises(Problem, match="E0607: the batch lacks the field 'slope'"):
        evaluator.run([{"x": X, "y": Y}], {})


@pytest.mark.parametrize(("rows", "with_mean"), [(0, False), *product((1, 5, 8, 9, 16), (False, True))])
def test_predictions_come_in_order_and_whole(engine: Engine, rows: int, with_mean: bool) -> None:
    x = np.random.default_rng(rows).standard_normal((rows, 2))
    bias = np.array([1, 2, 3])
    found = Predictor(line(with_mean=with_mean), engine).run({"x": x, "bias": bias}, chunk=8)
    expected = x @ np.arange(6).reshape(2, 3) + bias
    assert found["y"].dtype == np.float32
    np.testing.assert_allclose(found["y"], expected, rtol=1e-5, atol=1e-5)
    if with_mean:
        np.testing.assert_allclose(found["mean"], expected.mean(0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.zeros((3, 2))}, "the model's input 'bias' is missing"),
        ({"x": np.zeros((3, 2), complex), "bias": np.zeros(3)}, "'x' is complex128, but the model takes float32"),
        ({"x": np.zeros((3, 4)), "bias": np.zeros(3)}, "'x' has shape [3, 4], but the graph takes [3, 2]"),
        ({"x": np.array(1.0), "bias": np.zeros(3)}, "'x' has shape [], but the graph takes [batch, 2]"),
    ],
)
def test_inputs_that_do_not_fit(engine: Engine, arrays: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(Problem) as raised:
        Predictor(line(), engine).run(arrays)
    assert raised.value.diagnostic.code.id == "E0607"
    assert raised.value.diagnostic.message == message

from __future__ import annotations

import numpy as np
import pytest

from dslc import graph as g
from dslc.diagnostics import Problem
from dslc.engine.onnxruntime.session import Graph, Settings
from dslc.types import FLOAT32, TensorType
from tests.engine.graphs import (
    batch_of,
    first_of_two,
    mlp,
    mlp_reference,
    mlp_state,
    momentum,
    second_of_two,
    serialized,
    train_step,
)


@pytest.fixture(scope="module")
def settings() -> Settings:
    return Settings.of("cpu", 2)


def code_of(raised: pytest.ExceptionInfo[Problem]) -> str:
    return raised.value.diagnostic.code.id


def test_twenty_steps_agree_with_numpy_and_batches_of_other_sizes_share_the_state(settings: Settings) -> None:
    state = mlp_state(20, 16, 5)
    before = {name: array.copy() for name, array in state.items()}
    train = train_step([mlp(20, 16, 5)], state, settings)
    expected = state
    for step in range(20):
        batch = batch_of((32, 32, 7, 1, 9, 3, 32)[step % 7], 20, 5, seed=step)
        train.run_batch(batch, seed=step)
        loss, expected = mlp_reference(expected, batch)
        assert train.loss() == pytest.approx(loss, rel=1e-5)
        expected = {name: np.asarray(value) for name, value in expected.items()}
    found = train.state()
    for name, array in found.items():
        assert array.shape == before[name].shape
        assert array.dtype == before[name].dtype
        np.testing.assert_allclose(array, expected[name], rtol=2e-4, atol=2e-6, err_msg=name)
    assert found["step"] == 20
    for name, array in before.items():
        np.testing.assert_array_equal(state[name], array, err_msg="the caller's arrays are left alone")


def test_what_a_graph_has_done_with_is_overwritten(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two buffers or one make no difference in what comes out."""
    state, found = {"w": np.ones(3, np.float32), "m": np.full(3, 2, np.float32)}, []
    for overwrites in (True, False):
        if not overwrites:
            monkeypatch.setattr(Graph, "may_overwrite", lambda *_: False)
        train = train_step([momentum()], state, settings)
        buffers = {name: first is second for name, (first, second) in train._buffers.items()}
        assert buffers == {"w": False, "m": overwrites}
        for step in range(5):
            train.run_batch({"x": np.full((2, 3), step, np.float32)})
        found.append(train.state())
    for name in state:
        np.testing.assert_array_equal(found[0][name], found[1][name])
    np.testing.assert_allclose(found[0]["m"], 2 * 0.5**5 + 2 * (0.5**3 + 2 * 0.5**2 + 3 * 0.5 + 4))


def test_what_is_read_otherwise_is_not_overwritten(settings: Settings) -> None:
    """A reshaped tensor lies where the one before lies, and a product of matrices reads each element many times."""
    builder = g.Builder("readings")
    states = [builder.input(name, TensorType(FLOAT32, (2, 2))) for name in ("sum", "product", "reshaped", "twice")]
    total, product, reshaped, twice = states
    builder.output("sum.next", total * 0.5 + 1.0)
    builder.output("product.next", (product @ product) * 0.5)
    builder.output("reshaped.next", g.reshape(g.reshape(reshaped, (4,)), (2, 2)) * 0.5)
    builder.output("twice.next", twice * 0.5 + 1.0)
    builder.output("loss", g.reduce_sum(twice))
    graph = Graph(serialized(builder), settings)
    assert [name for name in graph.inputs if graph.may_overwrite(f"{name}.next", name)] == ["sum"]


def test_more_sizes_than_static_sessions(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dslc.engine.onnxruntime.stateful.MOST_FEEDS", 8)
    sizes = [*range(1, 13), 1, 12, 5, 9]
    train = train_step([mlp(6, 4, 3)], mlp_state(6, 4, 3), settings)
    expected = mlp_state(6, 4, 3)
    for size in sizes:
        batch = batch_of(size, 6, 3, seed=size)
        train.run_batch(batch)
        _, expected = mlp_reference(expected, batch)
        expected = {name: np.asarray(value) for name, value in expected.items()}
    np.testing.assert_allclose(train.state()["w1"], expected["w1"], rtol=1e-4, atol=1e-6)
    assert len(train.graphs[0]._sessions) == settings.static_shapes + 1
    assert len(train._feeds) == 9


def test_several_graphs_read_what_the_one_before_left(settings: Settings) -> None:
    state = {"a": np.array(1, np.float32), "c": np.array([1, 2], np.float32), "d": np.zeros(2, np.float32)}
    train = train_step([first_of_two(), second_of_two()], {**state, "unused": np.array([7.0])}, settings)
    a, c, d = 1.0, state["c"], state["d"]
    for step in range(5):
        train.run_batch({"x": np.full(4, step, np.float32), "ignored": np.zeros(3)}, seed=step)
        middle, c = a + step, 2 * c
        assert train.loss(0) == a
        assert {name: float(value) for name, value in train.results(1).items()} == {"loss": middle}
        a, d = 3 * middle, d + c + step
        found = train.state()
        assert found["a"].shape == ()
        assert found["a"] == a
        np.testing.assert_array_equal(found["c"], c)
        np.testing.assert_array_equal(found["d"], d)
        np.testing.assert_array_equal(found["unused"], [7.0])


@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_host_set_state_counts_from_the_next_step_on(settings: Settings, after: int) -> None:
    train = train_step([mlp(6, 4, 3)], mlp_state(6, 4, 3), settings)
    for step in range(after):
        train.run_batch(batch_of(8, 6, 3, seed=step))
    train.set_state("rate", np.array(0, np.float32))
    train.set_state("b2", np.array([1, 2, 3], np.float32))
    train.run_batch(batch_of(8, 6, 3))
    found = train.state()
    np.testing.assert_array_equal(found["b2"], [1, 2, 3])
    assert found["rate"].shape == ()
    assert found["step"] == after + 1


def test_resuming_is_bit_identical_wherever_the_arrays_lie_in_memory(settings: Settings) -> None:
    model = mlp(20, 16, 5)
    batches = [batch_of(size, 20, 5, seed=size) for size in (32, 32, 7, 32, 11, 32)]
    whole = train_step([model], mlp_state(20, 16, 5), settings)
    for batch in batches:
        whole.run_batch(batch)
    half = train_step([model], mlp_state(20, 16, 5), settings)
    for batch in batches[:3]:
        half.run_batch(batch)
    resumed = train_step([model], half.state(), settings)
    for offset, batch in enumerate(batches[3:], start=1):
        memory = np.empty(batch["image"].size + offset, np.float32)
        image = memory[offset:].reshape(batch["image"].shape)
        image[:] = batch["image"]
        resumed.run_batch({**batch, "image": image})
    for name, array in whole.state().items():
        assert array.tobytes() == resumed.state()[name].tobytes(), name


def test_fields_need_not_be_contiguous(settings: Settings) -> None:
    batch = batch_of(8, 6, 3)
    found = []
    for image in (batch["image"], np.asfortranarray(batch["image"])):
        train = train_step([mlp(6, 4, 3)], mlp_state(6, 4, 3), settings)
        train.run_batch({**batch, "image": image})
        found.append(train.state()["w1"])
    first, second = found
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image": np.zeros((8, 6), np.float64)}, "'image' is float64, but the graph takes float32"),
        ({"image": np.zeros((8, 7), np.float32)}, "'image' has shape [8, 7], but the graph takes [8, 6]"),
        ({"image": np.zeros((9, 6), np.float32)}, "'label' has shape [8], but the graph takes [9]"),
        ({"image": np.zeros(8, np.float32)}, "'image' has shape [8], but the graph takes [8, 6]"),
    ],
)
@pytest.mark.parametrize("warm", [False, True])
def test_a_batch_that_does_not_fit(settings: Settings, change: dict[str, np.ndarray], message: str, warm: bool) -> None:
    train = train_step([mlp(6, 4, 3)], mlp_state(6, 4, 3), settings)
    if warm:
        train.run_batch(batch_of(8, 6, 3))
    with pytest.raises(Problem) as raised:
        train.run_batch({**batch_of(8, 6, 3), **change})
    assert code_of(raised) == "E0607"
    assert raised.value.diagnostic.message == message


def test_a_missing_field(settings: Settings) -> None:
    train = train_step([mlp(6, 4, 3)], mlp_state(6, 4, 3), settings)
    with pytest.raises(Problem, match="E0607: the batch lacks the field 'label'"):
        train.run_batch({"image": np.zeros((8, 6), np.float32)})


def test_state_that_does_not_fit(settings: Settings) -> None:
    state = mlp_state(6, 4, 3)
    with pytest.raises(Problem, match=r"E0606: 'w2' is float32\[5, 3\], but the graph takes float32\[4, 3\]"):
        train_step([mlp(6, 4, 3)], {**state, "w2": np.zeros((5, 3), np.float32)}, settings)
    del state["w2"]
    with pytest.raises(Problem, match="E0606: the state lacks 'w2'"):
        train_step([mlp(6, 4, 3)], state, settings)
    train = train_step([mlp(6, 4, 3)], mlp_state(6, 4, 3), settings)
    with pytest.raises(Problem, match=r"E0606: 'rate' is float32\[\], not float32\[1\]"):
        train.set_state("rate", np.zeros(1, np.float32))

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dslc.data.batches import Split
from dslc.engine.engines import choose_engine
from dslc.engine.protocol import Engine
from dslc.run.feeding import ROWS, Feeder
from tests.engine.graphs import batch_of, mlp, mlp_state

EXAMPLES = batch_of(50, 20, 5, seed=3)
ROWS_OF_SPLIT = np.arange(49, 0, -2)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return choose_engine("cpu", 2)


def run(feeder: Feeder, split: Split) -> tuple[list[float], dict[str, np.ndarray]]:
    """Train on batches of two sizes, each place once and some twice; check what each feed holds."""
    losses = []
    batches = [np.array(places) for places in ([3, 0, 7, 7], [24, 1, 2, 5], [9, 11, 4], [0, 0, 0, 23])]
    for feed, places in zip(feeder.feeds(batches), batches, strict=True):
        feeder.step.run(feed)
        losses.append(feeder.step.loss())
        expected = split.take(places)
        for name, array in feeder.batch(feed).items():
            np.testing.assert_array_equal(array, expected[name])
    return losses, feeder.step.state()


def mapped(folder: Path) -> dict[str, np.ndarray]:
    found = {}
    for name, array in EXAMPLES.items():
        np.save(folder / f"{name}.npy", array)
        found[name] = np.load(folder / f"{name}.npy", mmap_mode="r")
    return found


@pytest.mark.parametrize("rows", [None, ROWS_OF_SPLIT])
def test_taking_rows_and_filling_buffers_give_the_same_bits(
    engine: Engine, tmp_path: Path, rows: np.ndarray | None
) -> None:
    found = []
    for fields in (EXAMPLES, mapped(tmp_path), {**EXAMPLES, "image": np.asfortranarray(EXAMPLES["image"])}):
        split = Split(fields, rows)
        feeder = Feeder([mlp(20, 16, 5)], mlp_state(20, 16, 5), engine, split)
        assert (list(feeder.step.fields) == [ROWS]) == (fields is EXAMPLES)
        found.append(run(feeder, split))
    for losses, state in found[1:]:
        assert losses == found[0][0]
        assert state.keys() == mlp_state(20, 16, 5).keys()
        for name, array in state.items():
            np.testing.assert_array_equal(array, found[0][1][name])


def test_examples_that_no_field_describes(engine: Engine) -> None:
    """A step that reads no field runs as often as there are batches."""
    feeder = Feeder([counter()], {"n": np.zeros((), np.int64)}, engine, Split({"unread": np.zeros((6, 1))}))
    for feed in feeder.feeds([np.arange(3), np.arange(3, 6)]):
        feeder.step.run(feed)
    assert feeder.step.state()["n"] == 2


def counter() -> bytes:
    import onnx
    from onnx import TensorProto, helper

    ports = [helper.make_tensor_value_info(name, TensorProto.INT64, []) for name in ("n", "n.next")]
    one = helper.make_tensor("one", TensorProto.INT64, [], [1])
    nodes = [helper.make_node("Add", ["n", "one"], ["n.next"])]
    graph = helper.make_graph(nodes, "counter", ports[:1], ports[1:], [one])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()

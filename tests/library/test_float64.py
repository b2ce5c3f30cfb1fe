"""float64 is PyTorch's float64, to 1e-10, of every loss, and of four optimizers.

The values are stored; for layers and functions see test_kernels.py, for the other optimizers test_updates.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from dslc.autodiff import gradients
from dslc.graph import Builder, Tensor
from dslc.library.operation import Context
from dslc.library.optimizers.optimizer import Update
from dslc.library.word import FUNCTIONS, LOSSES, OPTIMIZERS
from dslc.types import FLOAT64, INT64, TensorType
from tests.conftest import first_of_each
from tests.library.cases import ROWS
from tests.library.graphs import array_of, compiled, listless, loss_rows, stored, type_of_array
from tests.library.test_kernels import FLOATS
from tests.library.updates import ROWS as UPDATES

LOSS_ROWS = loss_rows()
OPTIMIZER_ROWS = stored("optimizers.json")
CLOSE: dict[str, Any] = {"rtol": 1e-10, "atol": 1e-12}


def wide(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float64) if array.dtype.kind == "f" else array


@pytest.mark.parametrize(
    "row",
    first_of_each(LOSS_ROWS, lambda row: row["word"]),
    ids=[f"{row['word']}-{i}" for i, row in enumerate(LOSS_ROWS)],
)
def test_losses_and_their_gradients(row: dict[str, Any]) -> None:
    word = FUNCTIONS[row["word"]](**listless(row["options"]))
    arrays = [wide(array_of(operand)) for operand in row["operands"]]

    def build(builder: Builder, *inputs: Tensor) -> Sequence[Tensor]:
        value = word.emit(Context(builder), *inputs)
        assert value.element is FLOAT64
        return [value, *gradients(value, [inputs[place] for place in row["gradients"]])]

    value, *found = compiled(build, [type_of_array(array, symbolic=False) for array in arrays])(*arrays)
    np.testing.assert_allclose(value, row["value"], **CLOSE)
    for (place, expected), gradient in zip(row["gradients"].items(), found, strict=True):
        np.testing.assert_allclose(gradient, np.reshape(expected, arrays[place].shape), **CLOSE)


@pytest.mark.parametrize("row", OPTIMIZER_ROWS["rows"], ids=lambda row: f"{row['word']}-{row['options']}")
def test_twenty_updates(row: dict[str, Any]) -> None:
    word = OPTIMIZERS[row["word"]](**listless(row["options"]))
    weight = np.array(OPTIMIZER_ROWS["weight"])
    tensor, count = TensorType(FLOAT64, weight.shape), TensorType(INT64)
    slots = word.slots(tensor)

    def build(
        builder: Builder, step: Tensor, total: Tensor, weight: Tensor, gradient: Tensor, *kept: Tensor
    ) -> list[Tensor]:
        update = Update(builder, step, total, element=FLOAT64)
        after, state = word.update(update, weight, gradient, dict(zip(slots, kept, strict=True)))
        return [after, *state.values()]

    run = compiled(build, [count, count, tensor, tensor, *(slot.type(tensor) for slot in slots.values())])
    state = [weight, *(np.full(weight.shape, slot.first) for slot in slots.values())]
    steps = np.array(OPTIMIZER_ROWS["gradients"])
    for step, gradient in enumerate(steps):
        state = run(np.array(step), np.array(len(steps)), state[0], gradient, *state[1:])
        np.testing.assert_allclose(state[0], row["weights"][step], **CLOSE)


def test_no_word_is_left_out() -> None:
    without_floats = {"logical_and", "logical_not", "logical_or", "one_hot", "ones_like"}
    assert {row.word for row in FLOATS} | without_floats == {row.word for row in ROWS}
    assert {row["word"] for row in LOSS_ROWS} == set(LOSSES)
    assert {row["word"] for row in OPTIMIZER_ROWS["rows"]} <= {row.word for row in UPDATES} == set(OPTIMIZERS)

"""How many batches an epoch has, and which of them normalization can be trained with."""

from __future__ import annotations

import pytest

from dslc.diagnostics import Problem
from dslc.run.schedule import steps_per_epoch
from tests.check.checking import train_of

SPEC = """\
data d {{
  source csv("d.csv")
  field x: float32[4] = columns("x*")
}}
model Net {{
  input x: float32[N, 4]
  output y = {}
}}
train t {{
  data d
  minimize mse(Net(x), x) using Adam
  batch 4, drop_last = {}
  epochs 1
}}
"""
HIDDEN = "x -> Dense(8) -> BatchNorm -> Relu -> Dense(4)"


@pytest.mark.parametrize(("examples", "drop_last", "batches"), [
    (4, False, 1), (5, False, 1), (5, True, 1), (6, False, 2), (8, False, 2), (9, False, 2), (9, True, 2),
])  # fmt: skip
def test_a_last_example_by_itself_joins_the_batch_before(examples: int, drop_last: bool, batches: int) -> None:
    train = train_of(SPEC.format(HIDDEN, str(drop_last).lower()))
    assert steps_per_epoch(train, examples) == batches


def test_one_example_has_no_variance() -> None:
    with pytest.raises(Problem, match=r"E0390: BatchNorm .* the training split of 1 example has a batch of 1"):
        steps_per_epoch(train_of(SPEC.format(HIDDEN, "false")), 1)


def test_positions_count_as_examples_do() -> None:
    image = "x -> Reshape(1, 4) -> BatchNorm -> Flatten -> Dense(4)"
    assert steps_per_epoch(train_of(SPEC.format(image, "false")), 1) == 1

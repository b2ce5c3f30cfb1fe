"""Fifty steps of a recurrent network on rows of several lengths, from PyTorch's weights under PyTorch's names."""

from __future__ import annotations

import numpy as np
import pytest

from .stepping import HERE, artifacts_of, stored, subset, train_step


def test_a_recurrent_network_left_running() -> None:
    known = stored("sequences")
    artifacts = artifacts_of(HERE / "specs" / "sequences.dl")
    start, end = subset(known, "start/"), subset(known, "end/")
    assert set(start) <= set(artifacts.initial)
    step = train_step(artifacts, **start)
    for number, loss in enumerate(known["loss"]):
        step.run_batch({name: known[name][number] for name in ("x", "n", "label")})
        assert step.loss() == pytest.approx(loss, rel=1e-4), f"loss of step {number}"
    assert known["loss"][-1] < 0.8 * known["loss"][0]
    state = step.state()
    for name, expected in end.items():
        np.testing.assert_allclose(state[name], expected, rtol=1e-3, atol=1e-4, err_msg=name)

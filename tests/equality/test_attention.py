"""Twenty steps of a Transformer's layer against those of PyTorch's own module."""

from __future__ import annotations

import numpy as np
import pytest

from .stepping import HERE, artifacts_of, stored, subset, train_step


def test_equals_pytorchs_encoder_layer() -> None:
    known = stored("attention")
    start, end = subset(known, "start/"), subset(known, "end/")
    artifacts = artifacts_of(HERE / "specs" / "attention.dl")
    assert start.keys() == {name for name, tensor in artifacts.state.items() if tensor.role.value == "parameter"}
    step = train_step(artifacts, **start)
    for number, loss in enumerate(known["loss"]):
        step.run_batch({name: known[name][number] for name in ("x", "length", "label")})
        assert step.loss() == pytest.approx(loss, rel=1e-5), f"loss of step {number}"
    after = step.state()
    for name, expected in end.items():
        assert np.abs(expected - start[name]).max() > 0.05
        np.testing.assert_allclose(after[name], expected, rtol=1e-4, atol=1e-5, err_msg=name)

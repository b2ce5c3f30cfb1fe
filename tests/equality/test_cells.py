"""Cells of a spec's own against the same loops in PyTorch: each is a train block of ``cells.dl``, in float64."""

from __future__ import annotations

import re

import numpy as np
import pytest

from dslc.engine.protocol import Runner
from dslc.pipeline import Compilation, Options
from tests.conftest import compile_spec

from .stepping import ENGINE, HERE, stored, subset, train_step

SPEC = HERE / "specs" / "cells.dl"
BLOCKS = re.findall(r"^train (\w+)", SPEC.read_text(encoding="utf-8"), re.MULTILINE)


def compiled(block: str) -> Compilation:
    return compile_spec(SPEC, Options(train=block))


def stepped(block: str, step: Runner, fields: set[str]) -> list[float]:
    """Run all batches; return the losses."""
    arrays = {name: array for name, array in subset(stored("cells"), "batch/").items() if name in fields}
    losses = []
    for number in range(len(next(iter(arrays.values())))):
        step.run_batch({name: array[number] for name, array in arrays.items()})
        losses.append(step.loss())
    return losses


@pytest.mark.parametrize("block", BLOCKS)
def test_equals_pytorch(block: str) -> None:
    expected, compilation = subset(stored("cells"), f"{block}/"), compiled(block)
    artifacts = compilation.artifacts
    start, after = (subset(expected, part) for part in ("start/", "after/"))
    assert start.keys() == after.keys() == {n for n, t in artifacts.state.items() if t.role.value == "parameter"}
    step = train_step(artifacts, **start)
    losses = stepped(block, step, set(artifacts.manifest["fields"]))
    np.testing.assert_allclose(losses, expected["loss"], rtol=1e-10)
    for path, array in after.items():
        np.testing.assert_allclose(step.state()[path], array, rtol=1e-9, atol=1e-10, err_msg=path)
    # what ships takes sequences of another length
    (shipped,) = compilation.inference({**artifacts.initial, **after})
    graph = ENGINE.load(compilation.serialized(shipped.model))
    found = graph.run({name: stored("cells")[f"other/{name}"] for name in graph.inputs})
    for name, array in subset(expected, "other/").items():
        np.testing.assert_allclose(found[name], array, rtol=1e-9, atol=1e-10, err_msg=name)


def test_every_block_has_its_counterpart() -> None:
    assert {name.split("/")[0] for name in stored("cells")} - {"batch", "other"} == set(BLOCKS)

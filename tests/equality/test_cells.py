"""Cells of a spec's own against the same loops in PyTorch: each is a train block of ``cells.dl``, in float64."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np
import pytest

from dslc.engine.protocol import Runner
from dslc.pipeline import Compilation, Options
from tests.conftest import compile_spec, mostly_alike

from .stepping import ENGINE, HERE, compiled_text, stored, subset, train_step

SPEC = HERE / "specs" / "cells.dl"
BLOCKS = re.findall(r"^train (\w+)", SPEC.read_text(encoding="utf-8"), re.MULTILINE)


def compiled(block: str) -> Compilation:
    return compile_spec(SPEC, Options(train=block))


def single(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: a.astype(np.float32) if a.dtype == np.float64 else a for name, a in arrays.items()}


def stepped(step: Runner, arrays: Mapping[str, np.ndarray], fields: Collection[str]) -> list[float]:
    """Run all batches; return the losses."""
    arrays = {name: array for name, array in arrays.items() if name in fields}
    losses = []
    for number in range(len(next(iter(arrays.values())))):
        step.run_batch({name: array[number] for name, array in arrays.items()})
        losses.append(step.loss())
    return losses


@pytest.mark.parametrize("block", mostly_alike(BLOCKS, every=3))
def test_equals_pytorch(block: str) -> None:
    expected, compilation = subset(stored("cells"), f"{block}/"), compiled(block)
    artifacts = compilation.artifacts
    start, after = (subset(expected, part) for part in ("start/", "after/"))
    assert start.keys() == after.keys() == {n for n, t in artifacts.state.items() if t.role.value == "parameter"}
    step = train_step(artifacts, **start)
    losses = stepped(step, subset(stored("cells"), "batch/"), artifacts.manifest["fields"])
    np.testing.assert_allclose(losses, expected["loss"], rtol=1e-10)
    for path, array in after.items():
        np.testing.assert_allclose(step.state()[path], array, rtol=1e-9, atol=1e-10, err_msg=path)
    # what ships takes sequences of another length
    (shipped,) = compilation.inference({**artifacts.initial, **after})
    graph = ENGINE.load(compilation.serialized(shipped.model))
    found = graph.run({name: stored("cells")[f"other/{name}"] for name in graph.inputs})
    for name, array in subset(expected, "other/").items():
        np.testing.assert_allclose(found[name], array, rtol=1e-9, atol=1e-10, err_msg=name)


@pytest.mark.parametrize("block", mostly_alike(BLOCKS, every=3))
def test_float32_is_near(block: str, tmp_path: Path) -> None:
    expected = subset(stored("cells"), f"{block}/")
    artifacts = compiled_text(tmp_path, SPEC.read_text(encoding="utf-8").replace("float64", "float32"), block)
    step = train_step(artifacts, **single(subset(expected, "start/")))
    losses = stepped(step, single(subset(stored("cells"), "batch/")), artifacts.manifest["fields"])
    np.testing.assert_allclose(losses, expected["loss"], rtol=1e-5)
    for path, array in subset(expected, "after/").items():
        np.testing.assert_allclose(step.state()[path], array, rtol=1e-4, atol=1e-5, err_msg=path)


def test_every_block_has_its_counterpart() -> None:
    assert {name.split("/")[0] for name in stored("cells")} - {"batch", "other"} == set(BLOCKS)

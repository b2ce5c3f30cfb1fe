"""Everything above the engines is the same on another one: the loop, checkpoints, evaluation, feeding, explaining."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dslc.diagnostics import Problem
from dslc.engine.engines import choose_engine
from dslc.engine.protocol import Engine
from dslc.pipeline import Options
from dslc.run.training import train
from dslc.storage.checkpoints import Checkpoints
from tests.conftest import compile_spec
from tests.engine.reference import ReferenceEngine
from tests.runs.driving import MODEL, Witness, lines_of, opened, spec_of, write_spec

BODY = """\
metric confusion = confusion(logits, label)
  minimize cross_entropy(logits, label) using SGD(lr = plateau(0.1, patience = 1), momentum = 0.9)
  batch 16
  accumulate 2
  clip norm 1.0
  keep lowest validation.loss
"""
NET = MODEL.replace("Dense(8)", "Dense(8) -> BatchNorm -> Dropout(0.2)")
ENGINES = [ReferenceEngine(), ReferenceEngine(reads_arrays=False)]


def run(spec: Path, folder: Path, engine: Engine, *, resume: bool = False, **options: Any) -> Witness:
    witness = Witness()
    train(compile_spec(spec, Options(**options)), folder, engine, resume=resume, observer=witness)
    return witness


def agree(found: Any, expected: Any, what: str = "") -> None:
    """Compare figures, within the rounding of float32 over a few steps."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys(), what
        for name, value in expected.items():
            agree(found[name], value, f"{what}/{name}")
    elif isinstance(expected, str):
        assert found == expected, what
    else:
        np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-6, err_msg=what)


@pytest.mark.parametrize("engine", ENGINES, ids=["takes rows itself", "is fed"])
def test_a_run_is_the_same(engine: Engine, tmp_path: Path) -> None:
    spec = write_spec(tmp_path, spec_of(f"{BODY} epochs 4", model=NET))
    here, there = tmp_path / "runtime", tmp_path / "reference"
    seen = run(spec, there, engine)
    assert seen.plans[0].provider == "reference"
    assert seen.steps == run(spec, here, choose_engine("cpu", 1)).steps
    for found, expected in zip(lines_of(there), lines_of(here), strict=True):
        agree(found, expected)
    saved, known = (Checkpoints(each / "checkpoints").latest()[0] for each in (there, here))
    assert saved is not None
    assert known is not None
    assert saved.step == known.step
    agree(dict(saved.tensors), dict(known.tensors))
    finished, expected_run = opened(there, [tmp_path]), opened(here, [tmp_path])
    finished.engine = engine
    agree(finished.evaluate(), expected_run.evaluate())
    agree(finished.predict(split="validation"), expected_run.predict(split="validation"))


def test_a_run_goes_on_on_another_engine(tmp_path: Path) -> None:
    spec = write_spec(tmp_path, spec_of(f"{BODY} epochs 4", model=NET))
    whole = run(spec, tmp_path / "whole", choose_engine("cpu", 1))
    run(spec, tmp_path / "run", ReferenceEngine(), epochs=2)
    rest = run(spec, tmp_path / "run", choose_engine("cpu", 1), resume=True)
    assert rest.plans[0].resumed_at == whole.batches // 2
    assert "provider: reference before, cpu now" in [warning.message for warning in rest.warnings]
    for found, expected in zip(lines_of(tmp_path / "run"), lines_of(tmp_path / "whole"), strict=True):
        agree(found, expected)


def test_what_is_not_finite_is_explained_alike(tmp_path: Path) -> None:
    body = "minimize mean(exp(logits * 40)) using SGD(lr = 10) epochs 1 batch 16"
    spec = write_spec(tmp_path, spec_of(body))
    told = []
    for number, engine in enumerate([choose_engine("cpu", 1), *ENGINES]):
        with pytest.raises(Problem) as raised:
            run(spec, tmp_path / str(number), engine)
        told.append(raised.value.diagnostic)
    assert "is not finite in step" in told[0].message
    assert [each.code for each in told] == [told[0].code] * 3
    assert [each.message for each in told] == [told[0].message] * 3

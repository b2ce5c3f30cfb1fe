"""Every optimizer with what stands beside it: groups, clipping, accumulation, averages, resuming, what is evaluated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dslc.compile.artifacts import shipped_weights
from dslc.compile.state import StateRole
from dslc.library import word
from dslc.library.optimizers.optimizer import Optimizer
from dslc.run import loop
from tests.conftest import compile_spec, mostly_alike
from tests.equality.stepping import train_step
from tests.runs.driving import evaluations, outcome, spec_of, trained, write_spec
from tests.runs.optimizers import EVALUATED, OPTIMIZERS
from tests.runs.test_resuming import interrupted, resumed


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint after every batch."""
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(loop, "CHECKPOINT_SHARE", 1e9)


def objective(name: str, more: str = "", groups: str = "") -> str:
    groups = groups or f"using {OPTIMIZERS[name]}"
    return spec_of(f"minimize cross_entropy(logits, label) {groups} {more} batch 8 seed 3")


def test_every_optimizer_is_here() -> None:
    assert set(OPTIMIZERS) == set(word.OPTIMIZERS)
    saying = {name for name, kind in word.OPTIMIZERS.items() if kind.evaluated is not Optimizer.evaluated}
    assert saying == {*EVALUATED, "SAM"}


@pytest.mark.parametrize("name", mostly_alike(list(OPTIMIZERS), every=12))
def test_it_learns_and_is_resumed_bit_for_bit(name: str, tmp_path: Path) -> None:
    average = "" if name in EVALUATED else "average ema(0.9)"
    accumulate = "" if word.OPTIMIZERS[name].perturbs else "accumulate 2"
    spec = write_spec(tmp_path, objective(name, f"epochs 10 clip norm 1.0 {accumulate} {average}"))
    trained(spec, tmp_path / "whole")
    interrupted(spec, tmp_path / "again", 11)
    resumed(spec, tmp_path / "again")
    assert outcome(tmp_path / "whole") == outcome(tmp_path / "again")
    assert evaluations(tmp_path / "again")[-1]["validation.accuracy"] > 0.6


ALONE = [name for name, kind in word.OPTIMIZERS.items() if not kind.perturbs]


@pytest.mark.parametrize("name", mostly_alike(ALONE, every=6))
def test_groups_have_states_of_their_own(name: str, tmp_path: Path) -> None:
    """Two groups of one optimizer move as they would beside another one, unless it looks at what is near both."""
    its = f'over "*.weight" using {OPTIMIZERS[name]}'
    both, one = f'{its} over "*.bias" using {OPTIMIZERS[name]}', f'{its} over "*.bias" using SGD'
    states = []
    for groups in (both, one):
        artifacts = compile_spec(write_spec(tmp_path, objective(name, "epochs 1", groups))).artifacts
        step = train_step(artifacts)
        generator = np.random.default_rng(1)
        for _ in range(3):
            x = generator.standard_normal((8, 4)).astype(np.float32)
            for path in artifacts.initial:  # the same first layer of gradients, whatever biases are
                if path.endswith(".bias") and "/" not in path:
                    step.set_state(path, artifacts.initial[path])
            step.run_batch({"x": x, "label": generator.integers(0, 3, 8)})
        states.append(step.state())
    weights = [path for path in states[0] if path.endswith(".weight") and "/" not in path]
    assert weights
    for path in weights:
        np.testing.assert_array_equal(states[0][path], states[1][path])


@pytest.mark.parametrize("name", EVALUATED)
def test_what_is_evaluated_ships_and_is_not_what_is_trained(name: str, tmp_path: Path) -> None:
    compilation = compile_spec(write_spec(tmp_path, objective(name, "epochs 10")))
    step, generator = train_step(compilation.artifacts), np.random.default_rng(1)
    for _ in range(14):
        x = generator.standard_normal((8, 4)).astype(np.float32)
        step.run_batch({"x": x, "label": generator.integers(0, 3, 8)})
    state = step.state()
    averages = [t.name for t in compilation.artifacts.state.values() if t.role is StateRole.AVERAGE]
    assert {path.removeprefix("average/") for path in averages} == set(compilation.plan.parameters)
    for path, shipped in shipped_weights(compilation.plan, state).items():
        assert np.array_equal(shipped, state[f"average/{path}"])
        assert not np.array_equal(shipped, state[path])

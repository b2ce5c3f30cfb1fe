"""Twenty steps of every option of a training step, against PyTorch: each is a train block of ``options.dl``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from dslc.compile.state import FLUSH, TOTAL
from dslc.engine.protocol import Runner
from tests.conftest import mostly_alike

from .stepping import ENGINE, HERE, artifacts_of, compiled_text, largest, stored, subset, train_step

SPEC = HERE / "specs" / "options.dl"
BLOCKS = re.findall(r"^train (\w+)", SPEC.read_text(encoding="utf-8"), re.MULTILINE)


def begun(block: str) -> Runner:
    artifacts = artifacts_of(SPEC, block)
    start = {f"normed{name.removeprefix('Normed')}" if block == "freeze" else name: array
             for name, array in subset(stored("options"), "start/").items()}  # fmt: skip
    owners = {name: name.removeprefix("average/") for name in artifacts.initial}
    known = {name: start[owner] for name, owner in owners.items() if owner in start}
    assert len(known) >= 4
    return train_step(artifacts, **known)


def batches(sizes: list[int] | None = None) -> Iterator[dict[str, np.ndarray]]:
    arrays = subset(stored("options"), "batch/")
    for number in range(len(arrays["x"]) if sizes is None else len(sizes)):
        yield {name: array[number][: None if sizes is None else sizes[number]] for name, array in arrays.items()}


def losses(block: str, step: Runner, objectives: int) -> list[list[float]]:
    """Run all steps; the losses of each objective. What the host does, is done here."""
    found = []
    sizes = stored("options")["sizes"].tolist() if block == "accumulate" else None
    for number, batch in enumerate(batches(sizes)):
        if block == "plateau" and number == 10:
            step.set_state("host/plateau_1", np.array(0.1, np.float32))
        if block == "accumulate" and number == len(sizes or ()) - 1:
            step.set_state(FLUSH, np.array(1))
        step.run_batch(batch)
        found.append([step.loss(graph) for graph in range(objectives)])
    return found


@pytest.mark.parametrize("block", mostly_alike(BLOCKS, every=3))
def test_equals_pytorch(block: str) -> None:
    expected = subset(stored("options"), f"end/{block}/")
    wanted = [array for name, array in expected.items() if name.startswith("loss")]
    step = begun(block)
    found = losses(block, step, len(wanted))
    np.testing.assert_allclose(found, np.transpose(wanted), rtol=2e-6)
    end = step.state()
    compared = [name for name in expected if not name.startswith("loss")]
    others = ("moment", "counter", "host", "pending", "average/Normed.h.batch_norm.running_")
    assert set(compared) >= {name for name in end if not name.startswith(others)}
    for name in compared:
        assert largest(end[name] - expected[name]) <= 5e-6 * max(largest(expected[name]), 0.1), name


def test_every_block_has_its_counterpart() -> None:
    assert {name.split("/")[1] for name in stored("options") if name.startswith("end/")} == set(BLOCKS)


def test_the_total_of_steps_is_in_the_state() -> None:
    assert artifacts_of(SPEC, "schedule").initial[TOTAL] == 20


# --- accumulation ------------------------------------------------------------------------------------------


def test_accumulation_leaves_all_alone_until_an_update_is_complete() -> None:
    step = begun("accumulate")
    before = step.state()
    for number, batch in enumerate(batches([8, 8, 8, 5])):
        step.run_batch(batch)
        after = step.state()
        unchanged = {n for n in after if not n.startswith(("pending", "counter"))}
        same = [np.array_equal(after[name], before[name]) for name in unchanged if name != FLUSH]
        assert all(same) if number < 3 else not any(same)
        assert after["counter/step"] == (number == 3)
        assert after["counter/batch"] == number + 1
        assert after["pending/examples"] == (8 * (number + 1) if number < 3 else 0)
    assert all(not after[name].any() for name in after if name.startswith("pending"))


def test_the_examples_of_a_batch_count_alike_however_they_are_cut() -> None:
    """Four batches of uneven size make the update that one batch of all examples makes."""
    arrays = subset(stored("options"), "batch/")
    whole = {name: array.reshape(-1, *array.shape[2:])[:24] for name, array in arrays.items()}
    ends = []
    for cuts in ([0, 24], [0, 6, 12, 18, 24], [0, 1, 2, 21, 24], [0, 20, 24]):
        step = begun("accumulate")
        for start, stop in pairwise(cuts):
            if stop == 24:
                step.set_state(FLUSH, np.array(1))
            step.run_batch({name: array[start:stop] for name, array in whole.items()})
        ends.append(step.state())
    for end in ends:
        assert end["counter/step"] == 1
        for name in ends[0]:
            if not name.startswith("counter/batch"):
                assert largest(end[name] - ends[0][name]) <= 2e-6 * max(largest(ends[0][name]), 0.1), name


# --- several objectives ---------------------------------------------------------------------------------------


def test_each_objective_changes_only_what_is_its_own() -> None:
    artifacts = artifacts_of(SPEC, "adversarial")
    critic, generator = artifacts.steps
    assert artifacts.step_files == ["train.critic.onnx", "train.generator.onnx"]
    trained = {name.removeprefix("moment/critic/") for name in critic.changes}
    assert all(name.startswith("Critic.") for name in trained)
    assert "Critic.h.batch_norm.running_mean" in critic.changes
    assert "moment/critic/Critic.logit.dense.bias/first_moment" in critic.changes
    assert {name.split(".")[0] for name in generator.changes} == {"Generator", "counter/step"}
    assert "Generator.x.batch_norm.running_var" in generator.changes
    step = begun("adversarial")
    step.run_batch(next(batches()))
    assert step.state()["counter/step"] == 1


def test_the_second_objective_sees_the_updates_of_the_first() -> None:
    """The generator's step, run alone on the critic that the whole step left, does what the whole step did."""
    artifacts, start = artifacts_of(SPEC, "adversarial"), begun("adversarial").state()
    whole = begun("adversarial")
    batch = next(batches())
    whole.run_batch(batch)
    end = whole.state()
    critic = {name: array for name, array in end.items() if "Critic" in name}
    for given, same in ((critic, True), ({}, False)):
        alone = ENGINE.open([ENGINE.load(artifacts.models["train.generator.onnx"])], {**start, **given})
        alone.run_batch(batch)
        assert (alone.loss() == whole.loss(1)) is same
        assert np.array_equal(alone.state()["Generator.x.dense.weight"], end["Generator.x.dense.weight"]) is same


def test_objectives_that_accumulate_are_updated_together(tmp_path: Path) -> None:
    text = (
        SPEC.read_text(encoding="utf-8").split("train clip_norm")[0]
        + """
train both {
  data examples
  net first = Net
  net second = Net
  minimize a = cross_entropy(first(x), label) over first using SGD(lr = 0.1)
  minimize b = cross_entropy(second(x), label) over second using SGD(lr = 0.1)
  accumulate 2
  average ema(0.9)
  steps 4
}
"""
    )
    artifacts = compiled_text(tmp_path, text)
    step = train_step(artifacts)
    trained = [name for name in artifacts.initial if name.startswith(("first.", "second.", "average/"))]
    assert {name.split(".")[0] for name in trained} == {"first", "second", "average/first", "average/second"}
    for number, batch in enumerate(batches([12] * 4)):
        before = step.state()
        step.run_batch(batch)
        after = step.state()
        changed = [not np.array_equal(before[name], after[name]) for name in trained]
        assert all(changed) if number % 2 else not any(changed)
        assert after["counter/step"] == (number + 1) // 2
        assert after["pending/a/examples"] == after["pending/b/examples"] == (0 if number % 2 else 12)


# --- freezing ------------------------------------------------------------------------------------------------------


def test_what_is_frozen_has_no_successor_and_draws_nothing() -> None:
    artifacts = artifacts_of(SPEC, "freeze")
    graph = artifacts.manifest["graphs"]["train.onnx"]
    names = {port["name"] for port in graph["outputs"]}
    assert names == {"loss", "counter/step.next", "normed.logits.dense.weight.next", "normed.logits.dense.bias.next"}
    assert "seed" not in {port["name"] for port in graph["inputs"]}
    changes = {entry["name"]: entry["changes"] for entry in artifacts.manifest["state"]}
    assert not any(changes[name] for name in changes if name.startswith("normed.h."))


# --- averages ---


def test_averages_of_running_statistics_follow_the_rule() -> None:
    """Those of each step, which test_equals_pytorch compares at the end, averaged in float64."""
    step = begun("average")
    names = [name for name in step.state() if name.startswith("Normed.h.batch_norm.running_")]
    assert len(names) == 2
    expected = {name: step.state()[f"average/{name}"].astype(np.float64) for name in names}
    for number, batch in enumerate(batches()):
        step.run_batch(batch)
        decay = min(0.6, (1 + number) / (10 + number))
        for name in names:
            found = step.state()
            expected[name] = decay * expected[name] + (1 - decay) * found[name]
            np.testing.assert_allclose(found[f"average/{name}"], expected[name], rtol=2e-6, atol=1e-7)
            assert not np.array_equal(found[f"average/{name}"], found[name])


# --- running statistics -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 12])
def test_the_running_variance_is_unbiased_and_finite_even_of_one_example(size: int) -> None:
    step = begun("average")
    before = step.state()
    batch = {name: array[:size] for name, array in next(batches()).items()}
    step.run_batch(batch)
    after = step.state()
    h = batch["x"] @ before["Normed.h.dense.weight"] + before["Normed.h.dense.bias"]
    variance = h.var(0) * size / max(size - 1, 1)
    np.testing.assert_allclose(after["Normed.h.batch_norm.running_var"], 0.9 + 0.1 * variance, rtol=1e-5)
    np.testing.assert_allclose(after["Normed.h.batch_norm.running_mean"], 0.1 * h.mean(0), rtol=1e-5, atol=1e-7)
    assert all(np.isfinite(array).all() for array in after.values())

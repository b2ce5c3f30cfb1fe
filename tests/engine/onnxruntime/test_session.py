from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dslc import graph as g
from dslc.diagnostics import Problem
from dslc.engine.machine import physical_cores, places_of_workers
from dslc.engine.onnxruntime import session as sessions
from dslc.engine.onnxruntime.runtime import Provider
from dslc.engine.onnxruntime.session import Graph, Settings
from dslc.types import FLOAT32, TensorType
from tests.engine.graphs import BATCH, batch_of, lookup, mlp, mlp_state, serialized, train_step


@pytest.fixture(scope="module")
def settings() -> Settings:
    return Settings.of("cpu", 2)


def code_of(raised: pytest.ExceptionInfo[Problem]) -> str:
    return raised.value.diagnostic.code.id


def test_a_failing_node_is_traced_to_its_origin(settings: Settings, capfd: pytest.CaptureFixture[str]) -> None:
    train = train_step([lookup()], {"table": np.zeros((4, 3), np.float32)}, settings)
    with pytest.raises(Problem) as raised:
        train.run_batch({"tokens": np.array([0, 9])})
    assert code_of(raised) == "E0604"
    message = raised.value.diagnostic.message
    assert message.startswith("Gather from words.dl:7 failed: indices element out of data bounds")
    assert "onnxruntime" not in message
    assert capfd.readouterr() == ("", ""), "the runtime's own report stays off the terminal"


def test_a_fused_node_is_traced_by_running_the_plain_graph(settings: Settings) -> None:
    error = RuntimeError("Non-zero status code returned while running Fused node. Name:'fused' Status Message: bad")
    feeds = {"tokens": np.array([0, 9]), "table": np.zeros((4, 3), np.float32)}
    found = Graph(lookup(), settings).failure(error, feeds)
    assert found.diagnostic.message.startswith("Gather from words.dl:7 failed: ")
    sound = Graph(lookup(), settings).failure(error, {**feeds, "tokens": np.array([0, 1])})
    assert sound.diagnostic.message == "Fused in 'fused' failed: bad"


@pytest.mark.parametrize("damage", [b"", b"not a model", mlp(6, 4, 3)[:-100]])
def test_a_damaged_graph_is_refused(settings: Settings, damage: bytes) -> None:
    with pytest.raises(Problem) as raised:
        Graph(damage, settings).session({})
    assert code_of(raised) == "E0605"


def test_a_missing_file_is_refused_by_name(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(Problem, match=r"E0605: .*absent\.onnx can't be read"):
        Graph(tmp_path / "absent.onnx", settings)


def test_a_graph_is_read_from_a_file_too(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "train.onnx"
    path.write_bytes(mlp(6, 4, 3))
    train = train_step([path], mlp_state(6, 4, 3), settings)
    train.run_batch(batch_of(8, 6, 3))
    assert train.state()["step"] == 1


def test_shared_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DSLC_SPIN", raising=False)
    assert Settings.of("cpu").spin
    monkeypatch.setenv("DSLC_SPIN", "0")
    quiet = Settings.of("cpu")
    assert not quiet.spin
    found = []
    for settings in (quiet, Settings(Provider.CPU, quiet.threads)):
        train = train_step([mlp(6, 4, 3)], mlp_state(6, 4, 3), settings)
        train.run_batch(batch_of(8, 6, 3))
        found.append(train.state()["w1"])
    first, second = found
    np.testing.assert_array_equal(first, second)


def logarithms(count: int) -> bytes:
    """A graph of logarithms, whose last bits depend on where the runtime cuts them into pieces."""
    builder = g.Builder("logarithms")
    builder.output("y", g.log(builder.input("x", TensorType(FLOAT32, (count,)))))
    return serialized(builder)


def test_two_threads_give_equal_bits_whichever_comes_late() -> None:
    count = 100_003
    session = Graph(logarithms(count), Settings(Provider.CPU, 2)).session({})
    feeds = {"x": np.random.default_rng(0).uniform(0.01, 3.0, count).astype(np.float32)}
    (expected,) = session.run(None, feeds)
    rivals = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    try:
        differing = sum(not np.array_equal(session.run(None, feeds)[0], expected) for _ in range(300))
    finally:
        for rival in rivals:
            rival.kill()
            rival.wait()
    assert differing == 0


@pytest.mark.parametrize(("workers", "spin", "unlike", "expected"), [
    (1, True, False, "1"), (1, False, False, ""), (1, True, True, ""), (2, True, False, ""), (0, True, False, ""),
])  # fmt: skip
def test_two_threads_with_cores_of_their_own_halve_tensors(
    workers: int, spin: bool, unlike: bool, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "places_of_workers", lambda _: [[1]] * workers)
    monkeypatch.setattr(sessions, "has_unlike_cores", lambda: unlike)
    options = Graph(logarithms(4), Settings(Provider.CPU, workers + 1, spin=spin))._options({})
    assert _entry(options, "session.dynamic_block_base") == expected


def _entry(options: Any, name: str) -> str:
    try:
        return str(options.get_session_config_entry(name))
    except RuntimeError:  # it was not set
        return ""


def chain(count: int) -> bytes:
    """A graph of three operators on tensors of ``count`` by batch numbers."""
    builder = g.Builder("chain")
    builder.output("y", g.tanh(g.exp(g.tanh(builder.input("x", TensorType(FLOAT32, (BATCH, count)))))))
    return serialized(builder)


def test_small_tensors_are_laid_out_in_one_block() -> None:
    settings = Settings(Provider.CPU, 2)
    small, large = Graph(chain(1_000), settings), Graph(chain(1_000_000), settings)
    assert small._options({"batch": 100}).enable_mem_pattern
    assert not small._options({}).enable_mem_pattern, "sizes that are not known can't be laid out once for all"
    assert not small._options({"batch": 10_000}).enable_mem_pattern
    assert large._options({"batch": 1}).enable_mem_pattern
    assert not large._options({"batch": 100}).enable_mem_pattern
    assert not Graph(chain(1_000), replace(settings, arena=False))._options({"batch": 100}).enable_mem_pattern
    for provider, expected in ((Provider.CUDA, True), (Provider.DIRECTML, False)):
        assert Graph(chain(1_000_000), Settings(provider, 2))._options({"batch": 100}).enable_mem_pattern is expected


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="reads where threads run from Linux' /proc")
def test_the_runtimes_threads_keep_to_their_places() -> None:
    cores = physical_cores()
    if not places_of_workers(cores):
        pytest.skip("a quota leaves this process fewer cores than it sees")
    before = set(Path("/proc/self/task").iterdir())
    train = train_step([mlp(6, 4, 3)], mlp_state(6, 4, 3), Settings(Provider.CPU, cores))
    train.run_batch(batch_of(8, 6, 3, seed=0))
    new = set(Path("/proc/self/task").iterdir()) - before
    wanted = [set(core) for core in places_of_workers(cores)]
    deadline = time.monotonic() + 10  # a thread goes to its place once it runs
    while True:
        found = [os.sched_getaffinity(int(task.name)) for task in new]
        if all(core in found for core in wanted) or time.monotonic() > deadline:
            break
        time.sleep(0.01)
    assert [core for core in wanted if core not in found] == []

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from dataclasses import replace
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dslc import graph as g
from dslc.diagnostics import Problem
from dslc.engine.environment import environment, environment_changes
from dslc.engine.machine import (
    has_unlike_cores,
    physical_cores,
    places_of_workers,
    processor_features,
    thread_count,
)
from dslc.engine.onnxruntime import runtime as runtimes
from dslc.engine.onnxruntime import session as sessions
from dslc.engine.onnxruntime.runtime import Provider, choose_provider
from dslc.engine.onnxruntime.session import Graph, NodeFailure, Settings
from dslc.engine.onnxruntime.stateful import TrainStep
from dslc.types import FLOAT32, TensorType

from .graphs import (
    BATCH,
    batch_of,
    first_of_two,
    lookup,
    mlp,
    mlp_reference,
    mlp_state,
    momentum,
    second_of_two,
    serialized,
)


@pytest.fixture(scope="module")
def settings() -> Settings:
    return Settings.of("cpu", 2)


def code_of(raised: pytest.ExceptionInfo[Problem]) -> str:
    return raised.value.diagnostic.code.id


# --- the training step -------------------------------------------------------------------------


def test_twenty_steps_agree_with_numpy_and_batches_of_other_sizes_share_the_state(settings: Settings) -> None:
    state = mlp_state(20, 16, 5)
    before = {name: array.copy() for name, array in state.items()}
    train = TrainStep([mlp(20, 16, 5)], state, settings)
    expected = state
    for step in range(20):
        batch = batch_of((32, 32, 7, 1, 9, 3, 32)[step % 7], 20, 5, seed=step)
        train.run_batch(batch, seed=step)
        loss, expected = mlp_reference(expected, batch)
        assert train.loss() == pytest.approx(loss, rel=1e-5)
        expected = {name: np.asarray(value) for name, value in expected.items()}
    found = train.state()
    for name, array in found.items():
        assert array.shape == before[name].shape
        assert array.dtype == before[name].dtype
        np.testing.assert_allclose(array, expected[name], rtol=2e-4, atol=2e-6, err_msg=name)
    assert found["step"] == 20
    for name, array in before.items():
        np.testing.assert_array_equal(state[name], array, err_msg="the caller's arrays are left alone")


def test_what_a_graph_has_done_with_is_overwritten(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two buffers or one make no difference in what comes out."""
    state, found = {"w": np.ones(3, np.float32), "m": np.full(3, 2, np.float32)}, []
    for overwrites in (True, False):
        if not overwrites:
            monkeypatch.setattr(Graph, "may_overwrite", lambda *_: False)
        train = TrainStep([momentum()], state, settings)
        buffers = {name: first is second for name, (first, second) in train._buffers.items()}
        assert buffers == {"w": False, "m": overwrites}
        for step in range(5):
            train.run_batch({"x": np.full((2, 3), step, np.float32)})
        found.append(train.state())
    for name in state:
        np.testing.assert_array_equal(found[0][name], found[1][name])
    np.testing.assert_allclose(found[0]["m"], 2 * 0.5**5 + 2 * (0.5**3 + 2 * 0.5**2 + 3 * 0.5 + 4))


def test_what_is_read_otherwise_is_not_overwritten(settings: Settings) -> None:
    """A reshaped tensor lies where the one before lies, and a product of matrices reads each element many times."""
    builder = g.Builder("readings")
    states = [builder.input(name, TensorType(FLOAT32, (2, 2))) for name in ("sum", "product", "reshaped", "twice")]
    total, product, reshaped, twice = states
    builder.output("sum.next", total * 0.5 + 1.0)
    builder.output("product.next", (product @ product) * 0.5)
    builder.output("reshaped.next", g.reshape(g.reshape(reshaped, (4,)), (2, 2)) * 0.5)
    builder.output("twice.next", twice * 0.5 + 1.0)
    builder.output("loss", g.reduce_sum(twice))
    graph = Graph(serialized(builder), settings)
    assert [name for name in graph.inputs if graph.may_overwrite(f"{name}.next", name)] == ["sum"]


def test_more_sizes_than_static_sessions(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dslc.engine.onnxruntime.stateful.MOST_FEEDS", 8)
    sizes = [*range(1, 13), 1, 12, 5, 9]
    train = TrainStep([mlp(6, 4, 3)], mlp_state(6, 4, 3), settings)
    expected = mlp_state(6, 4, 3)
    for size in sizes:
        batch = batch_of(size, 6, 3, seed=size)
        train.run_batch(batch)
        _, expected = mlp_reference(expected, batch)
        expected = {name: np.asarray(value) for name, value in expected.items()}
    np.testing.assert_allclose(train.state()["w1"], expected["w1"], rtol=1e-4, atol=1e-6)
    assert len(train.graphs[0]._sessions) == settings.static_shapes + 1
    assert len(train._feeds) == 9


def test_several_graphs_read_what_the_one_before_left(settings: Settings) -> None:
    state = {"a": np.array(1, np.float32), "c": np.array([1, 2], np.float32), "d": np.zeros(2, np.float32)}
    train = TrainStep([first_of_two(), second_of_two()], {**state, "unused": np.array([7.0])}, settings)
    a, c, d = 1.0, state["c"], state["d"]
    for step in range(5):
        train.run_batch({"x": np.full(4, step, np.float32), "ignored": np.zeros(3)}, seed=step)
        middle, c = a + step, 2 * c
        assert train.loss(0) == a
        assert train.losses(1) == {"loss": middle}
        a, d = 3 * middle, d + c + step
        found = train.state()
        assert found["a"].shape == ()
        assert found["a"] == a
        np.testing.assert_array_equal(found["c"], c)
        np.testing.assert_array_equal(found["d"], d)
        np.testing.assert_array_equal(found["unused"], [7.0])


@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_host_set_state_counts_from_the_next_step_on(settings: Settings, after: int) -> None:
    train = TrainStep([mlp(6, 4, 3)], mlp_state(6, 4, 3), settings)
    for step in range(after):
        train.run_batch(batch_of(8, 6, 3, seed=step))
    train.set_state("rate", np.array(0, np.float32))
    train.set_state("b2", np.array([1, 2, 3], np.float32))
    train.run_batch(batch_of(8, 6, 3))
    found = train.state()
    np.testing.assert_array_equal(found["b2"], [1, 2, 3])
    assert found["rate"].shape == ()
    assert found["step"] == after + 1


def test_resuming_is_bit_identical_wherever_the_arrays_lie_in_memory(settings: Settings) -> None:
    model = mlp(20, 16, 5)
    batches = [batch_of(size, 20, 5, seed=size) for size in (32, 32, 7, 32, 11, 32)]
    whole = TrainStep([model], mlp_state(20, 16, 5), settings)
    for batch in batches:
        whole.run_batch(batch)
    half = TrainStep([model], mlp_state(20, 16, 5), settings)
    for batch in batches[:3]:
        half.run_batch(batch)
    resumed = TrainStep([model], half.state(), settings)
    for offset, batch in enumerate(batches[3:], start=1):
        memory = np.empty(batch["image"].size + offset, np.float32)
        image = memory[offset:].reshape(batch["image"].shape)
        image[:] = batch["image"]
        resumed.run_batch({**batch, "image": image})
    for name, array in whole.state().items():
        assert array.tobytes() == resumed.state()[name].tobytes(), name


def test_fields_need_not_be_contiguous(settings: Settings) -> None:
    batch = batch_of(8, 6, 3)
    found = []
    for image in (batch["image"], np.asfortranarray(batch["image"])):
        train = TrainStep([mlp(6, 4, 3)], mlp_state(6, 4, 3), settings)
        train.run_batch({**batch, "image": image})
        found.append(train.state()["w1"])
    np.testing.assert_array_equal(*found)


# --- what does not fit -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image": np.zeros((8, 6), np.float64)}, "'image' is float64, but the graph takes float32"),
        ({"image": np.zeros((8, 7), np.float32)}, "'image' has shape [8, 7], but the graph takes [8, 6]"),
        ({"image": np.zeros((9, 6), np.float32)}, "'label' has shape [8], but the graph takes [9]"),
        ({"image": np.zeros(8, np.float32)}, "'image' has shape [8], but the graph takes [8, 6]"),
    ],
)
@pytest.mark.parametrize("warm", [False, True])
def test_a_batch_that_does_not_fit(settings: Settings, change: dict[str, np.ndarray], message: str, warm: bool) -> None:
    train = TrainStep([mlp(6, 4, 3)], mlp_state(6, 4, 3), settings)
    if warm:
        train.run_batch(batch_of(8, 6, 3))
    with pytest.raises(Problem) as raised:
        train.run_batch({**batch_of(8, 6, 3), **change})
    assert code_of(raised) == "E0607"
    assert raised.value.diagnostic.message == message


def test_a_missing_field(settings: Settings) -> None:
    train = TrainStep([mlp(6, 4, 3)], mlp_state(6, 4, 3), settings)
    with pytest.raises(Problem, match="E0607: the batch lacks the field 'label'"):
        train.run_batch({"image": np.zeros((8, 6), np.float32)})


def test_state_that_does_not_fit(settings: Settings) -> None:
    state = mlp_state(6, 4, 3)
    with pytest.raises(Problem, match=r"E0606: 'w2' is float32\[5, 3\], but the graph takes float32\[4, 3\]"):
        TrainStep([mlp(6, 4, 3)], {**state, "w2": np.zeros((5, 3), np.float32)}, settings)
    del state["w2"]
    with pytest.raises(Problem, match="E0606: the state lacks 'w2'"):
        TrainStep([mlp(6, 4, 3)], state, settings)
    train = TrainStep([mlp(6, 4, 3)], mlp_state(6, 4, 3), settings)
    with pytest.raises(Problem, match=r"E0606: 'rate' is float32\[\], not float32\[1\]"):
        train.set_state("rate", np.zeros(1, np.float32))


def test_a_failing_node_is_traced_to_its_origin(settings: Settings, capfd: pytest.CaptureFixture[str]) -> None:
    train = TrainStep([lookup()], {"table": np.zeros((4, 3), np.float32)}, settings)
    with pytest.raises(NodeFailure) as raised:
        train.run_batch({"tokens": np.array([0, 9])})
    assert code_of(raised) == "E0604"
    assert (raised.value.node, raised.value.origin) == ("Embedding/Gather", "words.dl:7")
    message = raised.value.diagnostic.message
    assert message.startswith("Gather from words.dl:7 failed: indices element out of data bounds")
    assert "onnxruntime" not in message
    assert capfd.readouterr() == ("", ""), "the runtime's own report stays off the terminal"


def test_a_fused_node_is_traced_by_running_the_plain_graph(settings: Settings) -> None:
    error = RuntimeError("Non-zero status code returned while running Fused node. Name:'fused' Status Message: bad")
    feeds = {"tokens": np.array([0, 9]), "table": np.zeros((4, 3), np.float32)}
    found = Graph(lookup(), settings).failure(error, feeds)
    assert (found.node, found.origin) == ("Embedding/Gather", "words.dl:7")
    sound = Graph(lookup(), settings).failure(error, {**feeds, "tokens": np.array([0, 1])})
    assert (sound.node, sound.origin) == ("fused", None)
    assert sound.diagnostic.message == "Fused in 'fused' failed: bad"


@pytest.mark.parametrize("damage", [b"", b"not a model", mlp(6, 4, 3)[:-100]])
def test_a_damaged_graph_is_refused(settings: Settings, damage: bytes) -> None:
    with pytest.raises(Problem) as raised:
        Graph(damage, settings).session({})
    assert code_of(raised) == "E0605"


def test_a_missing_file_is_refused_by_name(settings: Settings, tmp_path) -> None:
    with pytest.raises(Problem, match=r"E0605: .*absent\.onnx can't be read"):
        Graph(tmp_path / "absent.onnx", settings)


def test_a_graph_is_read_from_a_file_too(settings: Settings, tmp_path) -> None:
    path = tmp_path / "train.onnx"
    path.write_bytes(mlp(6, 4, 3))
    train = TrainStep([path], mlp_state(6, 4, 3), settings)
    train.run_batch(batch_of(8, 6, 3))
    assert train.state()["step"] == 1


# --- providers and the machine -----------------------------------------------------------------


def test_the_provider_is_said_and_never_replaced() -> None:
    assert choose_provider("cpu") is Provider.CPU
    assert choose_provider(Provider.CPU) is Provider.CPU
    assert choose_provider() in Provider
    missing = next(p for p in Provider if p not in runtimes.available_providers())
    with pytest.raises(Problem) as raised:
        choose_provider(missing.value)
    assert code_of(raised) == "E0602"
    assert f"dslc[{missing.value}]" in (raised.value.diagnostic.hint or "")


def test_an_unknown_provider_gets_a_suggestion() -> None:
    with pytest.raises(Problem) as raised:
        choose_provider("cude")
    assert code_of(raised) == "E0603"
    assert raised.value.diagnostic.hint == "did you mean 'cuda'?"


@pytest.mark.filterwarnings("ignore:Specified provider")
def test_a_provider_that_falls_back_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package with CUDA on a machine without runs on the processor and only logs it."""
    monkeypatch.setattr(runtimes.runtime(), "get_available_providers", lambda: [p.runtime_name for p in Provider])
    runtimes._works.cache_clear()
    try:
        with pytest.raises(Problem, match="E0602: the provider cuda is installed but could not be loaded"):
            choose_provider("cuda")
        assert choose_provider() is Provider.CPU
    finally:
        runtimes._works.cache_clear()


class _Blocker:
    """Makes the import of one package fail, as if it were not installed."""

    def __init__(self, name: str) -> None:
        self.name = name

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        if name.split(".", maxsplit=1)[0] == self.name:
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)
        return None


def test_without_onnxruntime(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "onnxruntime"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [_Blocker("onnxruntime"), *sys.meta_path])
    for action in (lambda: Settings.of("cpu"), choose_provider):
        with pytest.raises(Problem) as raised:
            action()
        assert code_of(raised) == "E0601"
        assert 'pip install "dslc[cpu]"' in (raised.value.diagnostic.hint or "")
    found = environment()
    assert (found["onnxruntime"], found["providers"]) == (None, [])


def test_heavy_imports_wait() -> None:
    engine = "evaluation, environment, onnxruntime.session, onnxruntime.stateful"
    engines = [f"dslc.engine.{name}" for name in engine.split(", ")]
    modules = ", ".join([*engines, "dslc.storage.files", "dslc.storage.checkpoints"])
    heavy = "{'onnx', 'onnxruntime', 'safetensors', 'onnx_ir'} & set(sys.modules)"
    program = f"import sys, {modules}; sys.exit(str({heavy}) if {heavy} else 0)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


HALVES = """
import sys
import numpy as np
import onnx_ir as ir
from dslc.graph import Builder
from dslc.engine.onnxruntime.session import Graph, Settings
from dslc.types import FLOAT32, TensorType

builder = Builder("halves")
builder.output("y", builder.input("x", TensorType(FLOAT32, (1_000_000,))) * 0.5)
model = ir.to_proto(builder.model()).SerializeToString()
if sys.argv[1] == "second":
    from onnxruntime import InferenceSession
    InferenceSession(model)
graph = Graph(model, Settings.of("cpu", 2))
(found,) = graph.session({}).run(None, {"x": np.full(1_000_000, 2e-38, np.float32)})
print(np.count_nonzero(found.view(np.int32)))
"""
"""Prints how many of a million subnormal results are not zero."""


X86 = platform.machine() in ("x86_64", "AMD64")


@pytest.mark.parametrize(("order", "setting", "expected"), [
    pytest.param("first", "0", "0", marks=pytest.mark.skipif(not X86, reason="ONNX Runtime flushes on x86 only")),
    ("first", "1", "1000000"),
    ("first", None, "1000000"),
    ("second", "0", "1000000"),  # the session before lets the calling thread keep them, so all threads do
])  # fmt: skip
def test_subnormal_numbers(order: str, setting: str | None, expected: str) -> None:
    variables = {name: value for name, value in os.environ.items() if name != "DSLC_SUBNORMALS"}
    variables |= {"DSLC_SUBNORMALS": setting} if setting else {}
    command = [sys.executable, "-c", HALVES, order]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=variables)
    assert (done.stdout, done.stderr) == (f"{expected}\n", "")


def test_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DSLC_THREADS", raising=False)
    assert thread_count() == physical_cores() >= 1
    monkeypatch.setenv("DSLC_THREADS", "3")
    assert thread_count() == 3
    assert thread_count(5) == 5
    for wrong in ("0", "-1", "two", "1.5", "9999999"):
        monkeypatch.setenv("DSLC_THREADS", wrong)
        with pytest.raises(Problem, match="E0611"):
            thread_count()


def test_shared_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DSLC_SPIN", raising=False)
    assert Settings.of("cpu").spin
    monkeypatch.setenv("DSLC_SPIN", "0")
    quiet = Settings.of("cpu")
    assert not quiet.spin
    found = []
    for settings in (quiet, Settings(Provider.CPU, quiet.threads)):
        train = TrainStep([mlp(6, 4, 3)], mlp_state(6, 4, 3), settings)
        train.run_batch(batch_of(8, 6, 3))
        found.append(train.state()["w1"])
    np.testing.assert_array_equal(*found)


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


def test_threads_that_fill_all_cores_have_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1, 2, 3, 6, 7}, raising=False)
    monkeypatch.setattr("dslc.engine.machine._core", lambda cpu: ("0", str(cpu % 4)))
    assert places_of_workers(4) == [[1], [2, 6], [3, 7]]
    assert places_of_workers(3) == places_of_workers(5) == []
    monkeypatch.delattr("os.sched_getaffinity")
    assert places_of_workers(4) == []


def test_unlike_cores_are_told_by_their_capacity_or_their_kind(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setattr("dslc.engine.machine.DEVICES", tmp_path)
    assert not has_unlike_cores()
    for cpu, capacity in enumerate(("1024", "1024", "446")):
        assert not has_unlike_cores()
        folder = tmp_path / f"system/cpu/cpu{cpu}"
        folder.mkdir(parents=True)
        (folder / "cpu_capacity").write_text(f"{capacity}\n")
    assert has_unlike_cores()
    (folder / "cpu_capacity").write_text("1024\n")
    assert not has_unlike_cores()
    (tmp_path / "cpu_atom").mkdir()
    assert has_unlike_cores()


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="reads where threads run from Linux' /proc")
def test_the_runtimes_threads_keep_to_their_places() -> None:
    cores = physical_cores()
    if not places_of_workers(cores):
        pytest.skip("a quota leaves this process fewer cores than it sees")
    before = set(Path("/proc/self/task").iterdir())
    train = TrainStep([mlp(6, 4, 3)], mlp_state(6, 4, 3), Settings(Provider.CPU, cores))
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


def test_environment() -> None:
    found = environment(Settings(Provider.CPU, 2))
    assert (found["provider"], found["threads"]) == ("cpu", 2)
    assert environment()["provider"] is None
    assert "cpu" in found["providers"]
    assert found["onnxruntime"] == runtimes.runtime().__version__
    assert found["processor_features"] == processor_features()
    assert environment_changes(found, found) == []
    (warning,) = environment_changes(found, {**found, "threads": 8, "numpy": "0"})
    assert (warning.code.id, warning.message) == ("W0602", "threads: 2 before, 8 now")
    (warning,) = environment_changes({**found, "halves": True}, {**found, "halves": False})
    assert warning.message == "threads keep to halves of tensors: yes before, no now"

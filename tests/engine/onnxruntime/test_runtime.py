from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib.machinery import ModuleSpec

import pytest

from dslc.diagnostics import Problem
from dslc.engine.environment import environment
from dslc.engine.onnxruntime import runtime as runtimes
from dslc.engine.onnxruntime.runtime import Provider, choose_provider
from dslc.engine.onnxruntime.session import Settings


def code_of(raised: pytest.ExceptionInfo[Problem]) -> str:
    return raised.value.diagnostic.code.id


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


X86 = platform.machine() in ("x86_64", "AMD64")


@pytest.mark.parametrize(("order", "setting", "expected"), [
    pytest.param("first", "0", "0", marks=pytest.mark.skipif(not X86, reason="ONNX Runtime flushes on x86 only")),
    pytest.param("first", "1", "1000000", marks=pytest.mark.slow),
    ("first", None, "1000000"),
    ("second", "0", "1000000"),  # the session before lets the calling thread keep them, so all threads do
])  # fmt: skip
def test_subnormal_numbers(order: str, setting: str | None, expected: str) -> None:
    variables = {name: value for name, value in os.environ.items() if name != "DSLC_SUBNORMALS"}
    variables |= {"DSLC_SUBNORMALS": setting} if setting else {}
    command = [sys.executable, "-c", HALVES, order]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=variables)
    assert (done.stdout, done.stderr) == (f"{expected}\n", "")

from __future__ import annotations

import subprocess
import sys

from dslc import __version__
from dslc.engine.engines import choose_engine
from dslc.engine.environment import environment, environment_changes
from dslc.engine.machine import processor_features
from dslc.engine.onnxruntime import runtime as runtimes


def test_environment() -> None:
    found = environment(choose_engine("cpu", 2))
    assert (found["provider"], found["threads"]) == ("cpu", 2)
    assert environment()["provider"] is None
    assert "cpu" in found["providers"]
    assert found["onnxruntime"] == runtimes.runtime().__version__
    assert found["processor_features"] == processor_features()
    assert environment_changes(found, found) == []
    (warning,) = environment_changes(found, {**found, "threads": 8, "numpy": "0"})
    assert (warning.code.id, warning.message) == ("W0602", "threads: 2 before, 8 now")
    (warning,) = environment_changes({**found, "dslc": "0.0.9"}, found)
    assert warning.message == f"dslc: 0.0.9 before, {__version__} now"
    (warning,) = environment_changes({**found, "halves": True}, {**found, "halves": False})
    assert warning.message == "threads keep to halves of tensors: yes before, no now"


def test_heavy_imports_wait() -> None:
    engine = "evaluation, environment, engines, onnxruntime.session, onnxruntime.stateful"
    engines = [f"dslc.engine.{name}" for name in engine.split(", ")]
    modules = ", ".join([*engines, "dslc.storage.files", "dslc.storage.checkpoints"])
    heavy = "{'onnx', 'onnxruntime', 'safetensors', 'onnx_ir'} & set(sys.modules)"
    program = f"import sys, {modules}; sys.exit(str({heavy}) if {heavy} else 0)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")

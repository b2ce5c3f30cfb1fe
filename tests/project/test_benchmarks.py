"""Benchmarks run; what they measure is not asserted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS = ROOT / "benchmarks"
PROGRAM = """
import json, sys
from pathlib import Path
from cases import prepare
from engines.dslc_engine import DslcEngine
from models import MODELS
case = prepare(MODELS[sys.argv[1]], Path(sys.argv[2]))
engine = DslcEngine(case.folder, {"cores": [0, 1], "overrides": {}})
print(json.dumps({"losses": [engine.step() for _ in range(2)], "flops": case.step_flops}))
"""
MODELS = [
    "mlp-32", "mlp-128", "mlp-1024", "tabular", "cnn", "lenet", "resnet20", "autoencoder", "gpt-4x128", "gpt-6x384",
]  # fmt: skip


def test_loop_overhead_is_measured() -> None:
    command = [sys.executable, "benchmarks/loop_overhead.py", "specs/digits.dl", "--rounds", "2", "--batches", "5"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("digits.dl, batch 32")
    assert "together" in done.stdout


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name == "mlp-32" else pytest.mark.slow) for name in MODELS]
)
def test_every_model_trains(name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, name, str(tmp_path / "case")]
    done = subprocess.run(command, cwd=BENCHMARKS, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["flops"] > 0
    assert all(0 < loss < 10 for loss in found["losses"])
    assert found["losses"][0] != found["losses"][1]


@pytest.mark.slow
def test_figures_are_reported(tmp_path: Path) -> None:
    target, broken = tmp_path / "new" / "figures.json", tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho no torch here >&2\nexit 1\n")
    broken.chmod(0o755)
    command = [
        sys.executable, "benchmarks/run.py", "--quick", "--rounds", "1", "--models", "mlp-32",
        "--engines", "dslc,torch", "--python", f"torch={broken}", "--json", str(target),
    ]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    engines = json.loads(target.read_text())["models"]["mlp-32"]["engines"]
    assert engines["dslc"]["step_seconds"] > 0
    assert "no torch here" in engines["torch"]["failed"]
    assert "PyTorch eager, mlp-32: " in done.stdout


@pytest.mark.parametrize(("option", "message"), [
    ("--python=torch=nowhere", "'nowhere' is no Python to run"),
    pytest.param("--python=torsh=/bin/sh", "'torsh' is not an environment", marks=pytest.mark.slow),
    ("--docs=README.md/docs", "README.md/docs can't be made"),
    pytest.param("--json=README.md/figures.json", "README.md can't be made", marks=pytest.mark.slow),
    pytest.param("--engines=torch", "--engines must include dslc", marks=pytest.mark.slow),
])  # fmt: skip
def test_what_can_t_work_is_said_before_anything_is_measured(option: str, message: str) -> None:
    command = [sys.executable, "benchmarks/run.py", option]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr

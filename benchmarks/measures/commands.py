"""Whole commands: the time to the first training step, compiling deep networks, and what is installed."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from environments import ROOT
from models import SPECS

__all__ = ["compile_times", "first_step", "installed_sizes"]

SCRIPTS = ROOT / "benchmarks" / "scripts"
DIGITS = ROOT / "specs" / "digits.dl"
DIGITS_DATA = ROOT / "specs" / "data" / "digits.csv.gz"


def first_step(torch: Path | None, cores: Sequence[int], rounds: int) -> dict[str, Any]:
    """Return seconds from the command to the end of the first training step of digits.dl, here and in PyTorch."""
    with tempfile.TemporaryDirectory() as folder:
        commands = {
            "dslc": [
                sys.executable, str(SCRIPTS / "dslc_first_step.py"),
                "train", str(DIGITS), "-o", f"{folder}/run", "--overwrite",
            ],
        }  # fmt: skip
        if torch is not None:
            commands["torch"] = [str(torch), str(SCRIPTS / "torch_first_step.py"), str(DIGITS_DATA)]
        seconds: dict[str, list[float]] = {name: [] for name in commands}
        for number in range(rounds + 1):
            for name, command in commands.items():
                start = time.time()
                done = _run(command, cores)
                moment = re.search(r"first step at ([\d.]+)", done.stderr)
                if moment is None:
                    raise RuntimeError(f"{name} did not come to a step: {done.stderr[-500:]}")
                if number:  # the first time fills the caches of files
                    seconds[name].append(float(moment[1]) - start)
    return {name: statistics.median(found) for name, found in seconds.items()}


def compile_times(cores: Sequence[int], rounds: int, layers: Sequence[int] = (1000, 2000)) -> dict[str, float]:
    """Return seconds of ``dslc compile`` for chains of dense layers, by their number, the whole command."""
    seconds: dict[str, list[float]] = {str(number): [] for number in layers}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            for number in layers:
                command = [
                    sys.executable, "-m", "dslc", "compile", str(SPECS / "deep.dl"), "-o", f"{folder}/{number}",
                    "--set", f"layers={number}",
                ]  # fmt: skip
                start = time.perf_counter()
                done = _run(command, cores)
                seconds[str(number)].append(time.perf_counter() - start)
                if done.returncode:
                    raise RuntimeError(done.stderr[-500:])
    return {name: statistics.median(found) for name, found in seconds.items()}


def installed_sizes(torch: Path | None) -> dict[str, int]:
    """Return the bytes of ``dslc[cpu]`` in a fresh environment, and of PyTorch, each with all that it needs."""
    script = str(SCRIPTS / "installed_size.py")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        python = f"{folder}/bin/python"
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"{ROOT}[cpu]"]
        subprocess.run(install, check=True, capture_output=True)
        found = {"dslc": int(_output([python, script, "dslc", "cpu"]))}
    if torch is not None:
        found["torch"] = int(_output([str(torch), script, "torch"]))
    return found


def _run(command: Sequence[str], cores: Sequence[int]) -> subprocess.CompletedProcess[str]:
    threads = str(len(cores))
    # what is installed has its bytecode beside it, and so has what is measured here after the first time
    known = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return subprocess.run(
        command, capture_output=True, text=True, check=False,
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
        env={**known, "OMP_NUM_THREADS": threads},
    )  # fmt: skip


def _output(command: Sequence[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout

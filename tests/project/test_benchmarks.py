"""Benchmarks run; what they measure is not asserted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_loop_overhead_is_measured() -> None:
    command = [sys.executable, "benchmarks/loop_overhead.py", "specs/digits.dl", "--rounds", "2", "--batches", "5"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("digits.dl, batch 32")
    assert "together" in done.stdout

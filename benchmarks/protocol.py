"""How a worker talks: a line of JSON asks, a line of JSON answers.

Every engine imports this, in whatever environment, so it needs nothing but the standard library. A worker holds one
engine with one model and runs steps when told; between its rounds it waits on its pipe.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

__all__ = ["READY", "Engine", "serve"]

READY = "ready"


class Engine(Protocol):
    """One model in one engine, ready to train."""

    def step(self) -> float:
        """Train on the next batch, and return its loss."""

    def versions(self) -> dict[str, str]:
        """Return the versions of what computes."""


def serve(make: Callable[[Path, dict[str, Any]], Engine]) -> None:
    """Answer until the pipe closes; arguments of the command are the case's folder, and options as JSON.

    ``{"steps": k}`` trains k steps and returns their ``losses`` and the ``seconds`` that they took;
    ``{"warm": s, "steps": k}`` trains s seconds before that (at least a step), unmeasured;
    ``{"report": true}`` returns the peak of resident memory in bytes and versions.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print goes to the errors
    folder, options = Path(sys.argv[1]), json.loads(sys.argv[2])
    os.sched_setaffinity(0, options["cores"])

    def answer(message: dict[str, Any]) -> None:
        answers.write(json.dumps(message) + "\n")
        answers.flush()

    began = time.perf_counter()
    engine = make(folder, options)
    answer({READY: time.perf_counter() - began})
    for line in sys.stdin:
        asked = json.loads(line)
        if "report" in asked:
            answer({"peak_bytes": peak_bytes(), "versions": engine.versions()})
            continue
        if warm := asked.get("warm"):
            until = time.perf_counter() + warm
            engine.step()
            while time.perf_counter() < until:
                engine.step()
        start = time.perf_counter()
        losses = [engine.step() for _ in range(asked["steps"])]
        answer({"seconds": time.perf_counter() - start, "losses": losses})


def peak_bytes() -> int:
    """Return the peak of this process's resident memory. (``getrusage`` would count the parent's before ``exec``.)"""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))

"""Worker processes and the rounds in which they alternate."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from engines import Engine
from protocol import READY
from typing_extensions import Self

__all__ = ["TOLERANCE", "EngineFailed", "Measured", "Worker", "compare", "disagreement", "first_losses"]

WARM_SECONDS = 0.05
"""Unmeasured part of a round, since threads of the engine before stay awake for a while."""
MOST_FOREIGN = 0.1
"""Share of the cores' time that other programs may take in a round that counts."""
FEWEST = 3
"""Rounds without which those that were disturbed count too, and the result is marked."""
TOLERANCE = 1e-3
"""Relative difference of losses above which engines do not compute the same."""


class EngineFailed(Exception):
    """An engine can't run a model; the text says why."""


class Worker:
    """One engine with one case, in a process of its own that waits between rounds."""

    def __init__(
        self, engine: Engine, python: Path, folder: Path, cores: Sequence[int],
        overrides: Mapping[str, float] | None = None,
    ) -> None:  # fmt: skip
        self.engine = engine
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - lives as long as the process
        options = {**engine.options, "cores": list(cores), "overrides": dict(overrides or {})}
        threads = str(len(cores))
        try:
            self.process = subprocess.Popen(
                [str(python), str(engine.script), str(folder), json.dumps(options)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True,
                env={**os.environ, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads},
            )  # fmt: skip
        except OSError as error:
            raise EngineFailed(str(error)) from error
        self.ready_seconds: float = self._answer()[READY]

    def ask(self, **message: Any) -> dict[str, Any]:
        """Send a message and wait for its answer.

        Raises:
            EngineFailed: the process has ended.
        """
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(message) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            self.errors.seek(0)
            lines = [text for text in self.errors.read().splitlines() if text.strip()]
            raise EngineFailed(lines[-1][-300:] if lines else f"ended with {self.process.returncode}")
        found: dict[str, Any] = json.loads(line)
        return found

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self.errors.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


@dataclass
class Measured:
    """What came out of one engine on one model."""

    step_seconds: list[float] = field(default_factory=list)
    """Of each round, per step."""
    peak_bytes: int = 0
    ready_seconds: float = 0.0
    is_disturbed: bool = False
    """Did other programs use the cores meanwhile?"""
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def median(self) -> float:
        """Seconds per step."""
        return statistics.median(self.step_seconds)

    def over(self, other: Measured) -> float:
        """How much faster than another: the median over rounds that ran side by side."""
        return statistics.median(b / a for a, b in zip(self.step_seconds, other.step_seconds, strict=True))


def first_losses(
    engines: Mapping[str, tuple[Engine, Path]], folder: Path, cores: Sequence[int], steps: int
) -> dict[str, list[float]]:
    """Return the losses of the first steps with dropout off, from workers of their own."""
    found: dict[str, list[float]] = {}
    for name, (engine, python) in engines.items():
        with Worker(engine, python, folder, cores, {"dropout": 0.0}) as worker:
            found[name] = worker.ask(steps=steps)["losses"]
    return found


def disagreement(losses: Sequence[float], base: Sequence[float]) -> float:
    """Return how far losses are from the base's, relatively, at most over the steps that both have."""
    return max(abs(a - b) / abs(b) for a, b in zip(losses, base, strict=False))


def compare(
    workers: Mapping[str, Worker], cores: Sequence[int], rounds: int, round_seconds: float
) -> dict[str, Measured]:
    """Run rounds of the workers in turn; all take the same number of steps in each.

    A round in which other programs used the cores is run again, up to as often as there are rounds.
    """
    found = {name: Measured(ready_seconds=worker.ready_seconds) for name, worker in workers.items()}
    paces = [worker.ask(warm=WARM_SECONDS, steps=3)["seconds"] / 3 for worker in workers.values()]
    steps = max(1, round(round_seconds / min(paces)))
    names = list(workers)
    quiet: list[dict[str, float]] = []
    disturbed: list[dict[str, float]] = []
    for number in range(2 * rounds):
        usage, turn = Usage.of(cores, workers), dict[str, float]()
        for name in names[number % len(names) :] + names[: number % len(names)]:
            turn[name] = workers[name].ask(warm=WARM_SECONDS, steps=steps)["seconds"] / steps
        is_quiet = Usage.of(cores, workers).foreign_since(usage, len(cores)) <= MOST_FOREIGN
        (quiet if is_quiet else disturbed).append(turn)
        if len(quiet) == rounds:
            break
    kept = quiet if len(quiet) >= min(FEWEST, rounds) else quiet + disturbed
    for name, worker in workers.items():
        report = worker.ask(report=True)
        found[name].step_seconds = [turn[name] for turn in kept]
        found[name].is_disturbed = kept is not quiet
        found[name].peak_bytes, found[name].versions = report["peak_bytes"], report["versions"]
    return found


@dataclass(frozen=True)
class Usage:
    """Processor time up to now: of some cores by all programs, and of the workers alone."""

    at: float
    all_seconds: float
    own_seconds: float

    @classmethod
    def of(cls, cores: Sequence[int], workers: Mapping[str, Worker]) -> Usage:
        """Read them."""
        busy = 0
        for line in Path("/proc/stat").read_text().splitlines():
            name, *counts = line.split()
            if name.startswith("cpu") and name[3:].isdigit() and int(name[3:]) in cores:
                user, nice, system, _, _, interrupt, soft = map(int, counts[:7])
                busy += user + nice + system + interrupt + soft
        own = 0
        for worker in workers.values():
            fields = Path(f"/proc/{worker.process.pid}/stat").read_text().rpartition(")")[2].split()
            own += int(fields[11]) + int(fields[12])
        tick = os.sysconf("SC_CLK_TCK")
        return cls(time.monotonic(), busy / tick, own / tick)

    def foreign_since(self, before: Usage, cores: int) -> float:
        """Return the share of the cores' time that other programs took."""
        foreign = (self.all_seconds - before.all_seconds) - (self.own_seconds - before.own_seconds)
        return max(foreign, 0.0) / ((self.at - before.at) * cores)

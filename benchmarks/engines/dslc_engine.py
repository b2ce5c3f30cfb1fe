"""Trains with dslc's own loop, as ``dslc train`` does, checkpoints and evaluations aside."""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import protocol


class DslcEngine:
    """A training run on a compiled case."""

    def __init__(self, folder: Path, options: dict[str, Any]) -> None:
        from cases import open_spec

        from dslc.cli.startup import flush_subnormals
        from dslc.engine.engines import choose_engine
        from dslc.run.loop import Trainer
        from dslc.run.observing import Observer
        from dslc.storage.folder import RunFolder

        flush_subnormals()
        self.job = open_spec(folder, {name: str(value) for name, value in options.get("overrides", {}).items()})
        self.folder = TemporaryDirectory()
        place = RunFolder.of(Path(self.folder.name))
        self.run = Trainer(self.job, place, choose_engine("cpu", len(options["cores"])), Observer())
        self.run.save_at = math.inf
        self.run.prepare(self.job.artifacts.first_state())
        self.feeds = self.endless()

    def endless(self) -> Iterator[Any]:
        """Yield the full batches of the first epoch again and again."""
        batches = self.run.dataset.examples("train") // self.run.train.batch
        while True:
            self.run.progress.batch = 0
            yield from self.run.course.feeder.feeds(itertools.islice(self.run.course.places(), batches))

    def step(self) -> float:
        """Train on the next batch."""
        self.run.run_batch(next(self.feeds))
        return self.run.step.loss()

    def versions(self) -> dict[str, str]:
        """Return the versions of what computes."""
        import onnxruntime

        import dslc

        return {"dslc": dslc.__version__, "onnxruntime": onnxruntime.__version__}


if __name__ == "__main__":
    protocol.serve(DslcEngine)

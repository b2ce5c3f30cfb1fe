"""What two options of a session save: one block for all tensors of a run, and two threads that keep to their halves.

`python benchmarks/lowering/sessions.py [MODEL,...]`, of the models in `benchmarks/models.py`. Steps with and without an
option take turns; the median of the ratios side by side is printed. See `dslc.engine.onnxruntime.session`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cases import open_spec, prepare
from harness import on_one_batch, times_as_long
from models import MODELS

from dslc.engine.onnxruntime.session import Graph, Settings
from dslc.engine.onnxruntime.stateful import StatefulRunner


class WithoutBlock(Graph):
    """Takes memory tensor by tensor."""

    def _options(self, symbols: Mapping[str, int]) -> Any:
        options = super()._options(symbols)
        options.enable_mem_pattern = False
        return options


class WithoutHalves(Graph):
    """Cuts tensors into pieces that any thread may take."""

    def _options(self, symbols: Mapping[str, int]) -> Any:
        options = super()._options(symbols)
        options.add_session_config_entry("session.dynamic_block_base", "0")
        return options


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="?", default=",".join(MODELS))
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    print("| model | without the block | without halves |")
    for name in options.models.split(","):
        with TemporaryDirectory() as folder:
            case = Path(folder) / "case"
            prepare(MODELS[name], case)
            steps = [step(case, kind) for kind in (Graph, WithoutBlock, WithoutHalves)]
            longer = times_as_long(steps, options.rounds)[1:]
            print(f"| {name} | " + " | ".join(f"x {ratio:.2f}" for ratio in longer) + " |", flush=True)


def step(case: Path, kind: type[Graph]) -> Callable[[int], None]:
    """Return what runs steps on one batch."""
    job, settings = open_spec(case), Settings.of("cpu", 2)
    (model,) = (job.artifacts.models[name] for name in job.artifacts.step_files)
    train = StatefulRunner([kind(model, settings)], job.artifacts.first_state(), settings)
    return on_one_batch(train, job)


if __name__ == "__main__":
    main()

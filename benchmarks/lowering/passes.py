"""What each pass saves: nodes of the training step, and its time, with all passes and with all but one.

`python benchmarks/lowering/passes.py [MODEL,...]`, of the models in `benchmarks/models.py`. Steps with and without a
pass take turns; the median of the ratios side by side is printed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cases import prepare
from harness import on_one_batch, times_as_long
from models import MODELS, SPECS, Workload

from dslc.api import Spec
from dslc.engine.engines import choose_engine
from dslc.graph.model import load_model
from dslc.pipeline import Options
from dslc.rewrite.passes import PASSES


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="?", default="mlp-128,resnet20,gpt-4x128")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    print("| model | " + " | ".join(["all", *(f"without {name}" for name in PASSES), "none"]) + " |")
    for name in options.models.split(","):
        with TemporaryDirectory() as folder:
            case = Path(folder) / "case"
            prepare(MODELS[name], case)
            print(f"| {name} | " + " | ".join(measured(MODELS[name], case, options.rounds)) + " |", flush=True)


def measured(workload: Workload, folder: Path, rounds: int) -> list[str]:
    """Return the nodes with all passes, and for each other choice its nodes and how much longer a step takes."""
    choices = ["all", *(f"all,-{name}" for name in PASSES), "none"]
    nodes, steps = zip(*(step(workload, folder, choice) for choice in choices), strict=True)
    others = zip(nodes[1:], times_as_long(steps, rounds)[1:], strict=True)
    return [str(nodes[0]), *(f"{number}, x {ratio:.2f}" for number, ratio in others)]


def step(workload: Workload, folder: Path, passes: str) -> tuple[int, Callable[[int], None]]:
    """Compile with some of the passes; return how many nodes there are, and what runs steps on one batch."""
    job = Spec(SPECS / workload.spec, Options(settings=workload.settings, data=[folder], passes=passes)).compilation
    (data,) = (job.artifacts.models[name] for name in job.artifacts.step_files)
    engine = choose_engine("cpu")
    train = engine.open([engine.load(data)], job.artifacts.first_state())
    return sum(1 for _ in load_model(data).graph), on_one_batch(train, job)


if __name__ == "__main__":
    main()

"""Train every example in full, with several seeds, and write what they reach to ``docs/results.md`` and ``.json``.

Each run is ``dslc train`` with another seed (for iris: another split), then ``dslc eval`` on the test split. None is
left out. ``--continue`` only evaluates the runs that an interrupted session has finished; use it on unchanged code.

Usage: ``python tools/results.py [--continue] [--data DIR] [EXAMPLE...]`` (default: all examples)
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean

ROOT = Path(__file__).resolve().parents[1]
RUNS = ROOT / "runs" / "results"


@dataclass(frozen=True)
class Example:
    """One row of the table: which runs it takes, and what their mean has to reach."""

    name: str
    metric: str
    floor: float | None = None
    repeats: int = 3
    varied: str = "seed"
    """What differs from run to run: the seed, or a param of the spec."""

    def options(self, run: int) -> list[str]:
        """Return what the command line of one run says of what differs."""
        return ["--seed", str(run)] if self.varied == "seed" else ["--set", f"{self.varied}={run}"]


EXAMPLES = (
    Example("linear_regression", "loss"),
    Example("iris", "accuracy", 0.93, 10, "partition"),
    Example("diabetes", "r2"),
    Example("digits", "accuracy", 0.965, 10),
    Example("mnist_mlp_small", "accuracy", 0.925),
    Example("mnist_mlp", "accuracy", 0.976),
    Example("mnist_cnn", "accuracy", 0.989),
    Example("fashion_cnn", "accuracy", 0.905),
    Example("titanic", "accuracy", 0.78, 10, "partition"),
    Example("diamonds", "mae"),
    Example("flights", "balanced", 0.58),
    Example("electricity", "rmse"),
)


@dataclass(frozen=True)
class Run:
    """What one run reached on the named split, and the seconds that compiling and training took."""

    varied: int
    split: str
    value: float
    seconds: float


def dslc(*arguments: str) -> str:
    """Run the command; what it says to people passes through, what it prints as data is returned."""
    command = Path(sys.executable).with_name("dslc")
    return subprocess.run([str(command), *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout


def train(example: Example, number: int, data: Path, keep_finished: bool) -> Run:
    """Train one example once, unless that was done before and is to be kept, and evaluate it."""
    folder = RUNS / f"{example.name}-{number}"
    took = folder / "seconds"
    if not (keep_finished and took.exists()):
        start = time.perf_counter()
        spec = f"specs/{example.name}.dl"
        dslc("train", spec, "-o", str(folder), "--overwrite", "--data", str(data), *example.options(number))
        took.write_text(f"{time.perf_counter() - start:.1f}", encoding="utf-8")
    result = json.loads(dslc("eval", str(folder), "--json", "--data", str(data)))
    value = result["loss"] if example.metric == "loss" else result["metrics"][example.metric]
    return Run(number, result["split"], value, float(took.read_text(encoding="utf-8")))


def table(results: dict[str, list[Run]]) -> Iterator[str]:
    """Lay the results out as a Markdown page, line by line."""
    yield "# What the examples reach"
    yield ""
    yield "Written by `make results`: every run is counted, none is picked. Where a spec keeps the best checkpoint, the"
    yield "validation split chooses it; the test split is only looked at here. Seconds are those of one `dslc train` on"
    yield f"{os.cpu_count()} cores, from the start of the program to its end."
    yield ""
    yield "| spec | figure | split | runs | mean | lowest | highest | asked for | seconds |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    for example in EXAMPLES:
        runs = results.get(example.name)
        if runs:
            values = [run.value for run in runs]
            figures = " | ".join(f"{figure:.4g}" for figure in (mean(values), min(values), max(values)))
            asked = "" if example.floor is None else f"{example.floor:g}"
            count = f"{len(runs)} {'seeds' if example.varied == 'seed' else 'splits'}"
            seconds = mean(run.seconds for run in runs)
            link = f"[{example.name}](../specs/{example.name}.dl)"
            yield f"| {link} | {example.metric} | {runs[0].split} | {count} | {figures} | {asked} | {seconds:.0f} |"


def main(arguments: Sequence[str]) -> int:
    """Train what is asked for; the exit code is 1 if a mean stays below what is asked of it."""
    parser = argparse.ArgumentParser(description="Train the examples in full and write docs/results.md.")
    parser.add_argument("names", nargs="*", metavar="EXAMPLE", help="the examples to train (default: all)")
    parser.add_argument("--data", type=Path, default=ROOT / "data", help="where `make data` has put its files")
    parser.add_argument("--continue", dest="keep_finished", action="store_true", help="keep the runs already finished")
    options = parser.parse_args(arguments)
    unknown = set(options.names) - {example.name for example in EXAMPLES}
    if unknown:
        parser.error(f"there is no example {', '.join(sorted(unknown))}")

    stored = ROOT / "docs" / "results.json"
    results: dict[str, list[Run]] = {}
    if stored.exists():
        earlier = json.loads(stored.read_text(encoding="utf-8"))
        results = {name: [Run(**run) for run in runs] for name, runs in earlier.items()}
    low = []
    for example in EXAMPLES:
        if not options.names or example.name in options.names:
            data = options.data.resolve()
            runs = [train(example, number, data, options.keep_finished) for number in range(example.repeats)]
            results[example.name] = runs
            reached = mean(run.value for run in runs)
            print(f"{example.name}: mean {example.metric} {reached:.4g} over {len(runs)} runs", file=sys.stderr)
            if example.floor is not None and reached < example.floor:
                low.append(f"{example.name}: {reached:.4g} is below {example.floor:g}")

    stored.parent.mkdir(exist_ok=True)
    as_data = {name: [asdict(run) for run in runs] for name, runs in results.items()}
    stored.write_text(json.dumps(as_data, indent=2) + "\n", encoding="utf-8")
    stored.with_suffix(".md").write_text("".join(f"{line}\n" for line in table(results)), encoding="utf-8")
    print("\n".join(low), end="\n" if low else "", file=sys.stderr)
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

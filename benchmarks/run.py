"""dslc beside its peers: training steps, memory, start, compile time, size, inference.

`make bench` runs all of it and writes docs/benchmarks.*; `python benchmarks/run.py --quick --engines dslc,torch
--models mlp-128` is a glance.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import json
import os
import platform
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cases import Case, prepare
from engines import ENGINES, Engine
from environments import NotInstallable, make_environment
from measures.commands import compile_times, first_step, installed_sizes
from measures.inference import inference
from measures.matrix_product import gemm_rate
from models import MODELS
from report import as_markdown, as_text, draw
from workers import TOLERANCE, EngineFailed, Worker, compare, disagreement, first_losses

MEASURES = ("training", "start", "compile", "size", "inference")
CHECKED_STEPS = 5
"""Steps whose losses are compared."""
Pythons = Mapping[str, Path | str]
"""By environment; a text says why it is not there."""


def main() -> None:
    """Measure what was asked for; exit code 1 where engines do not compute the same."""
    options = arguments()
    cores = sorted(os.sched_getaffinity(0))[: options.cores]
    os.sched_setaffinity(0, cores)
    engines = {name: ENGINES[name] for name in options.engines}
    environments = {engine.environment for engine in engines.values()}
    pythons = find_pythons(environments | ({"torch"} if "inference" in options.measures else set()), options)
    exporter = pythons.get("torch", "")
    torch = exporter if isinstance(exporter, Path) else None
    rounds = options.rounds or (5 if options.quick else 9)
    repeats = 3 if options.quick else 7
    results: dict[str, Any] = {"conditions": conditions(cores, rounds), "models": {}}
    with tempfile.TemporaryDirectory() as temporary:
        for name in options.models:
            case = prepare(MODELS[name], Path(temporary) / name)
            found: dict[str, Any] = {"bound_by_convolutions": case.workload.bound_by_convolutions}
            if "training" in options.measures:
                found |= training(case, engines, pythons, cores, rounds, 0.15 if options.quick else 0.4)
            if "inference" in options.measures:
                found["inference"] = inference(case, torch, len(cores), repeats) if torch else {"failed": exporter}
            results["models"][name] = found
            print(as_text({**results, "models": {name: found}}), flush=True)
        if "start" in options.measures:
            results["start"] = first_step(torch, cores, repeats)
        if "compile" in options.measures:
            results["compile"] = compile_times(cores, 1 if options.quick else 3)
        if "size" in options.measures:
            results["size"] = installed_sizes(torch)
    print("\n" + as_text(results))
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    if options.docs:
        (options.docs / "benchmarks.json").write_text(json.dumps(results, indent=1) + "\n")
        (options.docs / "benchmarks.md").write_text(as_markdown(results))
        if "training" in options.measures:
            draw(results, options.docs / "benchmarks.svg")
    apart = [
        f"{model}: {engine} by {figures['losses_apart']:.1e}"
        for model, found in results["models"].items()
        for engine, figures in found.get("engines", {}).items()
        if figures.get("losses_apart", 0.0) > TOLERANCE
    ]
    if apart:
        sys.exit(f"losses differ, so these do not compute the same: {'; '.join(apart)}")


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)

    def names(known: Sequence[str]) -> Any:
        def split(text: str) -> list[str]:
            found = text.split(",")
            if unknown := [name for name in found if name not in known]:
                raise argparse.ArgumentTypeError(f"{unknown[0]} is not one of {', '.join(known)}")
            return found

        return split

    parser.add_argument("--models", type=names(list(MODELS)), default=list(MODELS), help="some of " + ",".join(MODELS))
    parser.add_argument("--engines", type=names(list(ENGINES)), default=list(ENGINES), help=",".join(ENGINES))
    parser.add_argument("--measures", type=names(MEASURES), help="some of " + ",".join(MEASURES))
    parser.add_argument("--rounds", type=int, help="rounds of each engine on each model")
    parser.add_argument("--cores", type=int, default=2, help="processors to use, and threads of each engine")
    parser.add_argument("--quick", action="store_true", help="few short rounds; training steps only, unless asked")
    parser.add_argument("--json", type=file, metavar="FILE", help="write the figures")
    parser.add_argument("--docs", type=folder, metavar="DIR", help="write benchmarks.md, .json and .svg")
    parser.add_argument(
        "--python", type=python, action="append", default=[], metavar="ENVIRONMENT=PATH", help="use this Python"
    )
    options = parser.parse_args()
    if "dslc" not in options.engines:
        parser.error("--engines must include dslc, which the others are compared with")
    if options.measures is None:
        options.measures = ["training"] if options.quick else list(MEASURES)
    return options


def folder(text: str) -> Path:
    """Make a folder for what is written in the end, or say at the beginning that it can't be made."""
    try:
        Path(text).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text} can't be made: {error.strerror}") from error
    return Path(text)


def file(text: str) -> Path:
    """Return a path in a folder that is there."""
    return folder(str(Path(text).parent)) / Path(text).name


def python(text: str) -> tuple[str, Path]:
    """Read an environment's name and its Python."""
    name, _, path = text.partition("=")
    if name not in {engine.environment for engine in ENGINES.values()}:
        raise argparse.ArgumentTypeError(f"'{name}' is not an environment")
    if not os.access(path, os.X_OK) or Path(path).is_dir():
        raise argparse.ArgumentTypeError(f"'{path}' is no Python to run")
    return name, Path(path)


def find_pythons(environments: set[str], options: argparse.Namespace) -> Pythons:
    """Return the Python of each environment, made where it is missing, or why there is none."""
    given = dict(options.python)
    found: dict[str, Path | str] = {}
    for name in sorted(environments):
        try:
            found[name] = given[name] if name in given else make_environment(name)
        except NotInstallable as error:
            found[name] = f"not installed: {error}"
    return found


def training(
    case: Case, engines: Mapping[str, Engine], pythons: Pythons, cores: Sequence[int], rounds: int, seconds: float
) -> dict[str, Any]:
    """Return each engine's figures on a model, or why it has none."""
    figures: dict[str, dict[str, Any]] = {}
    usable: dict[str, tuple[Engine, Path]] = {}
    losses: dict[str, list[float]] = {}
    gemm = gemm_rate(len(cores))
    with contextlib.ExitStack() as stack:
        workers: dict[str, Worker] = {}
        for name, engine in engines.items():
            python = pythons[engine.environment]
            if isinstance(python, str):
                figures[name] = {"failed": python}
                continue
            try:
                worker = stack.enter_context(Worker(engine, python, case.folder, cores))
                losses[name] = worker.ask(steps=CHECKED_STEPS)["losses"]
                workers[name], usable[name] = worker, (engine, python)
            except EngineFailed as error:
                if name == "dslc":
                    raise
                figures[name] = {"failed": str(error)}
        found = compare(workers, cores, rounds, seconds)
    if case.workload.has_dropout:
        losses = first_losses(usable, case.folder, cores, CHECKED_STEPS)
    notes = {
        name: [text for argument, text in engine.lacks.items() if argument in case.workload.optimizer]
        for name, engine in engines.items()
    }
    apart = {
        name: disagreement(found_losses[: 1 if notes[name] else None], losses["dslc"])
        for name, found_losses in losses.items()
    }
    for name, measured in found.items():
        figures[name] = {
            "step_seconds": measured.median,
            "dslc_is_faster_by": found["dslc"].over(measured),
            "peak_bytes": measured.peak_bytes,
            "losses_apart": apart[name],
            "rounds": len(measured.step_seconds),
            "disturbed": measured.is_disturbed,
            "ready_seconds": measured.ready_seconds,
            "versions": dict(measured.versions),
            "note": "; ".join(notes[name]),
        }
    return {
        "engines": {name: figures[name] for name in engines},
        "step_flops": case.step_flops,
        "gemm_rate": gemm,
        "gemm_share": case.step_flops / found["dslc"].median / gemm,
    }


def conditions(cores: Sequence[int], rounds: int) -> dict[str, Any]:
    """Return where and how this was measured."""
    processor = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.processor(),
    )
    return {
        "processor": processor,
        "cores": len(cores),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "date": dt.date.today().isoformat(),
        "rounds": rounds,
        "checked_steps": CHECKED_STEPS,
    }


if __name__ == "__main__":
    main()

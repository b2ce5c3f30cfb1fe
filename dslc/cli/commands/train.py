"""Compile a spec and train its model.

RUN (runs/NAME unless -o says otherwise) gets the trained model.onnx (of several networks, model.NET.onnx for each),
the graphs, the figures in metrics.jsonl, their picture in curves.png, and checkpoints from which --resume goes on.
"""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from dslc.cli.console import DONE, INTERRUPTED, give_figure, give_json, in_columns, report, say
from dslc.cli.options import add_shared, compiler_options, positive

if TYPE_CHECKING:
    from dslc.pipeline import Compilation
    from dslc.run.observing import RunResult


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_shared(parser, "file")
    parser.add_argument("-o", "--output", metavar="RUN", type=Path, help="the folder to write (default: runs/NAME)")
    existing = parser.add_mutually_exclusive_group()
    existing.add_argument("--resume", action="store_true", help="go on with the run in RUN, or start if there is none")
    existing.add_argument("--overwrite", action="store_true", help="replace the run in RUN")
    existing.add_argument("--new", action="store_true", help="if RUN exists, train beside it: into RUN-2, RUN-3, ...")
    parser.add_argument("--provider", metavar="cpu|cuda|directml", help="what to compute on (default: the best)")
    parser.add_argument("--threads", metavar="N", type=positive, help="threads to compute with (default: one per core)")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--epochs", metavar="N", type=positive, help="train for so many epochs in all, not the spec's")
    length.add_argument("--steps", metavar="N", type=positive, help="train for so many updates in all, not the spec's")
    add_shared(parser, "--seed", "--train", "--set", "--limit", "--passes", "--data", "--json")


def run(options: argparse.Namespace) -> int:
    """Train, and tell how it went."""
    from functools import partial

    from dslc.api import Spec
    from dslc.run.run_folders import in_folder

    spec = Spec(options.file, compiler_options(options))
    compilation = spec.compilation
    report(spec.check())
    return in_folder(
        options.output or spec.run_folder, partial(_trained, options, compilation),
        new=options.new, goes_on=options.resume or options.overwrite,
    )  # fmt: skip


def _trained(options: argparse.Namespace, compilation: Compilation, folder: Path) -> int:
    """Train into a folder, and tell how it went."""
    from dslc.cli.progress import follower
    from dslc.pipeline import train

    watcher = follower(quiet=options.json)
    try:
        with watcher:
            result = train(
                compilation, folder, provider=options.provider, threads=options.threads, resume=options.resume,
                overwrite=options.overwrite, observer=watcher,
            )  # fmt: skip
    except KeyboardInterrupt:
        say(f"\ninterrupted; the same command with --resume{_in_place(options, folder)} goes on")
        return INTERRUPTED
    _tell(result, options)
    return DONE


def _in_place(options: argparse.Namespace, folder: Path) -> str:
    """Say what the command that goes on differs in, beside ``--resume``."""
    if options.new:
        return f" -o {shlex.quote(str(folder))} (in place of --new)"
    return " (in place of --overwrite)" if options.overwrite else ""


def _tell(result: RunResult, options: argparse.Namespace) -> None:
    """Say what came out, and draw it."""
    from dslc.report.curves import draw_curves

    curves = draw_curves(result.folder, kept=result.best)
    classes, confusion = _confusion(result)
    if options.json:
        give_json({
            "run": str(result.folder), "split": result.split, "examples": result.examples, "epochs": result.epochs,
            "steps": result.steps, "reason": result.reason, "models": list(result.models),
            "losses": dict(result.losses), "metrics": dict(result.metrics),
            **({"classes": classes} if classes else {}),
        })  # fmt: skip
        return
    say(f"{result.reason}, after {result.steps:,} steps")
    if result.best is not None:
        say(f"kept the weights of epoch {result.best['epoch']}")
    say("\n".join(f"  {line}" for line in _table(result)))
    pictures = [path.name for path in (curves, confusion) if path is not None]
    files = [*result.models, "metrics.jsonl", *pictures]
    say(f"{result.folder} has {', '.join(files[:-1])} and {files[-1]}")
    if curves is None:
        say('for a picture of the curves: pip install "dslc[plot]"')
    for name, value in {**result.losses, **result.metrics}.items():
        give_figure(result.split, name, value, classes.get(name))


def _confusion(result: RunResult) -> tuple[dict[str, list[str]], Path | None]:
    """Draw the tables among the metrics, if there are any; return the names of their classes, and the picture."""
    if not any(isinstance(value, list) for value in result.metrics.values()):
        return {}, None
    from dslc.api import open_run
    from dslc.report.confusion import draw_confusion

    classes = open_run(result.folder).class_names
    return classes, draw_confusion(result.folder, result.metrics, classes, result.split)


def _table(result: RunResult) -> list[str]:
    """Lay out the figures of the shipped weights: a row each, a column per split."""
    from dslc.cli.display import figure
    from dslc.report.curves import read_metrics

    figures = dict(result.best or read_metrics(result.folder)[-1])
    for name, value in {**result.losses, **result.metrics}.items():
        if isinstance(value, float):  # a confusion matrix has no room here
            figures[f"{result.split}.{name}"] = value
    splits = list(dict.fromkeys(name.partition(".")[0] for name in figures if "." in name))
    names = dict.fromkeys(name.partition(".")[2] for name in figures if "." in name)
    rows = [[name, *(figure(figures.get(f"{split}.{name}", "")) for split in splits)] for name in names]
    return in_columns([["", *splits], *rows], splits)

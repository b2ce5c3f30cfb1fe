"""Checking the settings of ``train``: how long, in which batches, with which limits."""

from __future__ import annotations

from typing import Any

from dslc.check.core.values import POISON, is_number, kind_of, whole_number
from dslc.check.train.evaluation import TrainEvaluation
from dslc.diagnostics import Label, did_you_mean
from dslc.errors import names, objectives
from dslc.limits import MOST, MOST_SEED
from dslc.syntax import tree
from dslc.types import Symbolic, symbols_in

DEFAULT_BATCH = 32


def number_of(
    train: TrainEvaluation,
    expression: tree.Expression,
    what: str,
    *,
    whole: bool = True,
    least: float = 1,
    most: int = MOST,
    below: float | None = None,
    above: float | None = None,
) -> Any:
    """Evaluate a setting; None (reported) where it does not fit. ``most`` bounds whole numbers."""
    with train.elaboration.graph(training=False):
        value = train.evaluator().evaluate(expression)
    if value is POISON:
        train.failed = True
        return None
    if whole:
        number = whole_number(value)
        fits = isinstance(number, int)
        value = number if fits else value
    else:
        fits = is_number(value) and not isinstance(value, Symbolic)
    if fits and whole and value > most:
        train.report(objectives.BAD_SETTING(f"{what} is at most {most:,}, not {value:,}"), expression.span)
        return None
    if fits:
        fits = (value > above if above is not None else value >= least) and (below is None or value < below)
    if not fits:
        wanted = "a whole number" if whole else "a number"
        limits = f"above {above:g}" if above is not None else f"of at least {least:g}"
        if below is not None:
            limits += f" and below {below:g}"
        message = f"{what} is {wanted} {limits}, not {kind_of(value)}"
        train.report(objectives.BAD_SETTING(message, depends_on=symbols_in(value)), expression.span)
        return None
    return value if whole else float(value)


def settings_of(train: TrainEvaluation) -> dict[str, Any]:
    """Return the settings of ``train`` by the names of TrainPlan's fields."""
    node, only = train.node, train.only
    epochs, steps, batch = only(tree.Epochs), only(tree.Steps), only(tree.Batch)
    every, clips = only(tree.Evaluate), train.of(tree.Clip)
    accumulate, average, seed = only(tree.Accumulate), only(tree.Average), only(tree.Seed)
    if (epochs is None) == (steps is None):
        said = "both 'epochs' and 'steps'" if epochs else "neither 'epochs' nor 'steps'"
        hint = "how long to train, for example: epochs 30"
        problem = names.MISSING_STATEMENT(f"'{node.name}' says {said}", hint=hint)
        train.report(problem, steps.span if steps else node.name_span)
    found: dict[str, Any] = {
        "epochs": number_of(train, epochs.value, "the number of epochs") if epochs else None,
        "steps": number_of(train, steps.value, "the number of steps") if steps else None,
        "batch": (number_of(train, batch.value, "the batch size") if batch else None) or DEFAULT_BATCH,
        "shuffle": True, "drop_last": False,
        "evaluate_every": number_of(train, every.every, "the number of steps") if every else None,
        "accumulate": (number_of(train, accumulate.batches, "the number of batches") if accumulate else None) or 1,
        "average": decay_of(train, average) if average else None,
        "seed": (number_of(train, seed.value, "the seed", least=0, most=MOST_SEED) if seed else None) or 0,
        "clip_norm": None, "clip_value": None,
        "places": {name: s.span for name, s in (("batch", batch), ("accumulate", accumulate)) if s},
    }  # fmt: skip
    for option in batch.options if batch else ():
        if option.name not in ("shuffle", "drop_last"):
            hint = did_you_mean(option.name or "", ("shuffle", "drop_last")) or "its options are shuffle and drop_last"
            train.report(names.UNKNOWN_ARGUMENT(f"batch has no option '{option.name}'", hint=hint), option.span)
            continue
        value = train.evaluator().condition(option.value, f"'{option.name}'")
        if value is POISON:
            train.failed = True
        found[option.name] = value
    for clip in clips:
        first = next(other for other in clips if other.mode == clip.mode)
        if first is not clip:
            problem = names.REPEATED_STATEMENT(f"'clip {clip.mode}' stands twice")
            train.report(problem, clip.span, Label(first.span, "the first one"))
        found[f"clip_{clip.mode}"] = number_of(
            train, clip.limit, f"the limit of 'clip {clip.mode}'", whole=False, above=0
        )
    return found


def decay_of(train: TrainEvaluation, s: tree.Average) -> float | None:
    """Return the decay of ``average ema(decay)``, None (reported) where it is wrong."""
    call = s.value
    usage = "write: average ema(0.999)"
    if not (
        isinstance(call, tree.Call)
        and isinstance(call.function, tree.Name)
        and call.function.id == "ema"
        and len(call.arguments) == 1
        and call.arguments[0].name in (None, "decay")
    ):
        train.report(objectives.BAD_SETTING("averages are exponential moving ones", hint=usage), call.span)
        return None
    decay: float | None = number_of(train, call.arguments[0].value, "the decay", whole=False, least=0, below=1)
    return decay

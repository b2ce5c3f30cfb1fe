"""Checking ``split``: parts that add up, and how rows are dealt."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from dslc.check.core.applicable import Evaluator
from dslc.check.core.values import POISON, is_number, kind_of
from dslc.diagnostics import Label, Problem, did_you_mean
from dslc.errors import names, objectives
from dslc.plan.data import SplitPlan
from dslc.source import Span
from dslc.syntax import tree
from dslc.types import Symbolic

__all__ = ["misfit_of", "read_split"]

EXAMPLES = {"by": "label: int64", "order": "when: int64", "group": "owner: int64"}
"""How a field that deals rows may be declared, for hints."""


def read_split(s: tree.Split, evaluator: Evaluator) -> tuple[SplitPlan, bool]:
    """Return a split, and whether nothing is wrong with its entries; what is wrong is reported."""
    diagnostics = evaluator.elaboration.diagnostics
    found = len(diagnostics)
    fractions: dict[str, float] = {}
    settings: dict[str, Any] = {"seed": 0, "by": None, "order": None, "group": None}
    for entry in s.entries:
        name = entry.name or ""
        if name in ("by", "order", "group"):
            if not isinstance(entry.value, tree.Name):
                hint = (
                    f"declare what it is to go by, field {EXAMPLES[name]} = ..., and write: "
                    f"{name} = {EXAMPLES[name].partition(':')[0]}"
                )
                diagnostics.add(objectives.BAD_SPLIT(f"'{name}' names a field or a column", hint=hint).at(entry.span))
                continue
            settings[name] = entry.value.id
            continue
        value = evaluator.evaluate(entry.value)
        if value is POISON:
            continue
        if name == "seed":
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                diagnostics.add(
                    objectives.BAD_SPLIT(f"the seed is a whole number, not {kind_of(value)}").at(entry.span)
                )
                continue
            settings["seed"] = value
        elif not is_number(value) or isinstance(value, Symbolic) or not 0 < value <= 1:
            message = f"the part '{name}' is a fraction between 0 and 1, not {kind_of(value)}"
            diagnostics.add(objectives.BAD_SPLIT(message, hint=f"for example: {name} = 70%").at(entry.span))
        elif name in fractions:
            diagnostics.add(names.GIVEN_TWICE(f"the part '{name}' is given twice").at(entry.span))
        else:
            fractions[name] = float(value)
    return SplitPlan(fractions, span=s.span, **settings), len(diagnostics) == found


def misfit_of(
    plan: SplitPlan,
    written: tree.Split | None,
    sources: Mapping[str | None, Span],
    fields: Collection[str],
    place: Span,
) -> Problem | None:
    """Return what is wrong with parts that do not add up; ``sources`` are the places of the data set's sources.

    ``place`` is where it is told of parts that nothing is written of.
    """
    place = plan.span or place
    entries = {entry.name: entry.span for entry in written.entries} if written else {}
    named = {n for n in sources if n is not None}
    if plan.span is None and not named:
        return None
    problem: Problem | None = None
    clash = named & set(plan.fractions)
    modes = [n for n in ("by", "order", "group") if getattr(plan, n)]
    if named and "train" not in named:
        problem = objectives.BAD_SPLIT(
            "one of the sources must be named 'train'", hint=did_you_mean("train", named) or "source train = ..."
        )
    elif clash:
        first = min(clash)
        problem = objectives.BAD_SPLIT(f"'{first}' has a source of its own already").at(
            entries[first], Label(sources[first], "this one")
        )
    elif named and sum(plan.fractions.values()) >= 1:
        problem = objectives.BAD_SPLIT("nothing would be left to train on")
    elif not named and abs(sum(plan.fractions.values()) - 1) > 1e-9:
        total = sum(plan.fractions.values())
        problem = objectives.BAD_SPLIT(
            f"the parts sum to {total:.4g}, not to 1",
            hint="for example: split train = 70%, validation = 15%, test = 15%",
        )
    elif not named and "train" not in plan.fractions:
        near = next((part for part in plan.fractions if did_you_mean(part, ("train",))), None)
        problem = objectives.BAD_SPLIT(
            "one of the parts must be 'train'", hint=f"did you mean 'train' by '{near}'?" if near else None
        ).at(entries[near] if near else place)
    elif len(modes) > 1:
        problem = objectives.BAD_SPLIT(
            f"'{modes[0]}' and '{modes[1]}' exclude each other", hint="rows are dealt in one way"
        ).at(entries[modes[1]], Label(entries[modes[0]], "the other one"))
    elif modes and getattr(plan, modes[0]) not in fields and modes[0] == "by":
        hint = did_you_mean(str(plan.by), fields) or f"the fields are {', '.join(sorted(fields))}"
        problem = names.UNKNOWN_NAME(f"there is no field '{plan.by}'", hint=hint).at(entries["by"])
    return None if problem is None else problem.at(place)

"""Checking ``split``: parts that add up, and how rows are dealt."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from dslc.check.core.applicable import Evaluator
from dslc.check.core.values import POISON, is_number, kind_of, whole_number
from dslc.diagnostics import Label, did_you_mean
from dslc.errors import names, objectives
from dslc.plan.data import SplitPlan
from dslc.source import Span
from dslc.syntax import tree
from dslc.types import Symbolic

__all__ = ["check_split", "read_split"]

EXAMPLES = {"by": "label: int64", "order": "when: int64", "group": "owner: int64"}
"""How a field that deals rows may be declared, for hints."""


def read_split(s: tree.Split, evaluator: Evaluator) -> tuple[SplitPlan, bool]:
    """Return a split, and whether nothing is wrong with its entries; what is wrong is reported."""
    diagnostics, report = evaluator.elaboration.diagnostics, evaluator.elaboration.report
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
                report(objectives.BAD_SPLIT(f"'{name}' names a field or a column", hint=hint), entry.span)
                continue
            settings[name] = entry.value.id
            continue
        value = evaluator.evaluate(entry.value)
        if value is POISON:
            continue
        if name == "seed":
            seed = whole_number(value)
            if not isinstance(seed, int) or seed < 0:
                report(objectives.BAD_SPLIT(f"the seed is a whole number, not {kind_of(value)}"), entry.span)
                continue
            settings["seed"] = seed
        elif not is_number(value) or isinstance(value, Symbolic) or not 0 < value <= 1:
            message = f"the part '{name}' is a fraction between 0 and 1, not {kind_of(value)}"
            report(objectives.BAD_SPLIT(message, hint=f"for example: {name} = 70%"), entry.span)
        elif name in fractions:
            report(names.GIVEN_TWICE(f"the part '{name}' is given twice"), entry.span)
        else:
            fractions[name] = float(value)
    return SplitPlan(fractions, span=s.span, **settings), len(diagnostics) == found


def check_split(
    plan: SplitPlan, written: tree.Split | None, sources: Mapping[str | None, Span], fields: Collection[str]
) -> None:
    """Refuse parts that do not add up; ``sources`` are the places of the data set's sources.

    Raises:
        Problem: E0508, or ``by`` is no field.
    """
    entries = {entry.name: entry.span for entry in written.entries} if written else {}
    named = {n for n in sources if n is not None}
    if plan.span is None and not named:
        return
    clash, total = named & set(plan.fractions), sum(plan.fractions.values())
    modes = [n for n in ("by", "order", "group") if getattr(plan, n)]
    if named and "train" not in named:
        raise objectives.BAD_SPLIT(
            "one of the sources must be named 'train'", hint=did_you_mean("train", named) or "source train = ..."
        )
    if clash:
        first = min(clash)
        raise objectives.BAD_SPLIT(f"'{first}' has a source of its own already").at(
            entries[first], Label(sources[first], "this one")
        )
    if named and total >= 1:
        raise objectives.BAD_SPLIT("nothing would be left to train on")
    if not named and abs(total - 1) > 1e-9:
        raise objectives.BAD_SPLIT(
            f"the parts sum to {total:.4g}, not to 1",
            hint="for example: split train = 70%, validation = 15%, test = 15%",
        )
    if not named and "train" not in plan.fractions:
        near = next((part for part in plan.fractions if did_you_mean(part, ("train",))), None)
        raise objectives.BAD_SPLIT(
            "one of the parts must be 'train'", hint=f"did you mean 'train' by '{near}'?" if near else None
        ).at(entries.get(near))
    if len(modes) > 1:
        raise objectives.BAD_SPLIT(
            f"'{modes[0]}' and '{modes[1]}' exclude each other", hint="rows are dealt in one way"
        ).at(entries[modes[1]], Label(entries[modes[0]], "the other one"))
    if plan.by is not None and plan.by not in fields:
        hint = did_you_mean(plan.by, fields) or f"the fields are {', '.join(sorted(fields))}"
        raise names.UNKNOWN_NAME(f"there is no field '{plan.by}'", hint=hint).at(entries["by"])

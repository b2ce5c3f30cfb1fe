"""How much the examples of the training split count in the objectives, known before training begins.

Weights, class weights and ignored targets follow from data fields alone, as a rule. Then running figures can be
weighted as the loss itself is, and batches with nothing to learn from left out.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from dslc.compile.lowering import Lowering
from dslc.data.batches import Split
from dslc.diagnostics import Problem
from dslc.engine.evaluation import Predictor
from dslc.engine.protocol import Engine
from dslc.errors.objectives import NOTHING_TO_LEARN
from dslc.graph import Builder
from dslc.graph.model import save_model
from dslc.library.statistic import Statistic
from dslc.plan.measures import applications_of
from dslc.plan.terms import fields_only, terms_of, varying_sites
from dslc.plan.training import Objective, TrainPlan
from dslc.plan.values import Application, Placeholder

__all__ = ["Weighting", "nothing_to_learn", "weighting_of"]

CHUNK = 1 << 16
"""Examples of which the weights are computed at a time."""


@dataclass(frozen=True)
class Weighting:
    """The weights of a split's examples in the terms of each objective."""

    terms: Sequence[Sequence[np.ndarray | None]]
    """By objective and term, the weight of each example (float64); None where all count alike."""

    def of(self, places: np.ndarray) -> list[list[float]]:
        """Return the sum of the weights of a batch's examples, by objective and term."""
        return [
            [float(len(places)) if weights is None else float(weights[places].sum()) for weights in terms]
            for terms in self.terms
        ]


def weighting_of(train: TrainPlan, split: Split, engine: Engine) -> Weighting:
    """Return how much each example counts.

    Raises:
        Problem: E0524, an objective has nothing to learn from in any of them.
    """
    known: dict[Hashable, np.ndarray | None] = {}

    def weights_of(site: Application) -> np.ndarray | None:
        """Return what :func:`_weights` does, which computes it once for equal weights."""
        assert isinstance(site.operation, Statistic)
        weighting = site.operation.weighting(site.operands) or id(site)
        if weighting not in known:
            known[weighting] = _weights(site, split, engine)
        return known[weighting]

    found: list[list[np.ndarray | None]] = []
    for objective in train.objectives:
        terms, sites = terms_of(objective.loss), varying_sites(objective.loss)
        weights = [weights_of(term.site) if term.varies else None for term in terms.terms] if terms else []
        each = weights if terms else map(weights_of, sites)
        if sites and all(one is not None and not one.any() for one in each):
            raise nothing_to_learn(objective)
        found.append(weights or [None])
    return Weighting(found)


def nothing_to_learn(objective: Objective) -> Problem:
    """Return the error for an objective that no batch has a gradient of."""
    what = f"'{objective.name}'" if objective.name != "loss" else "the objective"
    return NOTHING_TO_LEARN(
        f"every target that {what} looks at in the training split is ignored or has a weight of 0",
        hint="is 'ignore_index' the index of a class, or a column of weights empty?",
    ).at(objective.span)


def _weights(site: Application, split: Split, engine: Engine) -> np.ndarray | None:
    """Return a mean's weight of each example; None where all are equal, or don't follow from the fields alone."""
    operation = site.operation
    assert isinstance(operation, Statistic)
    operands = operation.weighed_by(site.operands)
    sources = (application.operation for application in applications_of(*operands))
    inputs = list(dict.fromkeys(source.key for source in sources if isinstance(source, Placeholder)))
    if not operation.averages or not fields_only(*operands) or not all(key in split.fields for key in inputs):
        return None
    source, ignored = operands[0].application.operation, operation.ignored
    target = split.fields[source.key] if isinstance(source, Placeholder) and len(operands) == 1 else None
    if ignored is not None and target is not None and not (target == ignored).any():
        return None  # the usual case
    builder = Builder("weights")
    tensors = Lowering.open(builder, operands, inputs=inputs).emit(*operands)
    builder.output("weights", operation.example_weights(site.operands[0].type.element, *tensors))
    weights = Predictor(save_model(builder.model()), engine).run({key: split.fields[key] for key in inputs}, CHUNK)
    found = weights["weights"].astype(np.float64)
    return None if len(found) and found[0] and (found == found[0]).all() else found

"""The gradient, the first part of a training step: forward, loss, backward, and what batches add up to.

It takes parameters, statistics, a batch and what random numbers follow from; it gives the loss, the gradients by
parameter over all batches of an update, and the statistics that the batch has moved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dslc.compile.accumulation import (
    OutsideSums,
    StateSums,
    accumulated,
    batch_gradients,
    has_weight,
    term_name,
    term_values,
)
from dslc.compile.lowering import Lowering
from dslc.compile.state import StepState
from dslc.graph import Tensor
from dslc.plan.terms import known_by_fields
from dslc.plan.training import Objective, TrainPlan

__all__ = ["Gradient", "gradient_of"]


@dataclass(frozen=True)
class Gradient:
    """What the gradient part of a step hands to the update."""

    gradients: Mapping[str, Tensor]
    """Over the batches of the update, by the path of each parameter that the objective trains, of its type."""
    is_update: Tensor | None
    """Whether an update is made (bool), None where one always is."""
    complete: Tensor | None
    """Whether the batch is the last of those that make an update (bool), None where every batch is."""
    learns: Tensor | None
    """Whether the batch moves the statistics (bool): one with nothing to learn from may not; None: it does."""
    statistics: Mapping[str, Tensor]
    """Running statistics as the batch leaves them, by path."""
    terms: int
    """How many terms of the loss are put out, 0 where the loss is one of them or all examples count alike."""


def gradient_of(
    train: TrainPlan, objective: Objective, lowering: Lowering, state: StepState, outside: OutsideSums | None = None
) -> Gradient:
    """Emit an objective with its gradient; ``loss``, and its terms where there are several, become outputs.

    A batch with nothing to learn from makes no update. Where there is but one objective and no accumulation, and the
    data decides, the host leaves such a batch out, and the graph stays free of conditions.

    With ``outside``, whoever runs the graph joins the batches of an update, also those of ``accumulate``.

    Raises:
        Problem: E0590, an operator has no gradient.
    """
    (loss,) = lowering.emit(objective.loss)
    state.builder.output("loss", loss)
    terms = term_values(lowering, objective.loss)
    for number, term in enumerate(terms):
        state.builder.output(term_name(number), term)
    parameters = {path: state[path] for group in objective.groups for path in group.paths}
    complete = learns = None
    if outside is not None:
        by_path, is_update = accumulated(lowering, objective.loss, loss, parameters, outside)
        learns = has_weight(lowering, objective.loss) if train.accumulate == 1 else None
    elif train.accumulate > 1:
        sums = StateSums.of(state, train.accumulate)
        by_path, is_update = accumulated(lowering, objective.loss, loss, parameters, sums)
        complete = sums.complete
    else:
        decides = len(train.objectives) > 1 or not known_by_fields(objective.loss)
        is_update = learns = has_weight(lowering, objective.loss) if decides else None
        by_path = _taken_again(objective, lowering, parameters, batch_gradients(loss, parameters))
    return Gradient(by_path, is_update, complete, learns, lowering.updates, len(terms))


def _taken_again(
    objective: Objective, lowering: Lowering, parameters: Mapping[str, Tensor], by_path: Mapping[str, Tensor]
) -> Mapping[str, Tensor]:
    """Return the gradients where the groups' optimizers want them, given those at the parameters."""
    moved: dict[str, Tensor] = {}
    for group in objective.groups:
        if group.optimizer.perturbs:
            weights, slopes = ([named[path] for path in group.paths] for named in (parameters, by_path))
            with lowering.builder.scope(group.optimizer.name):
                moved |= zip(group.paths, group.optimizer.perturbed(weights, slopes), strict=True)
    if not moved:
        return by_path
    again = lowering.again(lambda path: moved[path] if path in moved else lowering.parameters(path))
    (loss,) = again.emit(objective.loss)
    return {**by_path, **batch_gradients(loss, moved)}

"""Accumulation: gradients of several batches joined into that of one large batch.

With the objective a sum of means, each batch's gradient of a mean counts by the weights it has in that batch: by its
examples, or by what ``weight``, ``class_weight`` and ``ignore_index`` leave of them. There is one sum of gradients
for each set of weights, and the sums are divided at the update. Any other formula of statistics, a root of a mean
say, is differentiated by the statistics of all batches at the update, and these by the parameters in each batch.

So whatever batches an update is made of, each gives tensors that add up. What adds them is a :class:`Sums`: state of
the graph, which keeps them from batch to batch, or the world outside, where batches may lie on different machines.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Protocol

from dslc import graph as g
from dslc.autodiff import gradients
from dslc.compile.lowering import Lowering, origin_of
from dslc.compile.state import FLUSH, StateRole, StateTensor, StepState, counter
from dslc.diagnostics import Label
from dslc.errors.objectives import NOT_APART
from dslc.graph import Tensor
from dslc.library.losses.mean import nonzero
from dslc.library.statistic import SUM, Statistic
from dslc.plan.examples import BATCH
from dslc.plan.measures import compares, formula_of
from dslc.plan.terms import Addend, Term, joins_batches, statistics_of, terms_of, varying_sites
from dslc.plan.training import Objective
from dslc.plan.values import Application, Value
from dslc.types import FLOAT32, FLOAT64, INT64, ElementType, TensorType, symbol

__all__ = [
    "OutsideSums", "StateSums", "accumulated", "batch_gradients", "check_sums", "has_weight", "term_name",
    "term_values",
]  # fmt: skip


def term_name(number: int) -> str:
    """Return the output of a term, counted from 0, of an objective that has several with weights that vary."""
    return f"loss.term_{number + 1}"


def _emit_addends(lowering: Lowering, addends: Sequence[Addend]) -> Tensor:
    """Return the sum of addends of which the values and factors have been emitted."""
    tensors = []
    for addend in addends:
        tensor = lowering.tensor(addend.value)
        for operator, factor in addend.factors:
            other = lowering.tensor(factor) if isinstance(factor, Value) else factor
            tensor = tensor / other if operator == "/" else tensor * other
        tensors.append(tensor)
    return g.total(*tensors)


def term_values(lowering: Lowering, objective: Value) -> list[Tensor]:
    """Return the terms of an objective in a batch, where there are several and a mean of losses is not theirs."""
    terms = terms_of(objective)
    if terms is None or len(terms.terms) < 2 or not any(term.varies for term in terms.terms):
        return []
    return [_emit_addends(lowering, term.addends) for term in terms.terms]


def _accumulators_of(lowering: Lowering, site: Application) -> dict[str, Tensor]:
    """Return a statistic's accumulators of the batch; they are the nodes that its value is made of, merged later."""
    assert isinstance(site.operation, Statistic)
    with lowering.builder.scope(site.operation.name, origin_of(site.span)):
        return site.operation.of_batch(*lowering.operands(site))


def _batch_weight(lowering: Lowering, term: Term) -> Tensor:
    """Return the sum of a term's weights in the batch, a scalar."""
    if not term.varies:
        return g.cast(g.reshape(lowering.builder.dimension(symbol(BATCH)), ()), FLOAT32)
    return _accumulators_of(lowering, term.site)["weight"]


def has_weight(lowering: Lowering, objective: Value) -> Tensor | None:
    """Return whether a batch has anything to learn from (bool), None where every batch has."""
    sites = varying_sites(objective)
    return _any_weight(_accumulators_of(lowering, site)["weight"] for site in sites) if sites else None


def _any_weight(weights: Iterable[Tensor]) -> Tensor:
    return reduce(g.logical_or, (g.logical_not(g.equal(weight, 0)) for weight in weights))


# --- who adds up ---------------------------------------------------------------------------------------


class Sums(Protocol):
    """Adds up tensors of the batches that make an update."""

    def sum(self, name: str, batch: Tensor) -> Tensor:
        """Return the sum over the batches of a tensor, given that of this batch; it has its type."""

    def statistic(self, name: str, operation: Statistic, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the accumulators of a statistic over the batches, given those of this batch."""

    def is_update(self, has_weight: Tensor | None) -> Tensor | None:
        """Return whether an update is made (bool), given whether there is anything to learn from; None: always."""


@dataclass(eq=False)
class StateSums:
    """Sums that are state from one batch to the next, under names that begin with ``pending/``, 0 behind an update."""

    state: StepState
    complete: Tensor
    """Whether the batch is the last of those that make an update, a bool."""
    _stays: dict[ElementType, Tensor] = field(default_factory=dict)

    @classmethod
    def of(cls, state: StepState, batches: int) -> StateSums:
        """Return the sums of so many batches, or of fewer where the host says that the update is due."""
        flush = state.read(StateTensor(FLUSH, TensorType(INT64), StateRole.HOST, 0))
        name = state.label("pending", "batches")
        since = state.read(counter(name))
        full = g.greater_equal(since + 1, state.builder.constant(batches, INT64))
        sums = cls(state, g.logical_or(full, g.greater(flush, state.builder.constant(0, INT64))))
        sums._keep(name, since + 1)
        return sums

    def _keep(self, name: str, sum: Tensor) -> None:
        """Let a sum over batches go on to the next batch; nothing does behind an update."""
        if sum.element not in self._stays:
            self._stays[sum.element] = g.cast(g.logical_not(self.complete), sum.element)
        self.state.next[name] = sum * self._stays[sum.element]

    def sum(self, name: str, batch: Tensor) -> Tensor:
        """Add a batch's tensor to those of the batches before it."""
        name = self.state.label("pending", name)
        role = StateRole.MOMENT if batch.rank else StateRole.COUNTER
        total = self.state.read(StateTensor(name, batch.type, role, 0)) + batch
        self._keep(name, total)
        return total

    def statistic(self, name: str, operation: Statistic, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Merge a batch's accumulators with those of the batches before it."""
        names = {key: self.state.label("pending", f"{name}/{key}") for key in batch}
        before = {
            key: self.state.read(StateTensor(names[key], tensor.type, StateRole.COUNTER, 0))
            for key, tensor in batch.items()
        }
        total = {key: g.detach(tensor) for key, tensor in operation.merge(before, dict(batch)).items()}
        for key, tensor in total.items():
            self._keep(names[key], tensor)
        return total

    def is_update(self, has_weight: Tensor | None) -> Tensor:
        """An update is made where it is complete, and has anything to learn from."""
        return self.complete if has_weight is None else g.logical_and(self.complete, has_weight)


@dataclass(eq=False)
class OutsideSums:
    """Sums that are made outside of the graph: tensors of a batch go out, and sums come in under the same names."""

    names: list[str] = field(default_factory=list)

    def sum(self, name: str, batch: Tensor) -> Tensor:
        """Put a batch's tensor out, and take in the sum over all batches."""
        self.names.append(f"sum/{name}")
        batch.builder.output(self.names[-1], batch)
        return batch.builder.input(self.names[-1], batch.type)

    def statistic(self, name: str, operation: Statistic, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Put a batch's accumulators out, and take in their sums over all batches."""
        del operation  # :func:`check_sums` has seen that they are merged by sums
        return {key: self.sum(f"{name}/{key}", tensor) for key, tensor in batch.items()}

    def is_update(self, has_weight: Tensor | None) -> Tensor | None:
        """The loop outside decides when an update is made; it makes none where there was nothing to learn from."""
        return has_weight


def check_sums(objective: Objective) -> None:
    """Refuse an objective of which the gradients of batches can't be had as tensors that add up.

    Raises:
        Problem: E0526.
    """
    twice = next((group.optimizer.name for group in objective.groups if group.optimizer.perturbs), None)
    if twice is not None:
        raise NOT_APART(
            f"{twice} takes the gradients of '{objective.name}' a second time, at weights that follow from the first",
            hint="leave --apart out: train.onnx makes gradient and update of one batch",
            span=objective.span,
        )
    added_up = terms_of(objective.loss) is not None
    trained = {id(site) for site in statistics_of(objective.loss)}
    for site in formula_of(objective.loss).sites:
        assert isinstance(site.operation, Statistic)
        joins = added_up or (site.operation.adds_up and (id(site) not in trained or joins_batches(site)))
        if compares(site) or not joins:
            raise NOT_APART(
                f"the gradient of '{objective.name}' does not add up from batches: '{site.operation.name}' over all "
                "examples does not follow from sums over each batch",
                hint="leave --apart out: train.onnx makes gradient and update of one batch",
                labels=[Label(site.span, "this looks at all examples together")] if site.span else [],
                span=objective.span,
            )


# --- gradients over several batches ---------------------------------------------------------------------


Accumulated = tuple[Mapping[str, Tensor], Tensor | None]
"""The gradient over the batches of an update, by the path of each parameter, of its type; and whether an update is made
(bool), None where one always is: there may have been nothing to learn from."""


def accumulated(
    lowering: Lowering, objective: Value, loss: Tensor, parameters: Mapping[str, Tensor], sums: Sums
) -> Accumulated:
    """Return the gradient of an objective, emitted as ``loss``, by parameters (by path) over the batches of an update.

    In the graph, it holds where an update is made.
    """
    terms = terms_of(objective)
    if terms is None:
        return _of_formula(lowering, objective, parameters, sums)
    values, rest = [loss], None
    if len(terms.terms) != 1 or terms.terms[0].weighting is SUM:  # else the rest is the same in each batch
        values = [_emit_addends(lowering, term.addends) for term in terms.terms]
        rest = _emit_addends(lowering, terms.rest) if terms.rest else None
    found: dict[str, list[Tensor]] = {path: [] for path in parameters}
    weights: list[Tensor] = []
    # the gradient of each term adds up, times its weight, and is divided by the sum of weights
    for number, (term, value) in enumerate(zip(terms.terms, values, strict=True), 1):
        suffix = f"_{number}" if number > 1 else ""
        of_batch = _gradients(value, parameters)
        weight = _batch_weight(lowering, term) if term.weighting is not SUM else None
        total = None
        if weight is not None:
            total = sums.sum(f"examples{suffix}", g.cast(weight, _wide(weight.element)))
            if term.varies:
                weights.append(total)
        for path, gradient in of_batch.items():
            wide = g.cast(gradient, _wide(gradient.element))
            batch = wide if weight is None else wide * g.cast(weight, wide.element)
            summed = sums.sum(f"{path}{suffix}", batch)
            if total is not None:
                summed = summed / g.cast(nonzero(total) if term.varies else total, summed.element)
            found[path].append(g.cast(summed, gradient.element))
    if rest is not None:
        for path, gradient in _gradients(rest, parameters).items():
            found[path].append(gradient)
    is_update = sums.is_update(_any_weight(weights) if weights and len(weights) == len(terms.terms) else None)
    return _joined(found, parameters), is_update


def _of_formula(lowering: Lowering, objective: Value, parameters: Mapping[str, Tensor], sums: Sums) -> Accumulated:
    """Differentiate the formula by its statistics over all batches, and these by the parameters."""
    formula = formula_of(objective)
    trained = {id(site) for site in statistics_of(objective)}
    whole = lowering.without({id(application) for application in formula.finished})
    parts: list[tuple[Tensor, Tensor]] = []
    """Of each statistic in a batch that a gradient may go through: itself, and its sum over the batches."""
    weights: list[Tensor] = []
    for number, site in enumerate(formula.sites, 1):
        operation = site.operation
        assert isinstance(operation, Statistic)
        batch = _accumulators_of(lowering, site)
        total = sums.statistic(f"statistic_{number}", operation, batch)
        if id(site) in trained:
            parts += [(batch[key], tensor) for key, tensor in total.items() if tensor.element.is_float]
        weights += [total["weight"]] if "weight" in total else []
        whole.put(site, (operation.finish(total, site.outputs[0].type.element),))
    (value,) = whole.emit(objective)
    found: dict[str, list[Tensor]] = {path: [] for path in parameters}
    factors = gradients(value, [total for _, total in parts])
    for number, ((batch_part, _), factor) in enumerate(zip(parts, factors, strict=True), 1):
        if factor is None:
            continue
        for path, gradient in _gradients(batch_part, parameters).items():
            wide = g.cast(gradient, _wide(gradient.element))
            summed = sums.sum(f"{path}_{number}", wide) * g.cast(factor, wide.element)
            found[path].append(g.cast(summed, gradient.element))
    for path, gradient in _gradients(value, parameters).items():
        found[path].append(gradient)
    is_update = sums.is_update(_any_weight(weights) if len(weights) == len(formula.sites) else None)
    return _joined(found, parameters), is_update


def _gradients(value: Tensor, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the gradient of a scalar by each parameter that it depends on."""
    found = gradients(value, list(parameters.values()))
    return {path: gradient for path, gradient in zip(parameters, found, strict=True) if gradient is not None}


def batch_gradients(loss: Tensor, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the gradient of a batch's loss by each parameter."""
    return _joined({path: [gradient] for path, gradient in _gradients(loss, parameters).items()}, parameters)


def _joined(found: Mapping[str, Sequence[Tensor]], parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the sum of what was found for each parameter, zeros where that is nothing."""
    return {
        path: g.total(*found[path]) if found.get(path) else g.full(parameter, 0.0, parameter.type)
        for path, parameter in parameters.items()
    }


def _wide(element: ElementType) -> ElementType:
    """Return the type that sums over batches have."""
    return element if element is FLOAT64 else FLOAT32

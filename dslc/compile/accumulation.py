"""Accumulation: gradients of several batches joined into that of one large batch.

With the objective a sum of means, each batch's gradient of a mean counts by the weights it has in that batch: by its
examples, or by what ``weight``, ``class_weight`` and ``ignore_index`` leave of them. There is one sum of gradients
for each set of weights, and the sums are divided at the update. Any other formula of statistics, a root of a mean
say, is differentiated by the statistics of all batches at the update, and these by the parameters in each batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce

from dslc import graph as g
from dslc.autodiff import gradients
from dslc.compile.lowering import Lowering, origin_of
from dslc.compile.state import FLUSH, StateRole, StateTensor, counter
from dslc.graph import Builder, Tensor
from dslc.library.losses import nonzero
from dslc.library.operation import SUM, Statistic
from dslc.plan.measures import BATCH, formula_of
from dslc.plan.terms import Addend, Term, statistics_of, terms_of, varying_sites
from dslc.plan.values import Application, Value
from dslc.types import FLOAT32, FLOAT64, INT64, ElementType, TensorType, symbol

__all__ = ["Accumulation", "alive", "term_name", "term_values"]


def term_name(number: int) -> str:
    """Return the output of a term, counted from 0, of an objective that has several with weights that vary."""
    return f"loss.term_{number + 1}"


def emit_addends(lowering: Lowering, addends: Sequence[Addend]) -> Tensor:
    """Return the sum of addends of which the values and factors have been emitted."""
    tensors = []
    for addend in addends:
        tensor = lowering.tensor(addend.value)
        for word, factor in addend.factors:
            other = lowering.tensor(factor) if isinstance(factor, Value) else factor
            tensor = tensor / other if word == "divide" else tensor * other
        tensors.append(tensor)
    return g.total(*tensors)


def term_values(lowering: Lowering, objective: Value) -> list[Tensor]:
    """Return the terms of an objective in a batch, where there are several and a mean of losses is not theirs."""
    terms = terms_of(objective)
    if terms is None or len(terms.terms) < 2 or not any(term.varies for term in terms.terms):
        return []
    return [emit_addends(lowering, term.addends) for term in terms.terms]


def accumulators_of(lowering: Lowering, site: Application) -> dict[str, Tensor]:
    """Return a statistic's accumulators of the batch; they are the nodes that its value is made of, merged later."""
    assert isinstance(site.operation, Statistic)
    with lowering.builder.scope(site.operation.name, origin_of(site.span)):
        return site.operation.of_batch(lowering.context(site), *lowering.operands(site))


def weight_of(lowering: Lowering, term: Term) -> Tensor:
    """Return the sum of a term's weights in the batch, a scalar."""
    if not term.varies:
        return g.cast(g.reshape(lowering.builder.dimension(symbol(BATCH)), ()), FLOAT32)
    return accumulators_of(lowering, term.site)["weight"]


def alive(lowering: Lowering, objective: Value) -> Tensor | None:
    """Return whether a batch has anything to learn from (bool), None where every batch has."""
    sites = varying_sites(objective)
    return _any(_is_not_zero(accumulators_of(lowering, site)["weight"]) for site in sites) if sites else None


def _any(conditions: Iterable[Tensor]) -> Tensor:
    return reduce(g.logical_or, conditions)


def _is_not_zero(x: Tensor) -> Tensor:
    return g.logical_not(g.equal(x, 0))


@dataclass
class Accumulation:
    """The part of a step's graph that accumulates."""

    builder: Builder
    lowering: Lowering
    objective: Value
    parameters: Mapping[str, Tensor]
    """Those that the objective trains, by path."""
    batches: int
    add: Callable[[StateTensor], Tensor]
    """Makes a state tensor an input."""
    label: Callable[[str, str], str]
    next: dict[str, Tensor]
    """Successors of state tensors, to be filled."""
    complete: Tensor = field(init=False)
    """Whether the batch is the last of those that make an update, a bool."""
    applies: Tensor = field(init=False)
    """Whether it makes one: there may have been nothing to learn from."""
    _stays: dict[ElementType, Tensor] = field(default_factory=dict)

    def gradients(self, loss: Tensor) -> dict[str, Tensor]:
        """Return the objective's gradient over the batches since the last update, which holds where one is made."""
        flush = self.add(StateTensor(FLUSH, TensorType(INT64), StateRole.HOST, 0))
        since = self.add(counter(self.label("pending", "batches")))
        full = g.greater_equal(since + 1, self.builder.constant(self.batches, INT64))
        self.complete = g.logical_or(full, g.greater(flush, self.builder.constant(0, INT64)))
        self.next[self.label("pending", "batches")] = self._kept(since + 1)
        terms = terms_of(self.objective)
        if terms is None:
            return self._of_formula()
        if len(terms.terms) == 1 and terms.terms[0].weighting is not SUM:
            return self._of_terms(terms.terms, [loss], None)  # what does not hang on the batch is the same in each
        values = [emit_addends(self.lowering, term.addends) for term in terms.terms]
        return self._of_terms(terms.terms, values, emit_addends(self.lowering, terms.rest) if terms.rest else None)

    def _kept(self, sum: Tensor) -> Tensor:
        """Return what goes on to the next batch of a sum over batches: nothing behind an update."""
        if sum.element not in self._stays:
            self._stays[sum.element] = g.cast(g.logical_not(self.complete), sum.element)
        return sum * self._stays[sum.element]

    def _pending(self, name: str, batch: Tensor) -> Tensor:
        """Add a batch's tensor to those of the batches before it."""
        tensor = StateTensor(self.label("pending", name), batch.type, StateRole.MOMENT, 0)
        if not batch.rank:
            tensor = StateTensor(tensor.name, batch.type, StateRole.COUNTER, 0)
        summed = self.add(tensor) + batch
        self.next[tensor.name] = self._kept(summed)
        return summed

    def _slopes(self, value: Tensor) -> dict[str, Tensor]:
        """Return the gradient of a scalar by each parameter that it depends on."""
        found = gradients(value, list(self.parameters.values()))
        return {path: slope for path, slope in zip(self.parameters, found, strict=True) if slope is not None}

    # --- sums of means and sums --------------------------------------------------------------------

    def _of_terms(self, terms: Sequence[Term], values: Sequence[Tensor], rest: Tensor | None) -> dict[str, Tensor]:
        found: dict[str, list[Tensor]] = {path: [] for path in self.parameters}
        weights: list[Tensor] = []
        for number, (term, value) in enumerate(zip(terms, values, strict=True), 1):
            suffix = f"_{number}" if number > 1 else ""
            slopes = self._slopes(value)
            weight = weight_of(self.lowering, term) if term.weighting is not SUM else None
            total = None
            if weight is not None:
                total = self._pending(f"examples{suffix}", g.cast(weight, _wide(weight.element)))
                if term.varies:
                    weights.append(total)
            for path, slope in slopes.items():
                wide = g.cast(slope, _wide(slope.element))
                batch = wide if weight is None else wide * g.cast(weight, wide.element)
                summed = self._pending(f"{path}{suffix}", batch)
                if total is not None:
                    summed = summed / g.cast(nonzero(total) if term.varies else total, summed.element)
                found[path].append(g.cast(summed, slope.element))
        if rest is not None:
            for path, slope in self._slopes(rest).items():
                found[path].append(slope)
        always = not weights or len(weights) < len(terms)
        self.applies = self.complete if always else g.logical_and(self.complete, _any(map(_is_not_zero, weights)))
        return self._joined(found)

    def _joined(self, found: Mapping[str, Sequence[Tensor]]) -> dict[str, Tensor]:
        return {
            path: g.total(*slopes) if slopes else g.full(parameter, 0.0, parameter.type)
            for (path, parameter), slopes in zip(self.parameters.items(), found.values(), strict=True)
        }

    # --- other formulas ------------------------------------------------------------------------------

    def _of_formula(self) -> dict[str, Tensor]:
        """Differentiate the formula by its statistics over all batches, and these by the parameters."""
        formula = formula_of(self.objective)
        trained = {id(site) for site in statistics_of(self.objective)}
        emitted = {id(application) for application in formula.finished}
        whole = self.lowering.without(emitted)
        parts: list[tuple[Tensor, Tensor]] = []
        """Of each statistic in a batch that a gradient may go through: itself, and its sum over the batches."""
        weights: list[Tensor] = []
        for number, site in enumerate(formula.sites, 1):
            operation = site.operation
            assert isinstance(operation, Statistic)
            batch = accumulators_of(self.lowering, site)
            names = {key: self.label("pending", f"statistic_{number}/{key}") for key in batch}
            before = {
                key: self.add(StateTensor(names[key], tensor.type, StateRole.COUNTER, 0))
                for key, tensor in batch.items()
            }
            context = self.lowering.context(site)
            total = {k: g.detach(t) for k, t in operation.merge(context, before, batch).items()}
            for key, tensor in total.items():
                self.next[names[key]] = self._kept(tensor)
                if id(site) in trained and tensor.element.is_float:
                    parts.append((batch[key], tensor))
            weights += [total["weight"]] if "weight" in total else []
            result = site.outputs[0].type.element
            whole.put(site, (operation.finish(context, total, result),))
        (value,) = whole.emit(self.objective)
        found: dict[str, list[Tensor]] = {path: [] for path in self.parameters}
        factors = gradients(value, [total for _, total in parts])
        for number, ((batch_part, _), factor) in enumerate(zip(parts, factors, strict=True), 1):
            for path, slope in self._slopes(batch_part).items() if factor is not None else ():
                assert factor is not None
                wide = g.cast(slope, _wide(slope.element))
                summed = self._pending(f"{path}_{number}", wide) * g.cast(factor, wide.element)
                found[path].append(g.cast(summed, slope.element))
        for path, slope in self._slopes(value).items():
            found[path].append(slope)
        always = len(weights) < len(formula.sites)
        self.applies = self.complete if always else g.logical_and(self.complete, _any(map(_is_not_zero, weights)))
        return self._joined(found)


def _wide(element: ElementType) -> ElementType:
    """Return the type that sums over batches have."""
    return element if element is FLOAT64 else FLOAT32

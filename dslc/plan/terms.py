"""Taking objectives apart into terms that join batches, so that batches in turn add up to one large batch.

An objective is a formula of statistics over the examples. Where it is a sum of means and sums, each with a factor
that does not depend on the batch, the gradient over several batches is that of each batch weighted by what its means
are weighted by: one :class:`Term` for each set of weights. Any other formula is differentiated by its statistics.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

from dslc.library.statistic import EXAMPLES, SUM, Statistic
from dslc.plan.indices import weight_of
from dslc.plan.measures import applications_of, formula_of
from dslc.plan.recurrence import Recurrence
from dslc.plan.values import Application, ParameterOf, Scheduled, Value

__all__ = [
    "Addend", "Term", "Terms", "fields_only", "gradient_flows", "joins_batches", "known_by_fields", "reached_paths",
    "scheduled_in", "statistics_of", "terms_of", "varying_sites",
]  # fmt: skip


@dataclass(frozen=True, eq=False)
class Addend:
    """A value times factors, each an operator, ``*`` or ``/``, and what does not hang on a batch."""

    value: Value
    factors: tuple[tuple[str, Value | float], ...] = ()


@dataclass(frozen=True, eq=False)
class Term:
    """The part of an objective that is averaged by one set of weights, see :meth:`Statistic.weighting`."""

    weighting: Hashable
    site: Application
    """A statistic that has these weights."""
    addends: list[Addend] = field(default_factory=list)

    @property
    def varies(self) -> bool:
        """Whether its weights depend on the examples, beyond their number."""
        return self.weighting not in (EXAMPLES, SUM)


@dataclass(frozen=True, eq=False)
class Terms:
    """An objective that is a sum of terms, and of what does not depend on the batch."""

    terms: Sequence[Term]
    rest: Sequence[Addend]


def statistics_of(objective: Value) -> list[Application]:
    """Return the statistics over the examples that an objective is a formula of and a gradient goes through."""
    sites = [site for site in formula_of(objective).sites if gradient_flows(*site.operands)]
    return [site for site in sites if site.outputs[0].type.element.is_float and site.operation.differentiable]


def terms_of(objective: Value) -> Terms | None:
    """Take an objective apart into terms; None where it is no sum of means and sums over the examples."""
    formula = formula_of(objective)
    sites, finished = set(formula.sites), set(formula.finished)
    terms: dict[Hashable, Term] = {}
    rest: list[Addend] = []
    open_ = [Addend(objective)]
    while open_:
        addend = open_.pop()
        application = addend.value.application
        symbol, operands = application.operation.symbol, application.operands
        if application not in finished:
            rest.append(addend)
        elif (site := _only_site(application, sites, finished)) is not None:
            assert isinstance(site.operation, Statistic)
            weighting = site.operation.weighting(site.operands)
            if weighting is None or gradient_flows(*site.operation.weighed_by(site.operands)):
                return None
            terms.setdefault(weighting, Term(weighting, site)).addends.append(addend)
        elif (symbol, len(operands)) == ("-", 1):
            open_.append(Addend(operands[0], (*addend.factors, ("*", -1.0))))
        elif symbol in ("+", "-"):
            sign = (("*", -1.0),) if symbol == "-" else ()
            open_ += [Addend(operands[1], addend.factors + sign), Addend(operands[0], addend.factors)]
        elif symbol in ("*", "/"):
            left, right = operands
            if symbol == "*" and left.application not in finished:
                left, right = right, left
            if right.application in finished:
                return None
            open_.append(Addend(left, (*addend.factors, (symbol, right))))
        else:
            return None
    if any(addend.value.type.rank for term in terms.values() for addend in term.addends):
        return None
    return Terms(list(terms.values()), rest)


def varying_sites(objective: Value) -> list[Application]:
    """Return the statistics of which, where the weights of all sum to 0, nothing is to be learned."""
    terms = terms_of(objective)
    sites = [term.site for term in terms.terms] if terms else statistics_of(objective)
    return sites if all(map(_varies, sites)) else []


def _varies(site: Application) -> bool:
    """Whether it is a mean whose weights depend on the examples."""
    operation = site.operation
    assert isinstance(operation, Statistic)
    weighting = operation.weighting(site.operands)
    return operation.averages and (weighting not in (EXAMPLES, SUM, None) or weight_of(site) is not None)


def known_by_fields(objective: Value) -> bool:
    """Whether an objective's terms, and the weights of each, follow from the data alone."""
    return terms_of(objective) is not None and all(fields_only(*_weighed_by(site)) for site in varying_sites(objective))


def _weighed_by(site: Application) -> Sequence[Value]:
    """Return the operands of a statistic that decide how much each example counts."""
    assert isinstance(site.operation, Statistic)
    return site.operation.weighed_by(site.operands)


def joins_batches(site: Application) -> bool:
    """Whether a formula can be differentiated by a statistic's sums over batches: they add up, and are numbers."""
    operation = site.operation
    assert isinstance(operation, Statistic)
    if not operation.adds_up or site.outputs[0].type.rank:
        return False
    return not operation.has_columns(*(operand.type for operand in site.operands))


def _only_site(application: Application, sites: set[Application], finished: set[Application]) -> Application | None:
    """Return the statistic that an application is a linear function of, if it is of one alone."""
    while application not in sites:
        if application not in finished or not application.operation.additive or len(application.operands) != 1:
            return None
        application = application.operands[0].application
    return application


def scheduled_in(*values: Value) -> list[Application]:
    """Return where schedules stand in what values derive from, in the steps of cells, too."""
    found = []
    for application in applications_of(*values):
        operation = application.operation
        if isinstance(operation, Scheduled):
            found.append(application)
        elif isinstance(operation, Recurrence):
            found += scheduled_in(*operation.results, *(state.after for state in operation.states))
    return found


def gradient_flows(*values: Value) -> bool:
    """Whether any of the values depends on a parameter in a way that has a gradient."""
    return bool(reached_paths(*values))


def reached_paths(*values: Value) -> set[str]:
    """Return the paths of the parameters and statistics that a gradient of any of the values reaches."""
    found: set[str] = set()
    seen: set[Application] = set()
    open_ = list(values)
    while open_:
        value = open_.pop()
        application = value.application
        if application in seen or not value.type.element.is_float or not application.operation.differentiable:
            continue
        seen.add(application)
        if isinstance(application.operation, Recurrence):
            open_ += (*application.operation.results, *(state.after for state in application.operation.states))
        elif isinstance(application.operation, ParameterOf):
            found.add(application.operation.path)
        else:
            found.update(application.variables.values())
        open_.extend(application.operands)
    return found


def fields_only(*values: Value) -> bool:
    """Whether values follow from data fields alone, without parameters and chance."""
    return not any(
        isinstance(a.operation, ParameterOf) or a.variables or a.operation.draws(a.training)
        for a in applications_of(*values)
    )

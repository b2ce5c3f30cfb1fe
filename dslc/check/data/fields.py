"""Checking fields: expressions of raw columns for one example, with steps that are fitted on the training split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import prod
from typing import Any

from dslc.check.core.elaboration import Elaboration
from dslc.check.core.expressions import ExpressionEvaluator
from dslc.check.core.scope import FileScope, Scope
from dslc.check.core.values import POISON, Silent
from dslc.check.data.field_columns import ColumnsRead
from dslc.check.data.field_words import FieldWords
from dslc.check.data.soundness import unsound
from dslc.check.data.widening import Widening, in_single_precision
from dslc.diagnostics import Basis, Diagnostics, Label
from dslc.errors import objectives
from dslc.library.word import FITS
from dslc.plan.data import FieldPlan, Unsound
from dslc.plan.examples import BATCH, across
from dslc.plan.measures import applications_of
from dslc.plan.values import Value
from dslc.syntax import tree
from dslc.types import BOOL, FLOAT32, TensorType, regroups, shape_text, symbol

__all__ = ["check_field"]


def check_field(
    plan: FieldPlan, node: tree.Field, file: FileScope, elaboration: Elaboration, read: ColumnsRead
) -> FieldPlan:
    """Check the expression of a field, of which the declared type is planned; what is wrong with it is reported."""
    checker = _FieldChecker(elaboration, read, node, plan.type)
    own = Diagnostics()
    elaboration.diagnostics, diagnostics = own, elaboration.diagnostics
    elaboration.widening = Widening(checker.as_whole)
    try:
        found = elaboration.attempt(partial(checker.check, file), node.value.span)
    finally:
        elaboration.diagnostics, elaboration.widening = diagnostics, None
    diagnostics.extend(f for f in own if not (checker.assumed and f.code.basis >= Basis.TYPES))
    plan = replace(plan, fits=tuple(checker.fits))
    if found is None:
        return plan
    value, exact, wrong = found
    outermost = checker.results.get(id(value))
    scaled = tuple(checker.scaled(outermost))
    return replace(plan, value=value, outermost=outermost, exact=exact, unsound=wrong, scaled=scaled)


@dataclass
class _FieldChecker(FieldWords):
    """Checks the expression of one field."""

    def check(self, file: FileScope) -> tuple[Value, Value, Unsound]:
        """Return the expression's value in the declared type, the value before that, and where it is wrong.

        Raises:
            Problem: it does not fit the declared type.
            Silent: that is reported, or can't be told before the data is read.
        """
        span = self.node.value.span
        evaluator = ExpressionEvaluator(self.elaboration, Scope(file, functions=self.words()))
        evaluator.scope.unknown_hint = lambda name: f'names of columns stand in quotes: column("{name}")'
        exact = evaluator.evaluate(self.node.value)
        if exact is POISON:
            raise Silent
        exact = self.elaboration.tensors([exact], [span])[0]
        if not self.assumed:  # else the data will tell
            self.refuse_looking_across(exact)
        if self.type.element is FLOAT32:
            exact = in_single_precision(self.elaboration, exact, span)
        value = self.in_declared_shape(self.in_declared_element(exact))
        return value, exact, Unsound() if self.assumed else unsound(self.elaboration, exact, span)

    def in_declared_shape(self, value: Value) -> Value:
        """Return the value in the declared shape: neighbouring axes may be joined or cut, and none change places.

        Raises:
            Problem: its elements are not as many, or their order would not be that of the axes.
        """
        span = self.node.value.span
        declared = Label(self.node.type.span, "declared here")
        wanted = (symbol(BATCH), *self.type.shape)
        if value.type.shape == wanted:
            return value
        if self.assumed:
            raise Silent  # the data will tell
        batched = value.type.rank and value.type.shape[0] == symbol(BATCH)
        if not batched:
            found = BATCH in value.type.symbols
            raise objectives.BAD_FIELD(
                f"the examples of the field '{self.node.name}' are no longer on axis 0: {shape_text(value.type.shape)}"
                if found
                else f"the field '{self.node.name}' does not depend on the example",
                hint="axis 0 counts the examples; those of one example count from 1" if found else None,
            ).at(span, declared)
        shape, target = value.type.shape[1:], self.type.shape
        if prod(shape) != prod(target):
            raise objectives.BAD_FIELD(
                f"the field '{self.node.name}' is declared as {self.type}, and the expression gives "
                f"{TensorType(self.type.element, shape)} for each example"
            ).at(span, declared)
        if not regroups(shape, target):  # type: ignore[arg-type]
            order = _permutation(shape, target)
            hint = "reshape(...) regroups the elements in the order in which they lie"
            if order is not None:
                hint = f"put the axes into that order: transpose({span.text.strip()}, axes = {order})"
            raise objectives.BAD_FIELD(
                f"the field '{self.node.name}' is declared as {self.type}, and the expression gives "
                f"{shape_text(shape)} for each example, whose elements lie in another order",
                hint=hint,
            ).at(span, declared)
        fit = self.results.get(id(value))
        shaped = self.elaboration.call("reshape", [value], span, shape=(-1, *self.type.shape))
        (shaped,) = replace(shaped.application, types=(TensorType(value.type.element, wanted),)).outputs
        if fit is not None:
            self.results[id(shaped)] = fit
        return shaped

    def in_declared_element(self, value: Value) -> Value:
        """Return the value in the declared element type; whether that loses anything is for the data to say.

        Raises:
            Problem: categories are no numbers to compute with, nor is true or false a number.
        """
        span, element, target = self.node.value.span, value.type.element, self.type.element
        if element is target:
            return value
        fit = self.results.get(id(value))
        truth = element is BOOL and not self.is_array_of_truth(value)
        if truth or (fit is not None and fit.codes and not target.is_integer):
            raise objectives.BAD_FIELD(
                f"the field '{self.node.name}' is declared as {target}, and this is {element}",
                hint=f"convert it: cast(..., {target}), or declare the field as {element}",
            ).at(span, Label(self.node.type.span, "declared here"))
        converted = self.elaboration.call("cast", [value], span, element=target)
        if fit is not None:
            self.results[id(converted)] = fit
        return converted

    def is_array_of_truth(self, value: Value) -> bool:
        """Return whether it is a column as it stands, of an array of booleans, which has always been 0 and 1."""
        use = self.read.of(value)
        fact = self.read.facts.columns.get((use.patterns, use.many)) if use is not None else None
        return fact is not None and fact.element is BOOL

    def refuse_looking_across(self, value: Value) -> None:
        """Refuse what joins examples: fields see one example.

        Raises:
            Problem: something does.
        """
        found = across(applications_of(value))
        if found is not None:
            *steps, last = FITS
            raise objectives.BAD_FITTED(
                f"'{found.operation.name}' looks across the examples, and a field sees one example",
                hint=f"{', '.join(steps)} and {last} are fitted on the training split",
            ).at(found.span)


def _permutation(found: Sequence[Any], target: Sequence[Any]) -> list[int] | None:
    """Return the axes, counted with that of the examples, in the order that makes one shape the other."""
    left = list(range(len(found)))
    order = [0]
    for size in target:
        axis = next((a for a in left if found[a] == size), None)
        if axis is None:
            return None
        left.remove(axis)
        order.append(axis + 1)
    return order if not left else None

"""The statements of a ``train`` block, and the values of their expressions: losses, metrics, outputs, settings."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

from dslc.check.core.applicable import CallSite, ContextFunction, Evaluator
from dslc.check.core.blocks import Network, bind_formals
from dslc.check.core.bodies import unpacked
from dslc.check.core.elaboration import Elaboration
from dslc.check.core.expressions import ExpressionEvaluator
from dslc.check.core.naming import component_names, snake_case
from dslc.check.core.scope import BlockDeclaration, FileScope, Scope
from dslc.check.core.values import POISON, Outputs, Silent, is_number, kind_of
from dslc.diagnostics import Label, Problem, did_you_mean
from dslc.errors import matching, names, objectives
from dslc.library.word import FITS
from dslc.plan.data import DataPlan
from dslc.plan.examples import BATCH
from dslc.plan.measures import measure
from dslc.plan.training import Measure
from dslc.plan.values import FITTED, Value
from dslc.source import Span
from dslc.syntax import tree
from dslc.types import TensorType, symbol

__all__ = ["TrainEvaluation"]


@dataclass(eq=False)
class TrainEvaluation:
    """One train block: its statements, what is found wrong with them, and what their expressions are evaluated with."""

    node: tree.Train
    file: FileScope
    elaboration: Elaboration
    data: DataPlan | None = None
    """None where it could not be checked."""
    networks: dict[str, Network] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    """Networks that could not be made, and metrics that could not be taken: no more is said of them."""
    failed: bool = False
    """Whether the block can't be compiled, reported or known otherwise."""
    _by_kind: dict[type[Any], list[Any]] = field(default_factory=dict)
    _first: dict[type[Any], dict[str | None, Any]] = field(default_factory=dict)

    def report(self, problem: Problem, span: Span | None, *labels: Label) -> Any:
        """Report what the block can't be compiled for; the poison it leaves is its value."""
        self.failed = True
        return self.elaboration.report(problem, span, *labels)

    def of(self, kind: type[Any]) -> list[Any]:
        """Return all of a kind, as they are written."""
        if kind not in self._by_kind:
            self._by_kind[kind] = [s for s in self.node.body if isinstance(s, kind)]
        return self._by_kind[kind]

    def first(self, kind: type[Any], name: str | None) -> Any:
        """Return the first of a kind and name, None where there is none."""
        if kind not in self._first:
            self._first[kind] = {s.name: s for s in reversed(self.of(kind))}
        return self._first[kind].get(name)

    def only(self, kind: type[Any]) -> Any:
        """Return the one of a kind, None where there is none; a second is reported."""
        found = self.of(kind)
        if len(found) > 1:
            word = found[1].span.text.split()[0]
            self.report(
                names.REPEATED_STATEMENT(f"'{word}' stands twice"), found[1].span, Label(found[0].span, "the first one")
            )
        return found[0] if found else None

    @cached_property
    def components(self) -> dict[Span, str]:
        """The last part of the path of all that the block applies, by place."""
        return component_names(self.node.body)

    def _default_network(self, block: BlockDeclaration, span: Span) -> Network:
        """Return the network that a bare model's name stands for."""
        name = block.node.name
        if name not in self.networks:
            missing = [formal.name for formal in block.node.formals if formal.default is None]
            if missing and not block.damaged:
                values = ", ".join(f"{argument} = ..." for argument in missing)
                hint = f"make a network of it first: net {snake_case(name)} = {name}({values})"
                raise names.MISSING_ARGUMENT(f"{name} needs {' and '.join(map(repr, missing))}", hint=hint).at(span)
            arguments = bind_formals(self.evaluator(), block, [], span)
            if arguments is POISON:
                self.failed = True
                raise Silent
            self.networks[name] = Network(name, block, arguments, block.node.name_span)
        return self.networks[name]

    def evaluator(self) -> Evaluator:
        """Return an evaluator that knows the networks, and no fields."""
        scope = Scope(
            self.file, functions=self._functions, default_network=self._default_network, incomplete=self.data is None
        )
        scope.callables.update(self.networks)
        scope.callables.update(dict.fromkeys(self.broken, POISON))
        return ExpressionEvaluator(self.elaboration, scope, components=self.components)

    @cached_property
    def _functions(self) -> dict[str, ContextFunction]:
        """The words that a train block knows, or that it knows to stand in fields only."""
        not_here = ContextFunction(self._not_here)
        return {
            "original": ContextFunction(self._original, names_at=frozenset({1})),
            **dict.fromkeys(("column", "columns", *FITS, "datetime", "is_missing"), not_here),
        }

    def elaborated(self, bound: str, expression: tree.Expression, *, training: bool) -> Any:
        """Evaluate an expression: each objective in a graph of its own, all that is evaluated in one."""
        with self.elaboration.graph(training=training):
            evaluator = self._with_fields() if training else self._evaluating
            return replace(evaluator, bound=(bound,)).evaluate(expression)

    @cached_property
    def _evaluating(self) -> Evaluator:
        """The names of the evaluation graph, made once: metrics share what they have in common."""
        return self._with_fields()

    def _with_fields(self) -> Evaluator:
        """Return an evaluator that knows the fields and the lets."""
        evaluator = self.evaluator()
        scope = evaluator.scope
        if self.data is not None:
            for name, checked in self.data.fields.items():
                if not checked.has_type:
                    scope.values[name] = POISON
                    continue
                type = TensorType(checked.type.element, (symbol(BATCH), *checked.type.shape))
                scope.values[name] = self.elaboration.placeholder(name, type, checked.span)
        for let in self.of(tree.Let):
            value = replace(evaluator, bound=(let.targets[0].name,)).evaluate(let.value)
            parts = self.elaboration.attempt(partial(unpacked, let.targets, value, let.value.span), let.value.span)
            for name in (target.name for target in let.targets):  # what is declared twice is reported
                part = POISON if parts is None else parts[name]
                scope.values[name] = POISON if name in scope.values else part
        return evaluator

    def figure(self, bound: str, expression: tree.Expression, *, training: bool, what: str) -> Any:
        """Evaluate a loss, metric or output, which is a tensor; POISON where it is not."""
        return self.as_tensor(self.elaborated(bound, expression, training=training), expression.span, what)

    def as_tensor(self, value: Any, span: Span, what: str) -> Any:
        """Return a value as a tensor; POISON (reported) where it is none."""
        if value is POISON:
            self.failed = True
            return POISON
        if isinstance(value, Value):
            return value
        if is_number(value) and not isinstance(value, bool):
            return self.elaboration.tensors([value], [span])[0]
        hint = f"read one of them: {', '.join(value.values)}" if isinstance(value, Outputs) else None
        return self.report(matching.NOT_A_TENSOR(f"{what} is a tensor, and this is {kind_of(value)}", hint=hint), span)

    def measured(self, name: str, value: Value, span: Span, *, per_batch: bool = False) -> Measure | None:
        """Take a figure apart into what is summed up over batches; None (reported) where it can't be."""

        def found() -> Measure:
            return measure(name, self.elaboration.over_examples(value, span), span, per_batch=per_batch)

        return self.elaboration.attempt(found, span)

    def _original(self, call: CallSite) -> Any:
        """``original(y, price)``: y with the fitted steps of the field price undone."""
        if call.failed:
            return POISON
        if len(call.arguments) != 2 or any(a.name is not None for a in call.arguments):
            raise names.MISSING_ARGUMENT(
                "original takes a tensor and a field", hint="write: original(prediction, price)"
            )
        y, target = call.arguments
        name = target.value
        if self.data is None:
            return POISON
        if name not in self.data.fields:
            hint = did_you_mean(name, self.data.fields) or "write: original(prediction, price)"
            raise objectives.BAD_FITTED("original takes the name of a field", hint=hint).at(target.span)
        steps = self.data.fields[name].scaled
        if not steps and self.data.fields[name].value is not None:  # else the data will tell
            known = " or ".join(word.name for word in FITS.values() if word.undoes)
            raise objectives.BAD_FITTED(
                f"the field '{name}' is not the result of {known}, so there is nothing to undo"
            ).at(target.span)
        operand = self.elaboration.tensors([y.value], [y.span])[0]
        found = operand
        for fit in steps:
            assert fit.operand is not None
            type = fit.constant_of(fit.operand.type)
            constants = {
                part: self.elaboration.placeholder(f"{FITTED}{fit.key}/{part}", type, None)
                for part in reversed(fit.step.constants)
            }
            exact = self.elaboration.call("cast", [found], call.span, element=type.element)
            found = fit.step.undone(self.elaboration.caller(call.span), exact, constants)
        return self.elaboration.call("cast", [found], call.span, element=operand.type.element)

    def _not_here(self, call: CallSite) -> Any:
        hint = f"field x: float32 = {call.name}(...)"
        raise names.NOT_APPLICABLE(f"{call.name} belongs into a field of 'data'", hint=hint)

"""The statements of a block's body, carried out for the tensors that flow in."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from dslc.check.core.applicable import Evaluator, LayerInstance
from dslc.check.core.builtins import count_of
from dslc.check.core.elaboration import Elaboration
from dslc.check.core.matching import declared_type, match_type
from dslc.check.core.scope import BlockDeclaration, Scope
from dslc.check.core.values import POISON, Outputs, Silent, kind_of
from dslc.diagnostics import Label, Problem, Repair
from dslc.errors import matching, names, objectives
from dslc.library.operation import Initializer, Role, Variable
from dslc.plan.values import ParameterRecord, Value
from dslc.source import Span
from dslc.syntax import tree

__all__ = ["Body", "unpacked"]


@dataclass
class Body:
    """One elaboration of a block's body."""

    described_input: ClassVar[str] = "the input"
    """How messages call what flows in."""

    evaluator: Evaluator
    block: BlockDeclaration
    operands: list[Value] | dict[str, Value] | None
    span: Span
    outputs: dict[str | None, Any] = field(default_factory=dict)
    output_spans: dict[str | None, Span] = field(default_factory=dict)
    inputs: dict[str, Any] = field(default_factory=dict)
    optional: Collection[str] = ()
    """Those of the inputs that may be left away which are there, elaborated for its declared types."""
    input_statements: dict[str, tree.Input] = field(default_factory=dict)
    """The first of each name."""

    @property
    def elaboration(self) -> Elaboration:
        """What the elaboration around it shares."""
        return self.evaluator.elaboration

    def run(self) -> Any:
        """Return its output, an :class:`Outputs` if it has several, or POISON."""
        node = self.block.node
        if self.block.problem is not None:
            self.elaboration.diagnostics.add(self.block.problem)
            return POISON
        inputs = [s for s in node.body if isinstance(s, tree.Input)]
        if self.operands is not None:
            self._distribute(inputs)
        for statement in inputs:
            earlier = self.input_statements.setdefault(statement.name, statement)
            if earlier is not statement:
                problem = names.DUPLICATE(f"the input '{statement.name}' is declared twice")
                first = Label(earlier.name_span, "first declared here")
                self.elaboration.report(problem, statement.name_span, first)
        self.statements(node.body, self.evaluator.scope, (), top=True)
        found = list(self.outputs.values())
        if not found:
            raise names.MISSING_STATEMENT(
                f"no output of {node.kind} {node.name} is reached",
                hint="each stands in a branch that is not taken, or in a loop that does not run",
            ).at(node.name_span)
        if POISON in found:
            return POISON
        if len(found) == 1:
            return found[0]
        return Outputs({str(name): value for name, value in self.outputs.items()}, node.name)

    def _distribute(self, inputs: Sequence[tree.Input]) -> None:
        """Give the operands to the inputs."""
        node, operands = self.block.node, self.operands
        assert operands is not None
        if isinstance(operands, list):
            least = sum(i.default is None for i in inputs)
            if not least <= len(operands) <= len(inputs):
                most = f"{len(inputs)} tensor{'s' * (len(inputs) != 1)} ({', '.join(i.name for i in inputs)})"
                takes = most if least == len(inputs) else f"{least} to {most}"
                raise matching.WRONG_COUNT(
                    f"{node.name} takes {takes}, and {len(operands)} flow{'s' * (len(operands) == 1)} into it",
                    hint=f"write ({', '.join(i.name for i in inputs)}) -> {node.name}" if len(inputs) > 1 else None,
                ).at(self.span)
            operands = {i.name: o for i, o in zip(inputs, operands, strict=False)}
        self.inputs = dict(operands)

    # --- statements ----------------------------------------------------------------------------

    def statements(
        self, statements: Sequence[tree.BodyStatement], scope: Scope, indices: tuple[str, ...], *, top: bool = False
    ) -> None:
        """Carry out statements in their order; what fails is reported, and what it binds is poison."""
        evaluator = replace(self.evaluator, scope=scope)
        for statement in statements:
            self.elaboration.budget.count_execution(statement.span)
            try:
                self.statement(statement, evaluator, indices, top)
            except Problem as problem:
                self.elaboration.report(problem, statement.span)
                self._poison(statement, scope)
            except Silent:
                self._poison(statement, scope)

    def _poison(self, statement: tree.BodyStatement, scope: Scope) -> None:
        """Bind what a failed statement would have bound, so that its uses stay silent."""
        match statement:
            case tree.Bind(targets=targets):
                for target in targets:
                    scope.bind(target.name, POISON)
            case tree.Input(name=name) | tree.State(name=name) | tree.ParameterDeclaration(name=name):
                scope.bind(name, POISON)
            case tree.LayerDeclaration(name=name):
                scope.callables.setdefault(name, POISON)
            case tree.Output(name=name):
                self.outputs.setdefault(name, POISON)
            case tree.If(body=body, otherwise=otherwise):
                self.poison_all((*body, *otherwise), scope)
            case tree.For(body=body):
                self.poison_all(body, scope)

    def poison_all(self, statements: Sequence[tree.BodyStatement], scope: Scope) -> None:
        """Poison what statements would have bound that can't be carried out."""
        for statement in statements:
            self._poison(statement, scope)

    def statement(self, s: tree.BodyStatement, evaluator: Evaluator, indices: tuple[str, ...], top: bool) -> None:
        """Carry out one statement; ``indices`` are those of the loops around it, ``top`` whether it stands in none.

        Raises:
            Problem: it can't be carried out.
        """
        scope = evaluator.scope
        match s:
            case tree.Input():
                self._input(s, evaluator, top)
            case tree.State():
                self.state(s, evaluator, top)
            case tree.Output():
                self._output(s, replace(evaluator, bound=(s.name or "output", *indices)))
            case tree.Bind():
                value = replace(evaluator, bound=(s.targets[0].name, *indices)).evaluate(s.value)
                self._bind(s, value, scope)
            case tree.LayerDeclaration():
                scope.check_shadowing(s.name, s.name_span)
                self._layer(s, evaluator, indices)
            case tree.ParameterDeclaration():
                self._parameter(s, evaluator, indices)
            case tree.If():
                chosen = evaluator.condition(s.condition, "'if'")
                if chosen is POISON:
                    self._poison(s, scope)
                else:
                    self.statements(s.body if chosen else s.otherwise, scope, indices)
            case tree.For():
                self._for(s, evaluator, indices)

    def _input(self, s: tree.Input, evaluator: Evaluator, top: bool) -> None:
        if not top:
            raise names.MISPLACED_STATEMENT("inputs stand at the top level of a block", hint="move it up").at(s.span)
        scope = evaluator.scope
        formal = next((f for f in self.block.node.formals if f.name == s.name), None)
        if formal is not None:
            raise names.DUPLICATE(
                f"'{s.name}' is an argument of {self.block.node.name} already", hint="choose another name"
            ).at(s.name_span, Label(formal.span, "the argument"))
        if s.default is not None and s.name not in (self.optional if self.operands is None else self.inputs):
            scope.values[s.name] = None
            return
        if self.operands is None:
            type = declared_type(s.type, scope, evaluator.evaluate)
            self.elaboration.check_size(type, s.type.span)
            value: Any = self.elaboration.placeholder(s.name, type, s.name_span)
        else:
            value = self.inputs.get(s.name, POISON)
            if isinstance(value, Value):
                what = f"{self.described_input} '{s.name}' of {self.block.node.name}"
                origin = value.span if value.span != s.name_span else None
                match_type(s.type, value.type, scope, evaluator.evaluate, what=what, span=self.span, origin=origin)
        scope.values[s.name] = value

    def state(self, s: tree.State, evaluator: Evaluator, top: bool) -> None:  # noqa: ARG002 - cells need both
        """Declare what a cell carries from step to step.

        Raises:
            Problem: it is no cell, or the state does not fit.
        """
        hint = "what goes along a sequence is declared as a cell: cell Name(units) { ... }"
        raise names.MISPLACED_STATEMENT(f"{self.block.described} has no steps to carry a state along", hint=hint).at(
            s.span
        )

    def _output(self, s: tree.Output, evaluator: Evaluator) -> None:
        node = self.block.node
        if s.name is None and node.kind == "model":
            raise names.MISPLACED_STATEMENT("a model names its outputs", hint="write: output name = ...").at(s.span)
        twin = self.input_statements.get(s.name) if s.name is not None else None
        if twin is not None and node.kind == "model":
            raise objectives.NAME_CLASH(
                f"the output '{s.name}' is named like an input of {node.name}",
                hint=f"choose another name for the output: 'predicted_{s.name}', say",
            ).at(s.name_span, Label(twin.name_span, "the input"))
        if s.name in self.outputs:
            what = f"the output '{s.name}' is" if s.name else "the unnamed output is"
            hint = None if s.name else "name the outputs: output a = ..., output b = ..."
            first = self.output_spans.get(s.name)
            if first == s.span:
                hint = "bind a name in the loop, and put that out behind it"
                raise names.DUPLICATE(f"{what} given in each turn of the loop", hint=hint).at(s.name_span)
            labels = [] if first is None else [Label(first, "first given here")]
            raise names.DUPLICATE(f"{what} given twice", hint=hint, labels=labels).at(s.name_span)
        if node.kind != "model" and self.outputs and (s.name is None) != (None in self.outputs):
            raise names.MISPLACED_STATEMENT(
                "an unnamed output is the only one of its block", hint="name the outputs"
            ).at(s.span)
        self.output_spans[s.name] = s.span
        value = evaluator.evaluate(s.value)
        if value is not POISON and not isinstance(value, Value):
            hint = "read one of them by name" if isinstance(value, Outputs) else None
            problem = matching.NOT_A_TENSOR(f"an output is a tensor, and this is {kind_of(value)}", hint=hint)
            value = self.elaboration.report(problem, s.value.span)
        self.outputs[s.name] = value
        if s.name is not None:
            evaluator.scope.values.setdefault(s.name, value)

    def _bind(self, s: tree.Bind, value: Any, scope: Scope) -> None:
        for target in s.targets:
            layer = scope.callables.get(target.name)
            if isinstance(layer, LayerInstance):
                raise names.SHADOWED(f"'{target.name}' is a layer already", hint="choose another name").at(target.span)
        for name, part in unpacked(s.targets, value, s.value.span).items():
            scope.bind(name, part)

    def _for(self, s: tree.For, evaluator: Evaluator, indices: tuple[str, ...]) -> None:
        iterable = evaluator.evaluate(s.iterable)
        if iterable is POISON:
            self._poison(s, evaluator.scope)
            return
        if not isinstance(iterable, (range, list, tuple)):
            problem = names.NOT_KNOWN_YET if isinstance(iterable, Value) else names.BAD_ARITHMETIC
            count = s.iterable.span.text if isinstance(iterable, int) else "n"
            hint = f"write: for {s.variable.name} in range({count})"
            raise problem(
                f"'for' runs over a range or a list, not {kind_of(iterable)}",
                hint=Repair(hint, f"range({count})") if isinstance(iterable, int) else hint,
            ).at(s.iterable.span)
        self.elaboration.budget.count_iterations(count_of(iterable), s.iterable.span)
        found = len(self.elaboration.diagnostics)
        for number, item in enumerate(iterable):
            if len(self.elaboration.diagnostics) > found:
                break  # a mistake in one turn is a mistake in all
            scope = Scope(evaluator.scope.file, evaluator.scope, values={s.variable.name: item})
            self.statements(s.body, scope, (*indices, str(item if isinstance(iterable, range) else number)))

    def _layer(self, s: tree.LayerDeclaration, evaluator: Evaluator, indices: tuple[str, ...]) -> None:
        site = evaluator.site(s.value)
        if not isinstance(site.callee, (tree.Name, tree.Member)):
            hint = f"for example: layer {s.name} = Dense(10)"
            raise names.NOT_APPLICABLE("'layer' makes a layer without applying it", hint=hint).at(site.span)
        found = evaluator.resolve(site.callee, role="layer")
        if site.failed:
            raise Silent
        run = found.configured(site)
        if run is None:
            hint = f"layer {s.name} = Dense(10), say, makes a layer, which x -> {s.name} applies"
            raise names.NOT_APPLICABLE(f"'{site.name}' is no layer and no block", hint=hint).at(site.callee.span)
        if run is POISON:
            raise Silent
        for scope in evaluator.scope.chain():
            known = scope.callables.get(s.name)
            if isinstance(known, LayerInstance):
                raise names.DUPLICATE(f"the layer '{s.name}' is declared twice", hint="choose another name").at(
                    s.name_span, Label(known.span, "first declared here")
                )
        path = (*evaluator.prefix, *indices, s.name)
        evaluator.scope.callables[s.name] = LayerInstance(s.name, run, path, s.name_span)

    def _parameter(self, s: tree.ParameterDeclaration, evaluator: Evaluator, indices: tuple[str, ...]) -> None:
        type = declared_type(s.type, evaluator.scope, evaluator.evaluate)
        initializer = evaluator.evaluate(s.value)
        if initializer is POISON:
            raise Silent
        initializer = Initializer.coerce(initializer)
        if not isinstance(initializer, Initializer):
            raise names.WRONG_KIND(
                f"a parameter starts from an initializer, not {kind_of(initializer)}", hint="for example: normal(0.02)"
            ).at(s.value.span)
        if not type.element.is_float:
            raise matching.BAD_TYPE(f"a trainable parameter is of floating point, not {type.element}").at(s.type.span)
        path = ".".join((*evaluator.prefix, *indices, s.name))
        variable = Variable(s.name, type.shape, initializer, Role.KERNEL, element=type.element)
        record = self.elaboration.own(
            ParameterRecord(path, variable, evaluator.network, s.name_span, ()), f"the parameter '{s.name}'"
        )
        evaluator.scope.bind(s.name, self.elaboration.parameter(record, s.name_span))


def unpacked(targets: Sequence[tree.Target], value: Any, span: Span) -> dict[str, Any]:
    """Return what each of the names on the left gets of a value.

    Raises:
        Problem: there are more or fewer parts than names.
    """
    if len(targets) == 1:
        if isinstance(value, tuple) and any(isinstance(v, Value) for v in value):
            raise names.BAD_UNPACKING(
                f"{len(value)} tensors are given to one name", hint=f"write: a, b = ...  for {len(value)} names"
            ).at(targets[0].span)
        return {targets[0].name: value}
    parts: Sequence[Any]
    if value is POISON:
        parts = [POISON] * len(targets)
    elif isinstance(value, Outputs):
        parts = list(value.values.values())
    elif isinstance(value, (tuple, list)):
        parts = value
    else:
        raise names.BAD_UNPACKING(f"{kind_of(value)} cannot be unpacked into {len(targets)} names").at(span)
    if len(parts) != len(targets):
        raise names.BAD_UNPACKING(f"{len(parts)} values are unpacked into {len(targets)} names").at(span)
    return {target.name: part for target, part in zip(targets, parts, strict=True)}

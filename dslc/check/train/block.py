"""Checking ``train``: networks, objectives with their groups, metrics, outputs and settings."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from dslc.check.core.applicable import CallSite, ContextFunction, Evaluator
from dslc.check.core.blocks import Block, bind_formals
from dslc.check.core.bodies import unpacked
from dslc.check.core.elaboration import Elaboration
from dslc.check.core.expressions import ExpressionEvaluator
from dslc.check.core.matching import Silent
from dslc.check.core.naming import component_names, snake_case
from dslc.check.core.networks import Network
from dslc.check.core.resolving import find
from dslc.check.core.scope import BlockDeclaration, FileScope, Scope
from dslc.check.core.shadowing import doubts_in_train
from dslc.check.data.classes import classes_of
from dslc.check.data.dataset import check_data
from dslc.check.train.groups import files_to_load, frozen_by, frozen_paths
from dslc.check.train.objectives import check_accumulation, objective_of
from dslc.check.train.readings import check_readings
from dslc.check.train.scales import check_scales
from dslc.check.train.settings import settings_of
from dslc.check.train.shipping import check_names, networks_alone, outputs_of
from dslc.check.train.watching import conditions_of, directions_of
from dslc.diagnostics import Diagnostics, Label, Problem, did_you_mean
from dslc.errors import matching, names, objectives
from dslc.plan.constants import FITTED
from dslc.plan.data import DataPlan, Facts
from dslc.plan.measures import BATCH, measure
from dslc.plan.samples import single_samples
from dslc.plan.training import Measure, TrainPlan
from dslc.plan.values import POISON, Outputs, Value, is_number, kind_of
from dslc.source import Span
from dslc.syntax import tree
from dslc.types import TensorType, symbol

__all__ = ["check_train"]


def check_train(node: tree.Train, file: FileScope, elaboration: Elaboration, facts: Facts) -> TrainPlan | None:
    """Check a train block; findings go to the elaboration's diagnostics. None where it can't be compiled."""
    return TrainChecker(node, file, elaboration, facts).check()


@dataclass(eq=False)
class TrainChecker:
    """The state of checking one train block."""

    node: tree.Train
    file: FileScope
    elaboration: Elaboration
    facts: Facts
    data: DataPlan | None = None
    networks: dict[str, Network] = field(default_factory=dict)
    lets: list[tree.Let] = field(default_factory=list)
    failed: bool = False
    broken: set[str] = field(default_factory=set)
    """Networks that could not be made, and metrics that could not be taken: no more is said of them."""
    components: dict[Span, str] = field(default_factory=dict)
    _statements: dict[type[Any], list[Any]] = field(default_factory=dict)
    _first: dict[type[Any], dict[str | None, Any]] = field(default_factory=dict)

    @property
    def diagnostics(self) -> Diagnostics:
        return self.elaboration.diagnostics

    def report(self, problem: Problem, span: Span | None, *labels: Label) -> None:
        self.failed = True
        self.diagnostics.add(problem.at(span, *labels))

    def statements(self, kind: type[Any]) -> list[Any]:
        if kind not in self._statements:
            self._statements[kind] = [s for s in self.node.body if isinstance(s, kind)]
        return self._statements[kind]

    def first(self, kind: type[Any], name: str | None) -> Any:
        """Return the first statement of a kind and name, None where there is none."""
        if kind not in self._first:
            self._first[kind] = {s.name: s for s in reversed(self.statements(kind))}
        return self._first[kind].get(name)

    # --- the whole -------------------------------------------------------------------------------

    def check(self) -> TrainPlan | None:
        before = len(self.diagnostics)
        self.components = component_names(self.node.body)
        self.use_data()
        self.declare()
        self.check_shadowing()
        freezes = self.statements(tree.Freeze)
        minimizes: list[tree.Minimize] = self.statements(tree.Minimize)
        if not minimizes:
            self.report(
                names.MISSING_STATEMENT(
                    f"'{self.node.name}' minimizes nothing", hint="add: minimize loss(...) using Adam"
                ),
                self.node.name_span,
            )
        self.elaboration.frozen = frozen_by(freezes)
        evaluated = [self.elaborated(m.name or "loss", m.value, training=True) for m in minimizes]
        alone = networks_alone(self)
        if self.elaboration.asked_for_parameters:  # a penalty on all weights was met before all were known
            evaluated = [self.elaborated(m.name or "loss", m.value, training=True) for m in minimizes]
        frozen = frozen_paths(self, freezes)
        load = files_to_load(self)
        found = [objective_of(self, m, value, minimizes) for m, value in zip(minimizes, evaluated, strict=True)]
        metrics = [self.metric(s) for s in self.statements(tree.Metric)]
        outputs = outputs_of(self)
        shipped = alone if outputs is None else {}
        settings = settings_of(self)
        losses = [objective.loss for objective in found if objective]
        batch = next(iter(self.statements(tree.Batch)), None)
        why = f"a batch has {settings['batch']} example{'s' * (settings['batch'] != 1)}"
        for problem in single_samples(losses, settings["batch"], why, batch.value.span if batch else None):
            self.report(problem, None)
        if settings["accumulate"] > 1:
            check_accumulation(self, found, self.statements(tree.Accumulate)[0].span)
        check_readings([*losses, *(m.value for m in metrics if m)], self.diagnostics)
        directions = directions_of(self, found, metrics)
        stop, keep = conditions_of(self, directions)
        check_names(self, outputs, shipped)
        found_errors = len(self.diagnostics) > before and self.diagnostics.has_errors
        if self.failed or found_errors or self.data is None:
            return None
        return TrainPlan(
            name=self.node.name,
            node=self.node,
            doc=self.node.doc,
            data=self.data,
            networks=self.networks,
            parameters=dict(self.elaboration.parameters),
            frozen=frozen,
            objectives=tuple(o for o in found if o),
            metrics=tuple(m for m in metrics if m),
            outputs=outputs,
            shipped=shipped,
            stop=stop,
            keep=keep,
            load=load,
            file=self.file,
            **settings,
        )

    def use_data(self) -> None:
        uses = self.statements(tree.UseData)
        if len(uses) != 1:
            if uses:
                self.report(
                    names.REPEATED_STATEMENT("one train block reads one data set"),
                    uses[1].span,
                    Label(uses[0].span, "the first one"),
                )
            else:
                known = sorted(self.file.data)
                hint = f"add: data {known[0]}" if known else "declare: data name { ... }"
                self.report(names.MISSING_STATEMENT(f"'{self.node.name}' says no data", hint=hint), self.node.name_span)
                return
        use = uses[0]
        if use.name not in self.file.data:
            self.failed = True
            if self.file.incomplete or use.name in self.file.damaged:
                return
            self.report(
                names.UNKNOWN_DECLARATION(
                    f"there is no data set '{use.name}'", hint=did_you_mean(use.name, self.file.data)
                ),
                use.name_span,
            )
            return
        declaration, scope = self.file.data[use.name]
        with self.elaboration.graph(training=False):
            self.data = data = check_data(declaration, scope, self.elaboration, self.facts)
        self.elaboration.functions["classes"] = classes_of(data, self.facts)

    def declare(self) -> None:
        """Make the networks; file the lets, which are evaluated where they are used."""
        seen: dict[str, Span] = {}
        for s in self.node.body:
            if not isinstance(s, (tree.Net, tree.Let)):
                continue
            declared = s.targets if isinstance(s, tree.Let) else (tree.Target(s.name_span, s.name),)
            clashes = [target for target in declared if self.is_declared(target, seen)]
            if isinstance(s, tree.Let):
                self.lets.append(s)
                continue
            if clashes:
                continue
            try:
                self.networks[s.name] = self.network(s)
            except Silent:
                self.failed = True
                self.broken.add(s.name)
            except Problem as problem:
                self.report(problem, s.value.span)
                self.broken.add(s.name)

    def is_declared(self, target: tree.Target, seen: dict[str, Span]) -> bool:
        """Report a name that is declared already; else note it."""
        clash = seen.get(target.name)
        if clash is None and self.data is not None and target.name in self.data.fields:
            clash = self.data.fields[target.name].span
        if clash is not None:
            self.report(
                names.DUPLICATE(f"'{target.name}' is declared already", hint="choose another name"),
                target.span,
                Label(clash, "declared here"),
            )
        seen.setdefault(target.name, target.span)
        return clash is not None

    def check_shadowing(self) -> None:
        """Report fields and ``let``s that hide a param, where settings or fields use that."""
        own = [(target.name, target.span) for let in self.lets for target in let.targets]
        data: tree.Data | None = None
        if self.data is not None:
            own += [(name, checked.span) for name, checked in self.data.fields.items()]
            data = self.file.data[self.data.name][0] if self.data.name in self.file.data else None
        hiding = [(name, span) for name, span in own if name in self.file.params or name in self.file.aliases]
        for doubt in doubts_in_train(self.node.body, data, hiding):
            self.report(self.file.shadowed(doubt.name, doubt.declared, doubt.used), doubt.declared)

    def network(self, s: tree.Net) -> Network:
        evaluator = self.evaluator()
        evaluator.scope.check_shadowing(s.name, s.name_span)
        target = s.value
        callee = target.function if isinstance(target, tree.Call) else target
        if isinstance(callee, tree.Name) and callee.id == "onnx" and callee.id not in self.file.blocks:
            raise names.NOT_AVAILABLE(
                "networks cannot be read from ONNX files in this version", hint="write the model in the spec"
            ).at(s.value.span)
        evaluator.scope.default_network = None
        if isinstance(callee, tree.Name) and find(evaluator, callee) is None and not self.file.incomplete:
            near = did_you_mean(callee.id, self.models()) or f"declare it: model {callee.id} {{ ... }}"
            raise names.UNKNOWN_DECLARATION(f"there is no model '{callee.id}'", hint=near).at(callee.span)
        found = evaluator.resolve(callee)
        if not isinstance(found, Block) or found.declaration.node.kind != "model":
            name = callee.span.text
            as_model = f"'net' makes a network of a model: declare it as 'model {name}'"
            hint = as_model if isinstance(found, Block) else None
            raise names.NOT_APPLICABLE(f"'{name}' is no model", hint=hint).at(callee.span)
        given = evaluator.given(target.arguments) if isinstance(target, tree.Call) else []
        arguments = bind_formals(evaluator, found.declaration, given, s.value.span)
        if arguments is POISON:
            raise Silent
        return Network(s.name, found.declaration, arguments, s.name_span)

    def models(self) -> list[str]:
        return [name for name, block in self.file.blocks.items() if block.node.kind == "model"]

    def default_network(self, block: BlockDeclaration, span: Span) -> Network:
        """Return the network that a bare model's name stands for."""
        name = block.node.name
        if name not in self.networks:
            missing = [formal.name for formal in block.node.formals if formal.default is None]
            if missing and not block.damaged:
                values = ", ".join(f"{argument} = ..." for argument in missing)
                raise names.MISSING_ARGUMENT(
                    f"{name} needs {' and '.join(map(repr, missing))}",
                    hint=f"make a network of it first: net {snake_case(name)} = {name}({values})",
                ).at(span)
            arguments = bind_formals(self.evaluator(), block, [], span)
            if arguments is POISON:
                self.failed = True
                raise Silent
            self.networks[name] = Network(name, block, arguments, block.node.name_span)
        return self.networks[name]

    # --- evaluation --------------------------------------------------------------------------------

    def evaluator(self) -> Evaluator:
        functions = {
            "original": ContextFunction(self.original, names_at=frozenset({1})),
            **dict.fromkeys(
                ("column", "columns", "standardize", "minmax", "impute", "category", "datetime", "is_missing"),
                ContextFunction(self.not_here),
            ),
        }
        scope = Scope(
            self.file, functions=functions, default_network=self.default_network, incomplete=self.data is None
        )
        scope.callables.update(self.networks)
        scope.callables.update(dict.fromkeys(self.broken, POISON))
        return ExpressionEvaluator(self.elaboration, scope, components=self.components)

    def elaborated(self, bound: str, expression: tree.Expression, *, training: bool) -> Any:
        """Evaluate an expression: each objective in a graph of its own, all that is evaluated in one."""
        found = len(self.diagnostics)
        with self.elaboration.graph(training=training):
            evaluator = self.with_fields() if training else self.evaluating
            value = replace(evaluator, bound=(bound,)).evaluate(expression)
        if len(self.diagnostics) > found and self.diagnostics.has_errors:
            self.failed = True
        return value

    @cached_property
    def evaluating(self) -> Evaluator:
        """The names of the evaluation graph, made once: metrics share what they have in common."""
        return self.with_fields()

    def with_fields(self) -> Evaluator:
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
        for let in self.lets:
            value = replace(evaluator, bound=(let.targets[0].name,)).evaluate(let.value)
            try:
                parts = unpacked(let.targets, value, let.value.span)
            except Problem as problem:
                self.report(problem, let.value.span)
                parts = dict.fromkeys((target.name for target in let.targets), POISON)
            for name, part in parts.items():  # what is declared twice is reported
                scope.values[name] = POISON if name in scope.values else part
        return evaluator

    def figure(self, bound: str, expression: tree.Expression, *, training: bool, what: str) -> Any:
        """Evaluate a loss, metric or output, which is a tensor; POISON where it is not."""
        value = self.elaborated(bound, expression, training=training)
        return self.as_tensor(value, expression.span, what)

    def as_tensor(self, value: Any, span: Span, what: str) -> Any:
        if value is POISON:
            self.failed = True
            return POISON
        if isinstance(value, Value):
            return value
        if is_number(value) and not isinstance(value, bool):
            return self.elaboration.tensors([value], [span])[0]
        hint = f"read one of them: {', '.join(value.values)}" if isinstance(value, Outputs) else None
        self.report(matching.NOT_A_TENSOR(f"{what} is a tensor, and this is {kind_of(value)}", hint=hint), span)
        return POISON

    def original(self, call: CallSite) -> Any:
        """``original(y, price)``: y with the fitted steps of the field price undone."""
        if any(a.value is POISON for a in call.arguments):
            return POISON
        if len(call.arguments) != 2 or any(a.name is not None for a in call.arguments):
            raise names.MISSING_ARGUMENT(
                "original takes a tensor and a field", hint="write: original(prediction, price)"
            )
        y, target = call.arguments
        name = target.value
        if self.data is None or name not in self.data.fields:
            if self.data is None:
                return POISON
            hint = did_you_mean(name, self.data.fields) or "write: original(prediction, price)"
            raise objectives.BAD_FITTED("original takes the name of a field", hint=hint).at(target.span)
        steps = self.data.fields[name].scaled
        if not steps and self.data.fields[name].value is not None:  # else the data will tell
            raise objectives.BAD_FITTED(
                f"the field '{name}' is not the result of standardize or minmax, so there is nothing to undo"
            ).at(target.span)
        operand = self.elaboration.tensors([y.value], [y.span])[0]
        found = operand
        for fit in steps:
            assert fit.operand is not None
            shift, scale = ("mean", "scale") if fit.kind == "standardize" else ("low", "range")
            type = fit.constant_of(fit.operand.type)
            by, to = (self.elaboration.placeholder(f"{FITTED}{fit.key}/{part}", type, None) for part in (scale, shift))
            exact = self.elaboration.call("cast", [found], call.span, element=type.element)
            scaled = self.elaboration.call("multiply", [exact, by], call.span)
            found = self.elaboration.call("add", [scaled, to], call.span)
        return self.elaboration.call("cast", [found], call.span, element=operand.type.element)

    def not_here(self, call: CallSite) -> Any:
        hint = f"field x: float32 = {call.name}(...)"
        raise names.NOT_APPLICABLE(f"{call.name} belongs into a field of 'data'", hint=hint)

    # --- metrics and outputs -------------------------------------------------------------------------

    def metric(self, s: tree.Metric) -> Measure | None:
        first = self.first(tree.Metric, s.name)
        if first is not s or s.name == "loss" or self.first(tree.Minimize, s.name):
            labels = [Label(first.name_span, "the first one")] if first is not s else []
            what = "there is a metric" if labels else "the objective's figure is called"
            problem = names.DUPLICATE(f"{what} '{s.name}' already", hint="choose another name")
            self.report(problem, s.name_span, *labels)
            return None
        value = self.figure(s.name, s.value, training=False, what="a metric")
        if value is POISON:
            self.broken.add(s.name)
            return None
        check_scales(value, self.diagnostics)
        try:
            found = measure(s.name, self.elaboration.over_examples(value, s.value.span), s.value.span)
        except Problem as problem:
            self.report(problem, s.value.span)
            self.broken.add(s.name)
            return None
        return found

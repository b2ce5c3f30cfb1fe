"""Checking ``train``: networks, objectives with their groups, metrics, outputs and settings."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from dslc.diagnostics import Diagnostics, Label, Problem, did_you_mean
from dslc.errors import losses as loss_errors
from dslc.errors import matching, names, objectives
from dslc.library.operations import Role
from dslc.library.optimizers import Optimizer
from dslc.library.schedules import Chain, plateau
from dslc.library.sources import check_path
from dslc.library.words import OPTIMIZERS, options_of
from dslc.model.builtins import classes_of, takes_names
from dslc.model.checked import CheckedData, CheckedTrain, Facts, Group, Keep, Measure, Objective
from dslc.model.conditions import Condition, check_condition, figure_direction
from dslc.model.data import FITTED, check_data
from dslc.model.elaboration import Elaboration
from dslc.model.expressions import CallSite, Evaluator, described, unknown_word
from dslc.model.matching import Silent
from dslc.model.measures import BATCH, applications_of, measure
from dslc.model.naming import component_names, snake_case
from dslc.model.networks import Network, bind_formals, elaborate_alone
from dslc.model.paths import match_paths
from dslc.model.scope import MISSING, BlockDeclaration, FileScope, Scope
from dslc.model.values import POISON, Outputs, ParameterOf, Value, is_number, kind_of
from dslc.source import Span
from dslc.syntax import tree
from dslc.types import TensorType, symbol

__all__ = ["check_train"]

DEFAULT_BATCH = 32


def check_train(node: tree.Train, file: FileScope, elaboration: Elaboration, facts: Facts) -> CheckedTrain | None:
    """Check a train block; findings go to the elaboration's diagnostics. None where it can't be compiled."""
    return _TrainChecker(node, file, elaboration, facts).check()


@dataclass(eq=False)
class _TrainChecker:
    node: tree.Train
    file: FileScope
    elaboration: Elaboration
    facts: Facts
    data: CheckedData | None = None
    networks: dict[str, Network] = field(default_factory=dict)
    lets: dict[str, tree.Let] = field(default_factory=dict)
    failed: bool = False
    broken: set[str] = field(default_factory=set)
    """Networks that could not be made, and metrics that could not be taken: no more is said of them."""
    components: dict[Span, str] = field(default_factory=dict)

    @property
    def diagnostics(self) -> Diagnostics:
        return self.elaboration.diagnostics

    def report(self, problem: Problem, span: Span | None, *labels: Label) -> None:
        self.failed = True
        self.diagnostics.add(problem.at(span, *labels))

    def statements(self, kind: type[Any]) -> list[Any]:
        return [s for s in self.node.body if isinstance(s, kind)]

    # --- the whole -------------------------------------------------------------------------------

    def check(self) -> CheckedTrain | None:
        before = len(self.diagnostics)
        self.components = component_names(self.node.body)
        self.use_data()
        self.declare()
        freezes = self.statements(tree.Freeze)
        minimizes: list[tree.Minimize] = self.statements(tree.Minimize)
        if not minimizes:
            self.report(names.MISSING_STATEMENT(
                f"'{self.node.name}' minimizes nothing", hint="add: minimize loss(...) using Adam"), self.node.name_span)  # fmt: skip
        self.elaboration.frozen = self.frozen_by(freezes)
        evaluated = [self.elaborated(m.name or "loss", m.value, training=True) for m in minimizes]
        self.ship()
        if self.elaboration.asked_for_parameters:  # a penalty on all weights was met before all were known
            evaluated = [self.elaborated(m.name or "loss", m.value, training=True) for m in minimizes]
        frozen = self.check_frozen(freezes)
        self.check_load()
        found = [self.objective(m, value, minimizes) for m, value in zip(minimizes, evaluated, strict=True)]
        metrics = [self.metric(s) for s in self.statements(tree.Metric)]
        outputs = self.outputs()
        shipped = {} if outputs is not None else self.shipped
        settings = self.settings()
        directions = self.directions(found, metrics)
        stop, keep = self.conditions(directions)
        self.check_names()
        if self.failed or len(self.diagnostics) > before and self.diagnostics.has_errors or self.data is None:
            return None
        return CheckedTrain(
            name=self.node.name, node=self.node, doc=self.node.doc, data=self.data, networks=self.networks,
            parameters=dict(self.elaboration.parameters), frozen=frozen,
            objectives=tuple(o for o in found if o), metrics=tuple(m for m in metrics if m), outputs=outputs,
            shipped=shipped, stop=stop, keep=keep, load=tuple(s.path for s in self.statements(tree.Load)),
            file=self.file, **settings,
        )  # fmt: skip

    def use_data(self) -> None:
        uses = self.statements(tree.UseData)
        if len(uses) != 1:
            if uses:
                self.report(
                    names.REPEATED_STATEMENT("one train block reads one data set"), uses[1].span,
                    Label(uses[0].span, "the first one"),
                )  # fmt: skip
            else:
                known = sorted(self.file.data)
                hint = f"add: data {known[0]}" if known else "declare: data name { ... }"
                self.report(names.MISSING_STATEMENT(f"'{self.node.name}' says no data", hint=hint), self.node.name_span)
                return
        use = uses[0]
        if use.name not in self.file.data:
            self.failed = True
            if self.file.incomplete:
                return
            self.report(names.UNKNOWN_DECLARATION(
                f"there is no data set '{use.name}'", hint=did_you_mean(use.name, self.file.data)), use.name_span)  # fmt: skip
            return
        if self.file.data[use.name] is POISON:  # it could not be read
            self.failed = True
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
            clash = seen.get(s.name)
            if clash is None and self.data is not None and s.name in self.data.fields:
                clash = self.data.fields[s.name].span
            if clash is not None:
                self.report(names.DUPLICATE(f"'{s.name}' is declared already", hint="choose another name"), s.name_span,
                            Label(clash, "declared here"))  # fmt: skip
                continue
            seen[s.name] = s.name_span
            if isinstance(s, tree.Let):
                self.lets[s.name] = s
                continue
            try:
                self.networks[s.name] = self.network(s)
            except Silent:
                self.failed = True
                self.broken.add(s.name)
            except Problem as problem:
                self.report(problem, s.value.span)
                self.broken.add(s.name)

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
        if isinstance(callee, tree.Name) and evaluator.resolve(callee, missing_ok=True) is MISSING and not self.file.incomplete:
            hint = did_you_mean(callee.id, self.models()) or f"declare it: model {callee.id} {{ ... }}"
            raise names.UNKNOWN_DECLARATION(f"there is no model '{callee.id}'", hint=hint).at(callee.span)
        found = evaluator.resolve(callee)
        if not isinstance(found, BlockDeclaration) or found.node.kind != "model":
            name = callee.span.text
            hint = f"'net' makes a network of a model: declare it as 'model {name}'" if isinstance(found, BlockDeclaration) else None
            raise names.NOT_APPLICABLE(f"'{name}' is no model", hint=hint).at(callee.span)
        given = evaluator.given(target.arguments) if isinstance(target, tree.Call) else []
        arguments = bind_formals(evaluator, found, given, s.value.span)
        if arguments is POISON:
            raise Silent
        return Network(s.name, found, arguments, s.name_span)

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
        functions: dict[str, Callable[..., Any]] = {
            "original": self.original,
            **{name: self.not_here for name in ("column", "columns", "standardize", "minmax", "impute", "category", "is_missing")},
        }
        scope = Scope(
            self.file, functions=functions, default_network=self.default_network, incomplete=self.data is None
        )
        scope.callables.update(self.networks)
        scope.callables.update(dict.fromkeys(self.broken, POISON))
        return Evaluator(self.elaboration, scope, components=self.components)

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
                type = TensorType(checked.type.element, (symbol(BATCH), *checked.type.shape))
                scope.values[name] = self.elaboration.placeholder(name, type, checked.span)
        for name, let in self.lets.items():
            try:
                scope.check_shadowing(name, let.name_span)
            except Problem as problem:
                self.report(problem, let.name_span)
            scope.values[name] = replace(evaluator, bound=(name,)).evaluate(let.value)
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

    @takes_names(1)
    def original(self, call: CallSite) -> Any:
        """``original(y, price)``: y with the fitted steps of the field price undone."""
        if any(a.value is POISON for a in call.arguments):
            return POISON
        if len(call.arguments) != 2 or any(a.name is not None for a in call.arguments):
            raise names.MISSING_ARGUMENT("original takes a tensor and a field", hint="write: original(prediction, price)")
        y, target = call.arguments
        name = target.value
        if self.data is None or name not in self.data.fields:
            if self.data is None:
                return POISON
            hint = did_you_mean(name, self.data.fields) or "write: original(prediction, price)"
            raise objectives.BAD_FITTED("original takes the name of a field", hint=hint).at(target.span)
        fit = self.data.fields[name].outermost
        if fit is None or fit.kind not in ("standardize", "minmax") or fit.operand is None:
            raise objectives.BAD_FITTED(
                f"the field '{name}' is not the result of standardize or minmax, so there is nothing to undo"
            ).at(target.span)
        shift, scale = ("mean", "scale") if fit.kind == "standardize" else ("low", "range")
        type = TensorType(fit.operand.type.element, fit.operand.type.shape[1:])
        constants = [self.elaboration.placeholder(f"{FITTED}{fit.key}/{part}", type, None) for part in (scale, shift)]
        operand = self.elaboration.tensors([y.value], [y.span])[0]
        scaled = self.elaboration.call("multiply", [operand, constants[0]], call.span)
        return self.elaboration.call("add", [scaled, constants[1]], call.span)

    def not_here(self, call: CallSite) -> Any:
        raise names.NOT_APPLICABLE(f"{call.name} belongs into a field of 'data'", hint=f"field x: float32 = {call.name}(...)")

    # --- objectives --------------------------------------------------------------------------------

    def objective(self, m: tree.Minimize, value: Any, all_of_them: list[tree.Minimize]) -> Objective | None:
        name = m.name or "loss"
        if len(all_of_them) > 1:
            nameless = [o for o in all_of_them if o.name is None]
            if m.name is None:
                if m is nameless[0]:
                    problem = objectives.NEEDS_NAME("of several objectives each has a name", hint="write: minimize name = ...")
                    self.report(problem, m.span, *(Label(o.span, "and here") for o in nameless[1:]))
                return None
            twin = next(o for o in all_of_them if o.name == m.name)
            if twin is not m:
                problem = names.DUPLICATE(f"there are two objectives '{m.name}'", hint="choose another name for one of them")
                self.report(problem, m.name_span or m.span, Label(twin.name_span or twin.span, "the first one"))
                return None
        value = self.as_tensor(value, m.value.span, "an objective")
        optimizers = [self.optimizer(group) for group in m.groups]
        if value is POISON:
            return None
        if value.type.rank and value.type.element.is_float and BATCH in value.type.symbols:
            value = self.elaboration.call("mean", [value], m.value.span)  # a bare tensor is averaged over its elements
        if value.type.rank or not value.type.element.is_float:
            self.report(objectives.NOT_SCALAR(
                f"an objective is one number of floating point, and this is {value.type}", hint="reduce it with mean or sum"), m.value.span)  # fmt: skip
            return None
        self.warn_of_softmax(value)
        groups = self.groups(m, value, optimizers)
        evaluated = self.figure(name, m.value, training=False, what="an objective")
        if evaluated is POISON or groups is None:
            return None
        try:
            taken_apart = measure(self.elaboration, name, evaluated, m.value.span)
        except Problem as problem:
            self.report(problem, m.value.span)
            return None
        if taken_apart.direction is None:
            taken_apart.direction = "lowest"
        networks = {self.elaboration.parameters[p].network for g in groups for p in g.paths}
        statistics = tuple(
            path for path, record in self.elaboration.parameters.items()
            if record.variable.role is Role.STATISTIC and record.network in networks and not self.elaboration.frozen(path)
            and any(path in a.variables.values() for a in applications_of(value) if a.training)
        )  # fmt: skip
        return Objective(name, value, groups, statistics, taken_apart, m.value.span)

    def optimizer(self, group: tree.Group) -> Any:
        evaluator = self.evaluator()
        written = group.optimizer
        callee = written.function if isinstance(written, tree.Call) else written
        if isinstance(callee, tree.Name) and callee.id not in OPTIMIZERS and callee.id not in evaluator.scope:
            found = evaluator.resolve(callee, missing_ok=True)
            if found is MISSING:
                self.report(unknown_word(callee.id, set(), "optimizer"), callee.span)
                return POISON
            if isinstance(found, (type, BlockDeclaration)):
                self.report(names.WRONG_KIND(
                    f"behind 'using' stands an optimizer, and '{callee.id}' is {described(found)}",
                    hint="for example: using Adam(lr = 1e-3)",
                ), callee.span)  # fmt: skip
                return POISON
        value = evaluator.evaluate(written)
        if value is POISON:
            self.failed = True
        elif not isinstance(value, Optimizer):
            self.report(names.WRONG_KIND(
                f"behind 'using' stands an optimizer, not {kind_of(value)}", hint="for example: using Adam(lr = 1e-3)"
            ), written.span)  # fmt: skip
            return POISON
        else:
            self.check_watched(value, written.span)
        return value

    def check_watched(self, optimizer: Optimizer, span: Span) -> None:
        """Refuse a schedule that looks at a figure which is not there."""
        if self.data is None:
            return
        watched = {s.watch for option in options_of(type(optimizer)) for s in parts_of(getattr(optimizer, option.name))}
        figures = [*(m.name or "loss" for m in self.statements(tree.Minimize)), *(m.name for m in self.statements(tree.Metric))]
        for name in sorted(watched):
            if "validation" not in self.data.split_names:
                self.report(objectives.BAD_CONDITION(
                    "plateau looks at validation figures, and there is no validation split",
                    hint="add one to the data: split train = 70%, validation = 15%, test = 15%",
                ), span)  # fmt: skip
            elif name not in figures:
                hint = did_you_mean(name, figures) or f"the figures are {', '.join(figures)}"
                self.report(objectives.BAD_CONDITION(f"plateau watches '{name}', and there is no such figure", hint=hint), span)

    def groups(self, m: tree.Minimize, loss: Value, optimizers: list[Any]) -> tuple[Group, ...] | None:
        """Deal the parameters that a gradient reaches to the groups."""
        reached = [p for p in self.reached(loss) if not self.elaboration.frozen(p)]
        taken: dict[str, tree.Group] = {}
        dealt: list[list[str]] = [[] for _ in m.groups]
        rests = [number for number, group in enumerate(m.groups) if group.paths is None]
        if len(rests) > 1:
            self.report(objectives.GROUPS_OVERLAP("only one group can take the rest", hint="say 'over' which parameters the others take"),
                        m.groups[rests[1]].span, Label(m.groups[rests[0]].span, "this one takes the rest already"))  # fmt: skip
            return None
        ok = True
        for number, group in enumerate(m.groups):
            for path_node, matched in self.matched(group.paths or (), "over"):
                ok = ok and matched is not None
                trainable = [p for p in matched or () if self.elaboration.parameters[p].variable.role is not Role.STATISTIC]
                hit = [p for p in trainable if p in reached]
                if matched is not None and not hit:
                    why = "it is frozen" if trainable and all(map(self.elaboration.frozen, trainable)) else "the objective does not depend on it"
                    self.report(objectives.NO_GRADIENT_REACHES(f"no gradient reaches '{path_node.span.text}': {why}"), path_node.span)
                    ok = False
                for path in hit:
                    if path in taken and taken[path] is not group:
                        self.report(objectives.GROUPS_OVERLAP(f"'{path}' is in two groups"), path_node.span, Label(taken[path].span, "the other one"))
                        ok = False
                        break
                    if path not in taken:
                        taken[path] = group
                        dealt[number].append(path)
        for number in rests:
            dealt[number] = [p for p in reached if p not in taken]
            if not dealt[number]:
                what = "the other groups take all parameters"
                if not reached:
                    what = "the objective does not depend on any parameter in a way that has a gradient"
                    if self.reached(loss):
                        what = "all parameters that the objective depends on are frozen"
                self.report(objectives.NO_GRADIENT_REACHES(f"there is nothing to train: {what}"), m.groups[number].span)
                ok = False
        if not ok or POISON in optimizers:
            return None
        order = {path: i for i, path in enumerate(self.elaboration.parameters)}
        return tuple(Group(o, tuple(sorted(paths, key=order.__getitem__))) for o, paths in zip(optimizers, dealt, strict=True))

    def reached(self, loss: Value) -> list[str]:
        """Return the parameters that a gradient of the loss reaches, in the order of their making."""
        found: set[str] = set()
        seen: set[int] = set()
        open_ = [loss]
        while open_:
            value = open_.pop()
            application = value.application
            if id(application) in seen or not value.type.element.is_float or not application.operation.differentiable:
                continue
            seen.add(id(application))
            if isinstance(application.operation, ParameterOf):
                found.add(application.operation.path)
            found.update(application.variables.values())
            open_.extend(application.operands)
        records = self.elaboration.parameters
        return [p for p in records if p in found and records[p].variable.role is not Role.STATISTIC]

    def warn_of_softmax(self, loss: Value) -> None:
        for application in applications_of(loss):
            if application.operation.name == "cross_entropy":
                source = application.operands[0].application
                if source.operation.name in ("Softmax", "softmax", "LogSoftmax", "log_softmax"):
                    labels = [Label(source.span, "this is normalised already")] if source.span else []
                    self.diagnostics.add(loss_errors.SOFTMAX_TWICE(
                        f"cross_entropy takes logits, and is given the output of {source.operation.name}",
                        hint="give it what flows into the softmax", labels=labels).at(application.span))  # fmt: skip

    # --- paths -----------------------------------------------------------------------------------

    def matched(self, paths: tree.Paths, of: str) -> list[tuple[Any, list[str] | None]]:
        """Return each written path with the parameter paths that it means, None (reported) if it means none."""
        found: list[tuple[Any, list[str] | None]] = []
        for path in paths:
            text = path.value if isinstance(path, tree.String) else path.span.text.replace(" ", "")
            matches = match_paths(text, self.elaboration.parameters, glob=isinstance(path, tree.String))
            if not matches:
                prefixes = {".".join(p.split(".")[:n]) for p in self.elaboration.parameters for n in range(1, p.count(".") + 2)}
                self.report(objectives.NO_SUCH_PATH(f"no parameter's path begins with '{text}'" if not isinstance(path, tree.String) else
                            f"no parameter's path matches '{text}'", hint=did_you_mean(text, prefixes)), path.span)  # fmt: skip
                found.append((path, None))
            else:
                found.append((path, matches))
        return found

    def frozen_by(self, freezes: list[tree.Freeze]) -> Callable[[str], bool]:
        written = [(p.value if isinstance(p, tree.String) else p.span.text.replace(" ", ""), isinstance(p, tree.String))
                   for f in freezes for p in f.paths]  # fmt: skip
        if not written:
            return lambda path: False
        return lambda path: any(match_paths(text, (path,), glob=glob) for text, glob in written)

    def check_frozen(self, freezes: list[tree.Freeze]) -> frozenset[str]:
        return frozenset(p for f in freezes for _, matches in self.matched(f.paths, "freeze") for p in matches or ())

    def check_load(self) -> None:
        """Refuse paths of weights that no set of folders can make valid."""
        for s in self.statements(tree.Load):
            try:
                check_path(s.path.value)
            except Problem as problem:
                self.report(problem, s.path.span)

    # --- metrics and outputs -------------------------------------------------------------------------

    def metric(self, s: tree.Metric) -> Measure | None:
        same = [m for m in self.statements(tree.Metric) if m.name == s.name]
        if same[0] is not s or s.name == "loss" or any(m.name == s.name for m in self.statements(tree.Minimize)):
            labels = [Label(same[0].name_span, "the first one")] if same[0] is not s else []
            what = f"there is a metric '{s.name}' already" if labels else f"the objective's figure is called '{s.name}' already"
            self.report(names.DUPLICATE(what, hint="choose another name"), s.name_span, *labels)
            return None
        value = self.figure(s.name, s.value, training=False, what="a metric")
        if value is POISON:
            self.broken.add(s.name)
            return None
        try:
            found = measure(self.elaboration, s.name, value, s.value.span)
        except Problem as problem:
            self.report(problem, s.value.span)
            self.broken.add(s.name)
            return None
        return found

    def outputs(self) -> Mapping[str, Value] | None:
        statements: list[tree.Output] = self.statements(tree.Output)
        if not statements:
            return None
        found: dict[str, Value] = {}
        for s in statements:
            if s.name is None:
                self.report(names.MISPLACED_STATEMENT("an output of the model has a name", hint="write: output name = ..."), s.span)
                continue
            if s.name in found:
                first = next(o for o in statements if o.name == s.name)
                self.report(names.DUPLICATE(f"the output '{s.name}' is given twice"), s.name_span or s.span,
                            Label(first.name_span or first.span, "first given here"))  # fmt: skip
                continue
            value = self.figure(s.name, s.value, training=False, what="an output")
            if value is not POISON:
                found[s.name] = value
        return found

    def ship(self) -> None:
        """Elaborate each network alone, symbols free: what it ships as. Also settles all parameters."""
        self.shipped: dict[str, dict[str, Value]] = {}
        for s in self.statements(tree.Net):
            if s.name in self.networks:
                self.alone(self.networks[s.name])
        for network in list(self.networks.values()):
            if network.name not in self.shipped:
                self.alone(network)

    def alone(self, network: Network) -> None:
        with self.elaboration.graph(training=False):
            try:
                value = elaborate_alone(self.evaluator(), network.declaration, network.arguments, network.name)
            except Problem as problem:
                self.report(problem, network.span)
                return
        if value is POISON:
            self.failed = True
        elif isinstance(value, Outputs):
            self.shipped[network.name] = dict(value.values)
        else:
            output = next(s for s in _flat(network.declaration.node.body) if isinstance(s, tree.Output))
            self.shipped[network.name] = {output.name or "output": value}

    # --- settings ----------------------------------------------------------------------------------

    def one(self, kind: type[Any]) -> Any:
        found = self.statements(kind)
        if len(found) > 1:
            word = found[1].span.text.split()[0]
            self.report(names.REPEATED_STATEMENT(f"'{word}' stands twice"), found[1].span, Label(found[0].span, "the first one"))
        return found[0] if found else None

    def number(self, expression: tree.Expression, what: str, *, whole: bool = True, least: float = 1,
               below: float | None = None, above: float | None = None) -> Any:  # fmt: skip
        """Evaluate a setting; None (reported) where it does not fit."""
        with self.elaboration.graph(training=False):
            value = self.evaluator().evaluate(expression)
        if value is POISON:
            self.failed = True
            return None
        if whole and isinstance(value, float) and value.is_integer():
            value = int(value)
        fits = is_number(value) and (isinstance(value, int) if whole else isinstance(value, (int, float)))
        if fits:
            fits = (value > above if above is not None else value >= least) and (below is None or value < below)
        if not fits:
            wanted = "a whole number" if whole else "a number"
            limits = f"above {above:g}" if above is not None else f"of at least {least:g}"
            if below is not None:
                limits += f" and below {below:g}"
            self.report(objectives.BAD_SETTING(f"{what} is {wanted} {limits}, not {kind_of(value)}"), expression.span)
            return None
        return value if whole else float(value)

    def settings(self) -> dict[str, Any]:
        epochs, steps, batch = self.one(tree.Epochs), self.one(tree.Steps), self.one(tree.Batch)
        every, clips = self.one(tree.Evaluate), self.statements(tree.Clip)
        accumulate, average, seed = self.one(tree.Accumulate), self.one(tree.Average), self.one(tree.Seed)
        if (epochs is None) == (steps is None):
            message = "says both 'epochs' and 'steps'" if epochs else "says neither 'epochs' nor 'steps'"
            self.report(names.MISSING_STATEMENT(f"'{self.node.name}' {message}", hint="how long to train, for example: epochs 30"),
                        steps.span if steps else self.node.name_span)  # fmt: skip
        found: dict[str, Any] = {
            "epochs": self.number(epochs.value, "the number of epochs") if epochs else None,
            "steps": self.number(steps.value, "the number of steps") if steps else None,
            "batch": (self.number(batch.value, "the batch size") if batch else None) or DEFAULT_BATCH,
            "shuffle": True, "drop_last": False,
            "evaluate_every": self.number(every.every, "the number of steps") if every else None,
            "accumulate": (self.number(accumulate.batches, "the number of batches") if accumulate else None) or 1,
            "average": self.average(average) if average else None,
            "seed": (self.number(seed.value, "the seed", least=0) if seed else None) or 0,
            "clip_norm": None, "clip_value": None,
        }  # fmt: skip
        for option in batch.options if batch else ():
            if option.name not in ("shuffle", "drop_last"):
                self.report(names.UNKNOWN_ARGUMENT(f"batch has no option '{option.name}'",
                            hint=did_you_mean(option.name or "", ("shuffle", "drop_last")) or "its options are shuffle and drop_last"), option.span)  # fmt: skip
                continue
            value = self.evaluator().condition(option.value, f"'{option.name}'")
            if value is POISON:
                self.failed = True
            found[option.name] = value
        for clip in clips:
            key = f"clip_{clip.mode}"
            if found[key] is not None:
                first = next(other for other in clips if other.mode == clip.mode)
                self.report(names.REPEATED_STATEMENT(f"'clip {clip.mode}' stands twice"), clip.span,
                            Label(first.span, "the first one"))  # fmt: skip
            found[key] = self.number(clip.limit, f"the limit of 'clip {clip.mode}'", whole=False, above=0)
        return found

    def average(self, s: tree.Average) -> float | None:
        call = s.value
        usage = "write: average ema(0.999)"
        if not (isinstance(call, tree.Call) and isinstance(call.function, tree.Name) and call.function.id == "ema"
                and len(call.arguments) == 1 and call.arguments[0].name in (None, "decay")):  # fmt: skip
            self.report(objectives.BAD_SETTING("averages are exponential moving ones", hint=usage), call.span)
            return None
        decay: float | None = self.number(call.arguments[0].value, "the decay", whole=False, least=0, below=1)
        return decay

    # --- conditions ----------------------------------------------------------------------------------

    def directions(self, found: list[Objective | None], metrics: list[Measure | None]) -> dict[str, str | None]:
        directions: dict[str, str | None] = {o.name: "lowest" for o in found if o}
        minimizes = self.statements(tree.Minimize)
        directions.update({m.name or "loss": "lowest" for m in minimizes})
        for s, m in zip(self.statements(tree.Metric), metrics, strict=True):
            # What has failed, or can't be told before the data is read, brings no second error here.
            directions[s.name] = "highest" if m is None else m.direction if not m.value.type.rank else None
        return directions

    def conditions(self, directions: Mapping[str, str | None]) -> tuple[Condition | None, Keep | None]:
        stop_node, keep_node = self.one(tree.StopWhen), self.one(tree.Keep)
        splits = self.data.split_names if self.data else ()
        losses = [m.name or "loss" for m in self.statements(tree.Minimize)]
        figures = ["epoch", "step", *(f"train.{name}" for name in losses)]
        if "validation" in splits:
            figures += [f"validation.{name}" for name in directions]

        def number(e: tree.Expression) -> Any:
            value = self.evaluator().evaluate(e)
            if value is POISON:
                raise Silent
            return value

        def checked(e: tree.Expression) -> Condition | None:
            if any(name in self.broken for name in re.findall(r"\w+", e.span.text)):
                return None  # what it watches could not be taken, which is reported
            try:
                return check_condition(e, figures=figures, directions=directions, number=number)
            except Silent:
                self.failed = True
            except Problem as problem:
                self.report(problem, e.span)
            return None

        stop = checked(stop_node.condition) if stop_node else None
        if stop is not None and not stop.boolean:
            self.report(objectives.BAD_CONDITION("'stop when' needs something that is true or false", hint="for example: validation.loss < 0.05"), stop.span)
        keep = None
        if keep_node is not None:
            figure = checked(keep_node.value)
            if figure is not None:
                highest = keep_node.mode == "highest"
                if keep_node.mode == "best":
                    direction = figure_direction(figure.text.replace(" ", ""), directions)
                    if direction is None:
                        self.report(objectives.BAD_CONDITION(
                            f"whether '{figure.text}' is better high or low is not known", hint=f"write: keep highest {figure.text}  or: keep lowest {figure.text}"
                        ), figure.span)  # fmt: skip
                    highest = direction == "highest"
                if figure.boolean:
                    self.report(objectives.BAD_CONDITION("'keep' needs a figure, not a condition"), figure.span)
                keep = Keep(figure, highest, figure.span)
        return stop, keep

    def check_names(self) -> None:
        """Names of fields, state and their successors share one graph."""
        if self.data is None:
            return
        reserved = {"seed", "loss", *self.elaboration.parameters, *(f"{p}.next" for p in self.elaboration.parameters),
                    *(m.name for m in self.statements(tree.Minimize) if m.name)}  # fmt: skip
        for name, checked in self.data.fields.items():
            if name in reserved:
                self.report(objectives.NAME_CLASH(f"a field cannot be called '{name}', which is a name in the training graph",
                                                  hint="choose another name for the field"), checked.span)  # fmt: skip


def parts_of(schedule: Any) -> list[plateau]:
    """Return the schedules in a hyper-parameter that look at figures."""
    found: list[plateau] = []
    open_ = [schedule]
    while open_:
        part = open_.pop()
        if isinstance(part, plateau):
            found.append(part)
        elif isinstance(part, Chain):
            open_ += [part.before, part.after]
    return found


def _flat(statements: Any) -> list[Any]:
    found: list[Any] = []
    for s in statements:
        found.append(s)
        if isinstance(s, tree.If):
            found += _flat(s.body) + _flat(s.otherwise)
        elif isinstance(s, tree.For):
            found += _flat(s.body)
    return found

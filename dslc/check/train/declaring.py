"""What a ``train`` block declares: its data set, its networks, and names that may hide others."""

from __future__ import annotations

from functools import partial

from dslc.check.core.blocks import Block, Network, bind_formals
from dslc.check.core.resolving import find
from dslc.check.core.shadowing import doubts_in_train
from dslc.check.core.values import POISON, Silent
from dslc.check.data.dataset import check_data, classes_of
from dslc.check.train.evaluation import TrainEvaluation
from dslc.diagnostics import Label, did_you_mean
from dslc.errors import names
from dslc.plan.data import DataPlan, Facts
from dslc.source import Span
from dslc.syntax import tree

__all__ = ["check_shadowing", "data_of", "declare"]


def data_of(train: TrainEvaluation, facts: Facts) -> DataPlan | None:
    """Return the data set that the block reads, None (reported) where it reads none."""
    uses = train.of(tree.UseData)
    if len(uses) != 1:
        if uses:
            message = "one train block reads one data set"
            train.report(names.REPEATED_STATEMENT(message), uses[1].span, Label(uses[0].span, "the first one"))
        else:
            known = sorted(train.file.data)
            hint = f"add: data {known[0]}" if known else "declare: data name { ... }"
            train.report(names.MISSING_STATEMENT(f"'{train.node.name}' says no data", hint=hint), train.node.name_span)
            return None
    use = uses[0]
    if use.name not in train.file.data:
        train.failed = True
        if train.file.incomplete or use.name in train.file.damaged:
            return None
        message = f"there is no data set '{use.name}'"
        train.report(names.UNKNOWN_DECLARATION(message, hint=did_you_mean(use.name, train.file.data)), use.name_span)
        return None
    declaration, scope = train.file.data[use.name]
    with train.elaboration.graph(training=False):
        data = check_data(declaration, scope, train.elaboration, facts)
    train.elaboration.functions["classes"] = classes_of(data, facts)
    return data


def declare(train: TrainEvaluation) -> None:
    """Make the networks; a ``let`` is evaluated where it is used."""
    seen: dict[str, Span] = {}
    for s in train.node.body:
        if not isinstance(s, (tree.Net, tree.Let)):
            continue
        declared = s.targets if isinstance(s, tree.Let) else (tree.Target(s.name_span, s.name),)
        clashes = [target for target in declared if _is_declared(train, target, seen)]
        if clashes or isinstance(s, tree.Let):
            continue
        network = train.elaboration.attempt(partial(_network, train, s), s.value.span)
        if network is None:
            train.failed = True
            train.broken.add(s.name)
        else:
            train.networks[s.name] = network


def _is_declared(train: TrainEvaluation, target: tree.Target, seen: dict[str, Span]) -> bool:
    """Report a name that is declared already; else note it."""
    clash = seen.get(target.name)
    if clash is None and train.data is not None and target.name in train.data.fields:
        clash = train.data.fields[target.name].span
    if clash is not None:
        message = f"'{target.name}' is declared already"
        train.report(names.DUPLICATE(message, hint="choose another name"), target.span, Label(clash, "declared here"))
    seen.setdefault(target.name, target.span)
    return clash is not None


def check_shadowing(train: TrainEvaluation) -> None:
    """Report fields and ``let``s that hide a param, where settings or fields use that."""
    own = [(target.name, target.span) for let in train.of(tree.Let) for target in let.targets]
    data: tree.Data | None = None
    if train.data is not None:
        own += [(name, checked.span) for name, checked in train.data.fields.items()]
        data = train.file.data[train.data.name][0] if train.data.name in train.file.data else None
    hiding = [(name, span) for name, span in own if name in train.file.params or name in train.file.aliases]
    for doubt in doubts_in_train(train.node.body, data, hiding):
        train.report(train.file.shadowed(doubt.name, doubt.declared, doubt.used), doubt.declared)


def _network(train: TrainEvaluation, s: tree.Net) -> Network:
    evaluator = train.evaluator()
    evaluator.scope.check_shadowing(s.name, s.name_span)
    evaluator.scope.default_network = None
    site = evaluator.site(s.value)
    callee = site.callee
    if isinstance(callee, tree.Name) and callee.id == "onnx" and callee.id not in train.file.blocks:
        raise names.NOT_AVAILABLE(
            "networks cannot be read from ONNX files in this version", hint="write the model in the spec"
        ).at(s.value.span)
    if isinstance(callee, tree.Name) and find(evaluator, callee) is None and not train.file.incomplete:
        models = [name for name, block in train.file.blocks.items() if block.node.kind == "model"]
        hint = did_you_mean(callee.id, models) or f"declare it: model {callee.id} {{ ... }}"
        raise names.UNKNOWN_DECLARATION(f"there is no model '{callee.id}'", hint=hint).at(callee.span)
    found = evaluator.resolve(callee)
    if not isinstance(found, Block) or found.declaration.node.kind != "model":
        as_model = f"'net' makes a network of a model: declare it as 'model {site.name}'"
        raise names.NOT_APPLICABLE(
            f"'{site.name}' is no model", hint=as_model if isinstance(found, Block) else None
        ).at(callee.span)
    arguments = bind_formals(evaluator, found.declaration, site.arguments, site.span)
    if arguments is POISON:
        raise Silent
    return Network(s.name, found.declaration, arguments, s.name_span)

"""What ships: outputs, or each network alone; names of inputs, outputs, state and files that can be told apart."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from functools import partial

from dslc.check.core.applicable import Evaluator
from dslc.check.core.blocks import Network, elaborate_alone
from dslc.check.core.values import POISON, Outputs
from dslc.check.train.evaluation import TrainEvaluation
from dslc.diagnostics import Label
from dslc.dimensions import symbols_of
from dslc.errors import names, objectives
from dslc.plan.data import DataPlan
from dslc.plan.examples import BATCH, across
from dslc.plan.measures import applications_of
from dslc.plan.training import Shipped
from dslc.plan.values import FITTED, Placeholder, Value
from dslc.source import Span
from dslc.syntax import tree

__all__ = ["Models", "check_names", "networks_alone", "outputs_of", "shipped_models"]

Models = Mapping[str | None, Mapping[str, Value]]
"""What ships: the outputs of each network by its name, or those that the block says, under None."""
SEED = "seed"
"""The input of every graph that draws random numbers."""


def outputs_of(train: TrainEvaluation) -> Mapping[str, Value] | None:
    """Return what ``output`` statements ship, None where there are none."""
    statements: list[tree.Output] = train.of(tree.Output)
    if not statements:
        return None
    found: dict[str, Value] = {}
    for s in statements:
        assert s.name is not None  # by the grammar
        first = train.first(tree.Output, s.name)
        if first is not s:
            problem = names.DUPLICATE(f"the output '{s.name}' is given twice")
            train.report(problem, s.name_span, Label(first.name_span, "first given here"))
            continue
        value = train.figure(s.name, s.value, training=False, what="an output")
        if value is not POISON:
            found[s.name] = value
            _check_examples(train, s.name, value, s.value.span, BATCH)
    return found


def _check_examples(train: TrainEvaluation, name: str, value: Value, span: Span, batch: str) -> None:
    """Report an output whose entries for one example hang on others."""
    joining = across(applications_of(value), batch) if batch in value.type.symbols else None
    known = {finding.span for finding in train.elaboration.diagnostics if finding.code == objectives.NOT_EXACT}
    if joining is not None and joining.span not in known:
        message = (
            f"the output '{name}' of one example hangs on the others that are given with it: "
            f"'{joining.operation.name}' joins them"
        )
        hint = "reduce over another axis, or say in 'train' what ships: output name = ..."
        train.report(objectives.ACROSS_EXAMPLES(message, hint=hint), joining.span or span)


def networks_alone(train: TrainEvaluation) -> Models:
    """Return the outputs of each network elaborated alone, symbols free, as it ships. That settles all parameters."""
    declared = [s.name for s in train.of(tree.Net) if s.name in train.networks]
    order = dict.fromkeys([*declared, *train.networks])
    evaluator = train.evaluator()
    found = {name: _alone(train, evaluator, train.networks[name]) for name in order}
    return {name: values for name, values in found.items() if values}


def _alone(train: TrainEvaluation, evaluator: Evaluator, network: Network) -> dict[str, Value]:
    """Return a network's outputs, none (reported) where they can't be."""
    elaboration = train.elaboration
    declared, called = (network.declaration, network.arguments, network.name), network.called_with
    alone = partial(elaborate_alone, evaluator, *declared, called)
    with elaboration.graph(training=False):
        value = elaboration.attempt(alone, network.span)
    if isinstance(value, Outputs):
        return dict(value.values)
    if not isinstance(value, Value):
        train.failed = True
        return {}
    output = next(s for s in tree.flat(network.declaration.node.body) if isinstance(s, tree.Output))
    return {output.name or "output": value}


def check_names(train: TrainEvaluation, models: Models) -> None:
    """Report names that would clash in the training graphs, in what ships, or as names of files."""
    _check_fields(train)
    for name, values in models.items():
        body = train.node.body if name is None else train.networks[name].declaration.node.body
        spans = {s.name: s.name_span for s in tree.flat(body) if isinstance(s, tree.Output)}
        if name is not None:
            _check_network(train, values, spans)
        _check_model(train, values, spans)
    files = ((name, train.networks[name].span) for name in models if name is not None)
    _check_files(train, files, "networks", "model.{}.onnx")
    objectives_ = ((m.name, m.name_span) for m in train.of(tree.Minimize) if m.name)
    _check_files(train, objectives_, "objectives", "train.{}.onnx")


def _check_network(train: TrainEvaluation, values: Mapping[str, Value], spans: Mapping[str | None, Span]) -> None:
    """Report outputs of a network that ships as it is whose entries for one example hang on others."""
    for output, value in values.items():
        placeholders = [a for a in applications_of(value) if isinstance(a.operation, Placeholder)]
        first = {a.outputs[0].type.shape[:1] for a in placeholders}
        examples = [symbols_of(shape[0]) for shape in first if shape]
        if len(examples) == 1 and len(examples[0]) == 1:
            _check_examples(train, output, value, spans[output], next(iter(examples[0])))


def shipped_models(train: TrainEvaluation, data: DataPlan, models: Models) -> tuple[Shipped, ...]:
    """Return what ships, with what is said of it and of the fields that it is given."""
    found = []
    of_fields = {name: doc for name, doc in data.docs.items() if doc}
    for name, values in models.items():
        node: tree.Train | tree.Block = train.node
        fed_by = {p.key: p.key for a in applications_of(*values.values()) if isinstance(p := a.operation, Placeholder)}
        if name is not None:
            node, fed_by = train.networks[name].declaration.node, train.networks[name].fed_by
        fields = {input: field for input, field in fed_by.items() if field in data.fields}
        docs = of_fields if name is None else {i: of_fields[field] for i, field in fields.items() if field in of_fields}
        docs = docs | _docs(node.body, tree.Output) | _docs(node.body, tree.Input)
        found.append(Shipped(name, node.doc, values, docs, fields))
    return tuple(found)


def _docs(statements: Iterable[tree.Node], kind: type[tree.Input | tree.Output]) -> dict[str, str]:
    """Return what is said of inputs or outputs by the comments in front of them, also inside of conditions."""
    found: dict[str, str] = {}
    for statement in tree.flat(statements):
        if isinstance(statement, kind) and statement.doc:
            found.setdefault(statement.name or "output", statement.doc)
    return found


def _check_fields(train: TrainEvaluation) -> None:
    """Fields are inputs of the training step's graphs, beside state and its successors."""
    if train.data is None:
        return
    reserved = {SEED, "loss", *train.elaboration.parameters, *(f"{p}.next" for p in train.elaboration.parameters)}
    reserved |= {m.name for m in train.of(tree.Minimize) if m.name}
    for name, checked in train.data.fields.items():
        if name in reserved:
            message = f"a field cannot be called '{name}', which is a name in the training graph"
            train.report(objectives.NAME_CLASH(message, hint="choose another name for the field"), checked.span)


def _check_model(train: TrainEvaluation, outputs: Mapping[str, Value], spans: Mapping[str | None, Span]) -> None:
    """An ONNX model has one set of names for its inputs and outputs."""
    applications = applications_of(*outputs.values())
    inputs = {a.operation.key: a.span for a in applications if isinstance(a.operation, Placeholder)}
    inputs = {key: span for key, span in inputs.items() if not key.startswith(FITTED)}
    draws = any(a.operation.draws(a.training) for a in applications)
    for name in outputs:
        if name in inputs:
            message = f"the output '{name}' is named like an input of the model that ships"
            hint = f"choose another name for the output: 'predicted_{name}', say"
            labels = [Label(place, "this becomes the input")] if (place := inputs[name]) else []
            train.report(objectives.NAME_CLASH(message, hint=hint, labels=labels), spans.get(name))
    if draws and SEED in {*outputs, *inputs}:
        what = "output" if SEED in outputs else "input"
        message = (
            f"what ships draws random numbers, so that it has an input '{SEED}' of its own, and this {what} is "
            "called so too"
        )
        hint = f"choose another name for the {what}"
        train.report(objectives.NAME_CLASH(message, hint=hint), spans.get(SEED) if what == "output" else inputs[SEED])


def _check_files(train: TrainEvaluation, named: Iterable[tuple[str, Span]], what: str, file: str) -> None:
    """Some systems take file names that differ in case, or in how an accent is encoded, for one."""
    seen: dict[str, tuple[str, Span]] = {}
    for name, span in named:
        other, place = seen.setdefault(unicodedata.normalize("NFC", name).casefold(), (name, span))
        if other != name:
            files = f"{file.format(other)} and {file.format(name)}, which are one file on some systems"
            message = f"the {what} '{other}' and '{name}' would have the files {files}"
            hint = "let their names differ in more than capitals and the encoding of accents"
            train.report(objectives.NAME_CLASH(message, hint=hint), span, Label(place, "the other one"))

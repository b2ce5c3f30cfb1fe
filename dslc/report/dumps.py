"""The stages of the compiler as text, for looking at what each of them makes of a spec."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from dslc.compile.artifacts import laid_out
from dslc.diagnostics import Diagnostics
from dslc.graph.model import load_model
from dslc.limits import Limits
from dslc.plan.coding import written
from dslc.plan.measures import applications_of
from dslc.plan.recurrence import Recurrence
from dslc.plan.training import TrainPlan
from dslc.plan.values import Application, Value
from dslc.report.spelling import spelled
from dslc.source import Source
from dslc.syntax import parse, tree

__all__ = ["graph_text", "model_text", "plan_text", "tree_text"]


def tree_text(source: Source, limits: Limits) -> str:
    """Return the syntax tree of a file without errors, a node per line, children indented."""
    file = parse(source, Diagnostics(), limits)
    return "".join(f"{line}\n" for declaration in file.declarations for line in _node(declaration, "", 0))


def _node(value: Any, label: str, depth: int) -> Iterator[str]:
    indent = "  " * depth + (f"{label}: " if label else "")
    if isinstance(value, tree.Node):
        parts = {f.name: getattr(value, f.name) for f in dataclasses.fields(value) if not f.name.endswith("span")}
        plain = {name: part for name, part in parts.items() if not isinstance(part, (tree.Node, tuple, type(None)))}
        yield f"{indent}{type(value).__name__}" + "".join(f" {name}={part!r}" for name, part in plain.items())
        for name, part in parts.items():
            if isinstance(part, (tree.Node, tuple)):
                yield from _node(part, name, depth + 1)
    elif isinstance(value, tuple):
        for item in value:
            yield from _node(item, label, depth)
    else:
        yield f"{indent}{value!r}"


def model_text(train: TrainPlan) -> str:
    """Return the checked model: everything that is applied, for each objective, the figures, and what is shipped."""
    lines: list[str] = []
    for objective in train.objectives:
        lines += _applied(f"minimize {objective.name}", {objective.name: objective.loss})
    figures = {o.name: o.measure.value for o in train.objectives} | {m.name: m.value for m in train.metrics}
    lines += _applied("measure", figures)
    for shipped in train.shipped:
        lines += _applied(f"ship {shipped.network or ''}".rstrip(), shipped.outputs)
    return "".join(f"{line}\n" for line in lines)


def plan_text(train: TrainPlan) -> str:
    """Return all that later stages are given of a train block, as JSON; see :mod:`dslc.plan.coding`."""
    return laid_out(written(train)) + "\n"


def _applied(title: str, results: Mapping[str, Value]) -> Iterator[str]:
    yield f"{title}:"
    yield from _lines(results, {}, "  ")


def _lines(results: Mapping[str, Value], names: dict[int, str], indent: str) -> Iterator[str]:
    """Yield what is applied for results; what a cell applies in a step stands below it."""
    for application in applications_of(*results.values()):
        for value in application.outputs:
            names[id(value)] = f"%{len(names)}"
        yield f"{indent}{_application(application, names)}"
        cell = application.operation
        if isinstance(cell, Recurrence):
            after = {f"next {state.before.application.operation.key}": state.after for state in cell.states}  # type: ignore[attr-defined]
            given = {f"result {number}": value for number, value in enumerate(cell.results, 1)}
            yield from _lines({**after, **given}, names, indent + "  ")
    for name, value in results.items():
        yield f"{indent}{name} = {names[id(value)]}"


def _application(application: Application, names: Mapping[int, str]) -> str:
    results = ", ".join(f"{names[id(value)]}: {value.type}" for value in application.outputs)
    operation = application.operation
    if operation.family == "leaf":
        known = vars(operation)
        said = f"{operation.name} {next((v for k, v in known.items() if k != 'given'), '')}"
    else:
        said = spelled(operation)
    operands = ", ".join(names[id(operand)] for operand in application.operands)
    parts = [f"{results} = {said}" + (f" of {operands}" if operands else "")]
    parts += [f"@ {application.site}"] * bool(application.site) + ["[training]"] * application.training
    return "  ".join(parts)


def graph_text(data: bytes) -> str:
    """Return a serialized graph, a node per line: outputs with their types, operator, inputs, attributes."""
    graph = load_model(data).graph
    lines = [f"graph {graph.name}"]
    lines += [f"  input {_value(value)}" for value in graph.inputs]
    lines += [f"  initializer {_value(value)}" for value in graph.initializers.values()]
    lines += _nodes(graph, "  ")
    lines += [f"  output {_value(value)}" for value in graph.outputs]
    return "".join(f"{line}\n" for line in lines)


def _nodes(graph: Any, indent: str) -> Iterator[str]:
    for node in graph:
        outputs = ", ".join(_value(value) for value in node.outputs)
        inputs = ", ".join("" if value is None else str(value.name) for value in node.inputs)
        inner = [a.value for a in node.attributes.values() if a.type.name == "GRAPH"]
        plain = [f"{a.name}={_attribute(a.value)}" for a in node.attributes.values() if a.type.name != "GRAPH"]
        yield f"{indent}{outputs} = {node.op_type}({inputs})" + (f" {{{', '.join(plain)}}}" if plain else "")
        for body in inner:
            yield from _nodes(body, indent + "  ")


def _value(value: Any) -> str:
    dimensions = [str(d if isinstance(d, int) else d.value) for d in value.shape or ()]
    shape = "" if value.shape is None else f"[{', '.join(dimensions)}]"
    element = "" if value.dtype is None else value.dtype.name.lower()
    return f"{value.name}: {element}{shape}"


def _attribute(value: Any) -> str:
    if hasattr(value, "numpy"):  # a tensor
        array = value.numpy()
        return f"{array.dtype}{list(array.shape)}" + (f" {array.tolist()}" if array.size <= 8 else "")
    return str(list(value)) if isinstance(value, (list, tuple)) else str(value)

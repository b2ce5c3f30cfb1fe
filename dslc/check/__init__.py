"""From tree to checked model: names, arguments, shapes, and all errors at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dslc.library  # noqa: F401 - declares every word
from dslc.check.core.blocks import bind_formals, elaborate_alone
from dslc.check.core.budget import Exhausted
from dslc.check.core.elaboration import Elaboration
from dslc.check.core.expressions import ExpressionEvaluator
from dslc.check.core.program import Loader, Program, path_in_folder, resolve_program
from dslc.check.core.scope import BlockDeclaration, Scope
from dslc.check.core.values import POISON, Outputs
from dslc.check.data.dataset import check_data, classes_of
from dslc.check.train.block import check_train
from dslc.diagnostics import Diagnostics, Problem
from dslc.dimensions import is_class_count
from dslc.errors import names
from dslc.interpreter import deep_recursion
from dslc.limits import Limits
from dslc.plan.data import DataPlan, Facts
from dslc.plan.training import TrainPlan
from dslc.plan.values import ParameterRecord, Value
from dslc.syntax import tree

__all__ = [
    "Facts", "Loader", "Program", "check_model", "check_program", "check_train_block", "check_train_data",
    "path_in_folder", "resolve_program",
]  # fmt: skip


@deep_recursion()
def check_train_block(
    program: Program, name: str, diagnostics: Diagnostics, limits: Limits, facts: Facts | None = None
) -> TrainPlan | None:
    """Check one train block with what is known of its data; None where it can't be compiled."""
    return _train(program, name, diagnostics, limits, facts or Facts(), set())


@deep_recursion()
def check_train_data(program: Program, name: str, diagnostics: Diagnostics, limits: Limits) -> DataPlan | None:
    """Check the data set that a train block reads; None where it reads none."""
    node, file = program.scope.trains[name]
    used = next((s.name for s in node.body if isinstance(s, tree.UseData)), None)
    if used not in file.data:
        return None
    declaration, scope = file.data[used]
    return check_data(declaration, scope, Elaboration(diagnostics, limits), Facts())


def _train(
    program: Program, name: str, diagnostics: Diagnostics, limits: Limits, facts: Facts, applied: set[int]
) -> TrainPlan | None:
    node, file = program.scope.trains[name]
    found = Diagnostics()
    elaboration = Elaboration(found, limits)
    checked = None
    try:
        checked = check_train(node, file, elaboration, facts)
    except Exhausted as exhausted:
        found.add(exhausted.problem)
    applied |= elaboration.elaborated
    # a misfit that hangs on a number of categories is judged when the data has told it
    diagnostics.extend(d for d in found if facts.known or not any(map(is_class_count, d.depends_on)))
    return checked


@deep_recursion()
def check_program(
    program: Program, diagnostics: Diagnostics, limits: Limits | None = None
) -> dict[str, TrainPlan | None]:
    """Check everything that a spec declares, as far as that goes without its data; return its train blocks."""
    limits = limits or Limits()
    applied: set[int] = set()
    used_data: set[int] = set()
    trains: dict[str, TrainPlan | None] = {}
    for name, (node, file) in program.scope.trains.items():
        trains[name] = _train(program, name, diagnostics, limits, Facts(), applied)
        used = {s.name for s in node.body if isinstance(s, tree.UseData)}
        used_data |= {id(file.data[key][0]) for key in used if key in file.data}
    elaboration = Elaboration(diagnostics, limits)
    try:
        for entry in program.scope.data.values():
            if id(entry[0]) not in used_data:
                elaboration.functions["classes"] = classes_of(check_data(*entry, elaboration, Facts()), Facts())
        elaboration.functions.setdefault("classes", classes_of(None, Facts()))
        for block in program.scope.blocks.values():
            if id(block) not in applied and block.node.kind == "model":
                _alone(elaboration, block)
    except Exhausted as exhausted:
        diagnostics.add(exhausted.problem)
    applied |= elaboration.elaborated
    own = [block for block in program.scope.blocks.values() if not block.node.span.source.shipped]
    unused = [block for block in own if id(block) not in applied and not block.damaged]
    diagnostics.extend(block.problem.diagnostic for block in unused if block.problem is not None)
    if not diagnostics.has_errors:  # what is wrong may well be the application
        for block in unused:
            message = f"{block.node.kind} {block.node.name} is not applied anywhere, so its shapes were not checked"
            diagnostics.add(names.UNUSED_BLOCK(message).at(block.node.name_span))
    return trains


@deep_recursion()
def check_model(
    block: BlockDeclaration, diagnostics: Diagnostics, limits: Limits
) -> tuple[list[Value], Mapping[str, ParameterRecord]]:
    """Return the outputs and the parameters of a model with its default arguments, as far as it has one for each."""
    elaboration = Elaboration(diagnostics, limits)
    result = _alone(elaboration, block)
    outputs = result.values.values() if isinstance(result, Outputs) else [result]
    return [output for output in outputs if isinstance(output, Value)], elaboration.parameters


def _alone(elaboration: Elaboration, block: BlockDeclaration) -> Any:
    """Return what a model that no ``train`` uses gives with its default arguments; POISON where it lacks one."""
    if block.damaged or any(formal.default is None for formal in block.node.formals):
        return POISON
    evaluator = ExpressionEvaluator(elaboration, Scope(block.file))
    try:
        arguments = bind_formals(evaluator, block, [], block.node.name_span)
        if arguments is POISON:
            return POISON
        optional = [s.name for s in block.node.body if isinstance(s, tree.Input) and s.default is not None]
        if optional:  # both ways through it
            elaborate_alone(evaluator, block, arguments, block.node.name, optional)
        return elaborate_alone(evaluator, block, arguments, block.node.name, ())
    except Problem as problem:
        return elaboration.report(problem, block.node.name_span)

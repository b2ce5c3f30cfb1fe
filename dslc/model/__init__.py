"""From tree to checked model: names, arguments, shapes, and all errors at once."""

from __future__ import annotations

import dslc.library
from dslc.diagnostics import Diagnostics, Problem
from dslc.errors import names
from dslc.limits import Limits
from dslc.model.builtins import BUILTINS, classes_of
from dslc.model.checked import CheckedData, CheckedTrain, Facts
from dslc.model.data import check_data
from dslc.model.elaboration import CLASS_COUNT, Elaboration
from dslc.model.expressions import Evaluator
from dslc.model.networks import bind_formals, check_form, elaborate_alone
from dslc.model.program import Loader, Program, resolve_program
from dslc.model.scope import Scope
from dslc.model.train import check_train
from dslc.model.values import POISON
from dslc.syntax import tree

__all__ = [
    "CheckedTrain", "Facts", "Loader", "Program", "check_program", "check_train_block", "check_train_data",
    "resolve_program",
]  # fmt: skip


def _elaboration(diagnostics: Diagnostics, limits: Limits) -> Elaboration:
    return Elaboration(diagnostics, limits, functions=dict(BUILTINS))


def check_train_block(
    program: Program, name: str, diagnostics: Diagnostics, limits: Limits, facts: Facts | None = None
) -> CheckedTrain | None:
    """Check one train block with what is known of its data; None where it can't be compiled."""
    return _train(program, name, diagnostics, limits, facts or Facts(), set())


def check_train_data(program: Program, name: str, diagnostics: Diagnostics, limits: Limits) -> CheckedData | None:
    """Check the data set that a train block reads; None where it reads none."""
    node, file = program.scope.trains[name]
    used = next((s.name for s in node.body if isinstance(s, tree.UseData)), None)
    if used not in file.data:
        return None
    declaration, scope = file.data[used]
    return check_data(declaration, scope, _elaboration(diagnostics, limits), Facts())


def _train(
    program: Program, name: str, diagnostics: Diagnostics, limits: Limits, facts: Facts, applied: set[int]
) -> CheckedTrain | None:
    node, file = program.scope.trains[name]
    found = Diagnostics()
    elaboration = _elaboration(found, limits)
    checked = None
    try:
        checked = check_train(node, file, elaboration, facts)
    except Problem as problem:  # a limit was reached: nothing after it can be told
        found.add(problem.at(node.name_span))
    applied |= elaboration.elaborated
    # a misfit that hangs on a number of categories is judged when the data has told it
    diagnostics.extend(d for d in found if facts.known or CLASS_COUNT not in d.message)
    return checked


def check_program(program: Program, diagnostics: Diagnostics, limits: Limits | None = None) -> None:
    """Check everything that a spec declares, as far as that goes without its data."""
    limits = limits or Limits()
    applied: set[int] = set()
    used_data: set[int] = set()
    for name, (node, file) in program.scope.trains.items():
        _train(program, name, diagnostics, limits, Facts(), applied)
        used = {s.name for s in node.body if isinstance(s, tree.UseData)}
        used_data |= {id(file.data[key][0]) for key in used if key in file.data and file.data[key] is not POISON}
    elaboration = _elaboration(diagnostics, limits)
    for entry in program.scope.data.values():
        if entry is POISON:
            continue
        declaration, file = entry
        if id(declaration) not in used_data:
            data = check_data(declaration, file, elaboration, Facts())
            elaboration.functions["classes"] = classes_of(data, Facts())
    elaboration.functions.setdefault("classes", classes_of(None, Facts()))
    for block in program.scope.blocks.values():
        if id(block) in applied or block.node.kind != "model" or block.damaged:
            continue
        if any(formal.default is None for formal in block.node.formals):
            continue
        evaluator = Evaluator(elaboration, Scope(block.file))
        try:
            arguments = bind_formals(evaluator, block, [], block.node.name_span)
            if arguments is not POISON:
                elaborate_alone(evaluator, block, arguments, block.node.name)
        except Problem as problem:
            diagnostics.add(problem.at(block.node.name_span))
    applied |= elaboration.elaborated
    unused = [b for b in program.scope.blocks.values() if id(b) not in applied and not b.damaged]
    well_formed = [block for block in unused if not check_form(block.node, diagnostics)]
    if not diagnostics.has_errors:  # what is wrong may well be the application
        for block in well_formed:
            diagnostics.add(names.UNUSED_BLOCK(
                f"{block.node.kind} {block.node.name} is not applied anywhere, so its shapes were not checked"
            ).at(block.node.name_span))  # fmt: skip

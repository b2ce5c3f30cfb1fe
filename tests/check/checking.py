"""Checking specs in tests: what comes out of a model, and what a train block is."""

from __future__ import annotations

from pathlib import PurePosixPath

from dslc.check import Facts, Program, check_program, check_train_block, resolve_program
from dslc.check.core.blocks import bind_formals, elaborate_alone
from dslc.check.core.elaboration import Elaboration
from dslc.check.core.expressions import ExpressionEvaluator
from dslc.check.core.scope import Scope
from dslc.check.core.values import Outputs
from dslc.diagnostics import Diagnostics, Failure
from dslc.limits import Limits
from dslc.plan.training import TrainPlan
from dslc.plan.values import Value
from dslc.source import Source, Span


def program_of(text: str, settings: dict[str, str] | None = None, **files: str) -> Program:
    """Check a spec; other files are given by their names without the suffix. Raises Failure."""
    diagnostics = Diagnostics()

    def load(path: str, span: Span) -> Source:
        return Source(path, files[PurePosixPath(path).stem])

    program = resolve_program(Source("main.dl", text), diagnostics, load=load, settings=settings)
    check_program(program, diagnostics)
    diagnostics.raise_errors()
    return program


def elaborated(text: str, name: str = "Net", **files: str) -> tuple[dict[str, Value], Elaboration]:
    """The outputs of a model for its declared inputs, and its elaboration."""
    program = program_of(text, None, **files)
    diagnostics = Diagnostics()
    elaboration = Elaboration(diagnostics, Limits())
    block = program.scope.blocks[name]
    evaluator = ExpressionEvaluator(elaboration, Scope(block.file))
    arguments = bind_formals(evaluator, block, [], block.node.name_span)
    result = elaborate_alone(evaluator, block, arguments, name)
    diagnostics.raise_errors()
    assert isinstance(result, (Value, Outputs))
    return result.values if isinstance(result, Outputs) else {"y": result}, elaboration


def type_of(expression: str, *inputs: str, before: str = "") -> str:
    """The type of an expression in a model with such inputs."""
    declared = "".join(f"  input {i}\n" for i in inputs or ("x: float32[N, 4]",))
    outputs, _ = elaborated(f"model Net {{\n{declared}{before}\n  output y = {expression}\n}}\n")
    return str(outputs["y"].type)


def parameters_of(text: str, **files: str) -> list[str]:
    """The paths of a model's parameters in the order of their making."""
    return list(elaborated(text, **files)[1].parameters)


def train_of(text: str, facts: Facts | None = None) -> TrainPlan:
    """A train block, checked. Raises Failure."""
    program = program_of(text)
    diagnostics = Diagnostics()
    train = check_train_block(program, next(iter(program.scope.trains)), diagnostics, Limits(), facts)
    diagnostics.raise_errors()
    assert train is not None
    return train


__all__ = ["Failure", "elaborated", "parameters_of", "program_of", "train_of", "type_of"]

"""The body of a cell, elaborated once, for one step of a sequence: what it gives, and what its states become."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dslc.check.core.applicable import Evaluator
from dslc.check.core.arguments import Given
from dslc.check.core.bodies import Body
from dslc.check.core.matching import declared_type, is_symbol, match_type, names_in
from dslc.check.core.values import POISON, Silent, kind_of
from dslc.diagnostics import Label
from dslc.dimensions import same_value
from dslc.errors import matching, names
from dslc.library.initializers import constant
from dslc.library.operation import Initializer
from dslc.plan.measures import applications_of
from dslc.plan.values import Value
from dslc.syntax import tree
from dslc.types import BOOL, FLOAT32, BroadcastError, Dimension, TensorType, broadcast

__all__ = ["State", "Step", "StepBody", "has_examples", "same_type"]


@dataclass
class State:
    """A state, while the body for a step is elaborated."""

    node: tree.State
    before: Value
    first: float | Value
    after: Any = POISON


@dataclass
class Step:
    """What a step comes to."""

    results: Any
    """A tensor, or an :class:`Outputs`."""
    states: Mapping[str, State]


@dataclass
class StepBody(Body):
    """Runs to a :class:`Step`, or POISON. ``given`` are first values of states that the application gives."""

    described_input = "a step of the input"
    given: Mapping[str, Given] = field(default_factory=dict)
    states: dict[str, State] = field(default_factory=dict)

    def run(self) -> Any:
        """Return the :class:`Step`, POISON where part of it has failed."""
        results = super().run()
        if results is POISON:
            return POISON
        for name, state in self.states.items():
            state.after = self._after(name, state)
        declared = [s for s in self.block.node.body if isinstance(s, tree.State)]
        failed = len(self.states) < len(declared) or any(s.after is POISON for s in self.states.values())
        return POISON if failed else Step(results, self.states)

    def state(self, s: tree.State, evaluator: Evaluator, top: bool) -> None:
        """Declare a state.

        Raises:
            Problem: it does not fit.
        """
        node, scope = self.block.node, evaluator.scope
        if not top:
            raise names.MISPLACED_STATEMENT("states stand at the top level of a cell", hint="move it up").at(s.span)
        known = "an input" if s.name in self.input_statements else "a state" if s.name in self.states else None
        if known or any(formal.name == s.name for formal in node.formals):
            message = f"'{s.name}' is {known or 'an argument'} of {node.name} already"
            raise names.DUPLICATE(message, hint="choose another name").at(s.name_span)
        type = self._type(s, evaluator)
        given = self.given.get(s.name)
        first = self._given(s, type, given, evaluator) if given else self._first(s, type, evaluator)
        before = self.elaboration.placeholder(s.name, type, s.name_span)
        self.states[s.name] = State(s, before, first)
        scope.values[s.name] = before

    def _type(self, s: tree.State, evaluator: Evaluator) -> TensorType:
        """Return the type that a state declares; without an element type it has that of the inputs."""
        given = [value for value in self.inputs.values() if isinstance(value, Value)]
        if any(evaluator.scope.values.get(name) is POISON for name in self.input_statements):
            raise Silent  # what its sizes follow from
        for dimension in s.type.dims or ():
            free = [name for name in names_in(dimension) if is_symbol(name) and name not in evaluator.scope]
            if free or isinstance(dimension, (tree.Wildcard, tree.Ellipsis_)):
                raise names.BAD_CELL(
                    f"the state's size '{dimension.span.text}' does not follow from what stands above it",
                    hint="a state stands below the inputs whose sizes it takes, and says each of its own",
                ).at(dimension.span)
        floats = [value.type.element for value in given if value.type.element.is_float]
        element = s.type.element or (floats[0] if floats else FLOAT32).value
        type = declared_type(replace(s.type, element=element), evaluator.scope, evaluator.evaluate)
        self.elaboration.check_size(type, s.type.span)
        if given and not has_examples(type, given[0].type.shape[0]):
            raise names.BAD_CELL(
                f"the state '{s.name}' is {type}, and its first axis is not that of the examples, "
                f"{given[0].type.shape[0]}, as of the inputs"
            ).at(s.type.span)
        return type

    def _first(self, s: tree.State, type: TensorType, evaluator: Evaluator) -> float | Value:
        """Return what a state is at first, where the application does not say so."""
        value = replace(evaluator, bound=(s.name,)).evaluate(s.value)
        if value is POISON:
            raise Silent
        if isinstance(value, Value):
            return self._tensor(s, type, value)
        word = Initializer.coerce(value)
        if isinstance(word, constant):
            number: float = word.value
        elif isinstance(word, Initializer) and word.name in ("zeros", "ones"):
            number = float(word.name == "ones")
        elif isinstance(word, bool) and type.element is BOOL:
            number = float(word)
        else:
            learned = f"what is learned is a parameter above it: parameter first: {type.element}[1, ...] = "
            raise names.BAD_CELL(
                f"a state starts from a number, zeros, ones or a tensor, and this is {kind_of(value)}",
                hint=learned + s.value.span.text if isinstance(word, Initializer) else None,
            ).at(s.value.span)
        if not type.element.is_float and (number not in (0, 1) if type.element is BOOL else not number.is_integer()):
            kind = "true or false" if type.element is BOOL else "a whole number"
            raise names.BAD_CELL(f"a state {type} starts from {kind}, and this is {number:g}").at(s.value.span)
        if type.element is not BOOL:
            self.elaboration.literal(number, type.element, s.value.span)  # which refuses one that is too large
        return number

    def _tensor(self, s: tree.State, type: TensorType, value: Value) -> Value:
        """Return a tensor that the body computes as the first value of a state: one that hangs on no step."""
        of_steps = {v.application for v in self.inputs.values() if isinstance(v, Value)}
        of_steps |= {state.before.application for state in self.states.values()}
        if not of_steps.isdisjoint(applications_of(value)):
            raise names.BAD_CELL(
                f"the state '{s.name}' is there before the first step, and this hangs on a step",
                hint=f"give it where the cell is applied: {self.block.node.name}({s.name} = ...)",
            ).at(s.value.span)
        try:
            fits = value.type.element is type.element and broadcast(value.type.shape, type.shape) == type.shape
        except BroadcastError:
            fits = False
        if not fits:
            message = f"the state '{s.name}' is {type}, and this is {value.type}"
            raise matching.WRONG_TYPE(message).at(s.value.span, Label(s.type.span, "declared here"))
        return value

    def _given(self, s: tree.State, type: TensorType, given: Given, evaluator: Evaluator) -> Value:
        """Return the first value of a state that the application gives."""
        what = f"the state '{s.name}' of {self.block.node.name}"
        if not isinstance(given.value, Value):
            raise names.WRONG_KIND(f"{what} starts from a tensor {type}, not from {kind_of(given.value)}").at(
                given.span
            )
        declared = replace(s.type, element=type.element.value)
        match_type(
            declared, given.value.type, evaluator.scope, evaluator.evaluate, what=what, span=given.span, origin=None
        )
        return given.value

    def _after(self, name: str, state: State) -> Any:
        """Return what the next step finds in place of a state; POISON, reported, if that does not fit."""
        after = self.evaluator.scope.values.get(name, POISON)
        if after is POISON:
            return POISON
        if after is state.before:
            hint = f"bind it: {name} = ...; what it is bound to last is what the next step finds"
            problem = names.BAD_CELL(f"the state '{name}' is the same at every step", hint=hint)
            return self.elaboration.report(problem, state.node.name_span)
        if isinstance(after, Value) and same_type(after.type, state.before.type):
            return after
        message = f"the state '{name}' is {state.before.type}, and the next step would find {kind_of(after)}"
        place = after.span if isinstance(after, Value) and after.span else state.node.name_span
        return self.elaboration.report(names.BAD_CELL(message), place, Label(state.node.type.span, "declared here"))


def has_examples(type: TensorType, count: Dimension) -> bool:
    """Whether the first axis of a type counts so many examples."""
    return bool(type.rank) and same_value(type.shape[0], count) is True


def same_type(a: TensorType, b: TensorType) -> bool:
    """Whether two types are one, whatever the symbols are."""
    same_rank = a.element is b.element and a.rank == b.rank
    return same_rank and all(same_value(x, y) is True for x, y in zip(a.shape, b.shape, strict=True))

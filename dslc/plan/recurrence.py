"""A cell of a spec applied to sequences: an operation whose body is a plan of its own, for one step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

from dslc.dimensions import symbols_of
from dslc.library.operation import IndexUse, Layer, Types
from dslc.plan.examples import across
from dslc.plan.indices import field_of, indexes_of
from dslc.plan.measures import applications_of
from dslc.plan.values import Application, Value
from dslc.types import Dimension, TensorType

__all__ = ["Carried", "Recurrence"]


@dataclass(frozen=True, eq=False)
class Carried:
    """A state, inside of the body."""

    before: Value
    """A placeholder."""
    after: Value
    """What the next step is given."""
    first: float | None
    """What it is at first, everywhere; None: an operand, which may be smaller."""


@dataclass(frozen=True, eq=False)
class Recurrence(Layer):
    """A cell along axis 1 of sequences, whose steps each compute the body.

    Its operands are the sequences, the first values of states, as far as they are no numbers, and the lengths of the
    rows. Its results are what the steps give, along axis 1 too, and the states at the end.
    """

    family: ClassVar[str] = "layer"
    name: str  # type: ignore[misc]  # of each its own
    said: str
    """As a spec would write it, with every argument."""
    inputs: tuple[Value, ...]
    """Placeholders of the body for one step of each sequence."""
    states: tuple[Carried, ...]
    results: tuple[Value, ...]
    """What a step gives."""
    reverse: bool
    """Whether it goes from the last step to the first."""
    ragged: bool
    """Whether the last operand says how many steps each row has."""
    last: bool
    """Whether only what the last step gives is wanted."""
    return_state: bool
    """Whether the states at the end are results too."""

    @cached_property
    def body(self) -> Sequence[Application]:
        """Return what a step applies, in order."""
        return applications_of(*self.results, *(state.after for state in self.states))

    def of_step(self, result: int) -> Value:
        """Return what the body computes of a result of the whole, by its place."""
        return (*self.results, *(state.after for state in self.states))[result]

    def type(self, *operands: TensorType) -> Types:
        """Return the results' types."""
        steps = operands[0].shape[1]
        found = [value.type for value in self.results]
        if not self.last:
            found = [type.with_shape((type.shape[0], steps, *type.shape[1:])) for type in found]
        return (*found, *(state.after.type for state in self.states if self.return_state))

    def keeps_apart(self, operands: Sequence[TensorType], symbol: str) -> bool:
        """Return whether examples stay apart: steps never do."""
        if any(symbol in symbols_of(operand.shape[1]) for operand in operands[: len(self.inputs)]):
            return False
        return across(self.body, symbol) is None

    def draws(self, training: bool) -> bool:  # noqa: ARG002 - each part of the body knows whether it trains
        """Return whether a step draws random numbers."""
        return any(application.operation.draws(application.training) for application in self.body)

    def indexes(self, *operands: TensorType) -> Sequence[IndexUse]:
        """Return which sequences the steps take for indices, and the lengths, which go up to the number of steps."""
        places = {value.application.operation.key: place for place, value in enumerate(self.inputs)}  # type: ignore[attr-defined]
        found = [
            replace(use, operand=places[key], what=f"applies {application.operation.name}, which {use.what}")
            for application in self.body
            for use in indexes_of(application)
            if (key := field_of(application.operands[use.operand])) in places
        ]
        if self.ragged:
            steps = operands[0].shape[1]
            what = f"takes lengths from 0 to its {steps} steps"
            found.append(IndexUse(len(operands) - 1, steps + 1, what, looks_up=False))
        return found

    def is_input(self, value: Value) -> bool:
        """Whether a value of the body is an input as it stands: what holds of the sequence holds of it."""
        return field_of(value) in {one.application.operation.key for one in self.inputs}  # type: ignore[attr-defined]

    def multiply_adds(self, *operands: TensorType) -> Dimension:
        """Return those of all steps."""
        each = sum(a.operation.multiply_adds(*(o.type for o in a.operands)) for a in self.body)
        return operands[0].shape[1] * each

"""From the checked model to ONNX: every application emits itself, in the order of elaboration."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import PurePath

from dslc.graph import Builder, Tensor, cast, expand, from_0_up, full, in_range, reshape
from dslc.graph.random import Randomness
from dslc.library.operation import Context
from dslc.library.recurrence import recur
from dslc.library.schedules.schedule import Schedule
from dslc.plan.indices import indexes_of, weight_of
from dslc.plan.measures import applications_of
from dslc.plan.recurrence import Recurrence
from dslc.plan.values import (
    Application,
    DimensionOf,
    FittedConstants,
    Literal,
    ParameterOf,
    Placeholder,
    Scheduled,
    Value,
)
from dslc.source import Span
from dslc.types import INT32, INT64, Dimension, ElementType, TensorType

__all__ = ["Lowering", "origin_of"]


def origin_of(span: Span | None) -> str | None:
    """Return the place of a span as nodes carry it: ``digits.dl:12:14``, without the folders of one machine."""
    if span is None:
        return None
    line, column = span.first
    return f"{PurePath(span.source.name).name}:{line}:{column}"


def _no_parameter(path: str) -> Tensor:
    raise AssertionError(f"the parameter '{path}' stands where everything follows from the data")


def _is_unchecked(value: Value) -> bool:  # noqa: ARG001 - of every value
    return False


def _no_update(schedule: Schedule, element: ElementType) -> Tensor:
    raise AssertionError(f"{schedule} of {element} stands where there are no updates")


@dataclass
class Lowering:
    """Emits values into one graph, each application once.

    ``given`` finds what placeholders stand for, ``parameters`` the variables by path. New values of running
    statistics gather in ``updates``, by path. ``checked`` tells indices and weights whose range has been checked
    already; all others are by the graph. ``scheduled`` finds the value of a schedule in the update.
    """

    builder: Builder
    given: Callable[[str], Tensor]
    parameters: Callable[[str], Tensor]
    randomness: Randomness | None = None
    site_prefix: str = ""
    updates: dict[str, Tensor] = field(default_factory=dict)
    checked: Callable[[Value], bool] = _is_unchecked
    differentiated: bool = False
    scheduled: Callable[[Schedule, ElementType], Tensor] = _no_update
    _emitted: dict[int, tuple[Tensor, ...]] = field(default_factory=dict)

    @classmethod
    def open(
        cls, builder: Builder, values: Iterable[Value], *, inputs: Iterable[str] = (),
        docs: Mapping[str, str | None] | None = None, constants: FittedConstants | None = None,
        parameters: Callable[[str], Tensor] = _no_parameter, declared: Iterable[str] = (),
        batches: Callable[[], Tensor] | None = None, site_prefix: str = "",
        checked: Callable[[Value], bool] = _is_unchecked, differentiated: bool = False,
        scheduled: Callable[[Schedule, ElementType], Tensor] = _no_update,
    ) -> Lowering:  # fmt: skip
        """Declare what a graph of values is given: data, then parameters, then a seed where random numbers are drawn.

        Args:
            builder: the graph's.
            values: what will be emitted.
            inputs: keys of placeholders; those that the values need become inputs, in this order.
            docs: what is said of inputs.
            constants: what the other placeholders stand for.
            parameters: makes a variable of the graph, by its path, when it is first asked for it.
            declared: paths of variables that are asked for at once, in this order.
            batches: returns the number of batches that random numbers follow from; 0 where it is left out.
            site_prefix: tells the places where one graph draws random numbers from those of others.
            checked: is the range of indices or weights known to be right?
            differentiated: will gradients be taken of what is emitted?
            scheduled: returns the value of a schedule in the update, a scalar of a type.
        """
        applications = applications_of(*values)
        operations = (application.operation for application in applications)
        given = {operation.key: operation.given for operation in operations if isinstance(operation, Placeholder)}
        known = {key: builder.input(key, given[key], (docs or {}).get(key)) for key in inputs if key in given}
        for path in declared:
            parameters(path)
        randomness = None
        if any(application.operation.draws(application.training) for application in applications):
            seed = builder.input("seed", TensorType(INT64))
            randomness = Randomness(builder, seed, batches() if batches else builder.constant(0, INT64))

        def found(key: str) -> Tensor:
            return known[key] if key in known else builder.constant((constants or {})[key])

        return cls(
            builder, found, parameters, randomness, site_prefix, checked=checked, differentiated=differentiated,
            scheduled=scheduled,
        )  # fmt: skip

    def emit(self, *values: Value) -> list[Tensor]:
        """Return the tensors of values."""
        for application in applications_of(*values):
            if id(application) not in self._emitted:
                self._emitted[id(application)] = self._emit(application, self.operands(application))
        return [self.tensor(value) for value in values]

    def tensor(self, value: Value) -> Tensor:
        """Return the tensor of a value that has been emitted."""
        outputs = value.application.outputs
        return self._emitted[id(value.application)][next(i for i, o in enumerate(outputs) if o is value)]

    def operands(self, application: Application) -> list[Tensor]:
        """Return the tensors of an application's operands, which have been emitted; indices and weights in range."""
        tensors, word = [self.tensor(operand) for operand in application.operands], application.operation.name
        for use in indexes_of(application):
            operand = application.operands[use.operand]
            if not operand.type.element.is_integer or (isinstance(use.count, int) and self.checked(operand)):
                continue
            with self._scope(application):
                tensors[use.operand] = in_range(
                    tensors[use.operand], use.count, word, ignored=use.ignored, looks_up=use.looks_up
                )
        place = weight_of(application)
        if place is not None and not self.checked(application.operands[place]):
            with self._scope(application):
                tensors[place] = from_0_up(tensors[place], word)
        return tensors

    def _scope(self, application: Application) -> AbstractContextManager[None]:
        """Name nodes after an application."""
        return self.builder.scope(application.site or application.operation.name, origin_of(application.span))

    def put(self, application: Application, tensors: Sequence[Tensor]) -> None:
        """Say what an application's outputs are, in place of its emission."""
        self._emitted[id(application)] = tuple(tensors)

    def without(self, applications: set[int]) -> Lowering:
        """Return one that has emitted the same but for some applications, given by their ids."""
        kept = {known: tensors for known, tensors in self._emitted.items() if known not in applications}
        return replace(self, updates={}, _emitted=kept)

    def again(self, parameters: Callable[[str], Tensor]) -> Lowering:
        """Return one that emits everything anew, of the same data and random numbers and of other variables."""
        return replace(self, parameters=parameters, updates={}, _emitted={})

    def context(self, application: Application) -> Context:
        """Return what an application has at hand while it emits itself.

        Where a layer is applied twice, the second application moves the statistics that the first one left.
        """
        variables = {
            name: self.updates[path] if path in self.updates else self.parameters(path)
            for name, path in application.variables.items()
        }
        return Context(
            self.builder, application.training, self.differentiated, variables,
            site=self.site_prefix + application.site, randomness=self.randomness,
        )  # fmt: skip

    def _emit(self, application: Application, operands: list[Tensor]) -> tuple[Tensor, ...]:
        operation = application.operation
        match operation:
            case Placeholder(key=key):
                return (self.given(key),)
            case ParameterOf(path=path):
                return (self.parameters(path),)
            case Scheduled(schedule=schedule, given=given):
                return (self.scheduled(schedule, given.element),)
            case Literal(array=array):
                return (self.builder.constant(array),)
            case DimensionOf(dimension=dimension):
                return (cast(reshape(self.builder.dimension(dimension), ()), operation.given.element),)
        context = self.context(application)
        with self._scope(application):
            if isinstance(operation, Recurrence):
                result = self._recurrence(application, operation, operands)
            else:
                result = operation.emit(context, *operands)
        for own, tensor in context.updates.items():
            self.updates[application.variables[own]] = tensor
        tensors = (result,) if isinstance(result, Tensor) else result
        expected = [output.type for output in application.outputs]
        if [t.type for t in tensors] != expected:
            raise AssertionError(f"{operation.name} promised {expected} and emitted {[t.type for t in tensors]}")
        return tuple(tensors)

    def _recurrence(
        self, application: Application, cell: Recurrence, operands: Sequence[Tensor]
    ) -> Tensor | tuple[Tensor, ...]:
        """Emit a cell: a loop over the steps, whose body is lowered as a part of its own."""
        for path in application.variables.values():
            self.parameters(path)  # a variable of the whole graph, be it first asked for in the loop
        left = list(operands)
        lengths = cast(left.pop(), INT64) if cell.ragged else None
        sequences, firsts = left[: len(cell.inputs)], iter(left[len(cell.inputs) :])
        states = [
            expand(next(firsts), s.before.type.shape) if s.first is None else full(left[0], s.first, s.before.type)
            for s in cell.states
        ]
        keys = [value.application.operation.key for value in (*cell.inputs, *(s.before for s in cell.states))]  # type: ignore[attr-defined]

        draws = cell.draws(application.training)
        if draws:  # the numbers of the steps, (1, steps)
            sequences.append(self._numbers(sequences[0].shape[1]))

        def step(before: Sequence[Tensor], given: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
            known = dict(zip(keys, (*given[: len(cell.inputs)], *before), strict=True))
            randomness = self.randomness
            if draws:
                assert randomness is not None
                randomness = randomness.within(given[-1])
            inner = replace(
                self, given=known.__getitem__, randomness=randomness, checked=cell.is_input, updates={}, _emitted={}
            )
            found = inner.emit(*(s.after for s in cell.states), *cell.results)
            return found[: len(cell.states)], found[len(cell.states) :]

        last = [value.type for value in cell.results] if cell.last else None
        outputs, ends = recur(step, sequences, states, reverse=cell.reverse, lengths=lengths, last=last)
        return (*outputs, *ends) if cell.return_state else tuple(outputs)

    def _numbers(self, count: Dimension) -> Tensor:
        """Return 0, 1, 2, ... as int32 (1, count)."""
        ends = [self.builder.constant(0, INT32), cast(reshape(self.builder.dimension(count), ()), INT32)]
        limits = [*ends, self.builder.constant(1, INT32)]
        return reshape(self.builder.node("Range", limits, [TensorType(INT32, (count,))]), (1, count))

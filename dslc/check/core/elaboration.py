"""What one elaboration of a spec shares: findings, limits, parameters, and how words meet tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np

from dslc.check.core.arithmetic import settled_value
from dslc.check.core.budget import Budget, Exhausted
from dslc.check.core.values import POISON, Outputs, RawColumn, Silent, kind_of
from dslc.diagnostics import Basis, Diagnostics, Label, Problem, Repair
from dslc.dimensions import Undecided, bounds, is_class_count, same_value, symbols_of
from dslc.errors import matching, names, objectives, types
from dslc.errors.types import NOT_COMPUTABLE
from dslc.library.kernels import need_kernels
from dslc.library.operation import Operation
from dslc.library.schedules.chains import ended
from dslc.library.schedules.schedule import Schedule
from dslc.library.word import FUNCTIONS
from dslc.limits import Limits
from dslc.plan.examples import is_batch
from dslc.plan.values import (
    Application,
    DimensionOf,
    Literal,
    ParameterOf,
    ParameterRecord,
    Placeholder,
    Scheduled,
    Value,
)
from dslc.source import Span
from dslc.types import (
    BOOL,
    FLOAT32,
    FLOAT64,
    INT64,
    BroadcastError,
    ElementType,
    Shape,
    Symbolic,
    TensorType,
    shape_text,
    symbols_in,
)

__all__ = ["Elaboration", "Widening"]

T = TypeVar("T")

Widening = Callable[["Elaboration", Operation, Sequence[Value], Span], Sequence[Value]]
"""Returns the operands of an operation in types that it takes."""


@dataclass
class Elaboration:
    """The state of one elaboration.

    ``frozen`` says which parameter paths are not trained: their layers stay in evaluation mode.
    """

    diagnostics: Diagnostics
    limits: Limits = field(default_factory=Limits)
    training: bool = False
    frozen: Callable[[str], bool] = lambda _: False
    parameters: dict[str, ParameterRecord] = field(default_factory=dict)
    calls: tuple[Span, ...] = ()
    """Where the blocks around the statement at hand are applied, outermost first."""
    asked_for_parameters: bool = False
    """Something depended on all parameters of a network, so they must be known beforehand."""
    widening: Widening | None = None
    """How numbers of several types meet; None: not at all."""
    functions: dict[str, Any] = field(default_factory=dict)
    """Compile-time functions that hang on the data at hand: ``classes``."""
    elaborated: set[int] = field(default_factory=set)
    """Identities of the blocks that were applied."""
    _sites: dict[str, int] = field(default_factory=dict)
    _bounds: dict[Symbolic, tuple[float, float]] = field(default_factory=dict)
    """Of the symbolic sizes so far; few differ."""

    def __post_init__(self) -> None:
        self.budget = Budget(self.limits)

    # --- findings ------------------------------------------------------------------------------

    def report(self, problem: Problem, span: Span | None, *labels: Label) -> Any:
        """Record a problem at a place; the poison it leaves is the expression's value."""
        problem = self._outside(problem, span)
        shown = {span, problem.diagnostic.span, *(label.span for label in problem.diagnostic.labels)}
        if self.calls and problem.diagnostic.code.basis and self.calls[-1] not in shown:
            labels = (*labels, Label(self.calls[-1], "in what is applied here"))
        self.diagnostics.add(problem.at(span, *labels))
        if len(self.diagnostics) >= MOST_FINDINGS:
            raise Exhausted(names.TOO_MANY(f"{MOST_FINDINGS} mistakes were found, and no more are looked for").at(span))
        return POISON

    def _outside(self, problem: Problem, span: Span | None) -> Problem:
        """Move a finding inside of a block that comes with dslc to where the spec applies that."""
        found = problem.diagnostic
        place, calls = found.span or span, [call for call in self.calls if not call.source.shipped]
        if place is None or not place.source.shipped or not calls:
            return problem
        labels = (Label(place, "inside of it, here"), *found.labels)
        hint = None if isinstance(found.hint, Repair) else found.hint  # which speaks of what can't be mended
        return Problem(replace(found, span=calls[-1], labels=labels, hint=hint))

    def attempt(self, check: Callable[[], T], span: Span) -> T | None:
        """Return what a check gives; None where it raises, which is reported."""
        try:
            return check()
        except Silent:
            return None
        except Problem as problem:
            self.report(problem, span)
            return None

    @contextmanager
    def graph(self, *, training: bool) -> Iterator[None]:
        """Elaborate for one graph: in training mode or not; random sites are counted anew."""
        before = self.training, self._sites
        self.training, self._sites = training, {}
        try:
            yield
        finally:
            self.training, self._sites = before

    @contextmanager
    def nested(self, span: Span, *, applied: bool = True) -> Iterator[None]:
        """Go one block deeper; ``applied`` where the spec says so at the place."""
        before = self.calls
        self.calls = (*before, span) if applied else before
        try:
            if len(self.calls) > self.limits.nesting:
                raise Exhausted(
                    names.LIMIT_REACHED(
                        f"blocks are applied inside one another more than {self.limits.nesting} deep",
                        hint="does a block apply itself without end? '--limit nesting=N' raises the limit",
                    ).at(span)
                )
            yield
        finally:
            self.calls = before

    # --- values --------------------------------------------------------------------------------

    def placeholder(self, key: str, type: TensorType, span: Span | None) -> Value:
        """Return a tensor that is given from outside."""
        return self._leaf(Placeholder(key=key, given=type), type, span)

    def parameter(self, record: ParameterRecord, span: Span | None) -> Value:
        """Return a parameter as a tensor."""
        return self._leaf(ParameterOf(path=record.path, given=record.type), record.type, span)

    def literal(self, number: Any, element: ElementType, span: Span | None) -> Value:
        """Return a number (or a dimension) as a scalar tensor of an element type.

        Raises:
            Problem: the number does not fit the element type.
        """
        type = TensorType(element)
        if isinstance(number, Symbolic):
            return self._leaf(DimensionOf(dimension=number, given=type), type, span)
        if not isinstance(number, bool) and not _representable(number, element):
            hint = "convert the tensor first: cast(x, float32)" if not element.is_float else None
            raise matching.BAD_LITERAL(f"the number {number} does not fit a tensor of {element}", hint=hint).at(span)
        return self._leaf(Literal(array=np.asarray(number, element.numpy), given=type), type, span)

    def scheduled(self, schedule: Schedule, element: ElementType, span: Span | None) -> Value:
        """Return a schedule as a scalar tensor: in training as it is at each update, else as it is in the end."""
        last = settled_value(schedule, element, span, of_field=self.widening is not None)
        if not self.training:
            return self.literal(last, element, span)
        return self._leaf(Scheduled(schedule=schedule, given=TensorType(element)), TensorType(element), span)

    def _leaf(self, operation: Operation, type: TensorType, span: Span | None) -> Value:
        return Application(operation, (), (type,), span, self.budget.count_node(span)).outputs[0]

    def tensors(self, values: Sequence[Any], spans: Sequence[Span]) -> list[Value]:
        """Return operands as tensors: a number takes the element type of the tensors beside it.

        Raises:
            Problem: one of them can't be a tensor.
        """
        values = [
            value.tensor(span) if isinstance(value, RawColumn) else value
            for value, span in zip(values, spans, strict=True)
        ]
        types = [v.type.element for v in values if isinstance(v, Value)]
        numeric = [t for t in types if t is not BOOL]
        element = numeric[0] if numeric else BOOL if types else FLOAT32
        found: list[Value] = []
        for value, span in zip(values, spans, strict=True):
            if isinstance(value, Value):
                found.append(value)
            elif isinstance(value, bool):
                found.append(self.literal(value, BOOL, span))
            elif isinstance(value, Schedule):
                found.append(self.scheduled(ended(value), FLOAT32 if element is BOOL else element, span))
            elif isinstance(value, (int, float, Symbolic)):
                adopted = element if element is not BOOL else (INT64 if isinstance(value, int) else FLOAT32)
                if self.widening is not None and not isinstance(value, Symbolic) and not _representable(value, adopted):
                    adopted = FLOAT64
                found.append(self.literal(value, adopted, span))
            else:
                hint = f"read one of them: {', '.join(value.values)}" if isinstance(value, Outputs) else None
                raise matching.NOT_A_TENSOR(f"a tensor is needed here, not {kind_of(value)}", hint=hint).at(span)
        return found

    # --- application -----------------------------------------------------------------------------

    def apply(
        self,
        operation: Operation,
        operands: Sequence[Value],
        span: Span,
        *,
        path: str = "",
        network: str = "",
        sign: str = "",
    ) -> Value | tuple[Value, ...]:
        """Apply a word to tensors: check types, own its variables under ``path``.

        ``sign`` is the operator by which the spec says it, for messages.

        Raises:
            Problem: the operands do not fit.
        """
        written = operands
        if self.widening is not None:
            operands = self.widening(self, operation, operands, span)
        types = [operand.type for operand in operands]
        try:
            refuse_zero(operation, written, span)
            result = operation.type(*types)
            need_kernels(operation, *types)
            variables = operation.variables(*types)
        except Problem as problem:
            found = problem.diagnostic
            if sign and found.message.startswith(operation.name):
                message = f"'{sign}'{found.message.removeprefix(operation.name)}"
                problem = Problem(replace(found, message=message))
            if found.code.basis is Basis.SIZES:
                problem = Problem(replace(problem.diagnostic, depends_on=symbols_in(types, *vars(operation).values())))
            known = {label.span for label in found.labels}
            raise problem.at(span, *(o for o in _origins(operands, span) if o.span not in known)) from None
        except Undecided as undecided:
            raise matching.UNDECIDED(str(undecided), depends_on=undecided.symbols).at(
                span, *_origins(operands, span)
            ) from None
        except BroadcastError as mismatch:
            raise matching.WRONG_TYPE(
                f"{operation.name} of {' and '.join(map(str, types))} does not fit: {mismatch}",
                depends_on=symbols_in(types),
            ).at(span, *_origins(operands, span)) from None
        results = (result,) if isinstance(result, TensorType) else result
        for type in results:
            self.check_size(type, span)
        paths: dict[str, str] = {}
        for variable in variables:
            paths[variable.name] = f"{path}.{variable.name}"
            self.own(ParameterRecord(paths[variable.name], variable, network, span, tuple(types)), operation.name)
        site = path
        if operation.random:
            self._sites[path] = self._sites.get(path, 0) + 1
            if self._sites[path] > 1:
                site = f"{path}#{self._sites[path]}"
        training = self.training and not (path and self.frozen(path))
        number = self.budget.count_node(span)
        application = Application(operation, tuple(operands), results, span, number, site, paths, training=training)
        return application.outputs[0] if isinstance(result, TensorType) else application.outputs

    def over_examples(self, value: Value, span: Span) -> Value:
        """Return a loss or metric as one number: a tensor over the examples is averaged over all its elements."""
        return self.call("mean", [value], span) if is_batch(value) else value

    def caller(self, span: Span) -> Callable[..., Value]:
        """Return what applies a function of the library by name to operands, at a place."""
        return lambda name, *operands, **options: self.call(name, list(operands), span, **options)

    def call(self, name: str, operands: Sequence[Value], span: Span, **options: Any) -> Value:
        """Apply a library function by name."""
        result = self.apply(FUNCTIONS[name](**options), operands, span)
        assert isinstance(result, Value)
        return result

    def check_size(self, type: TensorType, span: Span) -> None:
        """Refuse a tensor that is larger than the limits allow, and one with an axis that is always empty.

        A sum over nothing is 0 and a mean of nothing no number at all; runtimes differ even in the shapes they give.
        """
        if type.rank > MOST_AXES:
            raise matching.BAD_TYPE(f"a tensor has at most {MOST_AXES} axes, and this one would have {type.rank:,}").at(
                span
            )
        least = 1
        for axis, dimension in enumerate(type.shape):
            if isinstance(dimension, Symbolic) and dimension not in self._bounds:
                self._bounds[dimension] = bounds(dimension)
            low, high = self._bounds[dimension] if isinstance(dimension, Symbolic) else (dimension, dimension)
            if high < 1:
                whatever = ", whatever the symbols are" if isinstance(dimension, Symbolic) else ""
                raise types.EMPTY(f"the result would be {type}, with no entries on axis {axis}{whatever}").at(span)
            least *= max(1, int(low)) if low > 0 else 1
        if least > self.limits.tensor_elements:
            size = f"{least:,}" if least < 2**63 else f"{float(2**63):.0e} or more"
            message = f"a tensor {type} has {size} elements, more than {self.limits.tensor_elements:,}"
            raise names.LIMIT_REACHED(message, hint="'--limit tensor_elements=N' raises the limit").at(span)

    def own(self, record: ParameterRecord, word: str) -> ParameterRecord:
        """File a parameter under its path; a second use must have the same shape.

        Raises:
            Problem: it has another one, or its size depends on a symbol.
        """
        span = record.span
        if not record.network:
            message = f"{word} has parameters, and stands outside of a model"
            raise objectives.OWNER_NEEDED(message, hint="move it into a model, and call that: Net(image)").at(span)
        known = self.parameters.get(record.path)
        if known is not None:
            if not _same_shape(known.variable.shape, record.variable.shape):
                raise self._misfit(known, record, word).at(span)
            return known
        assert span is not None
        self.check_size(record.type, span)
        free = {s for d in record.variable.shape for s in symbols_of(d) if not is_class_count(s)}
        if free:
            whose = f"the {record.variable.name} of {word}" if record.operands else word
            raise matching.UNDECIDED(
                f"{whose} would have the shape {shape_text(record.variable.shape)}, and "
                f"{', '.join(sorted(free))} is known at run time only",
                hint="parameters have fixed sizes: write a number in place of the symbol",
            ).at(span)
        self.parameters[record.path] = record = replace(record, calls=self.calls)
        return record

    def _misfit(self, known: ParameterRecord, record: ParameterRecord, word: str) -> Problem:
        """A shared parameter that a second use needs in another shape: both places are named."""
        first, second = (" and ".join(map(str, r.operands)) for r in (known, record))
        labels = []
        # inside a shared block both uses stand at one place; what tells them apart is where the block is applied
        here, there = next(((a, b) for a, b in zip(self.calls, known.calls) if a != b), (record.span, known.span))  # noqa: B905
        if here != record.span and here is not None:
            labels.append(Label(here, f"applied here, where it would work on {second}"))
        if there is not None:
            turn = ", in an earlier turn of the loop" if there == here else ""
            labels.append(Label(there, f"first used here, on {first}{turn}"))
        return matching.SHARED_MISFIT(
            f"{word} shares its {record.variable.name} {shape_text(known.variable.shape)} with its first use, "
            f"and {second} would need {shape_text(record.variable.shape)}",
            hint="make a layer of its own for this input, or bring both inputs to one shape",
            labels=labels,
            depends_on=symbols_in(known.variable.shape, record.variable.shape),
        )


MOST_AXES = 64
"""As many as NumPy's arrays have."""
MOST_FINDINGS = 1000
"""After so many findings nobody reads on."""


def _origins(operands: Sequence[Value], span: Span) -> list[Label]:
    """Label where operands come from with their types."""
    found = (Label(o.span, f"this is {o.type}") for o in operands if o.span is not None and o.span != span)
    return list(dict.fromkeys(found))


def _same_shape(a: Shape, b: Shape) -> bool:
    return len(a) == len(b) and all(same_value(x, y) for x, y in zip(a, b, strict=True))


def _representable(number: float, element: ElementType) -> bool:
    """Return whether a tensor of the element type can hold the number, up to rounding."""
    if element.is_float:
        return abs(number) <= float(np.finfo(element.value).max)
    if not element.is_integer or not float(number).is_integer():
        return False
    limits = np.iinfo(element.value)
    return bool(limits.min <= number <= limits.max)


def refuse_zero(operation: Operation, operands: Sequence[Value], span: Span) -> None:
    """Refuse a division by a number that is written, and is 0.

    Raises:
        Problem: E0313.
    """
    if not operation.divides or len(operands) != 2:
        return
    divisor = operands[1].application.operation
    if isinstance(divisor, Literal) and not divisor.array.all():
        problem = NOT_COMPUTABLE(f"{operation.name} of {operands[0].type} and 0 is a division by zero")
        raise problem.at(operands[1].span or span)

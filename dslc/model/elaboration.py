"""What one elaboration of a spec shares: findings, limits, parameters, and how words meet tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dslc.diagnostics import Diagnostics, Label, Problem
from dslc.errors import matching, names
from dslc.library.operations import Operation
from dslc.library.words import FUNCTIONS
from dslc.limits import Limits
from dslc.model.columns import RawColumn
from dslc.model.values import POISON, Application, Literal, ParameterOf, ParameterRecord, Placeholder, Value, kind_of
from dslc.source import Span
from dslc.types import (
    BOOL,
    FLOAT32,
    INT64,
    BroadcastError,
    Dimension,
    ElementType,
    Symbolic,
    TensorType,
    Undecided,
    same_value,
    shape_text,
)

__all__ = ["DimensionOf", "Elaboration"]


@dataclass(frozen=True)
class DimensionOf(Operation):
    """A symbolic dimension as a scalar tensor."""

    name = "dimension"
    family = "leaf"
    dimension: Dimension
    given: TensorType

    def type(self) -> TensorType:
        return self.given


@dataclass
class Elaboration:
    """The state of one elaboration.

    ``class_counts`` are the numbers of categories found in the data, by field; before data is read they are
    symbols. ``frozen`` says which parameter paths are not trained: their layers stay in evaluation mode.
    """

    diagnostics: Diagnostics
    limits: Limits = field(default_factory=Limits)
    training: bool = False
    frozen: Callable[[str], bool] = lambda path: False
    parameters: dict[str, ParameterRecord] = field(default_factory=dict)
    applications: int = 0
    iterations: int = 0
    depth: int = 0
    asked_for_parameters: bool = False
    """Something depended on all parameters of a network, so they must be known beforehand."""
    functions: dict[str, Callable[..., Any]] = field(default_factory=dict)
    """Compile-time functions that every expression knows: ``range``, ``classes``."""
    elaborated: set[int] = field(default_factory=set)
    """Identities of the blocks that were applied."""
    _sites: dict[str, int] = field(default_factory=dict)

    # --- findings ------------------------------------------------------------------------------

    def report(self, problem: Problem, span: Span | None, *labels: Label) -> Any:
        """Record a problem at a place; the poison it leaves is the expression's value."""
        self.diagnostics.add(problem.at(span, *labels))
        return POISON

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
    def nested(self, span: Span) -> Iterator[None]:
        """Go one block deeper."""
        self.depth += 1
        try:
            if self.depth > self.limits.nesting:
                raise names.LIMIT_REACHED(
                    f"blocks are applied inside one another more than {self.limits.nesting} deep",
                    hint="does a block apply itself without end? '--limit nesting=N' raises the limit",
                ).at(span)
            yield
        finally:
            self.depth -= 1

    def count_iteration(self, span: Span) -> None:
        """Count one turn of a compile-time loop."""
        self.iterations += 1
        if self.iterations > self.limits.loop_iterations:
            raise names.LIMIT_REACHED(
                f"the loops of this spec run more than {self.limits.loop_iterations:,} times",
                hint="'--limit loop_iterations=N' raises the limit",
            ).at(span)

    # --- values --------------------------------------------------------------------------------

    def placeholder(self, key: str, type: TensorType, span: Span | None) -> Value:
        """Return a tensor that is given from outside."""
        return self._leaf(Placeholder(key, type), type, span)

    def parameter(self, record: ParameterRecord, span: Span | None) -> Value:
        """Return a parameter as a tensor."""
        return self._leaf(ParameterOf(record.path, record.type), record.type, span)

    def literal(self, number: Any, element: ElementType, span: Span | None) -> Value:
        """Return a number (or a dimension) as a scalar tensor of an element type.

        Raises:
            Problem: the number does not fit the element type.
        """
        type = TensorType(element)
        if isinstance(number, Symbolic):
            return self._leaf(DimensionOf(number, type), type, span)
        if not element.is_float and not isinstance(number, bool):
            integral = element.is_integer and float(number).is_integer()
            if integral:
                limits = np.iinfo(element.value)
                integral = limits.min <= number <= limits.max
            if not integral:
                raise matching.BAD_LITERAL(
                    f"the number {number} does not fit a tensor of {element}",
                    hint="convert the tensor first: cast(x, float32)",
                ).at(span)
        return self._leaf(Literal(np.asarray(number, element.numpy), type), type, span)

    def _leaf(self, operation: Operation, type: TensorType, span: Span | None) -> Value:
        application = Application(operation, (), span, self._next_number(span))
        value = Value(type, application, span)
        application.outputs = (value,)
        return value

    def _next_number(self, span: Span | None) -> int:
        self.applications += 1
        if self.applications > self.limits.graph_nodes:
            raise names.LIMIT_REACHED(
                f"the network has more than {self.limits.graph_nodes:,} operations",
                hint="'--limit graph_nodes=N' raises the limit",
            ).at(span)
        return self.applications

    def tensors(self, values: Sequence[Any], spans: Sequence[Span]) -> list[Value]:
        """Return operands as tensors: a number takes the element type of the tensors beside it.

        Raises:
            Problem: one of them can't be a tensor.
        """
        types = [v.type.element for v in values if isinstance(v, Value)]
        numeric = [t for t in types if t is not BOOL]
        element = numeric[0] if numeric else BOOL if types else FLOAT32
        found: list[Value] = []
        for value, span in zip(values, spans, strict=True):
            if isinstance(value, Value):
                found.append(value)
            elif isinstance(value, bool):
                found.append(self.literal(value, BOOL, span))
            elif isinstance(value, RawColumn):
                found.append(value.tensor(self, span))
            elif isinstance(value, (int, float, Symbolic)):
                adopted = element if element is not BOOL else (INT64 if isinstance(value, int) else FLOAT32)
                found.append(self.literal(value, adopted, span))
            else:
                raise matching.NOT_A_TENSOR(f"a tensor is needed here, not {kind_of(value)}").at(span)
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
    ) -> Value | tuple[Value, ...]:
        """Apply a word to tensors: check types, own its variables under ``path``.

        Raises:
            Problem: the operands do not fit.
        """
        types = [operand.type for operand in operands]
        labels = [Label(o.span, f"this is {o.type}") for o in operands if o.span is not None and o.span != span]
        try:
            result = operation.type(*types)
            variables = operation.variables(*types)
        except Problem as problem:
            known = {label.span for label in problem.diagnostic.labels}
            raise problem.at(span, *(label for label in labels if label.span not in known)) from None
        except Undecided as undecided:
            raise matching.UNDECIDED(str(undecided)).at(span, *labels) from None
        except BroadcastError as mismatch:
            raise matching.WRONG_TYPE(
                f"{operation.name} of {' and '.join(map(str, types))} does not fit: {mismatch}"
            ).at(span, *labels) from None
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
        application = Application(
            operation, tuple(operands), span, self._next_number(span), site, paths,
            training=self.training and not (path and self.frozen(path)),
        )  # fmt: skip
        application.outputs = tuple(Value(type, application, span) for type in results)
        return application.outputs[0] if isinstance(result, TensorType) else application.outputs

    def call(self, name: str, operands: Sequence[Value], span: Span, **options: Any) -> Value:
        """Apply a library function by name."""
        result = self.apply(FUNCTIONS[name](**options), operands, span)
        assert isinstance(result, Value)
        return result

    def check_size(self, type: TensorType, span: Span) -> None:
        """Refuse a tensor larger than the limits allow, and one with a negative dimension."""
        for dimension in type.shape:
            if isinstance(dimension, int) and dimension < 0:
                raise matching.WRONG_TYPE(f"the result would have the shape {shape_text(type.shape)}").at(span)
        count: Dimension = 1
        for dimension in type.shape:
            if isinstance(dimension, int):
                count = count * dimension
        if isinstance(count, int) and count > self.limits.tensor_elements:
            raise names.LIMIT_REACHED(
                f"a tensor {type} has {count:,} elements, more than {self.limits.tensor_elements:,}",
                hint="'--limit tensor_elements=N' raises the limit",
            ).at(span)

    def own(self, record: ParameterRecord, word: str) -> ParameterRecord:
        """File a parameter under its path; a second use must have the same shape.

        Raises:
            Problem: it has another one, or its size depends on a symbol.
        """
        span = record.span
        known = self.parameters.get(record.path)
        assert span is not None
        if known is not None:
            if [same_value(a, b) for a, b in zip(known.variable.shape, record.variable.shape)] != [True] * len(
                record.variable.shape
            ) or len(known.variable.shape) != len(record.variable.shape):
                labels = []
                if known.span is not None:
                    fed = " and ".join(map(str, known.operands))
                    labels = [Label(known.span, f"first used here, on {fed}")]
                fed = " and ".join(map(str, record.operands))
                raise matching.SHARED_MISFIT(
                    f"{word} shares its {record.variable.name} {shape_text(known.variable.shape)} with its first use, "
                    f"and {fed} would need {shape_text(record.variable.shape)}",
                    hint="apply a layer of its own here, or bring both inputs to one shape",
                ).at(span, *labels)
            return known
        self.check_size(record.type, span)
        free = {s for d in record.variable.shape for s in _free_symbols(d)}
        if free:
            raise matching.UNDECIDED(
                f"the {record.variable.name} of {word} would have the shape {shape_text(record.variable.shape)}, and "
                f"{', '.join(sorted(free))} is known at run time only",
                hint="parameters have fixed sizes; give the input a number in place of the symbol",
            ).at(span)
        self.parameters[record.path] = record
        return record


CLASS_COUNT = "classes("
"""How the name of a symbol begins that stands for a number of categories until the data is read."""


def _free_symbols(dimension: Dimension) -> Mapping[str, None]:
    from dslc.types import symbols_of

    return {s: None for s in symbols_of(dimension) if not s.startswith(CLASS_COUNT)}

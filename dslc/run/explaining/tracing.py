"""Where a value that is not finite comes from: the first one on the way to it, and what that was computed of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from dslc.compile.lowering import origin_of
from dslc.engine.evaluation import Predictor
from dslc.engine.finite import is_finite
from dslc.engine.protocol import Engine
from dslc.graph.model import load_model
from dslc.graph.probes import ProbedNode, Probes, probed
from dslc.plan.measures import applications_of
from dslc.plan.recurrence import Recurrence
from dslc.plan.values import Application, Value
from dslc.source import Span

__all__ = ["Birth", "LaidOpen", "operands_at", "reach", "span_of", "trace"]

ELEMENTWISE = frozenset((
    "Abs", "Acos", "Acosh", "Add", "Asin", "Asinh", "Atan", "Atanh", "Cast", "Ceil", "Clip", "Cos", "Cosh",
    "Div", "Erf", "Exp", "Floor", "HardSigmoid", "Identity", "Log", "Max", "Min", "Mul", "Neg", "Pow", "Reciprocal",
    "Relu", "Round", "Sigmoid", "Sign", "Sin", "Sinh", "Softplus", "Sqrt", "Sub", "Tan", "Tanh", "Where",
))  # fmt: skip
"""Operators of ONNX that compute each element of the result from those at the same place, as they broadcast."""


class LaidOpen:
    """A graph that gives every floating-point value that it computes."""

    def __init__(self, model: bytes, engine: Engine) -> None:
        self.probes = probed(load_model(model))
        self._predictor = Predictor(self.probes.data, engine)
        self.outputs = tuple(self._predictor.graph.outputs)
        self.zeros = {name: port.zeros() for name, port in self._predictor.graph.inputs.items()}
        """Zeros for every input, of which some may be accumulators."""

    def run(self, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return all values by name, inputs and constants too; feeds that are no inputs are ignored."""
        given = {name: feeds[name] for name in self._predictor.graph.inputs}
        size = max((len(array) for array in given.values() if array.ndim), default=1)
        return {**self.probes.constants, **given, **self._predictor.run(given, chunk=size)}


@dataclass(frozen=True)
class Birth:
    """The first value that is not finite."""

    value: str
    """The name of its tensor."""
    node: ProbedNode | None
    """What computed it, of finite operands as a rule; None for an input of the graph or a constant."""
    place: tuple[int, ...]
    """Where in the tensor it is."""
    result: float
    """Infinite or not a number."""
    operands: tuple[float, ...]
    """What it was computed of; of operands that are not of the same place, the number that is largest in size."""
    element: str
    """Its type."""


def reach(array: np.ndarray) -> float:
    """Return the number of an array that is largest in size."""
    if not array.size:
        return 0.0
    wide = array.astype(np.float64)
    return float(wide.flat[int(np.argmax(np.abs(wide)))])


def operands_at(
    node: ProbedNode, values: Mapping[str, np.ndarray], place: tuple[int, ...], shape: tuple[int, ...],
    aligned: bool = True,
) -> list[float]:  # fmt: skip
    """Return the operands of a node that belong to a place in a result of a shape.

    Of one that does not broadcast, or of all that are not ``aligned`` with the result, the number of the largest size.
    """
    read = [values[name] for name in node.inputs if name in values and values[name].dtype.kind in "fiu"]
    return [reach(_part(array, place, shape, aligned)) for array in read]


def _part(array: np.ndarray, place: tuple[int, ...], shape: tuple[int, ...], aligned: bool) -> np.ndarray:
    """Return the element that belongs to a place in a result of a shape, or the whole array where none does."""
    if aligned:
        with suppress(ValueError):  # it does not broadcast
            return np.asarray(np.broadcast_to(array, shape)[place])
    return array


def trace(probes: Probes, values: Mapping[str, np.ndarray], target: str) -> Birth:
    """Return where a value that is not finite comes from.

    Goes from a result to the operand that is not finite either, where there are several to one that is not a number
    first, until all operands are finite.

    Args:
        probes: the graph.
        values: its values by name: inputs, constants, and all that it computed.
        target: the value.
    """
    name, turned = target, None
    while True:
        birth = _birth(probes, values, name)
        if birth.node is None:
            # an infinity that was meant, in a mask say: what went wrong is what made of it a value that is no number
            return turned if name in probes.constants and turned is not None else birth
        suspects = _suspects(birth, values)
        if not suspects:
            return birth
        found = min(suspects, key=lambda operand: (not suspects[operand], operand in probes.constants))
        if np.isnan(birth.result) and not suspects[found]:
            turned = birth
        name = found


def _birth(probes: Probes, values: Mapping[str, np.ndarray], name: str) -> Birth:
    array, node = values[name], probes.nodes.get(name)
    wrong = np.isnan(array) if np.isnan(array).any() else np.isinf(array)
    place = tuple(int(i) for i in np.unravel_index(int(np.argmax(wrong)), array.shape))
    given = operands_at(node, values, place, array.shape, node.operator in ELEMENTWISE) if node is not None else ()
    return Birth(name, node, place, float(array[place]), tuple(given), str(array.dtype))


def _suspects(birth: Birth, values: Mapping[str, np.ndarray]) -> dict[str, bool]:
    """Return the operands that a value may have its fault from, with whether each is not a number."""
    assert birth.node is not None
    shape, found = values[birth.value].shape, {}
    for operand in birth.node.inputs:
        if operand in values:
            part = _part(values[operand], birth.place, shape, birth.node.operator in ELEMENTWISE)
            if not is_finite(part):
                found[operand] = bool(np.isnan(part).any())
    return found


def span_of(value: Value, node: ProbedNode | None) -> Span | None:
    """Return the span of the application, of those that a value derives from, that a node comes from."""
    if node is None or node.origin is None:
        return None
    everything = _with_steps(applications_of(value))
    found = [a for a in everything if a.span is not None and origin_of(a.span) == node.origin]
    named = [a for a in found if (a.site or a.operation.name) in node.name.split("/")]
    return next((a.span for a in [*named, *found]), None)


def _with_steps(applications: Iterable[Application]) -> Iterator[Application]:
    """Yield applications, and those in the steps of cells, which graphs may hold one after the other."""
    for application in applications:
        yield application
        if isinstance(application.operation, Recurrence):
            yield from _with_steps(application.operation.body)

"""``eval.onnx`` and ``metrics.onnx``: losses and metrics, exact over a split whatever the batches.

The first maps parameters, a batch and accumulators to accumulators; the second accumulators to values. Rows that a
statistic collects are results of the first, which whoever runs it joins for the second.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from dslc import graph as g
from dslc.compile.lowering import Lowering, origin_of
from dslc.graph import Builder, Tensor
from dslc.graph.model import Model
from dslc.library.operation import Context
from dslc.library.statistic import Statistic
from dslc.plan.measures import variables_of
from dslc.plan.training import Measure, TrainPlan
from dslc.plan.values import Application, FittedConstants, Literal, Placeholder, Value
from dslc.targets import Target
from dslc.targets.cpu import CPU
from dslc.types import TensorType, symbol

__all__ = ["evaluation_graphs", "measures_of", "values_of"]


def measures_of(train: TrainPlan) -> list[Measure]:
    """Return what is measured: the objectives, then the metrics."""
    return [*(o.measure for o in train.objectives), *train.metrics]


def values_of(train: TrainPlan) -> list[Value]:
    """Return all that a train block computes from its data: losses, metrics and what it ships."""
    shipped = (value for one in train.shipped if one.network is None for value in one.outputs.values())
    return [*(o.loss for o in train.objectives), *(m.value for m in measures_of(train)), *shipped]


def evaluation_graphs(train: TrainPlan, constants: FittedConstants, target: Target = CPU) -> tuple[Model, Model]:
    """Compile the losses and metrics of a train block: what accumulates them, and what finishes them."""
    accumulate, accumulators = _accumulation(train, constants, target)
    return accumulate, _finish(train, constants, target, accumulators)


def _sites(measures: list[Measure]) -> Iterator[tuple[str, Application]]:
    for measure in measures:
        for number, site in enumerate(measure.sites):
            yield f"accumulator/{measure.name}/{number}", site


def _carried(measures: list[Measure]) -> Iterator[tuple[str, Value]]:
    for measure in measures:
        for number, value in enumerate(measure.carried):
            yield f"accumulator/{measure.name}/carried_{number}", value


def _accumulation(train: TrainPlan, constants: FittedConstants, target: Target) -> tuple[Model, dict[str, TensorType]]:
    """Return what accumulates, and the accumulators."""
    builder, measures = Builder(f"{train.name}.eval", target), measures_of(train)
    accumulators: dict[str, TensorType] = {}
    operands = [operand for _, site in _sites(measures) for operand in site.operands]
    carried = [value for _, value in _carried(measures)]
    used = variables_of(*operands, *carried)
    lowering = Lowering.open(
        builder, [*operands, *carried], inputs=train.data.fields, docs=train.data.docs, constants=constants,
        parameters=cache(lambda path: builder.input(path, train.parameters[path].type)),
        declared=[path for path in train.parameters if path in used],
    )  # fmt: skip
    lowering.emit(*operands, *carried)
    for name, site in _sites(measures):
        statistic = site.operation
        assert isinstance(statistic, Statistic)
        with builder.scope(name, origin_of(site.span)):
            found = statistic.of_batch(*lowering.operands(site))
            if statistic.collects:
                rows = symbol(f"rows_{len(accumulators)}")  # as many as all batches have together
                for key, tensor in found.items():
                    accumulators[f"{name}/{key}"] = tensor.type.with_shape((rows, *tensor.shape[1:]))
                    builder.output(f"{name}/{key}", tensor)
                continue
            batch, total = {key: _widened(tensor) for key, tensor in found.items()}, {}
            for key, tensor in batch.items():
                accumulators[f"{name}/{key}"] = tensor.type
                total[key] = builder.input(f"{name}/{key}", tensor.type)
            for key, tensor in statistic.merge(total, batch).items():
                builder.output(f"{name}/{key}.next", tensor)
    for name, value in _carried(measures):
        tensor = _widened(lowering.tensor(value))
        accumulators[name] = tensor.type
        builder.input(name, tensor.type)
        builder.output(f"{name}.next", tensor)
    return builder.model(doc=train.doc), accumulators


def _widened(tensor: Tensor) -> Tensor:
    """Floats are carried across batches in float64, so that a long split loses nothing."""
    return g.widened(tensor) if tensor.element.is_float else tensor


def _finish(train: TrainPlan, constants: FittedConstants, target: Target, accumulators: dict[str, TensorType]) -> Model:
    builder, measures = Builder(f"{train.name}.metrics", target), measures_of(train)
    inputs = {name: builder.input(name, type) for name, type in accumulators.items()}
    sites = {id(site): name for name, site in _sites(measures)}
    carried = {id(value): name for name, value in _carried(measures)}
    lowering = Lowering.open(builder, (), constants=constants)

    def value_of(value: Value) -> Tensor:
        if id(value) in carried:
            return g.cast(inputs[carried[id(value)]], value.type.element)
        return lowering.tensor(value)

    for measure in measures:
        for application in _finished(measure, set(carried), set(sites)):
            operation = application.operation
            if isinstance(operation, (Literal, Placeholder)):
                lowering.emit(*application.outputs)
                continue
            with builder.scope(sites.get(id(application), operation.name), origin_of(application.span)):
                if id(application) in sites:
                    assert isinstance(operation, Statistic)
                    prefix = f"{sites[id(application)]}/"
                    found = {k.removeprefix(prefix): t for k, t in inputs.items() if k.startswith(prefix)}
                    result: Tensor | tuple[Tensor, ...] = operation.finish(found, application.outputs[0].type.element)
                else:
                    result = operation.emit(Context(builder), *map(value_of, application.operands))
            lowering.put(application, (result,) if isinstance(result, Tensor) else result)
        builder.output(measure.name, value_of(measure.value))
    return builder.model(doc=train.doc)


def _finished(measure: Measure, carried: set[int], sites: set[int]) -> list[Application]:
    """Return what happens after accumulation, in order."""
    found: dict[int, Application] = {}
    open_ = [] if id(measure.value) in carried else [measure.value.application]
    while open_:
        application = open_.pop()
        if id(application) in found:
            continue
        found[id(application)] = application
        if id(application) not in sites:
            open_.extend(o.application for o in application.operands if id(o) not in carried)
    return sorted(found.values(), key=lambda application: application.number)

"""``fields.onnx``: from raw columns to fields, as a graph."""

from __future__ import annotations

from collections.abc import Mapping

from dslc.compile.lowering import Lowering
from dslc.graph import Builder
from dslc.graph.model import Model
from dslc.plan.data import EXACT, DataPlan
from dslc.plan.values import FittedConstants, Value
from dslc.targets import Target
from dslc.targets.cpu import CPU

__all__ = ["fields_graph", "graph_of_values"]


def fields_graph(data: DataPlan, constants: FittedConstants, target: Target = CPU) -> Model:
    """Compile raw columns to fields; what was fitted is inside.

    Where the conversion to a field's type may lose something, what is converted is an output too.
    """
    values: dict[str, Value] = {}
    docs: dict[str, str | None] = {}
    for name, checked in data.fields.items():
        if checked.value is not None and checked.exact is not None:
            values[name], docs[name] = checked.value, checked.doc
            if checked.exact is not checked.value:
                values[name + EXACT] = checked.exact
            values |= checked.unsound.outputs(name)
    return graph_of_values(data, constants, values, docs, target)


def graph_of_values(
    data: DataPlan, constants: FittedConstants, values: Mapping[str, Value],
    docs: Mapping[str, str | None] | None = None, target: Target = CPU,
) -> Model:  # fmt: skip
    """Compile raw columns to values of fields; ``docs`` are what is said of these."""
    builder = Builder(f"{data.name}.fields", target)
    lowering = Lowering.open(builder, values.values(), inputs=data.columns, constants=constants)
    for name, tensor in zip(values, lowering.emit(*values.values()), strict=True):
        builder.output(name, tensor, (docs or {}).get(name))
    return builder.model(doc=data.doc)

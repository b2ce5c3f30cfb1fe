"""New data for a model that is trained: prepared as the contract says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from dslc.data import Table, where_in
from dslc.data.checks import check_sound
from dslc.data.conversion import Conversion
from dslc.data.field_values import run_fields, telling_of_rows
from dslc.data.reading import read_columns
from dslc.engine.protocol import Engine
from dslc.errors.runs import DAMAGED_FILE
from dslc.export.shipping import only_outputs
from dslc.graph.model import load_model, ports_of
from dslc.plan.contract import Contract
from dslc.plan.data import CONDITIONS, EXACT
from dslc.types import ElementType

__all__ = ["compute_fields"]


def compute_fields(
    graph: bytes, fields: Mapping[str, Mapping[str, Any]], contract: Contract, table: Table, names: Sequence[str],
    engine: Engine,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Compute fields of every row of a table, by the graph that prepared them in training.

    Args:
        graph: the fields graph.
        fields: the element type of each field, as the manifest has it.
        contract: how the table is read.
        table: raw columns.
        names: which fields.
        engine: what runs the graph.

    Raises:
        Problem, Failure: E04xx, a column is missing, or values do not fit or are missing, with their places.
    """
    _, outputs = ports_of(load_model(graph))
    known = {port["name"] for port in outputs}
    of_output = {name + EXACT if name + EXACT in known else name: name for name in names}
    conversions = {
        output: Conversion(
            name,
            ElementType(fields[name]["type"]),
            where_in(table, contract.columns_of(name), prod(fields[name]["shape"])),
            contract.of_fields[name],
        )
        for output, name in of_output.items()
    }
    conditions = [name + suffix for name in names for suffix in CONDITIONS if name + suffix in known]
    model = only_outputs(graph, [*of_output, *conditions])
    inputs, _ = ports_of(load_model(model))
    columns = read_columns(contract, table, [port["name"] for port in inputs])
    with telling_of_rows(table, contract):
        found = run_fields(model, columns, engine, conversions)
    for conversion in conversions.values():
        check_sound(conversion.name, found, conversion.where)
        conversion.raise_misfits()
    result = {}
    for output, name in of_output.items():
        array = found[output]
        shape = tuple(fields[name]["shape"])
        if prod(array.shape[1:]) != prod(shape):
            raise DAMAGED_FILE(f"the fields graph gives '{name}' {list(array.shape[1:])}, not {list(shape)}")
        result[name] = array.reshape(len(array), *shape)
    return result

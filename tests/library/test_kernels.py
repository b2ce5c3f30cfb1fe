"""Layers and functions in float64 and float16: each equals the stored values, or is refused when checked.

float64 is PyTorch's float64, to 1e-10; both are float32's values, but for the rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np
import pytest

from dslc import graph as g
from dslc.autodiff import gradients
from dslc.diagnostics import Problem
from dslc.graph import Builder, Tensor
from dslc.library.kernels import need_kernels
from dslc.library.operation import Context, Operation, Role
from dslc.library.word import FUNCTIONS, LAYERS
from dslc.targets.cpu import CPU
from dslc.types import BOOL, FLOAT64, ElementType, TensorType
from tests.conftest import first_of_each
from tests.library.cases import ROWS, stored_results
from tests.library.cases.rows import Given, Real, Row
from tests.library.graphs import compiled
from tests.library.test_words import expected, instance_of, types_of

WORDS64 = stored_results("words64")
FLOATS = [
    row for row in ROWS
    if any(
        isinstance(o, Real) or (isinstance(o, Given) and o.element == "float32")
        for o in chain(row.operands, row.variables.values())
    )
]  # fmt: skip


def computed(row: Row, word: Operation, element: ElementType) -> dict[str, np.ndarray]:
    """What a row gives in another element type: results, running statistics, and gradients."""
    dtype = np.dtype(element.value)
    operands, own = row.draw()
    arrays = [array.astype(dtype) if array.dtype == np.float32 else array for array in operands]
    exponent = [np.array(row.options["exponent"], dtype)] if "exponent" in row.options else []
    names: list[str] = []

    def build(builder: Builder, *inputs: Tensor) -> Sequence[Tensor]:
        given = (*inputs, *map(builder.constant, exponent))
        weights = {name: builder.parameter(name, array.astype(dtype)) for name, array in own.items()}
        context = Context(builder, training=row.training, variables=weights, site="here")
        owned = word.variables(*(o.type for o in given))
        emitted = word.emit(context, *given)
        outputs = list(emitted) if isinstance(emitted, tuple) else [emitted]
        results = {f"y{i}": y for i, y in enumerate((*outputs, *context.updates.values()))}
        if row.gradient:
            leaves = {f"x{i}": o for i, o in enumerate(inputs) if o.element.is_float}
            leaves |= {v.name: weights[v.name] for v in owned if v.role is not Role.STATISTIC}
            seeds = [row.cotangent(i, expected(row, f"y{i}").shape).astype(dtype) for i in range(len(outputs))]
            loss = g.total(*(g.reduce_sum(y * builder.constant(seed)) for y, seed in zip(outputs, seeds, strict=True)))
            found = gradients(loss, list(leaves.values()))
            results |= {f"d{name}": slope for name, slope in zip(leaves, found, strict=True) if slope is not None}
        names.extend(results)
        return list(results.values())

    run = compiled(build, types_of(arrays, symbolic=False))
    return dict(zip(names, run(*arrays), strict=True))


FLOAT16 = pytest.param(ElementType.FLOAT16, marks=pytest.mark.alike)


@pytest.mark.parametrize("element", [FLOAT64, FLOAT16], ids=str)
@pytest.mark.parametrize("row", first_of_each(FLOATS, lambda row: row.word), ids=lambda row: row.id)
def test_other_types_give_float32s_results_or_are_refused(row: Row, element: ElementType) -> None:
    word = instance_of(row)
    types = [t.with_element(element) if t.element.is_float else t for t in types_of(row.draw()[0], symbolic=False)]
    if any(CPU.lacks(operator, element) for operator in word.operators):
        with pytest.raises(Problem, match="E0556"):
            need_kernels(word, *types)
        with pytest.raises(Exception, match="Could not find an implementation"):  # the table lists nothing that runs
            computed(row, word, element)
        return
    rtol, atol = (2e-5, 5e-6) if element is FLOAT64 else (2e-2, 2e-2)
    for name, value in computed(row, word, element).items():
        wanted = expected(row, name)
        scale = atol * max(1.0, float(np.abs(wanted[np.isfinite(wanted)]).max(initial=0)))
        np.testing.assert_allclose(value.astype(wanted.dtype), wanted, rtol=rtol, atol=scale, err_msg=name)
        if value.dtype == np.float64:
            wanted = WORDS64[f"{row.id}|{name}"]
            scale = 1e-12 * max(1.0, float(np.abs(wanted[np.isfinite(wanted)]).max(initial=0)))
            np.testing.assert_allclose(value, wanted, rtol=1e-10, atol=scale, err_msg=name)


def test_every_operator_of_a_word_is_in_the_table() -> None:
    words = [instance_of(row) for row in ROWS if row.word in {**LAYERS, **FUNCTIONS}]
    assert {operator for word in words for operator in word.operators} <= set(CPU.missing)


@pytest.mark.parametrize("element", ElementType, ids=str)
def test_where_chooses_or_is_refused(element: ElementType) -> None:
    if element is ElementType.STRING:
        return
    types = [TensorType(BOOL, (2,)), TensorType(element, (2,)), TensorType(element, (2,))]
    arrays = np.array([True, False]), np.ones(2, element.numpy), np.zeros(2, element.numpy)
    if CPU.lacks("Where", element):
        with pytest.raises(Problem, match="E0556"):
            need_kernels(FUNCTIONS["where"](), *types)
        with pytest.raises(Exception, match="Could not find an implementation"):
            compiled(lambda _, c, x, y: [g.where(c, x, y)], types)
        return
    np.testing.assert_array_equal(
        compiled(lambda _, c, x, y: [g.where(c, x, y)], types)(*arrays)[0], arrays[1] * [1, 0]
    )

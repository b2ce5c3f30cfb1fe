"""Every layer and function against PyTorch's values: results, gradients, running statistics, declared types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from dslc import graph as g
from dslc.autodiff import gradients
from dslc.check.core.arguments import Given, check_option
from dslc.check.core.elaboration import Elaboration
from dslc.diagnostics import Diagnostics
from dslc.graph import Builder, Tensor
from dslc.library.functions import calendar
from dslc.library.functions.indexing import Mark, Slice
from dslc.library.operation import Context, Operation, Role
from dslc.library.word import (
    FUNCTIONS,
    INITIALIZERS,
    LAYERS,
    LOSSES,
    METRICS,
    OPTIMIZERS,
    REQUIRED,
    SCHEDULES,
    SOURCES,
    options_of,
)
from dslc.source import Source, Span
from dslc.types import FLOAT32, ElementType, TensorType
from tests.conftest import first_of_each
from tests.library.cases import RANDOM, ROWS, stored_results
from tests.library.cases.rows import Row
from tests.library.graphs import compiled, type_of_array

STORED = stored_results("words")
ALL = (LAYERS, FUNCTIONS, INITIALIZERS, OPTIMIZERS, SCHEDULES, SOURCES)
ELSEWHERE = {
    *LOSSES, *METRICS, *(name for name, word in FUNCTIONS.items() if word.__module__ == calendar.__name__)
}  # fmt: skip
"""Words that are tested in files of their own."""


@pytest.mark.parametrize("word", [w for words in ALL for w in words.values()], ids=lambda word: word.name)
def test_every_default_may_be_written_out(word: type[Any]) -> None:
    span = Span(Source("net.dl", "x"), 0, 1)
    for option in options_of(word):
        if option.default is REQUIRED:
            continue
        diagnostics = Diagnostics()
        given = Given(option.name, option.default, span)
        value = check_option(word.name, option, given, Elaboration(diagnostics).report)
        assert (value, list(diagnostics)) == (option.default, [])


def word_of(row: Row) -> type[Operation]:
    return LAYERS.get(row.word) or FUNCTIONS[row.word]


def items_of(items: Any) -> tuple[Any, ...]:
    marks = {type(None): Mark.NEW, type(...): Mark.REST, str: Mark.TENSOR}
    return tuple(
        Slice(item.start, item.stop, item.step or 1) if isinstance(item, slice) else marks.get(type(item), item)
        for item in items
    )


def instance_of(row: Row) -> Operation:
    """The word with the row's options, as the compiler would give them."""
    options = {k: tuple(v) if isinstance(v, list) else v for k, v in row.options.items()}
    options.pop("exponent", None)
    if "layer" in options:
        name, inner = options["layer"]
        options["layer"] = LAYERS[name](**inner)
    if "element" in options:
        options["element"] = ElementType(options["element"])
    if "items" in options:
        options["items"] = items_of(options["items"])
    if "sizes" in options and isinstance(options["sizes"], dict):
        options["sizes"] = tuple(options["sizes"].items())
    return word_of(row)(**options)


def expected(row: Row, key: str) -> np.ndarray:
    return STORED[f"{row.id}|{key}"]


def types_of(arrays: Sequence[np.ndarray], *, symbolic: bool) -> list[TensorType]:
    """The operands' types; the first axis of the first one, and of those like it, is the symbol N if asked for."""
    first = arrays[0].shape
    if len(arrays) > 1 and any(a.ndim == 1 for a in arrays):  # a vector's axis is not the batch
        symbolic = False
    return [type_of_array(a, symbolic=symbolic and a.ndim == len(first) and a.shape[:1] == first[:1]) for a in arrays]


@pytest.mark.parametrize(
    "symbolic", [pytest.param(False, id="static", marks=pytest.mark.alike), pytest.param(True, id="symbolic")]
)
@pytest.mark.parametrize("row", first_of_each(ROWS, lambda row: row.word), ids=lambda row: row.id)
def test_results_gradients_and_types_are_pytorchs(row: Row, symbolic: bool) -> None:
    arrays, variables = row.draw()
    word = instance_of(row)
    exponent = [np.array(row.options["exponent"], np.float32)] if "exponent" in row.options else []
    types = types_of(arrays, symbolic=symbolic)
    declared = word.type(*types, *(TensorType(FLOAT32) for _ in exponent))
    returned = list(declared) if isinstance(declared, tuple) else [declared]
    cotangents = [row.cotangent(i, expected(row, f"y{i}").shape) for i in range(len(returned) * row.gradient)]
    names: list[str] = []

    def build(builder: Builder, *inputs: Tensor) -> Sequence[Tensor]:
        operands, seeds = inputs[: len(arrays)], inputs[len(arrays) :]
        given = (*operands, *map(builder.constant, exponent))
        weights = {name: builder.parameter(name, array) for name, array in variables.items()}
        owned = word.variables(*(o.type for o in given))
        assert {v.name: v.shape for v in owned} == {name: a.shape for name, a in variables.items()}
        context = Context(builder, training=row.training, variables=weights, site="here")
        emitted = word.emit(context, *given)
        outputs = list(emitted) if isinstance(emitted, tuple) else [emitted]
        assert [o.type for o in outputs] == returned
        results = {f"y{i}": y for i, y in enumerate((*outputs, *context.updates.values()))}
        leaves = {f"x{i}": o for i, o in enumerate(operands) if o.element.is_float}
        leaves |= {v.name: weights[v.name] for v in owned if v.role is not Role.STATISTIC}
        if row.gradient:
            loss = g.total(*(g.reduce_sum(y * seed) for y, seed in zip(outputs, seeds, strict=True)))
            for (name, leaf), gradient in zip(leaves.items(), gradients(loss, list(leaves.values())), strict=True):
                if gradient is None:  # zero, which PyTorch may or may not say
                    assert not np.any(STORED.get(f"{row.id}|d{name}", 0))
                else:
                    assert gradient.type == leaf.type
                    results[f"d{name}"] = gradient
        names.extend(results)
        return list(results.values())

    run = compiled(build, [*types, *(returned[: len(cotangents)])])
    for name, value in zip(names, run(*arrays, *cotangents), strict=True):
        assert value.shape == expected(row, name).shape
        np.testing.assert_allclose(value, expected(row, name), rtol=2e-5, atol=5e-6, err_msg=name)


def test_every_layer_and_function_has_a_row() -> None:
    here = {name for name in {**LAYERS, **FUNCTIONS} if name not in ELSEWHERE}
    assert {row.word for row in ROWS} | set(RANDOM) == here


def test_every_option_of_every_layer_and_function_is_set_in_a_row() -> None:
    unset = {
        (name, option.name)
        for name, word in {**LAYERS, **FUNCTIONS}.items()
        if name not in ELSEWHERE | set(RANDOM)
        for option in options_of(word)
        if not any(row.word == name and option.name in row.options for row in ROWS)
    }
    assert {(name, option) for name, option in unset if option != "init"} == set()


def test_every_word_is_documented() -> None:
    for word in {**LAYERS, **FUNCTIONS}.values():
        assert word.doc(), word.name
        assert all(option.doc for option in options_of(word)), word.name

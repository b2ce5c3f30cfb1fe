"""Gradients through loops, against the same rounds written one after the other."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence

import numpy as np
import onnx_ir as ir
import pytest

from dslc import graph as g
from dslc.autodiff import gradients
from dslc.dimensions import evaluate
from dslc.graph import Builder, Tensor
from dslc.rewrite.passes import simplify
from dslc.types import FLOAT64, ElementType, Shape, TensorType
from tests.autodiff.cases import SIZES, Case, Draw, H
from tests.autodiff.harness import runner
from tests.autodiff.loop_cases import LOOPS
from tests.conftest import mostly_alike
from tests.graph.verifying import verify

Body = Callable[..., tuple[Sequence[Tensor], Sequence[Tensor]]]
KNOWN = [case for case in LOOPS if case.operator == "Scan" and H not in {n for shape in case.shapes for n in shape}]


def unrolled(
    body: Body, carried: Sequence[Tensor], inputs: Sequence[Tensor], *, reverse: bool = False
) -> tuple[list[Tensor], list[Tensor]]:
    count = int(inputs[0].shape[0])
    rows: dict[int, Sequence[Tensor]] = {}
    for place in reversed(range(count)) if reverse else range(count):
        slices = [g.squeeze(g.slice_(x, [place], [place + 1], [0], [1]), [0]) for x in inputs]
        carried, rows[place] = body(*carried, *slices)
    stacks = zip(*(rows[place] for place in range(count)), strict=True)
    return list(carried), [g.concat([g.unsqueeze(row, [0]) for row in stack], 0) for stack in stacks]


def model_of(case: Case) -> tuple[ir.Model, dict[str, np.ndarray]]:
    """Return a model of a weighted sum of what a case gives, its gradients and second derivatives."""
    random = np.random.default_rng(zlib.crc32(case.name.encode()))
    builder, feeds = Builder("loops"), {}

    def given(name: str, shape: Shape, draw: Draw) -> Tensor:
        feeds[name] = np.asarray(draw(random, tuple(evaluate(n, SIZES) for n in shape)))
        return builder.input(name, TensorType(ElementType.of(feeds[name].dtype), shape))

    xs = [given(f"x{i}", shape, case.draw) for i, shape in enumerate(case.shapes)]
    others = [given(f"other{i}", shape, draw) for i, (shape, draw) in enumerate(case.others)]
    results = case.function(*xs, *others)
    assert not isinstance(results, Tensor)
    value = g.total(*(g.reduce_sum(y * g.sin(y)) for y in results))
    first = [d or g.full(x, 0.0, x.type) for x, d in zip(xs, gradients(value, xs), strict=True)]
    second = gradients(g.total(*(g.reduce_sum(d * d) for d in first)), xs)
    for number, y in enumerate([value, *first, *(d or x * 0.0 for x, d in zip(xs, second, strict=True))]):
        assert y.element is FLOAT64
        builder.output(f"y{number}", y)
    return builder.model(), feeds


@pytest.mark.parametrize("case", mostly_alike(KNOWN, every=3), ids=lambda case: case.name)
def test_a_loop_has_the_derivatives_of_its_rounds(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, feeds = model_of(case)
    simplified, _ = model_of(case)
    simplify(simplified)
    monkeypatch.setattr(g, "scan", unrolled)
    expected = runner(model_of(case)[0])(feeds)
    for model in (plain, simplified):
        verify(model)
        for value, due in zip(runner(model)(feeds), expected, strict=True):
            np.testing.assert_allclose(value, due, rtol=1e-9, atol=1e-9)

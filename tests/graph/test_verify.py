"""Faults of a graph that verification finds."""

from __future__ import annotations

import pytest

from dslc import graph as g
from dslc.types import FLOAT32, TensorType
from tests.graph.verifying import verify
from tests.rewrite.models import model_of


@pytest.mark.parametrize("fault", ["order", "name", "type"])
def test_verify_finds_faults(fault: str) -> None:
    model = model_of(lambda x: g.exp(g.tanh(x) @ x.mT), (2, 2))
    first, *_, last = model.graph
    if fault == "order":
        model.graph.remove(first)
        last.append(first)
    elif fault == "name":
        first.outputs[0].name = last.outputs[0].name
    else:
        first.outputs[0].meta["type"] = TensorType(FLOAT32, (2, 3))
    with pytest.raises(AssertionError):
        verify(model)

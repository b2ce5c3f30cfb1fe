"""Small models for passes: made of a function, with what they hold and compute."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx_ir as ir

from dslc import graph as g
from dslc.graph import Builder, Tensor, type_of
from dslc.graph.model import save_model
from dslc.rewrite.passes import simplify
from dslc.types import FLOAT32, ElementType, Shape, TensorType, symbol
from tests.autodiff.harness import runner

N = symbol("N")


def model_of(function: Callable[..., Tensor], *shapes: Shape, element: ElementType = FLOAT32) -> ir.Model:
    builder = Builder("case")
    result = function(*(builder.input(f"x{i}", TensorType(element, shape)) for i, shape in enumerate(shapes)))
    builder.output("y", g.identity(result) if result.value.producer() is None else result)
    return builder.model()


def operators(model: ir.Model) -> list[str]:
    return [node.op_type for node in model.graph]


def values(model: ir.Model) -> np.ndarray:
    random = np.random.default_rng(3)
    feeds = {
        str(value.name): np.asarray(
            random.integers(1, 9, [d if isinstance(d, int) else 3 for d in type_of(value).shape])
        ).astype(type_of(value).element.numpy)
        for value in model.graph.inputs
    }
    return runner(model)(feeds)[0]


def applied(name: str, model: ir.Model) -> bool:
    """Apply a pass alone; return whether it changed the model."""
    before = save_model(model)
    return save_model(simplify(model, [name])) != before


def last(x: Tensor) -> Tensor:
    """A node behind what is to be simplified, since an output's own node is kept for its name."""
    return g.tanh(x)


def by_channel(x: Tensor, operator: str) -> Tensor:
    """Return a number for each channel of x, known at run time only."""
    return g.unary(operator, g.reduce_max(x, [0, *range(2, x.rank)], keepdims=True))

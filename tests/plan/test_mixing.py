"""What joins the examples of a batch has no place in a figure, and all that looks at each by itself has one."""

from __future__ import annotations

import numpy as np
import pytest

from dslc.check import check_program, resolve_program
from dslc.diagnostics import Diagnostics
from dslc.plan.examples import mixing
from dslc.plan.measures import applications_of
from dslc.plan.values import Value
from dslc.source import Source

SPEC = """data d {{
  source csv("d.csv")
  field x: float32[4] = columns("x*")
  field u: int64 = column("u")
  field y: float32[4] = columns("y*")
}}
model Net {{
  input x: float32[N, 4]
  output z = x -> Dense(4)
}}
train t {{
  data d
  let z = Net(x)
  minimize mse(z, y) using Adam
  metric m = {}
  steps 3
}}
"""
JOINS = {  # and where it does
    "mean(z[u])": "z[u]",
    "mse(z[u], y)": "z[u]",
    "accuracy(z[u], u)": "z[u]",
    "mean(z[u][:, 0])": "z[u]",
    "mean(transpose(z)[:, u])": "transpose(z)[:, u]",
    "mean(max(z[:, u], axis = 1))": "z[:, u]",
    "mean(gather(transpose(z), u[none] * ones_like(cast(transpose(z), int64)), axis = 1))":
        "gather(transpose(z), u[none] * ones_like(cast(transpose(z), int64)), axis = 1)",
    "mean(softmax(z, axis = 0))": "softmax(z, axis = 0)",
    "mean(softmax(transpose(z), axis = 1))": "softmax(transpose(z), axis = 1)",
    "mean(transpose(z) -> LogSoftmax)": "LogSoftmax",
    "mean(transpose(z) -> LayerNorm(affine = false))": "LayerNorm(affine = false)",
    "mean(reshape(z, [4, -1])[0])": "reshape(z, [4, -1])",
    "mean(max(reshape(z, [2, -1, 2]), axis = 0))": "reshape(z, [2, -1, 2])",
    "mean(max(reshape(transpose(z), [-1, 4]), axis = 1))": "reshape(transpose(z), [-1, 4])",
    "mean(z[:, none] * x)": "z[:, none] * x",
    "mean((z - mean(z, axis = 0)) ** 2)": "(z - mean(z, axis = 0))",
    "mean(transpose(z)[none] -> MaxPool(3, stride = 1, padding = \"same\"))": 'MaxPool(3, stride = 1, padding = "same")',
    "mean(z @ transpose(z))": "z @ transpose(z)",
    "mean(einsum(\"bi,cj->bij\", z, z))": 'einsum("bi,cj->bij", z, z)',
    "mean(z[1:] - z[:-1])": "z[1:]",
}  # fmt: skip
BY_ITSELF = [
    "mean(z)", "max(z)", "var(z)", "mean(z, axis = 0)[1]", "mean(gather(z, u[:, none], axis = 1))", "cross_entropy(z, u)",
    "mean(softmax(transpose(z), axis = 0))", "mean(reshape(z, [-1, 2]))", "mean(max(reshape(z, [-1, 2]), axis = 1))",
    "mean(max(reshape(z, [-1, 2, 2]), axis = 2))", "mean(reshape(transpose(z), [2, 2, -1]))", "sum(reshape(z, [-1]))",
    "mean(where(z > 0, z, zeros_like(z)))", "mean(concat(z, x, axis = 0))", "mean(one_hot(u, classes = 3))",
    "mean(z[:, none] @ z[:, :, none])", 'mean(einsum("bi,bj->bij", z, z))', "mean(expand(z[:, none], [-1, 3, -1]))",
    'mean(rearrange(z, "n (a b) -> a (n b)", a = 2))', "mean(positions(z, axis = 1) * 1.0)", "mean(z + normal_like(z))",
    "mean(transpose(transpose(z)))", 'mean(z[:, none] -> MaxPool(3, stride = 1, padding = "same"))',
    "mean(pad(z, [1, 1]))",
]  # fmt: skip


def found(metric: str) -> list[tuple[str, str]]:
    findings = Diagnostics()

    def load(*_: object) -> Source:
        raise AssertionError

    program = resolve_program(Source("main.dl", SPEC.format(metric)), findings, load=load)
    check_program(program, findings)
    return [(d.code.id, d.span.text if d.span else "") for d in findings]


@pytest.mark.parametrize("metric", JOINS)
def test_what_joins_examples_is_refused_where_it_does(metric: str) -> None:
    assert found(metric) == [("E0501", JOINS[metric])]


@pytest.mark.parametrize("metric", BY_ITSELF)
def test_what_looks_at_each_example_by_itself_is_fine(metric: str) -> None:
    assert found(metric) == []


SHAPES = [
    (2, 3, 4),
    (6, 4),
    (3, 2, 2, 2),
    (24,),
    (4, 6),
    (2, 12),
    (12, 2),
    (8, 3),
    (3, 8),
    (4, 3, 2),
    (2, 2, 6),
    (1, 24),
]


@pytest.mark.parametrize("before", SHAPES)
def test_reshapes_against_the_order_of_elements(before: tuple[int, ...]) -> None:
    """Whatever axis holds the examples: those of an element's neighbours on all other axes must be its own."""
    from dslc.check.core.elaboration import Elaboration
    from dslc.library.word import FUNCTIONS
    from dslc.types import FLOAT32, Dimension, TensorType, symbol

    span = Source("x.dl", "x").span(0, 1)
    examples = 7  # shares no factor with the other sizes
    for place in range(len(before) + 1):
        shape: tuple[Dimension, ...] = (*before[:place], symbol("batch"), *before[place:])
        sized = (*before[:place], examples, *before[place:])
        owners = np.broadcast_to(np.arange(examples).reshape([-1] + [1] * (len(before) - place)), sized)
        for after in SHAPES:
            for wanted in range(len(after) + 1):
                target = (*after[:wanted], -1, *after[wanted:])
                if np.prod(after) != np.prod(before):
                    continue
                elaboration = Elaboration(Diagnostics())
                with elaboration.graph(training=False):
                    x = elaboration.placeholder("x", TensorType(FLOAT32, shape), None)
                    value = elaboration.apply(FUNCTIONS["reshape"](shape=target), [x], span)
                assert isinstance(value, Value)
                moved = owners.reshape(target)
                each = np.moveaxis(moved, wanted, 0).reshape(examples, -1)
                alone = bool((each == np.arange(examples)[:, None]).all())
                assert bool(mixing(applications_of(value))) == (not alone), (shape, target)

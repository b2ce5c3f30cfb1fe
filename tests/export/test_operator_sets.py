"""Every layer and function in every operator set: it computes the same there, or is refused for a true reason."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Sequence

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper

from dslc import graph as g
from dslc.diagnostics import Problem
from dslc.export.operator_sets import OLDEST, converted
from dslc.graph import DEFAULT_OPSET, Builder, Tensor
from dslc.graph.model import save_model
from dslc.graph.random import Randomness
from dslc.library.operation import Context
from dslc.library.word import FUNCTIONS, LAYERS
from dslc.targets.cpu import CPU
from dslc.types import FLOAT32, FLOAT64, INT32, INT64, ElementType, TensorType, symbol
from tests.conftest import mostly_alike
from tests.library.cases import RANDOM, ROWS
from tests.library.cases.rows import Row
from tests.library.test_words import instance_of, types_of


def runs(opset: int) -> bool:
    """Does the installed runtime read models of an operator set?"""
    ports = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "probe", ports[:1], ports[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    try:
        onnxruntime.InferenceSession(model.SerializeToString())
    except Exception:  # noqa: BLE001 - its exceptions have no base of their own
        return False
    return True


NEWEST = next(opset for opset in range(onnx.defs.onnx_opset_version(), 0, -1) if runs(opset))
LATEST_CHANGES = (9, 10, 11, 12, 13, 14, 15, 16, 17, NEWEST)
"""The sets before each change of an operator that dslc emits, and the last one."""

Feeds = dict[str, np.ndarray]


def ran(model: bytes, feeds: Feeds) -> list[np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4  # a newer set than it was released for is remarked on
    session = onnxruntime.InferenceSession(model, options)
    return session.run(None, {port.name: feeds[port.name] for port in session.get_inputs()})


def check_sets(model: bytes, feeds: Feeds, sets: Sequence[int]) -> None:
    """Compare what a model computes in each set with what it does as it is."""
    expected = ran(model, feeds)
    for opset in sets:
        try:
            written = converted(model, opset)
        except Problem as problem:
            check_refusal(problem, model, opset)
            continue
        loaded = onnx.load_model_from_string(written)
        assert {entry.version for entry in loaded.opset_import if not entry.domain} == {opset}
        for value, due in zip(ran(written, feeds), expected, strict=True):
            assert (value.dtype, value.shape) == (due.dtype, due.shape)
            np.testing.assert_allclose(value, due, rtol=1e-6, atol=1e-6, err_msg=f"operator set {opset}")


def check_refusal(problem: Problem, model: bytes, opset: int) -> None:
    """The operator that is named is in the model, and the set that is advised has room for it."""
    found = problem.diagnostic
    assert found.code.id == "E0616"
    operator = re.match(rf"the model cannot be written in operator set {opset}: '(\w+)' \(", found.message)
    assert operator is not None
    assert operator[1] in {node.op_type for node in onnx.load_model_from_string(model).graph.node}
    advised = re.fullmatch(r"operator set (\d+) expresses all of it: --opset \1", str(found.hint))
    assert advised is not None
    assert int(advised[1]) > opset
    converted(model, int(advised[1]))
    with pytest.raises(Problem):
        converted(model, int(advised[1]) - 1)


def as_float64(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float64) if array.dtype == np.float32 else array


def model_of(row: Row, *, symbolic: bool, double: bool = False) -> tuple[bytes, Feeds]:
    arrays, variables = row.draw()
    builder = Builder(row.word)
    exponent = [np.array(row.options["exponent"], np.float32)] if "exponent" in row.options else []
    if double:
        arrays, exponent = [as_float64(a) for a in arrays], [as_float64(a) for a in exponent]
        variables = {name: as_float64(array) for name, array in variables.items()}
    inputs = [builder.input(f"x{i}", type) for i, type in enumerate(types_of(arrays, symbolic=symbolic))]
    weights = {name: builder.parameter(name, array) for name, array in variables.items()}
    context = Context(builder, training=row.training, variables=weights, site="here")
    emitted = instance_of(row).emit(context, *inputs, *map(builder.constant, exponent))
    for i, y in enumerate(emitted if isinstance(emitted, tuple) else [emitted]):
        builder.output(f"y{i}", y)
    return save_model(builder.model()), {f"x{i}": array for i, array in enumerate(arrays)}


@pytest.mark.parametrize(
    "symbolic", [pytest.param(False, id="static", marks=pytest.mark.alike), pytest.param(True, id="symbolic")]
)
@pytest.mark.parametrize("row", mostly_alike(ROWS, every=8), ids=lambda row: row.id)
def test_words(row: Row, symbolic: bool) -> None:
    check_sets(*model_of(row, symbolic=symbolic), LATEST_CHANGES)


def without_kernel(row: Row) -> bool:
    """Is a word refused in float64 where a spec has it?"""
    return any(CPU.lacks(operator, FLOAT64) for operator in instance_of(row).operators)


@pytest.mark.parametrize(
    "row", mostly_alike([row for row in ROWS if not without_kernel(row)], every=16), ids=lambda row: row.id
)
def test_words_of_float64(row: Row) -> None:
    check_sets(*model_of(row, symbolic=True, double=True), (9, 11, 13, 16, 17, NEWEST))


@pytest.mark.parametrize(
    ("word", "option", "value"), [("leaky_relu", "slope", 0.25), ("leaky_relu", "slope", 0.1), ("elu", "alpha", 0.5)]
)
def test_options_of_float64(word: str, option: str, value: float) -> None:
    builder = Builder(word)
    x = builder.input("x", TensorType(FLOAT64, (5,)))
    builder.output("y", FUNCTIONS[word](**{option: value}).emit(Context(builder), x))
    feeds = {"x": np.array([-np.inf, -1000.0, -0.5, 1000.0, np.nan])}
    check_sets(save_model(builder.model()), feeds, (9, 13, 17, NEWEST))


@pytest.mark.alike
def test_words_in_all_sets() -> None:
    rest = sorted({*range(OLDEST, NEWEST + 1)} - {*LATEST_CHANGES})
    for row, symbolic in itertools.product(ROWS, [False, True]):
        check_sets(*model_of(row, symbolic=symbolic), rest)


FIRST = list({row.word: row for row in reversed(ROWS)}.values())


@pytest.mark.parametrize(
    "rows", [pytest.param(FIRST, id="first-of-each-word"), pytest.param(ROWS, id="all", marks=pytest.mark.alike)]
)
def test_words_of_the_table_are_expressed_in_the_oldest_set(rows: Sequence[Row]) -> None:
    for row in rows:
        model = model_of(row, symbolic=True)[0]
        if row.word == "MaxPool" and "dilation" in row.options:  # pools had no gaps
            with pytest.raises(Problem, match="'MaxPool'"):
                converted(model, OLDEST)
            continue
        converted(model, OLDEST)


@pytest.mark.parametrize("name", sorted(RANDOM))
def test_random_words_draw_the_same(name: str) -> None:
    builder = Builder(name)
    x = builder.input("x", TensorType(FLOAT32, (symbol("N"), 5)))
    seed = builder.input("seed", TensorType(INT64))
    randomness = Randomness(builder, seed, builder.constant(0, INT64))
    context = Context(builder, training=True, variables={}, site="here", randomness=randomness)
    word = (FUNCTIONS.get(name) or LAYERS[name])(**RANDOM[name])
    builder.output("y", word.emit(context, x))
    check_sets(save_model(builder.model()), {"x": np.ones((90, 5), np.float32), "seed": np.array(7)}, LATEST_CHANGES)


# --- numbers at the edges -----------------------------------------------------------------------------

FLOATS = [np.nan, np.inf, -np.inf, 0.0, -0.0, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 0.49999997, 8388607.5, 1e30, -3.0, 3.0]
INTEGERS = [-7, -3, -2, -1, 0, 1, 2, 3, 7]
Build = Callable[[Tensor, Tensor], Tensor]
NUMBERS: dict[str, Build] = {
    "equal": g.equal, "less": g.less, "less_equal": g.less_equal, "greater": g.greater,
    "greater_equal": g.greater_equal, "maximum": g.maximum, "minimum": g.minimum,
    "round": lambda a, b: g.round_half_even(a), "is_nan": lambda a, b: g.is_nan(a),
    "clip": lambda a, b: g.clip(a, -2, 2), "clip above": lambda a, b: g.clip(a, None, 2),
    "clip below": lambda a, b: g.clip(a, -2, None), "clip by tensor": lambda a, b: a.builder.node(
        "Clip", [a, g.reduce_min(b), a.builder.constant(1, a.element)], [a.type]
    ),
    "relu": lambda a, b: g.relu(a), "power": lambda a, b: a**3, "first power": lambda a, b: g.binary("Pow", a, 1),
    "modulo": lambda a, b: g.modulo(a, g.where(g.equal(b, 0), 5, b)),
}  # fmt: skip
OF_FLOATS = {"round", "is_nan", "relu"}
OF_INTEGERS = {"modulo"}


@pytest.mark.parametrize("element", [FLOAT32, FLOAT64, INT32, INT64], ids=str)
@pytest.mark.parametrize("name", mostly_alike(list(NUMBERS), every=5))
def test_numbers_at_the_edges(name: str, element: ElementType) -> None:
    if name in (OF_INTEGERS if element.is_float else OF_FLOATS):
        return
    values = np.array(FLOATS if element.is_float else INTEGERS, element.numpy)
    left, right = (part.reshape(-1) for part in np.meshgrid(values, values))
    if name == "clip by tensor":  # NaN as a limit means nothing
        right = np.nan_to_num(right, posinf=3, neginf=-3)
    builder = Builder("numbers")
    a, b = (builder.input(x, TensorType(element, (symbol("N"),))) for x in ("a", "b"))
    builder.output("y", NUMBERS[name](a, b))
    check_sets(save_model(builder.model()), {"a": left, "b": right}, LATEST_CHANGES)


# --- without kernels ------------------------------------------------------------------------------------


@pytest.mark.parametrize("element", [FLOAT32, ElementType.FLOAT16], ids=str)
def test_erf_without_its_kernel_is_exact_to_two_units_in_the_last_place(element: ElementType) -> None:
    near = np.geomspace(1e-37 if element is FLOAT32 else 1e-4, 9, 20_000)
    x = np.concatenate([near, -near, [0.0, -0.0, 1e4, np.inf, -np.inf, np.nan]]).astype(element.numpy)
    builder = Builder("erf")
    builder.output("y", g.erf(builder.input("x", TensorType(element, x.shape))))
    written = converted(save_model(builder.model()), 18, {"Erf": frozenset({element, FLOAT32})})
    assert "Erf" not in {node.op_type for node in onnx.load_model_from_string(written).graph.node}
    (found,) = ran(written, {"x": x})
    expected = np.array([math.erf(number) for number in x.astype(float)]).astype(element.numpy)
    np.testing.assert_array_almost_equal_nulp(found[:-1], expected[:-1], nulp=2)
    assert np.isnan(found[-1])


def test_remainders_without_their_kernel_have_the_divisors_sign() -> None:
    values = np.array([-(2**62), -7, -3, -1, 1, 2, 3, 7, 2**62], np.int64)
    left, right = (part.reshape(-1) for part in np.meshgrid(values, values))
    builder = Builder("remainder")
    a, b = (builder.input(x, TensorType(INT64, (81,))) for x in ("a", "b"))
    builder.output("y", g.modulo(a, b))
    written = converted(save_model(builder.model()), 18, {"Mod": frozenset({INT64})})
    assert "Mod" not in {node.op_type for node in onnx.load_model_from_string(written).graph.node}
    np.testing.assert_array_equal(ran(written, {"a": left, "b": right})[0], left % right)


def test_without_a_form_that_there_are_kernels_for_a_model_is_refused() -> None:
    builder = Builder("refused")
    builder.output("y", g.erf(builder.input("x", TensorType(FLOAT64, (3,)))))
    with pytest.raises(Problem, match=r"'Erf' \(double\) of graph has no form in it that the target has kernels for"):
        converted(save_model(builder.model()), 18, {"Erf": frozenset({FLOAT64})})


# --- shapes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 6])
def test_shapes_known_at_run_time_only(size: int) -> None:
    """Also where a batch is empty: a reshape to no elements is none to the size that was there."""
    builder = Builder("shapes")
    x = builder.input("x", TensorType(FLOAT32, (symbol("N"), 4)))
    number = x.shape[0]
    results = {
        "slice": g.slice_(x, [0], [number], [0], [1], (number, 4)),
        "every second": g.slice_(x, [0], [number], [0], [2]),
        "tail": g.slice_(x, [0, 1], [number, 3], [0, 1], [1, 2]),
        "none": g.reshape(g.slice_(x, [2], [2], [1], [1]), (number, 0, 3)),
        "expand": g.expand(g.unsqueeze(x, [1]), (number, 3, 4)),
        "flat": g.reshape(x, (number * 4,)),
        "one hot": g.one_hot(g.argmax(x, 1), 4, x),
        "pad": g.pad(x, [0, 1], [0, 2], 3.5),
        "best": g.top_k(x, 2)[0],
        "sums": g.cumulative_sum(x, 1),
        "sums behind": x.builder.node("CumSum", [x, x.builder.constant(-1, INT64)], [x.type],
                                      {"reverse": 1, "exclusive": 1}),
        "scatter": g.scatter_elements_add(
            g.full(x, 0.5, x.type), g.cast(g.absolute(x), INT64), x, 1),
    }  # fmt: skip
    for name, value in results.items():
        builder.output(name, value)
    array = np.linspace(-3, 3, size * 4, dtype=np.float32).reshape(size, 4)
    check_sets(save_model(builder.model()), {"x": array}, LATEST_CHANGES)


@pytest.mark.parametrize("opset", [9, 10, 11, 18])
@pytest.mark.parametrize("index", mostly_alike([-7, -6, -1, 0, 5, 6], every=3))
@pytest.mark.parametrize("word", ["gather", "gather_elements", "scatter_elements_add"])
def test_indices_outside_are_refused_in_every_set(word: str, index: int, opset: int) -> None:
    builder = Builder("indices")
    x = builder.input("x", TensorType(FLOAT32, (6,)))
    indices = builder.input("indices", TensorType(INT64, (symbol("N"),) if word == "gather" else (2,)))
    if word == "gather":
        y = g.gather(x, indices)
    elif word == "gather_elements":
        y = g.gather_elements(x, indices, 0)
    else:
        y = g.scatter_elements_add(x, indices, g.slice_(x, [0], [2], [0], [1]), 0)
    builder.output("y", y)
    model, feeds = save_model(builder.model()), {"x": np.arange(6, dtype=np.float32), "indices": np.array([2, index])}
    if -6 <= index < 6:
        np.testing.assert_array_equal(ran(converted(model, opset), feeds), ran(model, feeds))
    else:
        with pytest.raises(Exception, match=r"(?i)out of|indices element"):
            ran(converted(model, opset), feeds)


# --- what has no form -----------------------------------------------------------------------------------


def refused(build: Build, element: ElementType, opset: int) -> Problem:
    builder = Builder("refused")
    inputs = [builder.input(name, TensorType(element, (3,))) for name in ("a", "b")]
    with builder.scope("Net.h.mask", "net.dl:7:12"):
        y = build(*inputs)
    builder.output("y", y)
    model = save_model(builder.model())
    with pytest.raises(Problem) as raised:
        converted(model, opset)
    check_refusal(raised.value, model, opset)
    return raised.value


def test_a_refusal_names_operator_place_and_set() -> None:
    found = refused(g.bitwise_and, INT64, 11).diagnostic
    assert found.message == (
        "the model cannot be written in operator set 11: 'BitwiseAnd' (int64) of Net.h.mask at net.dl:7:12 "
        "has no form in it"
    )
    assert found.hint == "operator set 18 expresses all of it: --opset 18"


def test_a_type_that_came_later() -> None:
    assert "'Add' (uint8)" in refused(lambda a, b: a + b, ElementType.UINT8, 13).diagnostic.message


def test_several_refusals_are_counted() -> None:
    found = refused(lambda a, b: g.bitwise_and(g.bitwise_xor(a, b), g.bitwise_and(a, a)), INT32, 17)
    assert found.diagnostic.message.endswith("has no form in it, nor have 2 more operators")


def test_what_newer_sets_have_changed() -> None:
    builder = Builder("changed")
    x = builder.input("x", TensorType(FLOAT32, (2, 4, 3)))
    scale, bias = (builder.parameter(name, np.ones(2, np.float32)) for name in ("scale", "bias"))
    builder.output("y", builder.node("GroupNormalization", [x, scale, bias], [x.type], {"num_groups": 2}))
    model = save_model(builder.model())
    with pytest.raises(Problem) as raised:
        converted(model, 22)
    assert "'GroupNormalization' (float)" in raised.value.diagnostic.message
    advised = int(str(raised.value.diagnostic.hint).rpartition(" ")[2])
    assert DEFAULT_OPSET <= advised <= 20
    assert converted(model, advised)


@pytest.mark.parametrize("opset", [0, 1, OLDEST - 1, NEWEST + 1, 2**40])
def test_sets_that_are_not_written(opset: int) -> None:
    model, _ = model_of(ROWS[0], symbolic=False)
    with pytest.raises(Problem) as raised:
        converted(model, opset)
    found = raised.value.diagnostic
    assert found.message == f"models are not written in operator set {opset}"
    assert str(found.hint).startswith(f"{OLDEST} to {NEWEST} can be asked for")


def test_the_set_that_is_there_changes_nothing() -> None:
    model, _ = model_of(ROWS[0], symbolic=False)
    assert converted(model, DEFAULT_OPSET) == model


def test_documentation_and_places_travel() -> None:
    builder = Builder("documented")
    x = builder.input("x", TensorType(FLOAT32, (symbol("N"), 4)), doc="what comes in")
    with builder.scope("Net.h", "net.dl:3:4"):
        y = g.reduce_mean(x, [1])
    builder.output("y", y, doc="what comes out")
    model = save_model(builder.model(doc="what it is", metadata={"key": "value"}))
    for opset in (OLDEST, NEWEST):
        loaded = onnx.load_model_from_string(converted(model, opset))
        assert loaded.doc_string == "what it is"
        assert loaded.graph.input[0].doc_string == "what comes in"
        assert loaded.graph.output[0].doc_string == "what comes out"
        assert {p.key: p.value for p in loaded.metadata_props} == {"key": "value"}
        assert {p.value for node in loaded.graph.node for p in node.metadata_props} == {"net.dl:3:4"}

"""Sections 4 and 5 of the language: what expressions mean and which types they have."""

from __future__ import annotations

import pytest

from tests.check.checking import Failure, program_of, type_of

IMAGE = "x: float32[N, 3, 8, 8]"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("x", "float32[N, 4]"),
        ("x -> Dense(2)", "float32[N, 2]"),
        ("x -> relu", "float32[N, 4]"),
        ("x + x -> Dense(2)", "float32[N, 2]"),  # the pipe binds loosest
        ("2 * x + 1", "float32[N, 4]"),
        ("-x ** 2", "float32[N, 4]"),
        ("x > 0 and not x < 1 or x == 3", "bool[N, 4]"),
        ("x[:, 0]", "float32[N]"),
        ("x[:, none]", "float32[N, 1, 4]"),
        ("x[..., 1:3]", "float32[N, 2]"),
        ("x[:, -1:]", "float32[N, 1]"),
        ("x[:, ::2]", "float32[N, 2]"),
        ("x @ transpose(x)", "float32[N, N]"),
        ("mean(x)", "float32"),
        ("x -> softmax(axis = 0)", "float32[N, 4]"),
        ("concat(x, 2 * x, axis = 1)", "float32[N, 8]"),
        ("concat([x, x, x], axis = 1)", "float32[N, 12]"),
        ("stack(x, x, axis = 0)", "float32[2, N, 4]"),
        ('einsum("bi,bj->bij", x, x)', "float32[N, 4, 4]"),
        ('rearrange(x, "n (a b) -> n a b", a = 2)', "float32[N, 2, 2]"),
        ("if 1 < 2 then x else x[:, 0]", "float32[N, 4]"),
        ("if none == none then x[:, 0] else x", "float32[N]"),
        ("if x == none then x[:, 0] else x", "float32[N, 4]"),  # a tensor is never none
        ("x -> Dense(if training then 2 else 3)", "float32[N, 3]"),
        ("x -> Dense(2 ** 3 // 3 + 7 % 4)", "float32[N, 5]"),
        ("x -> Dense(-(-5) * 2 - 1)", "float32[N, 9]"),
        ("x -> Dense([3, 5, 7][-1])", "float32[N, 7]"),
        ("x -> Dense(len([1, 2]) + len(range(3)))", "float32[N, 5]"),
        ("x -> Dense(int(2.9))", "float32[N, 2]"),
        ("x -> Dense(max(2, 3))", "float32[N, 3]"),
        ("x -> Dense(int(6 / 2))", "float32[N, 3]"),
        ("cast(x, int64) / 2", "float32[N, 4]"),
        ("cast(x, int64) // 2", "int64[N, 4]"),
        ("cast(x, float64) * 2", "float64[N, 4]"),
        ("one_hot(cast(x[:, 0], int64), classes = 3)", "float32[N, 3]"),
        ("positions(x, axis = -1)", "int64[4]"),
        ("positions(x, axis = 0)", "int64[N]"),
        ("normal_like(x) + uniform_like(x)", "float32[N, 4]"),
        ("detach(x)", "float32[N, 4]"),
        ("where(x > 0, x, 0)", "float32[N, 4]"),
        ("x -> Reshape(2, 2)", "float32[N, 2, 2]"),
        ("x -> Reshape([2, -1])", "float32[N, 2, 2]"),
        ("x -> Dense(2, init = he_normal)", "float32[N, 2]"),
        ("x -> Dense(2, init = normal(0.1), bias = false)", "float32[N, 2]"),
        ("x -> Dense(units = 2)", "float32[N, 2]"),
        ("x -> Dense(2,)", "float32[N, 2]"),
        ("mse(x, 0)", "float32"),  # a number as target stands for a tensor of it
        ("70% * x", "float32[N, 4]"),
    ],
)
def test_types(expression: str, expected: str) -> None:
    assert type_of(expression) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("x -> Conv(16, kernel = 3)", "float32[N, 16, 8, 8]"),
        ("x -> Conv(16, 3, stride = 2)", "float32[N, 16, 4, 4]"),
        ('x -> Conv(16, kernel = [3, 5], padding = "valid")', "float32[N, 16, 6, 4]"),
        ("x -> MaxPool(2) -> Flatten", "float32[N, 48]"),
        ("x -> GlobalAveragePool", "float32[N, 3]"),
        ("x -> BatchNorm -> Relu -> Dropout(0.2)", "float32[N, 3, 8, 8]"),
    ],
)
def test_types_of_images(expression: str, expected: str) -> None:
    assert type_of(expression, IMAGE) == expected


@pytest.mark.parametrize(
    ("dimensions", "expression", "expected"),
    [
        ("N, 2 * T", "x", "float32[N, 2 * T]"),
        ("N, T", "concat(x, x, axis = 1)", "float32[N, 2 * T]"),
        ("N, T", "reshape(x, [N * T])", "float32[N * T]"),
        ("N, T", "reshape(x, [T * N])", "float32[N * T]"),
        ("N, 2 * T", "reshape(x, [N, T, 2])", "float32[N, T, 2]"),
        ("N, (T - 1) // 2 + 1", "x", "float32[N, ((T + 1) // 2)]"),
        ("N, T + T", "x[:, 0]", "float32[N]"),
        ("N, T", "x[:, none, 0]", "float32[N, 1]"),
        ("N, SEQ_2", "x + x", "float32[N, SEQ_2]"),
        ("N, T", "zeros_like(x) * T", "float32[N, T]"),
        ("N, T", "x * (if T == T then 1 else 2)", "float32[N, T]"),
        ("N, T + 1", "x * (if T + 1 == 0 then 1 else 2)", "float32[N, T + 1]"),
    ],
)
def test_arithmetic_of_symbols(dimensions: str, expression: str, expected: str) -> None:
    assert type_of(expression, f"x: float32[{dimensions}]") == expected


@pytest.mark.parametrize(
    ("call", "operation"),
    [
        ("add(T, 0.5)", "T + 0.5"), ("multiply(0.5, T)", "0.5 * T"), ("floor_divide(T, 0.5)", "T // 0.5"),
        ("divide(T, 2)", "T / 2"), ("remainder(7, 0)", "7 % 0"), ("pow(T, 9)", "T ** 9"), ("less(T, 3)", "T < 3"),
        ("equal(T, 3)", "T == 3"), ("pow(2, 64)", "2 ** 64"),
    ],
)  # fmt: skip
def test_a_call_of_an_operator_is_refused_where_the_operator_is(call: str, operation: str) -> None:
    found = []
    for value in (call, operation):
        with pytest.raises(Failure) as caught:
            type_of(f"if ({value}) == 1 then x else x", "x: float32[N, T]")
        found.append([(d.code, d.message) for d in caught.value.diagnostics])
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("call", "result"),
    [
        ("add(2, 3)", "5"), ("subtract(2, 3)", "-1"), ("multiply(2, 1.5)", "3.0"), ("divide(7, 2)", "3.5"),
        ("floor_divide(-7, 2)", "-4"), ("remainder(-7, 2)", "1"), ("pow(2, -1)", "0.5"), ("add(T, 3)", "T + 3"),
        ("equal(3, 3.0)", "true"), ("not_equal(T + 1, T)", "true"), ("greater_equal(1, 2)", "false"),
    ],
)  # fmt: skip
def test_a_call_of_an_operator_computes_with_numbers(call: str, result: str) -> None:
    chosen = f"if {call} == {result} then x[0, 0] else x"
    assert type_of(chosen, "x: float32[N, T]") == "float32"


def test_several_inputs_are_a_tuple_and_several_outputs_are_unpacked() -> None:
    text = """
    block Swap { input a: [N, C] input b: [N, D] output first = b output second = a }
    model Net {
      input x: float32[N, 4]
      input z: float32[N, 5]
      p, q = (x, z) -> Swap
      both = (x, z) -> Swap
      output y = concat(p, q, both.first, axis = 1)
    }
    """
    program_of(text)


def test_names_in_other_scripts_and_keywords_as_names() -> None:
    assert type_of("隐藏层", before="  隐藏层 = x -> Dense(7)") == "float32[N, 7]"
    assert type_of("data", before="  data = x -> Dense(7)\n  norm = data") == "float32[N, 7]"


def test_what_is_called_and_what_is_a_value_are_two_namespaces() -> None:
    assert type_of("softmax(softmax)", before="  softmax = x -> Dense(7)") == "float32[N, 7]"


def test_a_block_names_the_parts_of_a_shape() -> None:
    block = "block Half {{ input x: {} output x -> Dense(C) }}\nmodel Net {{ input x: {} output y = x -> Half }}"
    for pattern, given in [
        ("[N, 2 * C]", "float32[N, 8]"), ("[N, C - 4]", "float32[M, 8]"), ("[_, C]", "float32[N, 8]"),
        ("[..., C]", "float32[N, 5, 8]"), ("float32[N, C]", "float32[B, 8]"), ("[N, C]", "float32[N, 2 ** 3]"),
        ("[..., C]", "float32[8]"),
    ]:  # fmt: skip
        program_of(block.format(pattern, given))


PARAMS = """
param width: int = 2 * base
param base: int = 8 in {8, 16}
param rate: float = 1e-3 in log 1e-5 .. 1e-1
param share: float = 20%
param name: string = "a"
param deep: bool = not false
"""


def test_params_use_each_other_in_any_order() -> None:
    expected = {"base": 8, "width": 16, "rate": 1e-3, "share": 0.2, "name": "a", "deep": True}
    assert program_of(PARAMS).params == expected


def test_params_are_set_from_outside() -> None:
    settings = {"base": "16", "rate": "1%", "name": "b c", "deep": "false"}
    expected = {"base": 16, "width": 32, "rate": 0.01, "share": 0.2, "name": "b c", "deep": False}
    assert program_of(PARAMS, settings).params == expected

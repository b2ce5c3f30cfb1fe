"""Specs that want to hang the compiler or to eat the machine: each is refused soon, or handled, with a proper error."""

from __future__ import annotations

from pathlib import Path

import pytest

from dslc.diagnostics import Diagnostics, Problem
from dslc.limits import Limits
from dslc.pipeline import Options, check_spec
from dslc.render import render_all
from tests.conftest import mostly_alike
from tests.hostile import within
from tests.wrong.large_specs import KINDS, large_spec

N = 5000
LIMITS = Limits(loop_iterations=5_000)  # a twentieth, which takes a twentieth of the time


def model(output: str, inputs: str = "input x: float32[N, 4]", body: str = "") -> str:
    return f"model Net {{\n  {inputs}\n  {body}\n  output y = {output}\n}}\n"


def tower(depth: int, inside: str, pair: bool = True) -> str:
    """Blocks that apply the one before (twice)."""
    blocks = ["block B0 {\n  input x: [N, C]\n  output x\n}\n"]
    for i in range(1, depth):
        twice = f"y = {inside.format(f'B{i - 1}')}" if pair else "y = x"
        blocks.append(
            f"block B{i} {{\n  input x: [N, C]\n  {twice}\n  output {inside.format(f'B{i - 1}').replace('x ->', 'y ->', 1)}\n}}\n"
        )
    return "".join(blocks) + model(f"x -> B{depth - 1}")


SUMS = "(" + " + ".join(f"S{i}" for i in range(40)) + ")"
IN_TIME = {
    "sum": (model(" + ".join(["x"] * N)), []),
    "pipes": (model("x" + " -> Relu" * N), []),
    "numbers": (model("x * (" + " + ".join(["1"] * N) + ")"), []),
    "or": (model("if " + " or ".join(["false"] * N) + " then x else x"), []),
    "symbols": (model("x", "input x: float32[" + " + ".join(["N"] * N) + "]"), []),
    "unbound sum in a block": ("block B {\n  input x: [" + " + ".join(["N"] * N) + "]\n  output x\n}\n" + model("x -> B", "input x: float32[5000]"), []),
    "members": (model("x" + ".a" * N), ["E0218"]),
    "indices": (model("x" + "[:]" * N), ["E0218"]),
    "calls": (model("x" + "(x)" * N), ["E0211"]),
    "layers in a row": (model("h", body="h = x\n" + "  h = h -> Dense(4)\n" * 2000), []),
    "loop": (model("x", body="for i in range(1_000_000_000_000) { x = x -> Relu }"), ["E0218"]),
    "loop of numbers": (model("x", body="for i in range(1_000_000_000_000) { k = i }"), ["E0218"]),
    "nested loops": (model("x", body="for i in range(1000) { for j in range(1000) { k = i } }"), ["E0218"]),
    "wide loop": (model("x", body="for i in range(4_900) {" + " k = i" * 1000 + " }"), ["E0218"]),
    "work in a loop": (model("x", body="for i in range(4_900) { k = " + " + ".join(["1"] * 2000) + " }"), ["E0218"]),
    "lists in a loop": (model("x", body="l = [1" + ", 1" * 5000 + "]\nfor i in range(4_900) { k = l + l m = l == l }"), ["E0218"]),
    "sizes in a loop": (model("x", "input x: float32[N, T]", "k = N\nfor i in range(4_900) { k = (k * T + N) % 7 + " + SUMS.replace("S", "N + S") + " }"), None),
    "calls in a loop": (model("x", body="for i in range(4_900) { " + "k = max(1, 2) " * 8 + "m = [" + "min(1, 2), " * 500 + "] }"), ["E0218"]),
    "mistake in a long loop": (model("x", body="for i in range(4_900) { k = misspelt -> Relu }"), ["E0201"]),
    "endless range": (model("x", body=f"for i in range({-(2**62)}, {2**63 - 1}) {{ k = i }}"), ["E0206"]),
    "length of a range": (model(f"x -> Dense(len(range({2**63 - 1})))"), ["E0218"]),
    "doubled list": (model("x", body="l = [1]\nfor i in range(64) { l = l + l }"), ["E0216"]),
    "nested lists": (model("x", body="a = [1]\nb = [1]\nfor i in range(64) { a = [a, a] b = [b, b] }\nc = a == b"), ["E0216"]),
    "power": (model("x -> Dense(9 ** 9 ** 9 ** 9)"), ["E0216"]),
    "symbolic power": (model("x", "input x: float32[" + SUMS + " ** 8]"), ["E0217"]),
    "symbolic products": (model("x", "input x: float32[" + " * ".join([SUMS] * 20) + "]"), ["E0217"]),
    "symbolic divisions": (model("x", "input x: float32[N, T]", "k = T\nfor i in range(4_900) { k = (k + T) // 3 }"), ["E0217"]),
    "huge dimension": (model("x", "input x: float32[N, 1e300]"), ["E0218"]),
    "huge shape": (model("x", "input x: float32[" + ", ".join(["9_000_000_000"] * N) + "]"), ["E0371"]),
    "wide shape": (model("x + x", "input x: float32[" + ", ".join(["1"] * N) + "]"), ["E0371"]),
    "huge layer": (model("x -> Dense(1_000_000_000_000)"), ["E0218"]),
    "huge kernel": (model("x -> Conv(8, kernel = 1_000_000_000)", "input x: float32[N, 3, 8, 8]"), ["E0218"]),
    "infinity": (model("x * 1e999"), None),
    "tiny number type": (model("x + 1e30", "input x: float16[N]"), ["E0376"]),
    "itself": ("block B {\n  input x: [N, C]\n  output x -> B\n}\n" + model("x -> B"), ["E0218"]),
    "itself twice": ("block B {\n  input x: [N, C]\n  y = x -> B\n  output y -> B\n}\n" + model("x -> B"), ["E0218"]),
    "doubling blocks": (tower(40, "x -> {}"), ["E0218"]),
    "doubling blocks of layers": (tower(40, "x -> {} -> Relu"), ["E0218"]),
    "deep expressions in deep blocks": (tower(180, "(" * 90 + "x -> {}" + ")" * 90, pair=False), None),
    "params": ("param p0: int = 1\n" + "".join(f"param p{i}: int = p{i - 1} + p{i - 1} - p{i - 1}\n" for i in range(1, 2000)), []),
    "params in reverse": ("".join(f"param p{i}: int = p{i + 1}\n" for i in range(1000)) + "param p1000: int = 1\n", []),
    "circle of params": ("".join(f"param p{i}: int = p{(i + 1) % 1000}\n" for i in range(1000)), ["E0214"]),
    "giant text": (model('x -> Dense("' + "a" * 200_000 + '")'), ["E0205"]),
    "giant name": (model("x -> " + "A" * 200_000), ["E0202"]),
    "giant number": (model("x -> Dense(" + "9" * 100_000 + ")"), None),
    "many names": (model("missing", body=" ".join(f"a{i} = x" for i in range(N))), ["E0201"]),
    "many mistakes": (model("x", body=" ".join(f"a{i} = misspelt{i}" for i in range(2000))), ["E0201"] * 1000 + ["E0228"]),
    "many long mistakes": (model("missing", body=" ".join(f"{'a' * 80}{i} = x" for i in range(300)) + "".join(f" b{i} = {'a' * 79}b{i}" for i in range(300))), ["E0201"] * 301),
    "many mistakes alike": (model("missing", body=" ".join(f"{'ab' * 20}{i} = x" for i in range(400)) + "".join(f" b{i} = {'ab' * 19}a{i}" for i in range(400))), ["E0201"] * 401),
    "many blocks": ("".join(f"block B{i} {{\n  input x: [N, C]\n  output x -> Dense(C)\n}}\n" for i in range(2000)) + model("x"), ["W0201"] * 2000),
    "many models": ("".join(model("x -> Dense(4) -> Relu").replace("Net", f"Net{i}") for i in range(1000)), []),
    "many outputs": (model("x", body=" ".join(f"output y{i} = x -> Dense(3)" for i in range(1000))), []),
    "long einsum": (model('einsum("' + "a" * 100_000 + '", x)'), None),
    "long rearrange": (model('rearrange(x, "' + "(" * 100_000 + '")'), ["E0309"]),
    "chained condition": ("train t {\n  stop when " + " + ".join(["validation.loss"] * N) + " < 1\n}\n", None),
}  # fmt: skip


def check(folder: Path, text: str) -> Diagnostics:
    path = folder / "spec.dl"
    path.write_text(text, encoding="utf-8")
    return check_spec(path, Options(limits=LIMITS)).findings


@pytest.mark.parametrize("name", mostly_alike(list(IN_TIME), 5))
def test_ends_soon_with_a_proper_error(name: str, tmp_path: Path) -> None:
    text, codes = IN_TIME[name]
    with within(name):
        found = check(tmp_path, text)
    if codes is not None:
        assert [d.code.id for d in found] == codes
    assert all(len(d.message) < 10_000 for d in found)


@pytest.mark.parametrize(
    "text",
    ["é\x01$€(" * 500_000, "x " * 1_900_000, "model M { input x: float32[N] " * 100_000],
    ids=["signs", "words", "models"],
)
@pytest.mark.parametrize("size", [100_000, pytest.param(249_000, marks=pytest.mark.slow)])
def test_megabytes_of_garbage(text: str, size: int, tmp_path: Path) -> None:
    with within(size):
        found = check(tmp_path, text.encode()[:size].decode(errors="ignore"))
    assert found.has_errors


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_specs_as_large_as_they_may_be(kind: str, tmp_path: Path) -> None:
    text = large_spec(kind, Limits().spec_bytes)
    assert len(text) > Limits().spec_bytes - 1000
    path = tmp_path / "spec.dl"
    path.write_text(text, encoding="utf-8")
    with within(kind, seconds=8, megabytes=500):  # 5 on a machine that does nothing else
        found = check_spec(path).findings
        render_all(found)


def test_a_file_too_large_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="E0116"):
        check(tmp_path, "#" * 250_001)


def test_a_chain_of_imports(tmp_path: Path) -> None:
    for i in range(1000):
        (tmp_path / f"{i}.dl").write_text(f'import "{i + 1}.dl"\n', encoding="utf-8")
    found = check(tmp_path, 'import "0.dl"\n')
    assert [d.code.id for d in found] == ["E0218"]


@pytest.mark.parametrize("path", ["a" * 5000 + ".dl", "a\\u0000.dl", "\\ud800.dl", "nul\\0.dl", ".", "folder"])
def test_odd_paths(path: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    found = check(tmp_path, f'import "{path}"\n')
    assert found.has_errors
    assert {d.code.id for d in found} <= {"E0213", "E0108", "E0109"}


def test_a_link_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "secret.dl").write_text("param a: int = 1\n", encoding="utf-8")
    (tmp_path / "inner" / "link.dl").symlink_to(tmp_path / "secret.dl")
    (tmp_path / "inner" / "round.dl").symlink_to(tmp_path / "inner" / "round.dl")
    for name in ("link", "round"):
        found = check(tmp_path / "inner", f'import "{name}.dl"\n')
        assert [d.code.id for d in found] == ["E0213"]

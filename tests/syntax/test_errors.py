"""Wrong specs, with what is said about them; `pytest --update-golden` stores the text anew."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

import dslc.errors.syntax  # noqa: F401 - declares the codes
from dslc.diagnostics import CODES, Code, Diagnostics, Failure, Problem
from dslc.limits import Limits
from dslc.render import render_all
from dslc.source import Source
from dslc.syntax import format_source, parse, tree
from tests.conftest import mostly_alike

HERE = Path(__file__).parent
DEFAULT = Limits()
SYNTAX_CODES = [code for code in CODES.values() if code.id.startswith("E01")]


def errors_of(text: str, limits: Limits = DEFAULT) -> list[tuple[str, str]]:
    diagnostics = Diagnostics()
    parse(Source("x.dl", text), diagnostics, limits)
    return [(d.code.id, d.message) for d in diagnostics]


@pytest.mark.parametrize("path", sorted((HERE / "errors").glob("*.dl")), ids=lambda path: path.stem)
def test_every_mistake_of_a_file_is_reported(path: Path, golden: Callable[[str, Path], None]) -> None:
    diagnostics = Diagnostics()
    parse(Source(path.name, path.read_text(encoding="utf-8")), diagnostics)
    golden(render_all(diagnostics), path.with_suffix(".txt"))


@pytest.mark.parametrize("code", [c for c in SYNTAX_CODES if c.wrong], ids=lambda code: code.id)
def test_the_examples_of_a_code_are_wrong_and_right(code: Code) -> None:
    assert [found for found, _ in errors_of(code.wrong)] == [code.id]
    assert errors_of(code.right) == []


def test_what_is_in_order_is_returned() -> None:
    text = """
    model A { input x: float32[N]  y = x -> Dense(2  output x }
    param a: int = 3
    model B {
      input x: float32[N]
      if x { y = 3 } else { y = 4 } z
      w = 3
    }
    """
    file = parse(Source("x.dl", text), Diagnostics())
    assert [d.name for d in file.declarations if not isinstance(d, tree.Import)] == ["A", "a", "B"]
    last = file.declarations[2]
    assert isinstance(last, tree.Block)
    assert [type(statement) for statement in last.body] == [tree.Input, tree.If, tree.Bind]


def test_parse_errors_stop_the_formatter() -> None:
    with pytest.raises(Failure, match="E0102"):
        format_source(Source("x.dl", "modle M {}"))


N = 10_000
OUTPUT = "model M { output "
TOO_DEEP = {
    "parentheses": OUTPUT + "(" * N + "x" + ")" * N + "}",
    "lists": OUTPUT + "[" * N + "x" + "]" * N + "}",
    "calls": OUTPUT + "f(" * N + "x" + ")" * N + "}",
    "signs": OUTPUT + "-" * N + "x }",
    "nots": OUTPUT + "not " * N + "x }",
    "powers": OUTPUT + "x ** " * N + "x }",
    "ifs": OUTPUT + "if a then " * N + "x" + " else b" * N + "}",
    "elses": OUTPUT + "if a then b else " * N + "x }",
    "else if": "model M { if a { x = 1 }" + " else if a { x = 1 }" * N + "}",
    "blocks": "model M {" + "for i in range(2) {" * N + "}" * N + "}",
    "open": OUTPUT + "(" * N,
}


@pytest.mark.parametrize("kind", mostly_alike(list(TOO_DEEP), every=3))
def test_deep_nesting_is_one_clean_error(kind: str) -> None:
    start = time.process_time()
    assert [code for code, _ in errors_of(TOO_DEEP[kind])] == ["E0111"]
    assert time.process_time() - start < 10


@pytest.mark.parametrize(
    "link", mostly_alike([" -> Relu", " + x", " then x", "(x)", ".a", "[0]", " or x", " * x"], every=2)
)
def test_chains_are_no_nesting(link: str) -> None:
    assert errors_of(OUTPUT + "x" + link * 5000 + "}") == []


def test_nesting_up_to_the_limit_is_fine() -> None:
    assert errors_of(OUTPUT + "-" * 150 + "x }") == []
    assert [code for code, _ in errors_of(OUTPUT + "-" * 150 + "x }", Limits(nesting=100))] == ["E0111"]
    assert errors_of(OUTPUT + "-" * 300 + "x }", Limits(nesting=400)) == []


@pytest.mark.parametrize("text", ["é\x01$€" * N, '"' * N, OUTPUT + ")" * N, "}" * N, "x " * N, OUTPUT + "-> " * N])
def test_rubbish_ends_soon(text: str) -> None:
    start = time.process_time()
    assert 1 <= len(errors_of(text)) < 150
    assert time.process_time() - start < 10


def test_many_errors_are_cut_short() -> None:
    found = errors_of("model M {" + "x = 3 + *\n" * N + "}")
    assert len(found) == 51
    assert found[-1][0] == "E0118"


def test_control_characters_are_refused_even_in_strings_and_comments() -> None:
    for text in ['import "a\0b"', "# a\x07", "param a: int = 3 # \u202e 4", 'import "\ud800"']:
        assert [code for code, _ in errors_of(text)] == ["E0109"]


def test_a_spec_that_is_too_large_is_not_read() -> None:
    assert [code for code, _ in errors_of("#" * 101, Limits(spec_bytes=100))] == ["E0116"]
    assert errors_of("#" * 100, Limits(spec_bytes=100)) == []


def test_limits_are_set_by_name() -> None:
    assert Limits().with_overrides(["nesting=300", "graph_nodes = 5_000"]) == Limits(nesting=300, graph_nodes=5000)
    for wrong in ["nestin=3", "nesting", "nesting=", "nesting=0", "nesting=-1", "nesting=1.5", "nesting=9" + "9" * 99]:
        with pytest.raises(Problem, match="E0117"):
            Limits().with_overrides([wrong])

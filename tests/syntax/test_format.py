"""The canonical layout; its properties are in test_round_trip.py."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dslc.source import Source
from dslc.syntax import format_source

LAYOUTS = sorted((Path(__file__).parent / "layouts").glob("*.dl"))


def fmt(text: str) -> str:
    return format_source(Source("x.dl", text))


@pytest.mark.parametrize("path", LAYOUTS, ids=lambda path: path.stem)
def test_layout(path: Path, golden: Callable[[str, Path], None]) -> None:
    golden(fmt(path.read_text(encoding="utf-8")), path.with_suffix(".txt"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("\n\n", ""),
        ("# only a comment", "# only a comment\n"),
        ("\ufeffparam a:int=3\r\n", "param a: int = 3\n"),
        ("param a: int = 3 param b: int = 4", "param a: int = 3\nparam b: int = 4\n"),
        ("param a: int = 3\n\n\n\nparam b: int = 4", "param a: int = 3\n\nparam b: int = 4\n"),
        ("model A{}model B{}", "model A {}\n\nmodel B {}\n"),
        ("param a: int = 3\n# about A\nmodel A{}", "param a: int = 3\n\n# about A\nmodel A {}\n"),
        ("param a: int = 7%(2)", "param a: int = 7 % (2)\n"),
        ("param a: float = 70%", "param a: float = 70%\n"),
        ("param a: float = 100%  (b)", "param a: float = 100% (b)\n"),
        ("param a: float = 100%  [b]", "param a: float = 100%[b]\n"),
        ("param a: float = 100%\n.b", "param a: float = 100%.b\n"),
        ("param a: float = 1  . b", "param a: float = 1 .b\n"),
        ("param a: float = 1  (b)", "param a: float = 1(b)\n"),
        ("param a: int = - ( -1 ) ** 2-3 in{1,2,}", "param a: int = -(-1) ** 2 - 3 in {1, 2}\n"),
        ("param a: float = 1 in log 1..2", "param a: float = 1 in log 1 .. 2\n"),
        ("train t{freeze a,b.c,}", "train t {\n  freeze a, b.c\n}\n"),
        ("model M{\n\n\nx=a[ : ,1 :-1 ,none]\n\n}", "model M {\n  x = a[:, 1:-1, none]\n}\n"),
        ("model M{step=step (3,)}", "model M {\n  step = step(3)\n}\n"),
        ("model M{x=(a,)}", "model M {\n  x = (a,)\n}\n"),
        ("model M{output (a,b,)}", "model M {\n  output (a, b)\n}\n"),
        ("model M{if a{}else{}}", "model M {\n  if a {} else {}\n}\n"),
        ("model M{if a{b=1}else if c{d=2}}", "model M {\n  if a {\n    b = 1\n  } else if c {\n    d = 2\n  }\n}\n"),
        ("model M{ # one\n # two\n}# three", "model M {  # one\n  # two\n}  # three\n"),
        ("model M{x=f(# one\na # two\n, # three\nb)}",
         "model M {\n  x = f(  # one\n    a,  # two\n    # three\n    b,\n  )\n}\n"),
        ("model M{x=\n# why\n3}", "model M {\n  x =\n      # why\n      3\n}\n"),
    ],
)  # fmt: skip
def test_small(text: str, expected: str) -> None:
    assert fmt(text) == expected
    assert fmt(expected) == expected


def test_long_lines_are_broken_within_the_width() -> None:
    call = ", ".join(f"argument_{n} = {n}" for n in range(12))
    formatted = fmt(f"model M {{ x = y -> Conv({call}) -> Relu -> Conv(3) output x }}")
    assert max(map(len, formatted.splitlines())) <= 100
    assert "    -> Conv(\n" in formatted
    exact = f"param a: int = {'x' * 85}"
    assert fmt(exact) == exact + "\n"


def test_doc_comments_stay_where_they_are() -> None:
    text = "## about a\n## more\nparam a: int = 3\n\nmodel M {\n  ## the image\n  input x: float32[N]\n}\n"
    assert fmt(text) == text

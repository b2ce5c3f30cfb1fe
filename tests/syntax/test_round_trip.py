"""Properties that hold for every tree and every text."""

from __future__ import annotations

import itertools
import random
import time

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dslc.diagnostics import Diagnostics, Failure
from dslc.render import render_all
from dslc.source import Source
from dslc.syntax import format_source, parse, tree
from dslc.syntax.language import language
from dslc.syntax.tokens import read_tokens
from tests.conftest import SPECS, mostly_alike
from tests.syntax.writing import Maker, text_of

relaxed = settings(
    deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
dice = st.randoms(use_true_random=False)


def read(text: str) -> tuple[tree.Declaration, ...]:
    diagnostics = Diagnostics()
    file = parse(Source("text", text), diagnostics)
    assert not diagnostics, render_all(diagnostics)
    return file.declarations


def comments(text: str) -> list[str]:
    return [str(word).rstrip() for word in read_tokens(language(), Source("text", text), Diagnostics()).comments]


@relaxed
@given(dice)
def test_a_written_tree_reads_back(dice: random.Random) -> None:
    file = Maker(dice).some(Maker(dice).declaration)
    assert read("\n".join(map(text_of, file))) == file


def with_comments(text: str, dice: random.Random) -> str:
    """Put comments, line breaks and needless spaces between words."""
    source = Source("text", text)
    found = read_tokens(language(), source, Diagnostics())
    pieces, last = [], 0
    for number, word in enumerate(found.tokens):
        gap = text[last : word.span.start]
        extra = dice.choice(
            [
                "",
                "",
                "",
                "",
                "  ",
                "\n",
                "\n\n\n",
                f" # c{number}\n",
                f"\n  # own {number}\n",
                f"\n\n#{number}\n# two\n",
            ]
        )
        pieces += [gap, extra, str(word)]
        last = word.span.end
    return "".join(pieces)


@relaxed
@given(dice)
def test_formatting_keeps_the_tree_and_every_comment_and_is_idempotent(dice: random.Random) -> None:
    file = Maker(dice).some(Maker(dice).declaration, 1, 2)
    text = with_comments("\n".join(map(text_of, file)), dice)
    once = format_source(Source("text", text))
    assert read(once) == read(text)
    assert comments(once) == comments(text)
    assert format_source(Source("text", once)) == once


STARTS = ["1", "70%", "x", "( x )", "- 70%"]
ENDS = [
    "", "( x )", "( )", "( x , )", "[ x ]", "[ 70% : ]", "[ : 70% ]", ". x", ". if", "% x", "% ( x )", "% 1", "% [ x ]",
    "% - x", "@ x", "- ( x )", "** - 1", "-> x ( 70% )", "// 2 . x", "then ( x )", "== 70%", "in { 70% , }",
    "in 70% .. ( x )", "in log 1 .. 2",
]  # fmt: skip


@pytest.mark.parametrize("start", mostly_alike(STARTS, 5))
def test_formatting_keeps_the_tree_of_whatever_stands_side_by_side(start: str) -> None:
    """A space between two words can mean something: `100% (x)` is no remainder, `1 .x` no broken number."""
    kept = 0
    for first, second in itertools.product(ENDS, ENDS):
        text = f"param a: int = {start} {first} {second}"
        diagnostics = Diagnostics()
        before = parse(Source("text", text), diagnostics)
        if not diagnostics:
            kept += 1
            assert read(format_source(Source("text", text))) == before.declarations, text
    assert kept > 200


SAMPLES = sorted(SPECS.glob("*.dl"))
CHARACTERS = [
    *"(){}[],.:=-+*/%@<>!\"'#\\ \n\tx0\0é→",
    *[" then ", " else ", " if ", "->", "train t {", "model M {", "using"],
]


@settings(deadline=None, max_examples=100)
@given(st.sampled_from(SAMPLES).map(lambda path: path.read_text(encoding="utf-8")), st.data())
def test_a_damaged_spec_gives_diagnostics_and_nothing_else(text: str, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = start + data.draw(st.integers(0, 12))
        text = text[:start] + data.draw(st.sampled_from(["", *CHARACTERS])) + text[end:]
    check_reports(text)


@settings(deadline=None, max_examples=100)
@given(st.text())
@example("\ud800")
@example("\r")
@example("#\r\r##")
def test_any_text_gives_diagnostics_and_nothing_else(text: str) -> None:
    check_reports(text)


@settings(deadline=None, max_examples=100)
@given(
    st.lists(
        st.sampled_from(
            [
                *CHARACTERS,
                "for",
                "in",
                "data",
                "1",
                "x",
                '"s"',
                "output",
                "minimize",
                "split",
                "param",
                "import",
                "log",
                "..",
                "\n",
            ]
        )
    )
)
def test_any_words_give_diagnostics_and_nothing_else(words: list[str]) -> None:
    check_reports(" ".join(words))


def check_reports(text: str) -> None:
    start = time.process_time()
    source = Source("damaged.dl", text)
    diagnostics = Diagnostics()
    parse(source, diagnostics)
    for diagnostic in diagnostics:
        assert diagnostic.code.id.startswith("E01")
        assert diagnostic.span is not None
        assert diagnostic.span.source is source
        assert 0 <= diagnostic.span.start <= diagnostic.span.end <= len(text)
    assert render_all(diagnostics).count("error[E01") == len(diagnostics)
    try:
        formatted = format_source(source)
    except Failure as failure:
        found = failure.diagnostics
    else:
        found = ()
        assert format_source(Source("again.dl", formatted)) == formatted
    assert list(found) == list(diagnostics)
    assert time.process_time() - start < 5

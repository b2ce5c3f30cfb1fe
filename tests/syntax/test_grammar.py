"""The grammar itself: LALR(1) with nothing resolved silently, quick to build, and free with keywords."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from lark import Lark
from lark import logger as lark_logger

from dslc.diagnostics import Diagnostics
from dslc.source import Source
from dslc.syntax import parse
from dslc.syntax.language import grammar_text, language
from dslc.syntax.statements import FORMS, KEYWORDS, Level
from dslc.syntax.tokens import RESERVED_WORDS, read_tokens


def clean(text: str) -> bool:
    diagnostics = Diagnostics()
    parse(Source("x.dl", text), diagnostics)
    return not diagnostics


def conflicts(grammar: str, caplog: pytest.LogCaptureFixture) -> list[str]:
    """What Lark resolved by shifting; it raises on what it cannot resolve."""
    level = lark_logger.level
    lark_logger.addHandler(caplog.handler)
    lark_logger.setLevel(logging.DEBUG)
    caplog.clear()
    try:
        Lark(grammar, parser="lalr", lexer="basic", debug=True)
    finally:
        lark_logger.setLevel(level)
        lark_logger.removeHandler(caplog.handler)
    return [record.getMessage() for record in caplog.records if "conflict" in record.getMessage().lower()]


def test_there_is_no_conflict(caplog: pytest.LogCaptureFixture) -> None:
    assert conflicts('start: "if" start | "if" start "else" start | "x"', caplog), "a dangling else is told"
    assert conflicts(grammar_text(), caplog) == []


KEYWORD_NAMES = sorted(
    {t.pattern.value for t in language().terminals if t.pattern.type == "str" and t.pattern.value.isidentifier()}
    - RESERVED_WORDS
)


@pytest.mark.parametrize("word", KEYWORD_NAMES)
def test_a_keyword_may_be_a_name(word: str) -> None:
    assert clean(f'param {word}: int = {word} in {{{word}, {word} + 1}} import "a.dl" as {word}')
    assert clean(f"model {word}({word}, x = {word}) {{ input {word}: float32[{word}, N] {word} = x {word}, y = {word} "
                 f"layer {word} = {word} parameter {word}: int = {word} for {word} in {word} {{ {word} = -{word} }} "
                 f"if {word} {{ output {word} }} "
                 f"output {word} = {word}({word} = {word}).{word}[{word}] -> {word} }}")  # fmt: skip
    assert clean(
        f"data {word} {{ source {word} = {word}({word}) field {word}: int = {word} augment {word}, x = {word} }}"
    )
    assert clean(f"train {word} {{ data {word} let {word} = {word} minimize {word} = {word} over {word} using {word} "
                 f"minimize {word} using {word} over {word}.x, a using {word} metric {word} = {word} epochs {word} "
                 f"batch {word} evaluate every {word} steps stop when {word} keep best {word} clip norm {word} "
                 f"freeze {word}, a seed {word} net {word} = {word} output {word} = {word} }}")  # fmt: skip


@pytest.mark.parametrize("word", sorted(RESERVED_WORDS))
def test_a_reserved_word_is_a_name_only_behind_a_dot(word: str) -> None:
    assert clean(f"model M {{ output x.{word} -> a.{word}(2) }}")
    assert not clean(f"model M {{ {word} = 3 output x }}")
    assert not clean(f"train t {{ let {word} = 3 }}")


@pytest.mark.parametrize(("level", "form"), [(level, form) for level in Level for form in FORMS[level].values()])
def test_the_forms_shown_in_hints_are_right(level: Level, form: str) -> None:
    around = {
        Level.FILE: "{}",
        Level.BODY: "model M {{ {} }}",
        Level.DATA: "data d {{ {} }}",
        Level.TRAIN: "train t {{ {} }}",
    }
    assert clean(around[level].format(form.replace("{ ... }", "{}")))


def test_every_statement_has_a_form() -> None:
    accepted: dict[Level, frozenset[str]] = {}
    for level, text in {
        Level.FILE: "",
        Level.BODY: "model M {",
        Level.DATA: "data d {",
        Level.TRAIN: "train t {",
    }.items():
        automaton = language().parse_interactive()
        for word in read_tokens(language(), Source("x", text), Diagnostics()).tokens[:-1]:
            automaton.feed_token(word)
        accepts: Callable[[], set[str]] = automaton.accepts
        accepted[level] = frozenset(accepts()) - {"RBRACE", "$END"}
    for level in (Level.FILE, Level.DATA, Level.TRAIN):
        assert accepted[level] == {keyword.upper() for keyword in KEYWORDS[level]}


def test_a_long_spec_parses_soon_in_a_fresh_process_without_a_cache_folder(tmp_path: Path) -> None:
    block = "model M{} {{\n  input x: float32[N, 64]\n"
    block += "  h = x -> Dense(64, bias = false) -> BatchNorm -> Relu\n" * 47 + "  output h\n}}\n"
    spec = tmp_path / "long.dl"
    spec.write_text("".join(block.format(n) for n in range(10)), encoding="utf-8")
    program = (
        "import sys, time; start = time.process_time()\n"
        "from dslc.syntax import parse\nfrom dslc.source import Source\nfrom dslc.diagnostics import Diagnostics\n"
        "found = Diagnostics(); parse(Source('x', open(sys.argv[1]).read()), found); assert not found\n"
        "print(time.process_time() - start)"
    )
    closed = tmp_path / "file"
    closed.write_text("a file where a folder is needed")
    environment = {"XDG_CACHE_HOME": str(closed), "PATH": "", "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", program, str(spec)], check=False, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert float(done.stdout) < 3  # about 0.4 s; a loaded machine is slower

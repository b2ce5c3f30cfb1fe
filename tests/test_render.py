"""Diagnostics as people see them."""

from __future__ import annotations

from dslc.diagnostics import Code, Diagnostic, Label
from dslc.render import render, render_all
from dslc.source import Source

CODE = Code("E9999", "a title", "an explanation")
WARNING = Code("W9999", "a title", "an explanation")


def mark(
    text: str, part: str, *, code: Code = CODE, hint: str | None = None, labels: tuple[Label, ...] = ()
) -> Diagnostic:
    start = text.index(part)
    return Diagnostic(code, "a message", Source("a.dl", text).span(start, start + len(part)), labels, hint)


def test_line_carets_and_hint() -> None:
    assert render(mark("one\ntwo three\n", "three", hint="do this")) == (
        "error[E9999]: a message\n --> a.dl:2:5\n  |\n2 | two three\n  |     ^^^^^\n  = hint: do this\n"
    )


def test_without_a_place() -> None:
    assert render(Diagnostic(WARNING, "a message", hint="do this")) == "warning[W9999]: a message\n  = hint: do this\n"


def test_wide_characters_take_two_columns_and_marks_none() -> None:
    assert render(mark("隐藏 e\u0301x = 坏的", "坏的")).splitlines()[3:] == [
        "1 | 隐藏 e\u0301x = 坏的",
        "  |           ^^^^",
    ]


def test_tabs_become_spaces_and_controls_visible() -> None:
    assert render(mark("\tx\x1b[31m\ty\r\n", "y")).splitlines()[3:] == [
        "1 |     x\ufffd[31m    y",
        "  |               ^",
    ]


def test_an_empty_place_and_the_end_of_the_file_have_a_caret() -> None:
    source = Source("a.dl", "ab\n")
    assert render(Diagnostic(CODE, "m", source.span(2, 2))).splitlines()[3:] == ["1 | ab", "  |   ^"]
    assert render(Diagnostic(CODE, "m", source.span(3, 3))).splitlines()[1:] == [" --> a.dl:2:1", "  |", "2 |", "  | ^"]
    assert render(Diagnostic(CODE, "m", Source("a.dl", "").span(0, 0))).splitlines()[3:] == ["1 |", "  | ^"]


def test_a_place_over_lines_is_marked_on_its_first() -> None:
    assert render(mark("ab(c\nd)", "(c\nd)")).splitlines()[3:] == ["1 | ab(c", "  |   ^^"]


def test_labels_in_the_same_line_another_line_and_another_file() -> None:
    source = Source("a.dl", "one two\n" + "\n" * 8 + "ten\n")
    other = Source("b.dl", "\nelse")
    labels = (
        Label(source.span(0, 3), "the first"),
        Label(source.span(16, 19), "far below"),
        Label(other.span(1, 5), "elsewhere"),
    )
    assert render(Diagnostic(CODE, "m", source.span(4, 7), labels)) == (
        "error[E9999]: m\n"
        "  --> a.dl:1:5\n"
        "   |\n"
        " 1 | one two\n"
        "   |     ^^^\n"
        "   | --- the first\n"
        "  ...\n"
        "10 | ten\n"
        "   | --- far below\n"
        "  --> b.dl:2:1\n"
        "   |\n"
        " 2 | else\n"
        "   | ---- elsewhere\n"
    )


def test_long_lines_are_cut_around_the_place() -> None:
    lines = render(mark("a" * 500 + "BAD" + "b" * 500, "BAD")).splitlines()
    assert max(map(len, lines)) < 130
    assert lines[4].index("^") == lines[3].index("BAD")


def test_colour_changes_nothing_but_colour() -> None:
    import re

    diagnostic = mark("one two", "two", hint="h", labels=(Label(Source("b", "x").span(0, 1), "l"),))
    painted = render(diagnostic, color=True)
    assert "\x1b[1;31merror[E9999]\x1b[0m" in painted
    assert re.sub(r"\x1b\[[0-9;]*m", "", painted) == render(diagnostic)
    assert "\x1b" not in render(diagnostic)


def test_several_are_set_apart() -> None:
    one = Diagnostic(CODE, "m")
    assert render_all([one, one]) == "error[E9999]: m\n\nerror[E9999]: m\n"

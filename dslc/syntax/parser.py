"""Tokens -> tree, with recovery: after an error, parsing goes on at the next statement or declaration."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from typing import Any

from lark import UnexpectedToken
from lark.parsers.lalr_interactive_parser import InteractiveParser

from dslc.diagnostics import Diagnostics
from dslc.errors.syntax import TOO_LARGE, TOO_MANY
from dslc.limits import Limits
from dslc.source import Source
from dslc.syntax import tree
from dslc.syntax.explain import explain
from dslc.syntax.language import language
from dslc.syntax.mistake import Mistake
from dslc.syntax.nesting import brackets_nest_too_deep, without_deep
from dslc.syntax.statements import Level, begins_declaration, begins_statement
from dslc.syntax.tokens import END, MOST_ERRORS, Token, Tokens, read_tokens

__all__ = ["parse", "parse_tokens", "same_meaning"]

_DEFAULT_LIMITS = Limits()


def parse(source: Source, diagnostics: Diagnostics, limits: Limits = _DEFAULT_LIMITS) -> tree.File:
    """Parse a spec.

    Every syntax error is added to ``diagnostics``; the statements and declarations that are in order are returned.
    """
    return parse_tokens(source, diagnostics, limits)[0]


def parse_tokens(source: Source, diagnostics: Diagnostics, limits: Limits) -> tuple[tree.File, Tokens]:
    """Parse a spec, and return its words and comments beside the tree."""
    nothing = tree.File(source, ())
    size = len(source.text.encode("utf-8", "surrogatepass"))
    if size > limits.spec_bytes:
        diagnostics.add(
            TOO_LARGE(
                f"this file has {size:,} bytes; the limit is {limits.spec_bytes:,}",
                hint="keep data in data files, or raise the limit with --limit spec_bytes=N",
            ).at(source.span(0, 0))
        )
        return nothing, Tokens()
    found = read_tokens(language(), source, diagnostics)
    if brackets_nest_too_deep(found.tokens, limits, diagnostics):
        return nothing, found
    declarations = _Parser(found.tokens, diagnostics).run()
    return tree.File(source, without_deep(declarations, limits, diagnostics)), found


def same_meaning(one: Source, other: Source) -> bool:
    """Return whether two spec files differ in layout, comments and lengths of training at most."""
    return _meaning(one) == _meaning(other)


def _meaning(source: Source) -> list[tree.Declaration]:
    return [
        replace(d, body=tuple(s for s in d.body if not isinstance(s, (tree.Epochs, tree.Steps))))
        if isinstance(d, tree.Train)
        else d
        for d in parse(source, Diagnostics()).declarations
    ]


@dataclass
class _Parser:
    """One run of the LALR automaton over the words of one file."""

    tokens: list[Token]
    diagnostics: Diagnostics

    def __post_init__(self) -> None:
        self.automaton: InteractiveParser = language().parse_interactive()
        self.errors = 0

    def run(self) -> tuple[tree.Declaration, ...]:
        at = 0
        while True:
            word = self.tokens[at]
            try:
                result: Any = self.automaton.feed_token(word)
            except UnexpectedToken:
                at = self._recover(at)
                continue
            if word.type == END:
                return tuple(result)
            at += 1

    def _recover(self, at: int) -> int:
        """Report the error at word ``at``, mend the automaton, and return the word to go on with."""
        expected = _accepted(self.automaton)
        start = self._drop_statement(at, expected)
        level = _level(self.automaton) or Level.FILE
        mistake = Mistake(self.tokens, start, at, level, expected)
        if level is not Level.FILE:
            # A declaration in a block: the block before it was not closed.
            for place in {start, at if mistake.whole else start}:
                if begins_declaration(self.tokens, place):
                    self._report(Mistake(self.tokens, place, place, level, expected))
                    self._close_blocks()
                    return place
        suggestion = self._report(mistake)
        if self.errors >= MOST_ERRORS:
            self.diagnostics.add(TOO_MANY(f"gave up after {self.errors} syntax errors").at(self.tokens[at].span))
            return self._finish()
        if suggestion is not None:
            word = Token.make(suggestion.upper(), suggestion, self.tokens[at].span)
            word.place, word.doc = at, self.tokens[at].doc
            self.tokens[at] = word
            return at
        return self._next_statement(start, at, level)

    def _report(self, mistake: Mistake) -> str | None:
        """Add the diagnostic, and return the keyword that was probably meant in place of the word, if one is."""
        if any(word.faulty for word in self.tokens[mistake.start : mistake.at + 1]):
            return None  # one mistake makes one message
        self.errors += 1
        problem, suggestion = explain(mistake)
        self.diagnostics.add(problem)
        return suggestion

    def _drop_statement(self, at: int, expected: frozenset[str]) -> int:
        """Return the first word of the unfinished statement, and take it off the stacks unless it is whole."""
        for following in ("RBRACE", "IMPORT"):
            if following not in expected:
                continue
            # This could stand here: reading it, and taking it back, completes the statement.
            trial = self.automaton.copy(deepcopy_values=False)  # type: ignore[no-untyped-call]
            trial.feed_token(Token.make(following, "", self.tokens[at].span))
            trial.parser_state.state_stack.pop()
            trial.parser_state.value_stack.pop()
            if _level(trial) is not None:
                begun, self.automaton = self.automaton, trial
                return _drop(begun, at, self.tokens)
        return _drop(self.automaton, at, self.tokens)

    def _close_blocks(self) -> None:
        """Close every open block, as if its ``}`` stood here."""
        while "RBRACE" in _accepted(self.automaton):
            end = self.tokens[-1].span
            self.automaton.feed_token(Token.make("RBRACE", "}", end))

    def _finish(self) -> int:
        self._close_blocks()
        return len(self.tokens) - 1

    def _next_statement(self, start: int, at: int, level: Level) -> int:
        """Skip to a word that can follow a statement of this level.

        Line breaks mean nothing to the language, but they tell where people begin statements.
        """
        braces = 0
        first = self.tokens[start]
        # The word before the mistake may be the first of the next statement, taken for the end of this one.
        earliest = max(at - 1, start + 1) if self.tokens[at - 1].starts_line else at
        for place in range(start, len(self.tokens) - 1):
            word = self.tokens[place]
            if place >= earliest and (place > start or at > start):
                at_margin = word.span.first[1] == 1
                if word.starts_line and at_margin and begins_declaration(self.tokens, place):
                    if level is not Level.FILE:
                        self._report(Mistake(self.tokens, place, place, level, frozenset()))
                    self._close_blocks()
                    return place
                if word.type == "RBRACE" and braces == 0 and level is not Level.FILE:
                    return place
                aligned = word.is_wordlike and first.starts_line and word.span.first[1] == first.span.first[1]
                if word.starts_line and braces == 0 and (aligned or begins_statement(self.tokens, place, level)):
                    return place
            if word.type == "LBRACE":
                braces += 1
            elif word.type == "RBRACE":
                braces = max(0, braces - 1)
        return self._finish()


def _drop(automaton: InteractiveParser, at: int, words: list[Token]) -> int:
    """Take the unfinished statement off the stacks, and return the index of its first word (``at`` if none)."""
    state = automaton.parser_state
    first: Any = None
    while _level(automaton) is None:
        state.state_stack.pop()
        first = state.value_stack.pop()
    while isinstance(first, tuple):  # the targets of a binding
        first = first[0]
    if first is None or isinstance(first, Token):
        return at if first is None else first.place
    return bisect_right(words, first.span.start, key=lambda word: word.span.start) - 1


def _level(automaton: InteractiveParser) -> Level | None:
    """The level at whose list of statements the automaton stands; None within a statement."""
    choices = automaton.choices()  # type: ignore[no-untyped-call]
    return next((level for level in Level if level.value in choices), None)


def _accepted(automaton: InteractiveParser) -> frozenset[str]:
    """The types of the words that may come next."""
    return frozenset(automaton.accepts())  # type: ignore[no-untyped-call]

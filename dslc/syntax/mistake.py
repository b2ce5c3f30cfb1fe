"""Where the parser stopped, and what stands around that place."""

from __future__ import annotations

from dataclasses import dataclass

from dslc.syntax.statements import Level
from dslc.syntax.tokens import END, PARTNER, RESERVED_WORDS, Token

__all__ = ["Mistake", "describe", "ends_operand", "is_end", "is_name", "starts_operand", "unclosed"]

_VALUE_WORDS = {"true", "false", "none"}


@dataclass(frozen=True)
class Mistake:
    """The parser stopped at ``tokens[at]``, in the statement that begins at ``tokens[start]``."""

    tokens: list[Token]
    start: int
    at: int
    level: Level
    expected: frozenset[str]
    """Types of the words that could have stood there."""

    @property
    def found(self) -> Token:
        """The word that could not be read on."""
        return self.tokens[self.at]

    @property
    def previous(self) -> Token | None:
        """The word before it, if that belongs to the same statement."""
        return self.tokens[self.at - 1] if self.at > self.start else None

    @property
    def first(self) -> Token:
        """The first word of the statement."""
        return self.tokens[self.start]

    @property
    def whole(self) -> bool:
        """Whether the statement could have ended before the word found."""
        return (END if self.level is Level.FILE else "RBRACE") in self.expected

    def before(self, stop_at: set[str]) -> list[Token]:
        """The words of the innermost bracket before the mistake, back to one of ``stop_at``; brackets left out."""
        found: list[Token] = []
        depth = 0
        for word in reversed(self.tokens[self.start : self.at]):
            if str(word) in {")", "]", "}"}:
                depth += 1
            elif str(word) in PARTNER:
                depth -= 1
                if depth < 0:
                    break
            elif depth == 0:
                found.append(word)
                if str(word) in stop_at:
                    break
        return found[::-1]

    @property
    def opener(self) -> Token | None:
        """The innermost bracket that the statement has opened and not closed."""
        return next(reversed(unclosed(self.tokens[self.start : self.at])), None)

    @property
    def block_opener(self) -> Token | None:
        """The brace of the block around the statement."""
        return next(reversed(unclosed(self.tokens[: self.start])), None)


def unclosed(words: list[Token]) -> list[Token]:
    """Return the brackets that words open and do not close."""
    stack: list[Token] = []
    for word in words:
        if str(word) in PARTNER:
            stack.append(word)
        elif str(word) in {")", "]", "}"} and stack:
            stack.pop()
    return stack


def describe(word: Token) -> str:
    """Name a word in a message."""
    if word.type == END:
        return "the end of the file"
    if word.type in {"NUMBER", "PERCENTAGE"}:
        return f"the number {word}"
    if word.type == "STRING":
        return f"the string {word}" if len(word) < 30 else "this string"
    return f"'{word}'"


def is_name(word: Token) -> bool:
    """Whether a word can be a name."""
    return word.is_wordlike and str(word) not in RESERVED_WORDS


def is_end(word: Token) -> bool:
    """Whether a word ends what stands before it."""
    return word.type == END or str(word) in {")", "]", "}", ","}


def ends_operand(word: Token) -> bool:
    """Whether a value may end with a word."""
    return word.is_name or word.literal is not None or str(word) in {")", "]"} | _VALUE_WORDS


def starts_operand(word: Token) -> bool:
    """Whether a value may start with a word, leaving out what is also an operator."""
    return is_name(word) or word.literal is not None or str(word) in {"(", "[", "if", "not"} | _VALUE_WORDS

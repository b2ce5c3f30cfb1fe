"""The canonical layout of a spec.

Works on words and comments, not on the tree, so nothing that was written can get lost: the words of each statement
are laid out again, and the comments keep their places between them. The layout depends on nothing but the words and
on which comments stand on a line of their own, so formatting twice changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain

from dslc.diagnostics import Diagnostics
from dslc.limits import Limits
from dslc.source import Source
from dslc.syntax import tree
from dslc.syntax.layout import layout, mark_spaces
from dslc.syntax.parser import parse_tokens
from dslc.syntax.tokens import END, Token, Tokens

__all__ = ["format_source"]

_INDENT = 2


@dataclass
class _Segment:
    """What begins on a line of its own: a statement, the head of a block, its end, or a comment."""

    tokens: list[Token] = field(default_factory=list)
    trailing: Token | None = None
    """The comment behind the last word."""

    @property
    def is_comment(self) -> bool:
        return self.tokens[0].type == "COMMENT"

    @property
    def opens(self) -> bool:
        return str(self.tokens[-1]) == "{"

    @property
    def closes(self) -> bool:
        return str(self.tokens[0]) == "}"

    @property
    def is_empty_block(self) -> bool:
        return "".join(self.tokens[-2:]) == "{}"

    @property
    def last(self) -> Token:
        return self.trailing or self.tokens[-1]


def format_source(source: Source) -> str:
    """Return the text in the canonical layout.

    Raises:
        Failure: the text has syntax errors.
    """
    diagnostics = Diagnostics()
    file, found = parse_tokens(source, diagnostics, Limits())
    diagnostics.raise_errors()
    mark_spaces(found.tokens)
    segments = _segments(found, _statement_starts(file))
    lines: list[str] = []
    depth = 0
    for place, segment in enumerate(segments):
        depth -= segment.closes
        if place and _blank_between(segments, place, depth):
            lines.append("")
        lines += layout(segment.tokens, segment.trailing, depth * _INDENT)
        depth += segment.opens
    return "".join(f"{line}\n" for line in lines)


def _statement_starts(file: tree.File) -> frozenset[int]:
    """The offsets at which declarations and statements start."""
    bodies = [d.body for d in file.declarations if isinstance(d, (tree.Data, tree.Block, tree.Train))]
    return frozenset(node.span.start for node in (*file.declarations, *tree.flat(chain.from_iterable(bodies))))


def _segments(found: Tokens, starts: frozenset[int]) -> list[_Segment]:
    """Cut the words of a file into what begins on lines of their own, with the comments in or between them."""
    segments: list[_Segment] = []
    comments = found.comments[::-1]
    previous: Token | None = None
    braces: list[bool] = []  # for each open brace, whether it opens a block
    after_block_brace = True
    for word in found.tokens:
        closes_block = str(word) == "}" and braces.pop()
        begins = closes_block or word.type == END or after_block_brace or word.span.start in starts
        if previous is not None and str(previous) in {"else", "}"} and str(word) in {"if", "else"}:
            begins = begins and str(previous) == "}" and str(word) == "if"
        between = []
        while comments and comments[-1].span.start < word.span.start:
            between.append(comments.pop())
        if closes_block and previous is not None and str(previous) == "{" and not between:
            begins = False
        if begins:
            for comment in between:
                if (
                    not comment.starts_line
                    and segments
                    and segments[-1].trailing is None
                    and not segments[-1].is_comment
                ):
                    segments[-1].trailing = comment
                else:
                    segments.append(_Segment([comment]))
            segments.append(_Segment([word]))
        else:
            segments[-1].tokens += [*between, word]
        if str(word) == "{":
            braces.append(previous is None or previous.type != "IN" or previous.is_name)
        after_block_brace = closes_block or (str(word) == "{" and braces[-1])
        previous = word
    return segments[:-1]  # the last one is the end of the file


def _blank_between(segments: list[_Segment], place: int, depth: int) -> bool:
    """Whether an empty line stands before a segment: as written, and always around blocks at the top of the file."""
    before, segment = segments[place - 1], segments[place]
    if before.opens or segment.closes:
        return False
    gap = before.last.span.source.text[before.last.span.end : segment.tokens[0].span.start]
    if gap.count("\n") > 1:
        return True
    if depth > 0 or (before.is_comment and not segment.is_comment):
        return False
    # Comments right above a declaration belong to it.
    return before.closes or before.is_empty_block or _heads_block(segments, place)


def _heads_block(segments: list[_Segment], place: int) -> bool:
    """Whether a block's head stands here, or comments that belong to one."""
    if segments[place].is_comment:
        if segments[place - 1].is_comment:
            return False
        while place + 1 < len(segments) and segments[place].is_comment:
            end, start = segments[place].last.span.end, segments[place + 1].tokens[0].span.start
            if segments[place].last.span.source.text[end:start].count("\n") > 1:
                return False
            place += 1
    return segments[place].opens or segments[place].is_empty_block

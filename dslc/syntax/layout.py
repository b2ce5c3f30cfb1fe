"""The words of one statement -> its lines."""

from __future__ import annotations

from dataclasses import dataclass, field

from dslc.syntax.tokens import PARTNER, Token

__all__ = ["WIDTH", "layout", "mark_spaces"]

WIDTH = 100
_STEP = 2
_CONTINUATION = 4
# Where a statement that is too long is broken, the first that it has: before each of these words.
_BREAKS = (
    frozenset({"over", "using", "only", "except"}),
    frozenset({"then", "else"}),
    frozenset({"->"}),
    frozenset({"or"}),
    frozenset({"and"}),
    frozenset({"+", "-"}),
)


@dataclass
class _Group:
    """Brackets with the items in them; comments stand among the items' words."""

    opener: Token
    items: list[list[_Element]] = field(default_factory=list)
    remarks: list[list[Token]] = field(default_factory=list)
    """For each item, the comments that stand behind it, after its comma."""
    closer: Token | None = None
    comma: Token | None = None
    """The trailing comma, where it means something: ``(a,)`` is a tuple."""
    head: Token | None = None
    """The comment on the line of the opening bracket."""


_Element = Token | _Group


def mark_spaces(words: list[Token]) -> None:
    """Decide for each word whether a space stands before it."""
    brackets: list[str] = []
    previous: Token | None = None
    sign = choice = False  # whether the word before was a sign as in -1; an opening brace of a domain
    for word in words:
        text, last = str(word), str(previous)
        after_value = previous is not None and previous.operand
        member = last == "." and previous is not None and previous.type == "DOT"
        if previous is not None and _would_fuse(previous, text):
            word.spaced = True
        elif previous is None or sign or choice or last in {"(", "[", "."} or text in {")", "]", ",", ".", ":"}:
            word.spaced = False
        elif last == ":":
            word.spaced = brackets[-1:] != ["["]
        elif text in {"(", "["}:
            word.spaced = not after_value
        elif text == "}":
            word.spaced = last != "{" and brackets[-1:] != ["choice"]
        else:
            word.spaced = True
        word.operand = word.is_name or member or word.literal is not None or text in {")", "]", "true", "false", "none"}
        word.follows_value = after_value
        sign = text == "-" and not after_value
        choice = text == "{" and previous is not None and previous.type == "IN" and not previous.is_name
        if text in PARTNER:
            brackets.append("choice" if choice else text)
        elif text in PARTNER.values() and brackets:
            brackets.pop()
        previous = word


def _would_fuse(previous: Token, text: str) -> bool:
    """Whether two words without a space between them would be read as others: ``100% (x)``, ``1 .real``."""
    return (previous.type == "PERCENTAGE" and text == "(") or (previous.type == "NUMBER" and text == ".")


def layout(words: list[Token], trailing: Token | None, indent: int) -> list[str]:
    """Return the lines of a statement or comment, and of the comment behind it."""
    page = _Page(indent)
    if words[0].type == "COMMENT":
        page.comment(words[0], indent)
    else:
        _write(page, _elements(words), indent, 0)
    if trailing is not None:
        page.comment(trailing, indent)
    return page.finish()


# --- Structure ----------------------------------------------------------------------------------------


def _elements(words: list[Token]) -> list[_Element]:
    """Nest the words of a statement by their brackets; a trailing comma outside brackets goes."""
    top: list[_Element] = []
    open_groups: list[_Group] = []
    for place, word in enumerate(words):
        text = str(word)
        into = open_groups[-1].items[-1] if open_groups else top
        opens_block = text == "{" and [str(word) for word in words[place + 1 :]] in ([], ["}"])
        if text in PARTNER and not opens_block:
            group = _Group(word, [[]], [[]])
            into.append(group)
            open_groups.append(group)
        elif open_groups and text == PARTNER[str(open_groups[-1].opener)] and word.type != "COMMENT":
            _close(open_groups.pop(), word)
        elif open_groups and word.type == "COMMA":
            open_groups[-1].comma = word
            open_groups[-1].items.append([])
            open_groups[-1].remarks.append([])
        elif open_groups and word.type == "COMMENT":
            _place_comment(open_groups[-1], word)
        elif word.type == "COMMA" and _trails(words, place):
            continue
        else:
            into.append(word)
    return top


def _trails(words: list[Token], place: int) -> bool:
    following = next((word for word in words[place + 1 :] if word.type != "COMMENT"), None)
    return following is None or (following.type in {"USING", "EXCEPT"} and not following.is_name)


def _place_comment(group: _Group, comment: Token) -> None:
    first = len(group.items) == 1 and not group.items[0]
    if first and group.head is None and not comment.starts_line:
        group.head = comment
    elif len(group.items) > 1 and not group.items[-1] and not comment.starts_line and not group.remarks[-2]:
        group.remarks[-2].append(comment)
    else:
        group.items[-1].append(comment)


def _close(group: _Group, closer: Token) -> None:
    """End a group: what is left behind the last comma is no item, though it may hold comments."""
    group.closer = closer
    tail = group.items[-1]
    if len(group.items) > 1 and all(isinstance(e, Token) and e.type == "COMMENT" for e in tail):
        group.items.pop()
        group.remarks.pop()
        group.remarks[-1] += [e for e in tail if isinstance(e, Token)]
    elif len(group.items) == 1:
        group.comma = None
    for item, remarks in zip(group.items, group.remarks, strict=True):
        while len(item) > 1 and isinstance(item[-1], Token) and item[-1].type == "COMMENT":
            remarks.insert(0, item.pop())  # type: ignore[arg-type]
    if len(group.items) > 1 or group.opener.follows_value:
        group.comma = None


# --- Lines --------------------------------------------------------------------------------------------


class _Page:
    """Lines that grow word by word."""

    def __init__(self, indent: int) -> None:
        self.lines: list[str] = []
        self.current = " " * indent
        self.must_break = False

    def line(self, indent: int) -> None:
        if self.current.strip():
            self.lines.append(self.current)
        self.current = " " * indent
        self.must_break = False

    def put(self, text: str, spaced: bool, indent: int) -> None:
        if self.must_break:
            self.line(indent)
        elif spaced and self.current.strip():
            self.current += " "
        self.current += text

    def comment(self, comment: Token, indent: int) -> None:
        text = str(comment).rstrip()
        if self.must_break or (comment.starts_line and self.current.strip()):
            self.line(indent)
        self.current += f"  {text}" if self.current.strip() else text
        self.must_break = True

    def finish(self) -> list[str]:
        return [*self.lines, self.current] if self.current.strip() else self.lines


def _flat(elements: list[_Element]) -> str | None:
    """The elements on one line, as they follow what stands before them; None if a comment forbids it."""
    text = ""
    for element in elements:
        if isinstance(element, _Group):
            inner = _flat_group(element)
            if inner is None:
                return None
            text += " " * element.opener.spaced + inner
        elif element.type == "COMMENT":
            return None
        else:
            text += " " * element.spaced + str(element)
    return text


def _flat_group(group: _Group) -> str | None:
    items = [_flat(item) for item in group.items]
    if group.head or any(group.remarks) or None in items:
        return None
    inner = ", ".join(item.lstrip() for item in items if item is not None)
    return f"{group.opener}{inner}{',' if group.comma else ''}{group.closer}"


def _fits(page: _Page, text: str | None, reserve: int) -> bool:
    room = WIDTH - reserve - len(page.current)
    return text is not None and len(text) <= room + (not page.current.strip() and text.startswith(" "))


def _write(page: _Page, elements: list[_Element], indent: int, reserve: int) -> None:
    """Add elements to the page, broken where they do not fit; ``reserve`` characters follow the last."""
    while elements and isinstance(elements[0], Token) and elements[0].type == "COMMENT" and not page.current.strip():
        column = len(page.current)
        page.comment(elements[0], indent)
        page.line(column)
        elements = elements[1:]
    flat = _flat(elements)
    if not page.must_break and _fits(page, flat, reserve):
        page.put((flat or "").lstrip(), (flat or "").startswith(" "), indent)
        return
    for separators in _BREAKS:
        pieces = _split(elements, separators)
        if len(pieces) > 1:
            for place, piece in enumerate(pieces):
                end = reserve if place == len(pieces) - 1 else 0
                if place and not (_fits(page, _flat(piece), end) and not page.must_break):
                    page.line(indent + _CONTINUATION)
                comments: list[Token] = []
                while isinstance(piece[-1], Token) and piece[-1].type == "COMMENT":
                    comments.insert(0, piece[-1])
                    piece.pop()
                _write(page, piece, indent + _CONTINUATION if place else indent, end)
                for comment in comments:
                    page.comment(comment, indent + _CONTINUATION)
            return
    for place, element in enumerate(elements):
        if isinstance(element, _Group):
            _write_group(page, element, indent, reserve + 2 * (place < len(elements) - 1))
        elif element.type == "COMMENT":
            page.comment(element, indent + _CONTINUATION)
        else:
            page.put(str(element), element.spaced, indent + _CONTINUATION)


def _split(elements: list[_Element], separators: frozenset[str]) -> list[list[_Element]]:
    pieces: list[list[_Element]] = [[]]
    value = False
    for element in elements:
        if isinstance(element, Token) and element.type != "COMMENT":
            breaks = str(element) in separators and not element.operand and value
            value = element.operand
            if breaks and pieces[-1]:
                pieces.append([])
        elif isinstance(element, _Group):
            value = True
        pieces[-1].append(element)
    return pieces


def _write_group(page: _Page, group: _Group, indent: int, reserve: int) -> None:
    flat = _flat_group(group)
    if page.must_break:
        page.line(indent + _CONTINUATION)
    if flat is not None and (
        _fits(page, " " * group.opener.spaced + flat, reserve) or (len(group.items) == 1 and not group.items[0])
    ):
        page.put(flat, group.opener.spaced, indent)
        return
    base = len(page.current) - len(page.current.lstrip(" "))
    page.put(str(group.opener), group.opener.spaced, indent)
    if group.head is not None:
        page.comment(group.head, base + _STEP)
    for item, remarks in zip(group.items, group.remarks, strict=True):
        page.line(base + _STEP)
        separator = "," * (len(group.items) > 1 or group.comma is not None)
        _write(page, item, base + _STEP, len(separator))
        if page.must_break and separator:  # an item that is nothing but comments
            page.line(base + _STEP)
        page.current += separator
        for remark in remarks:
            page.comment(remark, base + _STEP)
    page.line(base)
    page.current += str(group.closer)

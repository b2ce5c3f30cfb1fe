"""What went wrong, where, and what to do about it, as plain data.

A *code* is declared once, with its explanation, in ``dslc/errors``. Library code that finds a fault
raises a :class:`Problem` with a bare message; whoever knows the place attaches the span with
:meth:`Problem.at`. Stages collect into a :class:`Diagnostics` and go on, so that one run reports all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from itertools import islice
from typing import Any

from typing_extensions import Self

from dslc.lookalikes import difference, lookalike
from dslc.source import Span

__all__ = [
    "Basis", "Code", "Diagnostic", "Diagnostics", "Edit", "Failure", "Label", "Problem", "Repair", "did_you_mean",
    "register",
]  # fmt: skip


class Basis(IntEnum):
    """What findings of a code follow from, each with all that stands before it."""

    TEXT = 0
    """The text at their place."""
    FLOW = 1
    """What flows in there, from where the block is applied."""
    TYPES = 2
    """The element types and ranks of tensors."""
    SIZES = 3
    """The sizes of tensors."""


@dataclass(frozen=True)
class Code:
    """A stable code such as ``E0312``, with what ``dslc explain`` tells about it."""

    id: str
    title: str
    explanation: str
    wrong: str = ""
    right: str = ""
    exit_code: int = 1
    """How a command that meets it ends; 1: the spec is wrong, 2: the command line, 3: data or a file, 4: the run."""
    basis: Basis = Basis.TEXT

    @property
    def severity(self) -> str:
        """``error`` or ``warning``, by the letter of the id."""
        return "warning" if self.id.startswith("W") else "error"

    def __call__(
        self,
        message: str,
        *,
        hint: str | None = None,
        labels: Iterable[Label] = (),
        span: Span | None = None,
        depends_on: frozenset[str] = frozenset(),
    ) -> Problem:
        """Make the exception that reports this code; raise it, or ``.at(span)`` it."""
        return Problem(Diagnostic(self, message, span, tuple(labels), hint, depends_on))


CODES: dict[str, Code] = {}


def register(
    id: str,
    title: str,
    explanation: str,
    *,
    wrong: str = "",
    right: str = "",
    exit_code: int | None = None,
    basis: Basis | None = None,
) -> Code:
    """Declare a code. Codes are unique and never change their meaning.

    What is not given follows from the family. Exit code: 3 for E04 (data), 4 for E06 (environment), else 1. Basis: what
    flows in for E03 (types and shapes), else the text.
    """
    if id in CODES:
        raise ValueError(f"code {id} is declared twice")
    usual = {"04": 3, "06": 4}.get(id[1:3], 1)
    if basis is None:
        basis = Basis.FLOW if id.startswith("E03") else Basis.TEXT
    CODES[id] = code = Code(id, title, explanation, wrong, right, usual if exit_code is None else exit_code, basis)
    return code


@dataclass(frozen=True)
class Label:
    """A second place that matters, with what is to be seen there."""

    span: Span
    text: str


@dataclass(frozen=True)
class Edit:
    """A place of a spec, and the text to stand there in place of what does."""

    span: Span
    text: str

    def as_json(self) -> dict[str, Any]:
        """Its part of ``dslc check --json``."""
        return {"text": self.text, **_place(self.span)}


class Repair(str):
    """A hint whose advice is certain: there is one way to follow it, and it says what was meant.

    It carries what follows it: edits at places of their own, or ``by``, what is to stand in place of ``word`` where the
    finding is, or without one in place of all that is there. Who finds a fault in an ``operand`` does not know its
    place; ``{}`` stands for it then.
    """

    __slots__ = ("by", "edits", "operand", "word")

    by: str
    word: str | None
    operand: int | None
    edits: tuple[Edit, ...]

    def __new__(
        cls, hint: str, by: str = "", *, word: str | None = None, operand: int | None = None, edits: Iterable[Edit] = ()
    ) -> Self:
        """Make a hint."""
        found = super().__new__(cls, hint)
        found.by, found.word, found.operand, found.edits = by, word, operand, tuple(edits)
        return found

    def at(self, span: Span) -> tuple[Edit, ...]:
        """Return the edits for a finding at a place; none where its word does not stand there as such."""
        if self.edits or self.operand is not None:
            return self.edits
        if self.word is None:
            return (Edit(span, self.by),)
        text, size = span.text, len(self.word)
        quoted = text.endswith(f'"{self.word}"')  # the value of an option, or all there is
        start = len(text) - size - 1 if quoted else 0
        goes_on = not quoted and len(text) > size and f"_{text[size]}".isidentifier()
        if text[start : start + size] != self.word or goes_on:
            return ()
        return (Edit(span.source.span(span.start + start, span.start + start + size), self.by),)


@dataclass(frozen=True)
class Diagnostic:
    """One finding. ``span`` is None where there is no place to show (a missing program, say)."""

    code: Code
    message: str
    span: Span | None = None
    labels: tuple[Label, ...] = ()
    hint: str | None = None
    depends_on: frozenset[str] = frozenset()
    """Names of the symbols of which some values would take it back, as far as is known where it is raised."""

    @property
    def severity(self) -> str:
        """That of its code."""
        return self.code.severity

    @property
    def fix(self) -> tuple[Edit, ...]:
        """Edits that repair it, all together: what its hint advises; none where no repair is certain."""
        return self.hint.at(self.span) if isinstance(self.hint, Repair) and self.span is not None else ()

    def as_json(self) -> dict[str, Any]:
        """The form of ``dslc check --json``: places are 1-based, in characters."""
        return {
            "code": self.code.id,
            "severity": self.severity,
            "message": self.message,
            **_place(self.span),
            "labels": [{"text": label.text, **_place(label.span)} for label in self.labels],
            "hint": self.hint,
            "fix": [edit.as_json() for edit in self.fix],
        }


def _place(span: Span | None) -> dict[str, Any]:
    if span is None:
        return dict.fromkeys(("file", "line", "column", "end_line", "end_column"))
    (line, column), (end_line, end_column) = span.first, span.last
    return {"file": span.source.name, "line": line, "column": column, "end_line": end_line, "end_column": end_column}


class Problem(Exception):
    """One diagnostic on its way to whoever collects it."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(f"{diagnostic.code.id}: {diagnostic.message}")
        self.diagnostic, self.diagnostics = diagnostic, (diagnostic,)

    def at(self, span: Span | None, *labels: Label) -> Problem:
        """Attach a place (an inner place that is already known wins) and further labels."""
        known = self.diagnostic
        return Problem(replace(known, span=known.span or span, labels=known.labels + labels))

    def with_operands(self, places: Sequence[Span | None]) -> Problem:
        """Tell where the operands are written, None for one of unknown place."""
        hint = self.diagnostic.hint
        if not isinstance(hint, Repair) or hint.operand is None or (place := places[hint.operand]) is None:
            return self
        return self.advised(Repair(hint, edits=[Edit(place, hint.by.format(place.text))]))

    def advised(self, hint: str) -> Problem:
        """Give another hint in place of its own."""
        return Problem(replace(self.diagnostic, hint=hint))


class Failure(Exception):
    """A stage ended with errors; carries every diagnostic found, sorted by place."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__("; ".join(f"{d.code.id}: {d.message}" for d in self.diagnostics))

    @property
    def exit_code(self) -> int:
        """Return how the command ends: as the gravest of its errors says, a wrong spec before all others."""
        codes = {d.code.exit_code for d in self.diagnostics if d.severity == "error"}
        return next((code for code in (1, 3, 4, 2) if code in codes), 1)


_LONGEST = 2000
"""Characters of a message; a hostile spec can make it quote megabytes."""


@dataclass
class Diagnostics:
    """Collects diagnostics. The same finding at the same place counts once, whatever its sizes.

    A block is checked once per application, so one mistake in it is found with several shapes.
    """

    _found: dict[tuple[str, Span | None, str], Diagnostic] = field(default_factory=dict)

    def add(self, finding: Diagnostic | Problem) -> None:
        """Record a finding."""
        diagnostic = finding.diagnostic if isinstance(finding, Problem) else finding
        if len(diagnostic.message) > _LONGEST:
            shortened = f"{diagnostic.message[: _LONGEST // 2]} ... {diagnostic.message[-_LONGEST // 2 :]}"
            diagnostic = replace(diagnostic, message=shortened)
        sizeless = re.sub(r"\[[^\]]*\]|\d+", "", diagnostic.message)
        self._found.setdefault((diagnostic.code.id, diagnostic.span, sizeless), diagnostic)

    def extend(self, findings: Iterable[Diagnostic]) -> None:
        """Record several findings."""
        for finding in findings:
            self.add(finding)

    def __iter__(self) -> Iterator[Diagnostic]:
        return iter(sorted(self._found.values(), key=_order))

    def __len__(self) -> int:
        return len(self._found)

    @property
    def has_errors(self) -> bool:
        """Whether an error is among what was found."""
        return any(d.severity == "error" for d in self._found.values())

    def raise_errors(self) -> None:
        """Raise :class:`Failure` with everything found, if an error is among it."""
        if self.has_errors:
            raise Failure(self)


def _order(d: Diagnostic) -> tuple[str, int, int, str]:
    if d.span is None:
        return ("", -1, -1, d.code.id)
    return (d.span.source.name, d.span.start, d.span.end, d.code.id)


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """Suggest the known name closest to a misspelt one, within a third of its length and 3 edits; case weighs least.

    One that looks the same and is spelled with other characters comes first. The suggestion is a repair where it is
    certain: no other name is as close, and what differs is neither a number nor a letter or two.
    """
    if len(name) > _LONGEST_NAME:
        return None
    known = list(islice(known, _MOST_NAMES))
    twin = lookalike(name, known)
    if twin is not None:
        hint = f"'{twin}' looks the same, and has {difference(twin, name)}: copy it from here"
        return Repair(hint, twin, word=name)
    most = min(max(1, len(name) // 3), 3)
    lower, letters = name.lower(), set(name.lower())
    close = {each for each in known if abs(len(each) - len(name)) <= most}
    # an edit changes one letter for another, so that the letters of the two differ by two at most
    near = sorted(each for each in close - {name} if len(letters ^ set(each.lower())) <= 2 * most)
    found = []
    for candidate in near[:_MOST_COMPARED]:
        edits = _edits(lower, candidate.lower(), most)
        if edits <= most and edits < len(name):
            found.append((edits, _edits(name, candidate, most), candidate))
    if not found:
        return None
    best = min(found)[2]
    hint = f"did you mean '{best}'?"
    same_but_for_case = sum(not edits for edits, *_ in found) == 1
    only = len({candidate.lower() for *_, candidate in found}) == 1  # of Relu and relu, the one in its case
    certain = same_but_for_case or (only and _is_slip(name, best))
    return Repair(hint, best, word=name) if certain else hint


def _is_slip(name: str, other: str) -> bool:
    """Whether one name is the other with a slip of the hand: ``h2`` and ``h3``, ``Net.a`` and ``Net.b`` are not."""
    parts, others = (re.findall(r"[^\W\d_]+|\d+", each) for each in (name, other))
    differing = {*parts} ^ {*others}
    return all(len(part) > 2 and not part.isdigit() for part in differing)


_LONGEST_NAME, _MOST_NAMES, _MOST_COMPARED = 60, 5000, 50
"""Longer names, and those beyond so many, are no slips of a hand; a suggestion must not take longer than the check."""


def _edits(a: str, b: str, most: int) -> int:
    """Count the insertions, deletions, changes and swaps of neighbours that make one word of another.

    More than ``most`` are not counted.
    """
    while a and b and a[0] == b[0]:
        a, b = a[1:], b[1:]
    while a and b and a[-1] == b[-1]:
        a, b = a[:-1], b[:-1]
    far = most + 1
    before: list[int] = []
    row = [min(j, far) for j in range(len(b) + 1)]
    for i, x in enumerate(a, start=1):
        before, last, row = row, before, [far] * (len(b) + 1)
        row[0] = min(i, far)
        for j in range(max(1, i - most), min(len(b), i + most) + 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (x != b[j - 1]))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == b[j - 1]:
                cost = min(cost, last[j - 2] + 1)
            row[j] = min(cost, far)
        if min(row) == far:
            return far
    return row[-1]

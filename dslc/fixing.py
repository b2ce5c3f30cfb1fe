"""Mending specs: what findings carry as a fix is applied, as far as that leaves less wrong; nothing else is touched.

A fix may uncover what could not be looked at before. Then the fixes of that are followed as well, and all of them are
kept only if in the end none of the findings they began with is left and no other error has come up.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dslc.check import Loader, path_in_folder
from dslc.diagnostics import Diagnostic, Edit
from dslc.errors.environment import UNWRITABLE
from dslc.files import BOM, read_exactly, source_loader
from dslc.options import Options
from dslc.pipeline import Checked, check_source
from dslc.source import Source, Span
from dslc.storage.outputs import check_output, is_stream, write_output

__all__ = ["Mended", "mend", "mend_spec", "write_mended"]

MOST_CHECKS = 50
"""So often a spec is checked anew; what is left then is said."""
MOST_STEPS = 8
"""So many layers of what was covered by something else are followed."""

Key = tuple[str, str, str]
Fix = tuple[Edit, ...]


@dataclass(frozen=True)
class Mended:
    """A spec with its fixes."""

    before: Mapping[str, Source]
    """The files that change, by their path from the first one's folder."""
    after: Mapping[str, Source]
    """The same with the fixes."""
    left: Checked
    """What is wrong with them still."""


@dataclass(frozen=True)
class _State:
    """A spec as it is with some fixes."""

    checked: Checked
    texts: Mapping[str, str]
    """Of the files that have changed."""

    @property
    def paths(self) -> dict[int, str]:
        """The path of each source that can be mended, by its identity."""
        program = self.checked.program
        named = zip(program.sources, program.paths, strict=True)
        return {id(source): path for source, path in named if not source.shipped}

    def counts(self, findings: Iterable[Diagnostic]) -> Counter[Key]:
        """Count findings by what they say, wherever in a file they stand."""
        return Counter(
            ("" if d.span is None else self.paths.get(id(d.span.source), ""), d.code.id, d.message) for d in findings
        )

    @property
    def errors(self) -> Counter[Key]:
        return self.counts(d for d in self.checked.findings if d.severity == "error")

    def fixable(self) -> list[Diagnostic]:
        """Return findings with fixes that do not overlap, each fix once."""
        paths, taken = self.paths, set[Fix]()
        places: list[Span] = []
        found = []
        for finding in self.checked.findings:
            spans = [edit.span for edit in finding.fix]
            known = all(id(span.source) in paths for span in spans)
            if spans and known and finding.fix not in taken and not any(_meet(a, b) for a in spans for b in places):
                taken.add(finding.fix)
                places += spans
                found.append(finding)
        return found


def _meet(a: Span, b: Span) -> bool:
    return a.source is b.source and a.start <= b.end and b.start <= a.end


@dataclass
class _Mender:
    source: Source
    load: Loader
    options: Options
    sources: dict[str, Source] = field(default_factory=dict)
    """The files as they were, by path."""
    checks: int = 0

    def state(self, texts: Mapping[str, str]) -> _State:
        """Check the spec with these texts in place of those of its files."""
        self.checks += 1

        def load(path: str, span: Span) -> Source:
            known = self.sources[path] if path in self.sources else self.load(path, span)
            self.sources[path] = known
            return Source(known.name, texts[path]) if path in texts else known

        first = path_in_folder(self.source)
        self.sources[first] = self.source
        return _State(
            check_source(Source(self.source.name, texts.get(first, self.source.text)), load, self.options), texts
        )

    def edited(self, state: _State, fixes: Iterable[Fix]) -> _State:
        """Apply fixes, which do not overlap."""
        paths = state.paths
        by_file: dict[str, list[Edit]] = {}
        for edit in (edit for fix in fixes for edit in fix):
            by_file.setdefault(paths[id(edit.span.source)], []).append(edit)
        changed = {path: _applied(edits[0].span.source.text, edits) for path, edits in by_file.items()}
        return self.state({**state.texts, **changed})

    def better(self, base: _State) -> _State | None:
        """Return the spec with as many fixes as help: all of them, or else those that help by themselves."""
        found = base.fixable()
        all_of_them = self.followed(base, found)
        if all_of_them is not None or len(found) == 1:
            return all_of_them
        alone = [(one, better) for one in found if (better := self.followed(base, [one])) is not None]
        together = self.followed(base, [one for one, _ in alone]) if len(alone) > 1 else None
        return together or next((better for _, better in alone), None)

    def followed(self, base: _State, begun: Sequence[Diagnostic]) -> _State | None:
        """Apply the fixes of some findings, and of those that they uncover; None where that leaves more wrong."""
        due = base.errors
        due.subtract(base.counts(begun))
        state, findings = base, list(begun)
        for _ in range(MOST_STEPS):
            if not findings or self.checks >= MOST_CHECKS:
                break
            state = self.edited(state, [finding.fix for finding in findings])
            if all(count <= due[key] for key, count in state.errors.items()):
                return state
            findings = state.fixable()
        return None


def mend(source: Source, load: Loader, options: Options | None = None) -> Mended:
    """Mend a spec, and what it imports as ``load`` gives it; nothing is written."""
    mender = _Mender(source, load, options or Options())
    state = mender.state({})
    while mender.checks < MOST_CHECKS and (better := mender.better(state)) is not None:
        state = better
    after = {path: Source(mender.sources[path].name, text) for path, text in state.texts.items()}
    return Mended({path: mender.sources[path] for path in after}, after, state.checked)


def _applied(text: str, edits: Iterable[Edit]) -> str:
    for edit in sorted(edits, key=lambda e: e.span.start, reverse=True):
        text = text[: edit.span.start] + edit.text + text[edit.span.end :]
    return text


def mend_spec(path: Path, options: Options | None = None) -> Mended:
    """Mend a spec file, and what it imports from its folder and those in it; nothing is written.

    Raises:
        Problem: the file can't be read.
    """
    options = options or Options()
    load = source_loader(path.parent, options.limits, read=read_exactly)
    return mend(read_exactly(path, options.limits), load, options)


def write_mended(path: Path, mended: Mended) -> None:
    """Write the files that have changed, each as a whole; all of them can be written, or none is.

    Raises:
        Problem: E0609, E0610, one can't be written, or has changed since it was read; E0623, it belongs to a run.
    """
    contents = dict(_contents(path, mended))
    for target, data in contents.items():
        write_output(target, data)


def _contents(path: Path, mended: Mended) -> Iterator[tuple[Path, bytes]]:
    first = mended.left.program.paths[0]
    for name, after in mended.after.items():
        target = path if name == first else path.parent / name
        check_output(target)
        if is_stream(target) or not os.access(target, os.W_OK):
            reason = "it is no file of the disk" if is_stream(target) else "it is read-only"
            raise UNWRITABLE(f"{target} can't be written: {reason}")
        data = target.read_bytes()
        mark = BOM if data.startswith(BOM) else b""
        if data != mark + mended.before[name].text.encode():
            raise UNWRITABLE(f"{target} can't be written: it has changed meanwhile")
        yield target, mark + after.text.encode()

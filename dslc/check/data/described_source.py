"""A source that is described outside of a spec: ``csv(delimiter = ";")``, a call without its path."""

from __future__ import annotations

from dslc.check.core.arguments import Given, bind_word
from dslc.check.core.elaboration import Elaboration
from dslc.check.core.expressions import ExpressionEvaluator
from dslc.check.core.scope import FileScope, Scope
from dslc.diagnostics import Diagnostics, did_you_mean
from dslc.errors.data import BAD_SOURCE
from dslc.library.sources.source import DataSource, require_available
from dslc.library.word import SOURCES
from dslc.limits import Limits
from dslc.source import Source
from dslc.syntax import parse, tree

__all__ = ["read_described"]


def read_described(text: str) -> DataSource:
    """Return the source that a text describes.

    Raises:
        Problem: E0453, it describes none.
    """
    hint = "for example: --source 'csv(delimiter = \";\")'"
    diagnostics = Diagnostics()
    parsed = parse(Source("--source", f"data new {{ source {text} }}"), diagnostics)
    statements = [s for d in parsed.declarations if isinstance(d, tree.Data) for s in d.body]
    calls = [s.value for s in statements if isinstance(s, tree.SourceStatement)]
    if diagnostics.has_errors or len(statements) != 1 or len(calls) != 1:
        raise BAD_SOURCE(f"'{text}' describes no source", hint=hint)
    call = calls[0]
    name = call.function.span.text
    if name not in SOURCES or SOURCES[name].keywords:
        raise BAD_SOURCE(f"'{name}' is no kind of source that one file holds", hint=did_you_mean(name, SOURCES) or hint)
    require_available(SOURCES[name])
    elaboration = Elaboration(diagnostics, Limits())
    given = ExpressionEvaluator(elaboration, Scope(FileScope())).given(call.arguments)
    if not any(one.name in (None, "path") for one in given):
        given.insert(0, Given("path", "", call.span))
    found, _ = bind_word(SOURCES[name], given, call.span, elaboration.report)
    for finding in diagnostics:
        raise BAD_SOURCE(f"--source '{text}': {finding.message}", hint=finding.hint)
    assert isinstance(found, DataSource)
    return found

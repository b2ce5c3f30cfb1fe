"""Whether two texts say the same."""

from __future__ import annotations

import dataclasses

from dslc.diagnostics import Diagnostics
from dslc.source import Source
from dslc.syntax import tree
from dslc.syntax.parser import parse

__all__ = ["same_meaning"]


def same_meaning(one: Source, other: Source) -> bool:
    """Return whether two spec files differ in layout, comments and lengths of training at most."""
    return _meaning(one) == _meaning(other)


def _meaning(source: Source) -> list[tree.Declaration]:
    parsed = parse(source, Diagnostics())
    return [
        dataclasses.replace(d, body=tuple(s for s in d.body if not isinstance(s, (tree.Epochs, tree.Steps))))
        if isinstance(d, tree.Train)
        else d
        for d in parsed.declarations
    ]

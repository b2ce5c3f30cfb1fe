"""Paths of parameters as ``over``, ``freeze`` and ``load`` write them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dslc.diagnostics import Problem, did_you_mean
from dslc.errors import objectives
from dslc.library.sources import check_path
from dslc.model.paths import match_paths
from dslc.syntax import tree

if TYPE_CHECKING:
    from dslc.model.train import TrainChecker


def matched_paths(train: TrainChecker, paths: tree.Paths) -> list[tuple[Any, list[str] | None]]:
    """Return each written path with the parameter paths that it means, None (reported) if it means none."""
    found: list[tuple[Any, list[str] | None]] = []
    for path in paths:
        text = path.value if isinstance(path, tree.String) else path.span.text.replace(" ", "")
        matches = match_paths(text, train.elaboration.parameters, glob=isinstance(path, tree.String))
        if not matches:
            prefixes = {
                ".".join(p.split(".")[:n]) for p in train.elaboration.parameters for n in range(1, p.count(".") + 2)
            }
            train.report(
                objectives.NO_SUCH_PATH(
                    f"no parameter's path begins with '{text}'"
                    if not isinstance(path, tree.String)
                    else f"no parameter's path matches '{text}'",
                    hint=did_you_mean(text, prefixes),
                ),
                path.span,
            )
            found.append((path, None))
        else:
            found.append((path, matches))
    return found


def frozen_by(freezes: list[tree.Freeze]) -> Callable[[str], bool]:
    """Return what says whether a parameter path is frozen."""
    written = [
        (p.value if isinstance(p, tree.String) else p.span.text.replace(" ", ""), isinstance(p, tree.String))
        for f in freezes
        for p in f.paths
    ]
    if not written:
        return lambda _: False
    return lambda path: any(match_paths(text, (path,), glob=glob) for text, glob in written)


def frozen_paths(train: TrainChecker, freezes: list[tree.Freeze]) -> frozenset[str]:
    """Return every frozen path; one that means nothing is reported."""
    return frozenset(p for f in freezes for _, matches in matched_paths(train, f.paths) for p in matches or ())


def check_load(train: TrainChecker) -> None:
    """Refuse paths of weights that no set of folders can make valid."""
    for s in train.statements(tree.Load):
        try:
            check_path(s.path.value)
        except Problem as problem:
            train.report(problem, s.path.span)

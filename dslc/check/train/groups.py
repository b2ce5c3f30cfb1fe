"""Paths of parameters as ``over``, ``freeze`` and ``load`` write them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from dslc.check.train.evaluation import TrainEvaluation
from dslc.diagnostics import did_you_mean
from dslc.errors import objectives
from dslc.library.sources.source import check_path
from dslc.plan.paths import LoadFile, PathPattern, prefixes_of
from dslc.syntax import tree


def patterns_of(paths: tree.Paths) -> tuple[PathPattern, ...]:
    """Return written paths as patterns."""
    return tuple(
        PathPattern(path.value, True, path.span)
        if isinstance(path, tree.String)
        else PathPattern(path.span.text.replace(" ", ""), False, path.span)
        for path in paths
    )


def matched_paths(train: TrainEvaluation, paths: tree.Paths) -> list[tuple[PathPattern, list[str] | None]]:
    """Return each written path with the parameter paths that it means, None (reported) if it means none."""
    found: list[tuple[PathPattern, list[str] | None]] = []
    for pattern in patterns_of(paths):
        matches = pattern.among(train.elaboration.parameters)
        if not matches:
            relation = "matches" if pattern.glob else "begins with"
            message = f"no parameter's path {relation} '{pattern.text}'"
            hint = did_you_mean(pattern.text, prefixes_of(train.elaboration.parameters))
            train.report(objectives.NO_SUCH_PATH(message, hint=hint), pattern.span)
        found.append((pattern, matches or None))
    return found


def frozen_by(freezes: list[tree.Freeze]) -> Callable[[str], bool]:
    """Return what says whether a parameter path is frozen."""
    patterns = [pattern for freeze in freezes for pattern in patterns_of(freeze.paths)]
    return lambda path: any(pattern.among((path,)) for pattern in patterns)


def frozen_paths(train: TrainEvaluation, freezes: list[tree.Freeze]) -> frozenset[str]:
    """Return every frozen path; one that means nothing is reported."""
    return frozenset(p for f in freezes for _, matches in matched_paths(train, f.paths) for p in matches or ())


def files_to_load(train: TrainEvaluation) -> tuple[LoadFile, ...]:
    """Return what ``load`` reads; paths of files that no set of folders can make valid are reported.

    What it takes must be in the network; what it leaves out need not be.
    """
    for s in train.of(tree.Load):
        train.elaboration.attempt(partial(check_path, s.path.value), s.path.span)
        matched_paths(train, s.only or ())
    return tuple(
        LoadFile(s.path.value, None if s.only is None else patterns_of(s.only), patterns_of(s.excluded), s.path.span)
        for s in train.of(tree.Load)
    )

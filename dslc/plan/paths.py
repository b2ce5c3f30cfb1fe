"""Parameter paths as ``over``, ``freeze`` and ``load`` write them."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable
from dataclasses import dataclass

from dslc.source import Span

__all__ = ["LoadedFile", "LoadFile", "PathPattern", "prefixes_of"]


@dataclass(frozen=True)
class PathPattern:
    """A prefix (``Net.backbone``) or, in quotes, a glob (``"*.bias"``)."""

    text: str
    glob: bool
    span: Span

    def among(self, paths: Iterable[str]) -> list[str]:
        """Return the paths that it means."""
        if self.glob and any(sign in self.text for sign in "*?["):
            return [path for path in paths if fnmatch.fnmatchcase(path, self.text)]
        return [path for path in paths if path == self.text or path.startswith(self.text + ".")]


def prefixes_of(paths: Iterable[str]) -> set[str]:
    """Return all beginnings of paths: networks, layers, the paths themselves."""
    return {".".join(path.split(".")[:n]) for path in paths for n in range(1, path.count(".") + 2)}


@dataclass(frozen=True)
class LoadFile:
    """A file of ``load``, and which of the tensors in it are taken."""

    path: str
    only: tuple[PathPattern, ...] | None
    """None where all are."""
    excluded: tuple[PathPattern, ...]
    span: Span
    """Where the path is written."""

    def takes(self, name: str) -> bool:
        """Whether a tensor of this name is taken."""
        wanted = self.only is None or any(pattern.among((name,)) for pattern in self.only)
        return wanted and not any(pattern.among((name,)) for pattern in self.excluded)


@dataclass(frozen=True)
class LoadedFile:
    """What ``load`` took of a file, by the names of its tensors."""

    path: str
    taken: tuple[str, ...]
    left: tuple[str, ...]
    """What ``only`` and ``except`` left out."""

"""Parameter paths as ``over``, ``freeze`` and ``load`` write them."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable

__all__ = ["match_paths"]


def match_paths(text: str, paths: Iterable[str], *, glob: bool) -> list[str]:
    """Return the paths that a prefix (``Net.backbone``) or, in quotes, a glob (``"*.bias"``) means."""
    if glob and any(sign in text for sign in "*?["):
        return [path for path in paths if fnmatch.fnmatchcase(path, text)]
    return [path for path in paths if path == text or path.startswith(text + ".")]

"""Print the bytes of a distribution and of all that it needs, as installed where this runs: NAME [EXTRA]."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from pip._vendor.packaging.requirements import Requirement


def main() -> None:
    """Follow requirements and add up files."""
    name, extra = sys.argv[1], (sys.argv[2:] or [""])[0]
    pending, seen, total = [(name, extra)], set(), 0
    while pending:
        name, extra = pending.pop()
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue  # a requirement of another platform
        for text in found.requires or []:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                pending.append((requirement.name, next(iter(requirement.extras), "")))
        if found.metadata["Name"].lower() not in seen:
            seen.add(found.metadata["Name"].lower())
            paths = {Path(path.locate()) for path in found.files or []}
            total += sum(path.stat().st_size for path in paths if path.is_file())
    print(total)


if __name__ == "__main__":
    main()

"""How much a spec may ask for: bounds that keep a hostile or mistaken spec from eating the machine."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace

from dslc.diagnostics import did_you_mean
from dslc.errors.syntax import BAD_LIMIT

__all__ = ["MOST", "MOST_SEED", "Limits"]

MOST = 10**12
"""How many epochs, steps, examples in a batch and the like may be asked for, so that their products can be counted."""
MOST_SEED = 2**63 - 1


@dataclass(frozen=True)
class Limits:
    """The bounds of one compilation; ``--limit key=value`` overrides one."""

    nesting: int = 200
    """How deep expressions, brackets and blocks may stand in each other."""
    loop_iterations: int = 100_000
    """How often all compile-time loops together may run."""
    graph_nodes: int = 1_000_000
    tensor_elements: int = 2**31
    """Elements of any one tensor."""
    spec_bytes: int = 250_000
    """Size of one spec file in UTF-8: some 6,000 lines, which take five seconds and a quarter of a gigabyte at most."""

    def with_overrides(self, overrides: Iterable[str]) -> Limits:
        """Return these limits with each ``key=value`` applied.

        Raises:
            Problem: a key is unknown, or a value is not a positive integer.
        """
        known = [f.name for f in fields(self)]
        changes: dict[str, int] = {}
        for override in overrides:
            key, _, value = override.partition("=")
            key, digits = key.strip(), value.strip().replace("_", "")
            if key not in known:
                suggestion = did_you_mean(key, known) or f"the limits are {', '.join(known)}"
                raise BAD_LIMIT(f"there is no limit '{key}'", hint=suggestion)
            if not (digits.isascii() and digits.isdigit() and len(digits) < 20 and int(digits) > 0):
                raise BAD_LIMIT(
                    f"the limit '{key}' needs a positive whole number, not '{value.strip()}'",
                    hint=f"write it as {key}={getattr(self, key)}",
                )
            changes[key] = int(digits)
        return replace(self, **changes)

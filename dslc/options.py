"""What a user may say beside the spec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dslc.limits import Limits
from dslc.targets import Target
from dslc.targets.cpu import CPU

__all__ = ["Options", "settings_of"]


@dataclass(frozen=True)
class Options:
    """What a spec is checked, compiled and run with."""

    settings: Mapping[str, str] = field(default_factory=dict)
    """Values of params, as text; :func:`settings_of` makes them of values."""
    train: str | None = None
    """Which train block, where there are several."""
    data: Sequence[Path] = ()
    """Folders to look for data in, beside the spec's own."""
    limits: Limits = field(default_factory=Limits)
    seed: int | None = None
    target: Target = CPU
    """What graphs are made for."""
    opset: int | None = None
    """An operator set in place of the target's."""
    passes: str | None = None
    """Which passes run over the graphs, as :func:`dslc.rewrite.passes.chosen_passes` reads it; None: all."""
    epochs: int | None = None
    steps: int | None = None
    bounded: bool = False
    """Run graphs within bounds of memory and time, since the spec may be anybody's."""


def settings_of(params: Mapping[str, object]) -> dict[str, str]:
    """Return values of params as the command line would have them."""
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in params.items()}

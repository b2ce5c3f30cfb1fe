"""Every word a spec may use. Importing the package files them all in the registries of ``words``."""

from dslc.library import (
    activations,
    arithmetic,
    calendar,
    class_metrics,
    elements,
    indexing,
    initializers,
    layers,
    losses,
    mathematics,
    metrics,
    norms,
    notation,
    optimizers,
    reductions,
    schedules,
    shaping,
    windows,
)

__all__ = [
    "activations", "arithmetic", "calendar", "class_metrics", "elements", "indexing", "initializers", "layers",
    "losses", "mathematics", "metrics", "norms", "notation", "optimizers", "reductions", "schedules", "shaping",
    "windows",
]  # fmt: skip

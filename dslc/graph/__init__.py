"""Building typed ONNX graphs.

The names below are the vocabulary of everything that emits ONNX: ``from dslc import graph as g``, then
``g.exp(x) @ w``. They are loaded when the first of them is used, because onnx-ir takes half a second to import,
and checking a spec, which knows every word that could emit something, emits nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dslc.graph.builder import *
    from dslc.graph.ops.contraction import *
    from dslc.graph.ops.control import *
    from dslc.graph.ops.elementwise import *
    from dslc.graph.ops.indices import *
    from dslc.graph.ops.linear import *
    from dslc.graph.ops.pools import *
    from dslc.graph.ops.recurrent import *
    from dslc.graph.ops.reductions import *
    from dslc.graph.ops.shaping import *
    from dslc.graph.ops.whole import *
    from dslc.graph.ops.windows import *

_VOCABULARY = (
    "builder", "ops.contraction", "ops.control", "ops.elementwise", "ops.indices", "ops.linear", "ops.pools",
    "ops.recurrent", "ops.reductions", "ops.shaping", "ops.whole", "ops.windows",
)  # fmt: skip


def __getattr__(name: str) -> Any:
    if name.startswith("_") or name in ("builder", "ops"):
        raise AttributeError(f"module 'dslc.graph' has no attribute '{name}'")
    names = globals()
    for part in _VOCABULARY:
        module = import_module(f"dslc.graph.{part}")
        public = getattr(module, "__all__", None) or [known for known in vars(module) if not known.startswith("_")]
        for known in public:
            names.setdefault(known, getattr(module, known))
    if name not in names:
        raise AttributeError(f"module 'dslc.graph' has no attribute '{name}'")
    return names[name]

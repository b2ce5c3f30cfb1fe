"""The gradient of Relu: which mask is cheapest.

`python benchmarks/lowering/relu_mask.py`. See `dslc.graph.positive`.
"""

from __future__ import annotations

from harness import compare, normal

from dslc import graph as g
from dslc.graph import Tensor


def main() -> None:
    """Measure and print."""
    ways = {
        "Greater, Cast, Mul": lambda y, dy: dy * g.cast(g.greater(y, 0.0), y.element),
        "Greater, Where": lambda y, dy: g.where(g.greater(y, 0.0), dy, 0.0),
        "Mul, Clip, Mul": lambda y, dy: dy * g.clip(y * 1e30, 0.0, 1.0),
        "HardSigmoid, Mul": _hard_sigmoid,
    }
    for shape in [(128, 16, 32, 32), (128, 64, 8, 8)]:
        compare(f"Relu's gradient, {shape}", ways, normal(*shape).clip(0), normal(*shape, seed=1))


def _hard_sigmoid(y: Tensor, dy: Tensor) -> Tensor:
    return dy * g.positive(y)


if __name__ == "__main__":
    main()

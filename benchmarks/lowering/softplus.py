"""Softplus: ONNX's operator, or element-wise steps.

`python benchmarks/lowering/softplus.py`. See `dslc.rewrite.forms`.
"""

from __future__ import annotations

from harness import compare, normal

from dslc import graph as g
from dslc.graph import Tensor


def steps(x: Tensor) -> Tensor:
    """What the pass makes of it."""
    e = g.exp(-g.absolute(x))
    u = e + 1.0
    return g.log(u) - ((u - 1.0) - e) / u + g.relu(x)


def main() -> None:
    """Measure and print."""
    for shape in [(32, 10), (128, 784), (1000, 1000)]:
        compare(f"Softplus, {shape}", {"Softplus": g.softplus, "steps": steps}, normal(*shape), runs=10)


if __name__ == "__main__":
    main()

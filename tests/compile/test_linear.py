"""Compiling takes work in proportion to the number of layers; calls of functions are counted, no seconds."""

from __future__ import annotations

import cProfile
import pstats
from pathlib import Path

import pytest

from dslc.api import load
from tests.runs.driving import spec_of, write_spec

NETWORKS = {
    "loop": "h = x\n  for i in range({n}) {{ h = h -> Dense(4) -> Relu }}",
    "residual": "h = x\n  for i in range({n}) {{ h = h + (h -> Dense(4) -> Tanh) }}",
    "normalized": "h = x\n  for i in range({n}) {{ h = h -> Dense(4) -> BatchNorm -> Dropout(0.1) }}",
}


def model(network: str, layers: int) -> str:
    body = NETWORKS[network].format(n=layers)
    return f"model Net {{\n  input x: float32[N, 4]\n  {body}\n  output logits = h -> Dense(3)\n}}\n"


def calls(folder: Path, network: str, layers: int) -> int:
    text = spec_of("minimize cross_entropy(logits, label) using Adam epochs 1 batch 16", model=model(network, layers))
    spec = load(write_spec(folder, text, f"{network}{layers}.dl"))
    profile = cProfile.Profile()
    profile.runcall(spec.compile, folder / "out")
    return int(pstats.Stats(profile).total_calls)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "network", [pytest.param(name, marks=() if name == "loop" else pytest.mark.slow) for name in NETWORKS]
)
def test_twice_the_layers_take_twice_the_work(network: str, tmp_path: Path) -> None:
    calls(tmp_path, network, 1)  # whatever is imported or kept is so from here on
    few, more, most = (calls(tmp_path, network, layers) for layers in (8, 16, 32))
    assert most - more <= 2.1 * (more - few)
    assert more - few <= 0.9 * most

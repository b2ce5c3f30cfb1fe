"""Store what PyTorch makes of cells written as loops over steps, as ``tests/equality/data/cells.npz``.

Run it where PyTorch is installed: ``python tools/oracles/cells.py``. The models are those of
``tests/equality/specs/cells.dl``, in float64: for each train block the parameters before and after training, the
losses, and what the trained model gives for sequences of another length.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

FILE = Path(__file__).parents[2] / "tests" / "equality" / "data" / "cells.npz"
STEPS, EXAMPLES = 12, 6
UNITS = 4

GRU = {
    "weight_ih_l0": (3 * UNITS, 3), "weight_hh_l0": (3 * UNITS, UNITS),
    "bias_ih_l0": (3 * UNITS,), "bias_hh_l0": (3 * UNITS,),
}  # fmt: skip

Parameters = dict[str, Tensor]
Batch = Mapping[str, Tensor]
random = np.random.default_rng(11)


def dense(p: Parameters, path: str, x: Tensor) -> Tensor:
    return F.linear(x, p[f"{path}.weight"].T, p.get(f"{path}.bias"))


def dense_start(path: str, inputs: int, units: int = UNITS, *, bias: bool = True) -> dict[str, np.ndarray]:
    weight = {f"{path}.weight": random.standard_normal((inputs, units)) / math.sqrt(inputs)}
    return {**weight, f"{path}.bias": random.normal(0, 0.1, units)} if bias else weight


def gated_start(path: str, inputs: int) -> dict[str, np.ndarray]:
    return {
        **dense_start(f"{path}.z.dense", inputs), **dense_start(f"{path}.z.dense_2", UNITS, bias=False),
        **dense_start(f"{path}.c.dense", inputs), **dense_start(f"{path}.c.dense_2", UNITS, bias=False),
    }  # fmt: skip


def gated(
    p: Parameters, path: str, x: Tensor, n: Tensor | None = None, h: Tensor | None = None, *, reverse: bool = False
) -> tuple[Tensor, Tensor]:
    """Return the outputs of all steps, 0 beyond a row's length, and the state at the end, of each row by itself."""
    rows, ends = [], []
    for row in range(len(x)):
        length = x.shape[1] if n is None else int(n[row])
        state = torch.zeros(1, UNITS) if h is None else h[row : row + 1]
        outputs: list[Tensor] = [torch.zeros(1, UNITS)] * x.shape[1]
        for t in reversed(range(length)) if reverse else range(length):
            step = x[row : row + 1, t]
            z = torch.sigmoid(dense(p, f"{path}.z.dense", step) + dense(p, f"{path}.z.dense_2", state))
            c = torch.tanh(dense(p, f"{path}.c.dense", step) + dense(p, f"{path}.c.dense_2", z * state))
            state = (1 - z) * state + z * c
            outputs[t] = state
        rows.append(torch.cat(outputs))
        ends.append(state)
    return torch.stack(rows), torch.cat(ends)


def of_gated(p: Parameters, b: Batch) -> dict[str, Tensor]:
    return {"y": gated(p, "Gated.y.gated_unit", b["x"])[0]}


def of_ragged(p: Parameters, b: Batch) -> dict[str, Tensor]:
    forth, _ = gated(p, "Ragged.forth.gated_unit", b["x"], b["n"])
    back, _ = gated(p, "Ragged.back.gated_unit", b["x"], b["n"], reverse=True)
    _, end = gated(p, "Ragged.end.gated_unit", torch.cat([forth, back], 2), b["n"])
    return {"y": forth + back, "end": end}


def of_several(p: Parameters, b: Batch) -> dict[str, Tensor]:
    c, total = b["first"], torch.ones(len(b["first"]))
    outputs: list[Tensor] = []
    for t in reversed(range(b["x"].shape[1])):
        gates = dense(p, "Several.code.memory.gates.dense", torch.cat([b["x"][:, t], c], 1))
        weight = b["z"][:, t]
        total = 0.9 * total + weight
        c = torch.sigmoid(gates[:, :UNITS]) * c + torch.tanh(gates[:, UNITS:]) * weight[:, None]
        outputs.insert(0, c * total[:, None] + total[:, None])
    return {"y": torch.stack(outputs, 1), "end": c * total[:, None]}


def of_shared(p: Parameters, b: Batch) -> dict[str, Tensor]:
    def learned(x: Tensor) -> Tensor:
        h, outputs = torch.tanh(p["Shared.both.start"]).expand(len(x), UNITS), []
        for t in range(x.shape[1]):
            h = torch.tanh(dense(p, "Shared.both.h.dense", x[:, t]) + dense(p, "Shared.both.out", h))
            outputs.append(dense(p, "Shared.both.out", h))
        return torch.stack(outputs, 1)

    return {"y": learned(b["x"]) + learned(b["x"] * 0.5)}


def of_deep(p: Parameters, b: Batch) -> dict[str, Tensor]:
    path, x = "Deep.y.nested", b["sentences"]
    h, outputs = torch.zeros(len(x), UNITS), []
    for t in range(x.shape[1]):
        _, code = gated(p, f"{path}.code.gated_unit", x[:, t], h=h)
        h = torch.tanh(dense(p, f"{path}.h.dense", code) + 0.5 * h)
        outputs.append(h)
    return {"y": torch.stack(outputs, 1)}


def of_layered(p: Parameters, b: Batch) -> dict[str, Tensor]:
    layer, x = torch.nn.GRU(3, UNITS, batch_first=True), b["sentences"]
    weights = {name: p[f"Layered.y.standard.h.gru.{name}"] for name in GRU}
    h, outputs = torch.zeros(len(x), UNITS), []
    for t in range(x.shape[1]):
        _, code = torch.func.functional_call(layer, weights, x[:, t])
        h = torch.tanh(code[0] + 0.5 * h)
        outputs.append(h)
    return {"y": torch.stack(outputs, 1)}


def of_counting(p: Parameters, b: Batch) -> dict[str, Tensor]:
    h, outputs = torch.zeros(len(b["n"]), UNITS), []
    for t in range(b["tokens"].shape[1]):
        new = 0.5 * h + F.one_hot(b["tokens"][:, t], UNITS) * (t + 1.0)
        inside = (t < b["n"])[:, None]
        h = torch.where(inside, new, h)
        outputs.append(torch.where(inside, new, torch.zeros(())))
    y = dense(p, "Counting.y.dense", torch.stack(outputs, 1)) + b["n"].double()[:, None, None]
    return {"y": y, "end": h}


Forward = Callable[[Parameters, Batch], dict[str, Tensor]]
RUNS: dict[str, tuple[Forward, dict[str, np.ndarray], float]] = {
    "gated": (of_gated, gated_start("Gated.y.gated_unit", 3), 0.2),
    "ragged": (of_ragged, {
        **gated_start("Ragged.forth.gated_unit", 3), **gated_start("Ragged.back.gated_unit", 3),
        **gated_start("Ragged.end.gated_unit", 2 * UNITS),
    }, 0.2),
    "several": (of_several, dense_start("Several.code.memory.gates.dense", 3 + UNITS, 2 * UNITS), 0.05),
    "shared": (of_shared, {
        "Shared.both.start": random.normal(0, 0.5, (1, UNITS)), **dense_start("Shared.both.h.dense", 3),
        **dense_start("Shared.both.out", UNITS, bias=False),
    }, 0.2),
    "deep": (of_deep, {
        **gated_start("Deep.y.nested.code.gated_unit", 3), **dense_start("Deep.y.nested.h.dense", UNITS),
    }, 0.2),
    "layered": (of_layered, {
        f"Layered.y.standard.h.gru.{name}": random.normal(0, 0.5, shape) for name, shape in GRU.items()
    }, 0.2),
    "counting": (of_counting, dense_start("Counting.y.dense", UNITS), 0.02),
}  # fmt: skip


def data(*first: int, steps: int) -> dict[str, np.ndarray]:
    return {
        "x": random.standard_normal((*first, steps, 3)), "z": random.standard_normal((*first, steps)),
        "first": random.standard_normal((*first, UNITS)),
        "sentences": random.standard_normal((*first, steps, 2, 3)),
        "tokens": random.integers(0, UNITS, (*first, steps)), "n": random.integers(0, steps + 1, first),
        "y": random.standard_normal((*first, steps, UNITS)), "end": random.standard_normal((*first, UNITS)),
    }  # fmt: skip


def tensors(arrays: Mapping[str, np.ndarray]) -> Batch:
    return {name: torch.tensor(array) for name, array in arrays.items()}


def main() -> None:
    torch.set_default_dtype(torch.float64)
    batches, other = data(STEPS, EXAMPLES, steps=5), data(3, steps=8)
    found: dict[str, Any] = {f"batch/{name}": array for name, array in batches.items()}
    found |= {f"other/{name}": array for name, array in other.items()}
    for name, (forward, start, rate) in RUNS.items():
        p = {path: torch.tensor(array, requires_grad=True) for path, array in start.items()}
        optimizer = torch.optim.SGD(p.values(), rate)
        losses = []
        for step in range(STEPS):
            batch = tensors({key: array[step] for key, array in batches.items()})
            outputs = forward(p, batch)
            loss = sum(F.mse_loss(y, batch[key]) for key, y in outputs.items() if (name, key) != ("counting", "end"))
            assert isinstance(loss, Tensor)
            if name == "shared":
                loss = loss + 1e-2 * sum((w**2).sum() for key, w in p.items() if not key.endswith("bias"))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        found |= {f"{name}/start/{path}": array for path, array in start.items()}
        found |= {f"{name}/after/{path}": t.detach().numpy() for path, t in p.items()}
        found |= {f"{name}/other/{key}": y.detach().numpy() for key, y in forward(p, tensors(other)).items()}
        found[f"{name}/loss"] = np.array(losses)
    np.savez_compressed(FILE, **found)


if __name__ == "__main__":
    main()

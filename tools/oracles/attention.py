"""Store what PyTorch's own Transformer layer does when it is trained, as ``tests/equality/data/attention.npz``.

Run it where PyTorch is installed: ``python tools/oracles/attention.py``. The model is that of
``tests/equality/specs/attention.dl``; its parameters have the names and the layout of dslc.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

TARGET = Path(__file__).parents[2] / "tests" / "equality" / "data" / "attention.npz"
STEPS, EXAMPLES, LENGTH, WIDTH, CLASSES = 20, 6, 5, 8, 3


def net_of() -> Any:
    """Return a layer of an encoder, and what makes logits of its first position."""
    layer = nn.TransformerEncoderLayer(WIDTH, 2, 16, 0.0, "gelu", batch_first=True)
    return nn.ModuleDict({"layer": layer, "logits": nn.Linear(WIDTH, CLASSES)})


def logits_of(net: Any, x: torch.Tensor, length: torch.Tensor) -> torch.Tensor:
    """Return logits; positions from the length on are padding."""
    padding = torch.arange(LENGTH) >= length[:, None]
    logits: torch.Tensor = net["logits"](net["layer"](x, src_key_padding_mask=padding)[:, 0])
    return logits


NAMES = {
    "layer.self_attn.in_proj_weight": "Net.a.multi_head_attention.in_weight",
    "layer.self_attn.in_proj_bias": "Net.a.multi_head_attention.in_bias",
    "layer.self_attn.out_proj.weight": "Net.a.multi_head_attention.out_weight",
    "layer.self_attn.out_proj.bias": "Net.a.multi_head_attention.out_bias",
    "layer.norm1.weight": "Net.h.layer_norm.weight", "layer.norm1.bias": "Net.h.layer_norm.bias",
    "layer.linear1.weight": "Net.f.dense.weight", "layer.linear1.bias": "Net.f.dense.bias",
    "layer.linear2.weight": "Net.f.dense_2.weight", "layer.linear2.bias": "Net.f.dense_2.bias",
    "layer.norm2.weight": "Net.y.layer_norm.weight", "layer.norm2.bias": "Net.y.layer_norm.bias",
    "logits.weight": "Net.logits.dense.weight", "logits.bias": "Net.logits.dense.bias",
}  # fmt: skip


def state_of(net: Any, when: str) -> dict[str, np.ndarray]:
    """Return copies of the parameters, matrices as (in, out)."""
    found = {NAMES[name]: value.detach() for name, value in net.named_parameters()}
    return {f"{when}/{name}": (v.T if v.ndim == 2 else v).numpy().copy() for name, v in found.items()}


def main() -> None:
    """Train, and store the batches, the losses, and the first and the last state."""
    torch.manual_seed(5)
    torch.set_num_threads(1)
    random = np.random.default_rng(5)
    batches: dict[str, Any] = {
        "x": random.standard_normal((STEPS, EXAMPLES, LENGTH, WIDTH)).astype(np.float32),
        "length": random.integers(1, LENGTH + 1, (STEPS, EXAMPLES)),
        "label": random.integers(0, CLASSES, (STEPS, EXAMPLES)),
    }
    net, losses = net_of(), []
    with torch.no_grad():  # PyTorch starts these at zero, where a wrong gradient would not be seen
        for name, parameter in net.named_parameters():
            if name.endswith("bias"):
                parameter.normal_(0, 0.1)
    found = {**batches, **state_of(net, "start")}
    optimizer = torch.optim.SGD(net.parameters(), 0.05, momentum=0.9)  # biases of keys have no gradient but round-off
    for step in range(STEPS):
        x, length, label = (torch.tensor(array[step]) for array in batches.values())
        loss = nn.functional.cross_entropy(logits_of(net, x, length), label)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    stored: dict[str, Any] = {**found, **state_of(net, "end"), "loss": np.array(losses, np.float32)}
    np.savez_compressed(TARGET, **stored)


if __name__ == "__main__":
    main()

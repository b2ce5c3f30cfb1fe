"""Trains with PyTorch: data in memory, a batch's rows taken by ``index_select``, gradients by autograd."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import protocol


class TorchEngine:
    """A model, an optimizer and the batches."""

    def __init__(self, folder: Path, options: dict[str, Any]) -> None:
        import numpy as np
        import torch

        from engines.torch_nets import build, load_state

        torch.set_num_threads(len(options["cores"]))
        torch.manual_seed(0)
        case = json.loads((folder / "case.json").read_text())
        self.module = build(case["spec"], {**case["params"], **options.get("overrides", {})})
        load_state(self.module, dict(np.load(folder / "state.npz")))
        with np.load(folder / case["data_file"]) as data:
            tensors = {name: torch.from_numpy(data[name]) for name in data.files}
        self.inputs, *rest = tensors.values()
        self.targets = rest[0] if rest else self.inputs
        self.order = torch.from_numpy(np.load(folder / "order.npy"))
        self.batch, self.at = case["batch"], 0
        arguments = dict(case["optimizer"])
        kind = getattr(torch.optim, arguments.pop("class"))
        self.optimizer = kind(self.module.parameters(), **arguments, **options.get("optimizer", {}))
        functions = torch.nn.functional
        self.loss = functions.cross_entropy if rest else functions.binary_cross_entropy_with_logits
        self.forward = self.evaluate
        if options.get("compile"):
            self.forward = torch.compile(self.evaluate)
            self.step()  # compiles
            load_state(self.module, dict(np.load(folder / "state.npz")))
            self.module.apply(lambda part: part.reset_running_stats() if hasattr(part, "reset_running_stats") else None)
            self.optimizer = kind(self.module.parameters(), **arguments, **options.get("optimizer", {}))
            self.at = 0

    def evaluate(self, inputs: Any, targets: Any) -> Any:
        """Return the loss."""
        return self.loss(self.module(inputs), targets)

    def step(self) -> float:
        """Train on the next batch."""
        if self.at + self.batch > len(self.order):
            self.at = 0
        rows = self.order[self.at : self.at + self.batch]
        self.at += self.batch
        loss = self.forward(self.inputs.index_select(0, rows), self.targets.index_select(0, rows))
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return float(loss.item())

    def versions(self) -> dict[str, str]:
        """Return the versions of what computes."""
        import torch

        return {"torch": torch.__version__}


if __name__ == "__main__":
    protocol.serve(TorchEngine)
